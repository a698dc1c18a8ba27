"""Every named rule as one would write it in PyTorch: what ./run bench --torch measures the library against.

Eager and torch.compile run the same code. It is vectorised over tokens and lists; `rule_peers_test.py` holds it against
tests/conformance. Masks are those of arXiv 2606.10968: Eq. 2, 3, 8-10 and 20, and TRM of its appendix D.
"""

from dataclasses import dataclass
from typing import NamedTuple, Optional

import torch

from torch_peers import quantile_of_rows, surrogate


@dataclass(frozen=True)
class NamedRule:
    region: str = "cppo"
    divergence: str = "binary_tv"
    delta: float = 0.15  # or the clip range of PPO
    delta_b: float = 0.015  # the floor where it is calibrated
    w_min: float = 0.8
    quantile: float = 0.9
    ceiling_factor: float = 2.0

    @property
    def soft(self):
        return self.region.endswith("_soft")

    @property
    def calibrated(self):
        return "_calibrated" in self.region


class Tokens(NamedTuple):
    """A padded batch [B, T], of any float type. What a divergence does not read is None."""

    log_prob: torch.Tensor
    rollout: torch.Tensor
    advantage: torch.Tensor
    valid: torch.Tensor
    divergence: Optional[torch.Tensor] = None  # where it is lent
    sampled: Optional[torch.Tensor] = None  # ids
    ids: Optional[torch.Tensor] = None  # [B, T, K], as are the next two
    list_log_prob: Optional[torch.Tensor] = None
    list_rollout: Optional[torch.Tensor] = None
    shuffled_weight: Optional[torch.Tensor] = None  # [T]


def as_float(tokens):
    return Tokens(*(x.float() if x is not None and x.is_floating_point() else x for x in tokens))


def bernoulli_kl(a, b):
    """KL(e^a || e^b) of two cells, from log-probs; log(1 - p) is taken from log p, so that nothing cancels near 1."""
    a, b = a.clamp(max=-1e-7), b.clamp(max=-1e-7)
    rest = -torch.expm1(a)
    return (a.exp() * (a - b) + rest * (rest.log() - (-torch.expm1(b)).log())).clamp(min=0.0)


def plus_sampled(tokens):
    """The entries that are cells, [B, T, K]: the sampled token is one of its own."""
    return tokens.ids != tokens.sampled[..., None]


def replace_last(tokens):
    """The same, where a sampled token that is not listed takes the last entry's place."""
    apart = plus_sampled(tokens)
    last = torch.arange(apart.shape[-1]) == apart.shape[-1] - 1
    return apart & ~(last & apart.all(dim=-1, keepdim=True))


def cells(tokens, form):
    """Masses under both policies: of the listed cells, 0 elsewhere; of the sampled token's; of all others'."""
    listed = form(tokens)
    p, q = (torch.where(listed, x.exp(), 0.0) for x in (tokens.list_log_prob, tokens.list_rollout))
    own_p, own_q = tokens.log_prob.exp(), tokens.rollout.exp()
    rest_p, rest_q = ((1.0 - x.sum(dim=-1) - own).clamp(min=0.0) for x, own in ((p, own_p), (q, own_q)))
    return p, q, own_p, own_q, rest_p, rest_q


def rest_kl(rest_p, rest_q):
    return rest_q * (rest_q.clamp(min=1e-12).log() - rest_p.clamp(min=1e-12).log())


def top_k_tv(tokens, form=plus_sampled):
    p, q, own_p, own_q, rest_p, rest_q = cells(tokens, form)
    return 0.5 * ((p - q).abs().sum(dim=-1) + (own_p - own_q).abs() + (rest_p - rest_q).abs())


def top_k_kl(tokens, form=plus_sampled):
    _, q, _, own_q, rest_p, rest_q = cells(tokens, form)
    listed = (q * (tokens.list_rollout - tokens.list_log_prob)).sum(dim=-1)
    own = own_q * (tokens.rollout - tokens.log_prob)
    return (listed + own + rest_kl(rest_p, rest_q)).clamp(min=0.0)


