"""CPPO as one would write it in PyTorch: what ./run bench measures the library against.

Every function takes float32 tensors and gives the mask of Eq. 8-10 (arXiv 2606.10968); `step_*` also run the loss of
Eq. 11 and its backward pass. torch_peers_test.py holds them against tests/conformance.
"""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Rule:
    delta: float = 0.15
    delta_b: float = 0.015  # the floor where it is calibrated
    w_min: float = 0.8
    calibrated: bool = False
    quantile: float = 0.9
    ceiling_factor: float = 2.0


def quantile_of_rows(divergence, valid, length, q):
    """The interpolated q-quantile of the valid entries of each row, [B, 1]."""
    ordered = divergence.masked_fill(~valid, torch.inf).sort(dim=-1).values
    place = q * (length - 1).clamp(min=0)
    below = place.floor()
    above = torch.minimum(below + 1, (length - 1).clamp(min=0))
    low = ordered.gather(-1, below.long())
    high = ordered.gather(-1, above.long())
    return torch.where(length > 0, torch.lerp(low, high, place - below), 0.0)


def within_budget(divergence, weight, delta_b, delta):
    """w_t D_t <= min(delta, delta + delta_b W_{t-1} - S_{t-1}) along the last dimension. [Eq. 8]"""
    weighted = weight * divergence
    room = delta_b * weight - weighted
    before = room.cumsum(dim=-1) - room
    return weighted <= delta + before.clamp(max=0.0)


@torch.no_grad()
def mask_padded(log_prob, rollout_log_prob, advantage, response_mask, rule):
    """M_t of a padded batch [B, T]; position and length count valid tokens only."""
    valid = response_mask.bool()
    divergence = torch.where(valid, (log_prob.exp() - rollout_log_prob.exp()).abs(), 0.0)
    position = valid.cumsum(dim=-1, dtype=torch.float32)
    length = position[:, -1:]
    weight = 1.0 - (1.0 - rule.w_min) * (position - 1.0) / (length - 1.0).clamp(min=1.0)
    weight = torch.where(valid, weight, 0.0)
    delta_b = rule.delta_b
    if rule.calibrated:
        wanted = quantile_of_rows(divergence, valid, length, rule.quantile)
        delta_b = wanted.clamp(rule.delta_b, rule.ceiling_factor * rule.delta_b)
    toward = advantage * (log_prob - rollout_log_prob) <= 0.0
    return valid & (toward | within_budget(divergence, weight, delta_b, rule.delta))


@torch.no_grad()
def mask_response(log_prob, rollout_log_prob, advantage, rule):
    """M_t of one response [T] without holes."""
    length = log_prob.shape[0]
    divergence = (log_prob.exp() - rollout_log_prob.exp()).abs()
    weight = torch.linspace(1.0, rule.w_min, length) if length > 1 else torch.ones(length)
    delta_b = rule.delta_b
    if rule.calibrated and length > 0:
        delta_b = torch.quantile(divergence, rule.quantile).clamp(rule.delta_b, rule.ceiling_factor * rule.delta_b)
    toward = advantage * (log_prob - rollout_log_prob) <= 0.0
    return toward | within_budget(divergence, weight, delta_b, rule.delta)


def mask_packed(log_prob, rollout_log_prob, advantage, cu_seqlens, rule):
    """M_t of packed responses [N], one response at a time. `cu_seqlens` is a list of offsets."""
    lengths = [end - begin for begin, end in zip(cu_seqlens, cu_seqlens[1:])]
    responses = zip(log_prob.split(lengths), rollout_log_prob.split(lengths), advantage.split(lengths))
    return torch.cat([mask_response(pi, mu, a, rule) for pi, mu, a in responses])


def surrogate(log_prob, rollout_log_prob, advantage, mask, normalizer):
    """-sum of M_t rho_t A_t / normalizer, rho from a log ratio clamped to [-20, 20]. [Eq. 11]"""
    log_ratio = torch.where(mask, log_prob - rollout_log_prob, 0.0)
    token_loss = -log_ratio.clamp(-20.0, 20.0).exp() * advantage
    return torch.where(mask, token_loss, 0.0).sum() / normalizer


def loss_padded(log_prob, rollout_log_prob, advantage, response_mask, rule, normalizer):
    """Loss and mask of a padded batch; what torch.compile is given."""
    mask = mask_padded(log_prob, rollout_log_prob, advantage, response_mask, rule)
    return surrogate(log_prob, rollout_log_prob, advantage, mask, normalizer), mask


def step_padded(log_prob, rollout_log_prob, advantage, response_mask, rule, normalizer, loss=loss_padded):
    """Forward and backward over a padded batch: the gradient with respect to log pi, and the mask."""
    leaf = log_prob.detach().requires_grad_()
    value, mask = loss(leaf, rollout_log_prob, advantage, response_mask, rule, normalizer)
    (gradient,) = torch.autograd.grad(value, leaf)
    return gradient, mask


def step_packed(log_prob, rollout_log_prob, advantage, cu_seqlens, rule, normalizer):
    """The same over packed responses: the mask response by response, loss and gradient of all at once."""
    leaf = log_prob.detach().requires_grad_()
    mask = mask_packed(log_prob, rollout_log_prob, advantage, cu_seqlens, rule)
    (gradient,) = torch.autograd.grad(surrogate(leaf, rollout_log_prob, advantage, mask, normalizer), leaf)
    return gradient, mask


def step_packed_as_padded(log_prob, rollout_log_prob, advantage, cu_seqlens, rule, normalizer):
    """The same over packed responses by way of a padded batch."""
    lengths = [end - begin for begin, end in zip(cu_seqlens, cu_seqlens[1:])]
    pad = lambda x: torch.nn.utils.rnn.pad_sequence(x.split(lengths), batch_first=True)
    width = max(lengths, default=0)
    valid = torch.arange(width) < torch.tensor(lengths)[:, None]
    gradient, mask = step_padded(pad(log_prob), pad(rollout_log_prob), pad(advantage), valid, rule, normalizer)
    return gradient[valid], mask[valid]