def list_tv(tokens):
    p, q = tokens.list_log_prob.exp(), tokens.list_rollout.exp()
    rest_p, rest_q = ((1.0 - x.sum(dim=-1)).clamp(min=0.0) for x in (p, q))
    return 0.5 * ((p - q).abs().sum(dim=-1) + (rest_p - rest_q).abs())


def list_kl(tokens):
    p, q = tokens.list_log_prob.exp(), tokens.list_rollout.exp()
    rest_p, rest_q = ((1.0 - x.sum(dim=-1)).clamp(min=0.0) for x in (p, q))
    listed = (q * (tokens.list_rollout - tokens.list_log_prob)).sum(dim=-1)
    return (listed + rest_kl(rest_p, rest_q)).clamp(min=0.0)


def log_ratio(tokens):
    return tokens.log_prob - tokens.rollout


DIVERGENCES = {
    "binary_tv": lambda t: (t.log_prob.exp() - t.rollout.exp()).abs(),
    "binary_kl": lambda t: bernoulli_kl(t.rollout, t.log_prob),
    "binary_kl_reverse": lambda t: bernoulli_kl(t.log_prob, t.rollout),
    "top_k_tv": top_k_tv,
    "top_k_kl": top_k_kl,
    "top_k_tv_replace_last": lambda t: top_k_tv(t, replace_last),
    "top_k_kl_replace_last": lambda t: top_k_kl(t, replace_last),
    "top_k_tv_list": list_tv,
    "top_k_kl_list": list_kl,
    "k1": lambda t: -log_ratio(t),
    "k2": lambda t: 0.5 * log_ratio(t) ** 2,
    "k3": lambda t: torch.expm1(log_ratio(t)) - log_ratio(t),
    "precomputed": lambda t: t.divergence,
}


def toward_rollout(tokens):
    return tokens.advantage * log_ratio(tokens) <= 0.0


def weight_of(tokens, rule):
    """w_t; position and length count valid tokens only. [Eq. 9]"""
    if rule.region == "cppo_no_weight":
        return tokens.valid.float()
    position = tokens.valid.cumsum(dim=-1, dtype=torch.float32)
    if rule.region == "cppo_shuffled":
        return torch.where(tokens.valid, tokens.shuffled_weight[(position - 1.0).clamp(min=0.0).long()], 0.0)
    last = (position[:, -1:] - 1.0).clamp(min=1.0)
    return torch.where(tokens.valid, 1.0 - (1.0 - rule.w_min) * (position - 1.0) / last, 0.0)


def budget_of(divergence, valid, rule):
    if not rule.calibrated:
        return rule.delta_b
    length = valid.sum(dim=-1, keepdim=True, dtype=torch.float32)
    wanted = quantile_of_rows(divergence, valid, length, rule.quantile)
    return wanted.clamp(rule.delta_b, rule.ceiling_factor * rule.delta_b)


def cppo_share(tokens, divergence, rule):
    """The mask [Eq. 8], or the gate [Eq. 20], of CPPO and what was left out of it."""
    weight = weight_of(tokens, rule)
    weighted = weight * divergence
    if rule.region == "cppo_no_budget":
        return toward_rollout(tokens) | (weighted <= rule.delta)
    delta_b = budget_of(divergence, tokens.valid, rule)
    if rule.soft:
        drift = weighted.cumsum(dim=-1)
        allowance = delta_b * (weight.cumsum(dim=-1) - weight)
        excess = torch.maximum(weighted / rule.delta, drift / (rule.delta + allowance))
        return torch.where(toward_rollout(tokens), 1.0, 1.0 / excess.clamp(min=1.0))
    room = delta_b * weight - weighted
    before = room.cumsum(dim=-1) - room
    return toward_rollout(tokens) | (weighted <= rule.delta + before.clamp(max=0.0))


def share(tokens, rule):
    """What each valid token keeps of its update: the mask, or the gate."""
    if rule.region == "unrestricted":
        return tokens.valid
    if rule.region == "ppo":
        ratio = log_ratio(tokens).exp()
        return toward_rollout(tokens) | ((ratio >= 1.0 - rule.delta) & (ratio <= 1.0 + rule.delta))
    divergence = torch.where(tokens.valid, DIVERGENCES[rule.divergence](tokens), 0.0)
    if rule.region == "dppo":
        return toward_rollout(tokens) | (divergence <= rule.delta)
    if rule.region == "trm_max":
        return (divergence.amax(dim=-1, keepdim=True) <= rule.delta).expand_as(divergence)
    if rule.region == "trm_mean":
        length = tokens.valid.sum(dim=-1, keepdim=True).clamp(min=1)
        return (divergence.sum(dim=-1, keepdim=True) / length <= rule.delta).expand_as(divergence)
    return cppo_share(tokens, divergence, rule)


def loss_of_share(tokens, kept, normalizer):
    """Where tokens keep a share, the loss of it; that of a slot that is no token is 0."""
    if kept.dtype == torch.bool:
        return surrogate(tokens.log_prob, tokens.rollout, tokens.advantage, kept, normalizer)
    return surrogate(tokens.log_prob, tokens.rollout, tokens.advantage * kept, tokens.valid, normalizer)


def loss(tokens, rule, normalizer):
    """Loss, and the mask or gate; what torch.compile is given."""
    tokens = as_float(tokens)
    with torch.no_grad():
        kept = share(tokens, rule)
        kept = kept & tokens.valid if kept.dtype == torch.bool else kept
    return loss_of_share(tokens, kept, normalizer), kept


def step(tokens, rule, normalizer, loss=loss):
    """Forward and backward: the gradient with respect to log pi, and the mask or gate."""
    leaf = tokens.log_prob.detach().requires_grad_()
    value, kept = loss(tokens._replace(log_prob=leaf), rule, normalizer)
    (gradient,) = torch.autograd.grad(value, leaf)
    return gradient, kept


# ---- packed responses [N], without padding ----------------------------------------------------------------------


def before_in_response(x, start):
    """The sum of x over the earlier tokens of its response: of double numbers, since the sum runs over the batch."""
    total = x.double().cumsum(dim=0)
    before = total - x
    return (before - before[start]).float()


def packed_loss(tokens, start, length, rule, normalizer):
    """Fixed CPPO of packed responses. `start`, `length`: of each token's response, [N]."""
    tokens = as_float(tokens)
    with torch.no_grad():
        position = torch.arange(tokens.log_prob.shape[0]) - start
        weight = 1.0 - (1.0 - rule.w_min) * position / (length - 1).clamp(min=1)
        weighted = weight * DIVERGENCES[rule.divergence](tokens)
        before = before_in_response(rule.delta_b * weight - weighted, start)
        kept = toward_rollout(tokens) | (weighted <= rule.delta + before.clamp(max=0.0))
    return loss_of_share(tokens, kept, normalizer), kept


def packed_step(tokens, start, length, rule, normalizer, loss=packed_loss):
    leaf = tokens.log_prob.detach().requires_grad_()
    value, kept = loss(tokens._replace(log_prob=leaf), start, length, rule, normalizer)
    (gradient,) = torch.autograd.grad(value, leaf)
    return gradient, kept


def padded(tokens, lengths):
    """Packed tokens as a padded batch, which costs memory and time for the padding; and the slot of each token."""
    inside = torch.arange(int(lengths.max())) < lengths[:, None]
    slots = inside.flatten().nonzero().squeeze(-1)
    pad = lambda x: None if x is None else x.new_zeros(inside.numel()).index_copy_(0, slots, x).view(inside.shape)
    return Tokens(*(pad(x) for x in tokens)), slots
