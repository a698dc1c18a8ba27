"""The rules of the field as one would write them in PyTorch: what ./run bench --torch measures the library against.

Eager and torch.compile run the same code. Tensors are padded batches [B, T] of float32; what lies in slots that hold no
token must be finite, as trainers pad with zeros. What a rule holds constant is computed without a graph.
`field_peers_test.py` holds every function against tests/conformance; docs/rules.md has the equations.
"""

import math
from typing import NamedTuple, Optional

import torch

from rule_peers import bernoulli_kl


class Tokens(NamedTuple):
    log_prob: torch.Tensor
    rollout: torch.Tensor
    advantage: torch.Tensor
    valid: torch.Tensor
    entropy: Optional[torch.Tensor] = None
    reference: Optional[torch.Tensor] = None


class Loss(NamedTuple):
    """A loss, and the tokens that the rule keeps; None: it has no mask."""

    value: torch.Tensor
    kept: Optional[torch.Tensor] = None


# ---- parts ------------------------------------------------------------------------------------------------------


def log_ratio(t):
    return t.log_prob - t.rollout


def ratio_of(t):
    """rho, of a log ratio that is clamped as trainers do."""
    return log_ratio(t).clamp(-20.0, 20.0).exp()


def total(token_loss, among, n):
    """The sum over tokens, divided by their number."""
    return torch.where(among, token_loss, 0.0).sum() / n


def lengths(valid):
    return valid.sum(dim=-1, keepdim=True).clamp(min=1)


def mean_of_response(x, valid):
    return torch.where(valid, x, 0.0).sum(dim=-1, keepdim=True) / lengths(valid)


def mean_of_means(token_loss, valid, responses):
    """Over responses, of the means over their tokens."""
    return (torch.where(valid, token_loss, 0.0).sum(dim=-1, keepdim=True) / lengths(valid)).sum() / responses


def clipped(t, ratio, low, high, dual_clip=math.inf):
    """PPO's loss of a token: max(-A r, -A clip(r)), and no more than -A c where A < 0."""
    loss = torch.maximum(-t.advantage * ratio, -t.advantage * ratio.clamp(low, high))
    if not isinstance(dual_clip, torch.Tensor) and dual_clip == math.inf:
        return loss
    return torch.where(t.advantage < 0.0, torch.minimum(loss, -t.advantage * dual_clip), loss)


def ppo_loss(t, epsilon_low=0.2, epsilon_high=0.2, dual_clip=3.0):
    return clipped(t, ratio_of(t), 1.0 - epsilon_low, 1.0 + epsilon_high, dual_clip)


def score(t, weight, n):
    """-w A log pi, with w constant."""
    return Loss(total(-(weight * t.advantage) * t.log_prob, t.valid, n))


# ---- of one token -----------------------------------------------------------------------------------------------


def ppo_clip(t, n, **options):
    return Loss(total(ppo_loss(t, **options), t.valid, n))


def moves_away(t):
    return t.advantage * log_ratio(t) > 0.0


def tr_ppo(t, n, delta=0.035):
    with torch.no_grad():
        held = moves_away(t) & (bernoulli_kl(t.rollout, t.log_prob) >= delta)
    ratio = ratio_of(t)
    return Loss(total(-t.advantage * torch.where(held, ratio.detach(), ratio), t.valid, n))


def truly_ppo(t, n, delta=0.03, alpha=5.0, likelihood=1.0):
    divergence = bernoulli_kl(t.rollout, t.log_prob)
    with torch.no_grad():
        outside = moves_away(t) & (divergence >= delta)
    plain = -t.advantage * ratio_of(t)
    return Loss(total(torch.where(outside, likelihood * plain + alpha * divergence, plain), t.valid, n))


def cispo(t, n, low=0.8, high=1.2):
    with torch.no_grad():
        weight = ratio_of(t).clamp(low, high)
    return score(t, weight, n)


def sapo(t, n, tau_positive=1.0, tau_negative=1.05):
    tau = torch.where(t.advantage > 0.0, tau_positive, tau_negative)
    return Loss(total(-t.advantage * torch.sigmoid(tau * (ratio_of(t) - 1.0)) * (4.0 / tau), t.valid, n))


def dro(t, n, beta=0.1):
    return Loss(total(0.5 * beta * log_ratio(t) ** 2 - t.advantage * t.log_prob, t.valid, n))


def ppo_clip_kl(t, n, beta=0.001):
    x = t.log_prob - t.reference
    k3 = ((-x).exp() - 1.0 + x).clamp(max=10.0)
    return Loss(total(ppo_loss(t) + beta * k3, t.valid, n))


# ---- of a response ----------------------------------------------------------------------------------------------


def gspo(t, responses, epsilon_low=3e-4, epsilon_high=4e-4, cap=10.0):
    """As verl writes it: the value is the response's, the slope is that of the token's own log pi."""
    with torch.no_grad():
        of_response = mean_of_response(log_ratio(t), t.valid)
    ratio = (t.log_prob - t.log_prob.detach() + of_response).clamp(max=cap).exp()
    return Loss(mean_of_means(clipped(t, ratio, 1.0 - epsilon_low, 1.0 + epsilon_high), t.valid, responses))


def gmpo(t, responses, log_low=0.4, log_high=0.4):
    """For advantages that are the same all over a response."""
    d, gains = log_ratio(t), t.advantage > 0.0
    cut = torch.where(gains, d.clamp(max=log_high), torch.where(t.advantage < 0.0, d.clamp(min=-log_low), 0.0))
    ratio = mean_of_response(cut, t.valid).exp()
    return Loss(-(ratio * mean_of_response(t.advantage, t.valid)).sum() / responses)


def vespo(t, n, k_positive=2.0, lambda_positive=3.0, k_negative=3.0, lambda_negative=2.0):
    with torch.no_grad():
        w = torch.where(t.valid, log_ratio(t).clamp(-20.0, 20.0), 0.0).sum(dim=-1, keepdim=True)
        w = w.clamp(math.log(1e-8), 20.0)
        phi = lambda k, scale: (scale * (1.0 - w.exp()) + k * w).exp()
        weight = torch.where(t.advantage >= 0.0, phi(k_positive, lambda_positive), phi(k_negative, lambda_negative))
    return score(t, weight, n)


def opsm(t, n, delta=1e-4, **clip):
    with torch.no_grad():
        near = mean_of_response(t.rollout - t.log_prob, t.valid) <= delta
        kept = t.valid & ((t.advantage >= 0.0) | near)
    return Loss(total(ppo_loss(t, **clip), kept, n), kept)


# ---- of what comes before and after -----------------------------------------------------------------------------


def minpro(t, n, low=0.8, high=1.28):
    with torch.no_grad():
        d = log_ratio(t).clamp(-20.0, 20.0)
        least = torch.where(t.valid, d, torch.inf).cummin(dim=-1).values
        before = torch.nn.functional.pad(least[:, :-1], (1, 0), value=torch.inf)
        weight = (torch.where(before == torch.inf, 0.0, before) + d).exp().clamp(low, high)
    return score(t, weight, n)


def prefix_ratio(t, cap=10.0):
    """The ratio of the prefix, with the slope of the token's own log pi."""
    with torch.no_grad():
        before = torch.where(t.valid, log_ratio(t).clamp(-20.0, 20.0), 0.0).cumsum(dim=-1)
    return (t.log_prob - t.log_prob.detach() + before).clamp(max=cap).exp()


def ctpo(t, n, low=0.025, high=0.05, dual_clip=0.05, power=0.5):
    with torch.no_grad():
        grown = t.valid.cumsum(dim=-1, dtype=torch.float32) ** power
        band = (-low * grown).exp(), (high * grown).exp()
    return Loss(total(clipped(t, prefix_ratio(t), *band, (dual_clip * grown).exp()), t.valid, n))


def decay_matrix(width, half_life):
    """2^{-(k - t)/h} at row k and column t, 0 where k is earlier."""
    place = torch.arange(width)
    later = place[:, None] - place[None, :]
    return torch.where(later >= 0, torch.exp2(-later.float() / half_life), 0.0)


def future_of_pairs(x, valid, decay):
    """sum over k >= t of x_k 2^{-(k - t)/h}, by all pairs of columns: the published form, quadratic in T."""
    return torch.where(valid, x, 0.0) @ decay


def future(x, valid, half_life):
    """The same in time linear in T, by scaled sums of double numbers. Distances count tokens. For T / h below 1000."""
    place = valid.cumsum(dim=-1).double() / half_life
    scaled = torch.where(valid, x * torch.exp2(-place), 0.0)
    return (scaled.flip(-1).cumsum(dim=-1).flip(-1) * torch.exp2(place)).float()


def fipo(t, n, half_life=32.0, weight_low=1.0, weight_high=1.2, safe_ratio=10.0, veto=1.0, epsilon_low=0.2,
         epsilon_high=0.28, dual_clip=10.0, sum_of=future):
    ratio = ratio_of(t)
    with torch.no_grad():
        d, losing = log_ratio(t), t.advantage < 0.0
        ahead = sum_of(torch.where(d <= math.log(dual_clip), d, 0.0), t.valid, half_life)
        weight = ahead.exp().clamp(weight_low, weight_high)
        weight = torch.where(losing & (ratio > safe_ratio), weight.clamp(0.8, 1.0), weight)
        beyond = (t.valid & losing & (ratio > dual_clip)).sum(dim=-1, keepdim=True)
        kept = t.valid & (beyond <= veto)
    loss = clipped(t._replace(advantage=t.advantage * weight), ratio, 1.0 - epsilon_low, 1.0 + epsilon_high, dual_clip)
    return Loss(total(loss, kept, n), kept)


# ---- of the whole batch -----------------------------------------------------------------------------------------


def kth_largest(x, k):
    return x.flatten().topk(k, sorted=False).values.min()


def entropy_top(t, n, share=0.2, epsilon_low=0.2, epsilon_high=0.28, dual_clip=3.0):
    with torch.no_grad():
        bound = kth_largest(torch.where(t.valid, t.entropy, -torch.inf), max(1, int(n * share + 0.9999)))
        kept = t.valid & (t.entropy >= bound)
    return Loss(total(ppo_loss(t, epsilon_low, epsilon_high, dual_clip), kept, n), kept)


def entropy_top_quantile(t, n, share=0.2, epsilon_low=0.2, epsilon_high=0.28, dual_clip=3.0):
    """As TRL writes it."""
    with torch.no_grad():
        kept = t.valid & (t.entropy >= torch.quantile(t.entropy[t.valid], 1.0 - share))
    return Loss(total(ppo_loss(t, epsilon_low, epsilon_high, dual_clip), kept, n), kept)


def covariance(t, n):
    centred = lambda x: x - torch.where(t.valid, x, 0.0).sum() / n
    return centred(t.advantage) * centred(t.log_prob)


def kl_cov(t, n, share=2e-4, beta=1.0):
    with torch.no_grad():
        covariances = torch.where(t.valid, covariance(t, n), -torch.inf)
        chosen = covariances >= kth_largest(covariances, max(1, int(share * n)))
    d = log_ratio(t)
    loss = torch.where(chosen, beta * d.abs(), 0.0) - t.advantage * d.exp()
    return Loss(total(loss, t.valid, n))


def clip_cov(t, n, share=2e-4, low=1.0, high=5.0, epsilon_low=0.2, epsilon_high=0.2, dual_clip=math.inf):
    ratio = log_ratio(t).exp()
    with torch.no_grad():
        covariances = covariance(t, n)
        above, below = ratio > 1.0 + epsilon_high, ratio < 1.0 - epsilon_low
        held = ((t.advantage > 0.0) & above) | ((t.advantage < 0.0) & below)
        candidate = t.valid & (covariances > low) & (covariances < high) & ~held
        draw = torch.where(candidate, torch.rand_like(ratio), 1.0)
        chosen = candidate & (draw <= -kth_largest(-draw, max(1, int(share * n))))
        kept = t.valid & ~chosen
    return Loss(total(clipped(t, ratio, 1.0 - epsilon_low, 1.0 + epsilon_high, dual_clip), kept, n), kept)


def m2po_range(t, budget, floor_low, floor_high):
    d = log_ratio(t)
    away = t.valid & (t.advantage * d > 0.0)
    count = away.sum()
    square = torch.where(away, d * d, torch.inf).flatten().sort().values
    place = torch.arange(square.numel())
    square = torch.where(place < count, square, 0.0)
    capped = square.cumsum(dim=0, dtype=torch.float64) + square * (count - 1 - place)
    first = ((capped >= count * budget) & (place < count)).int().argmax()
    widest = torch.where(first > 0, square[(first - 1).clamp(min=0)], 0.0).sqrt()
    spends = square.sum(dtype=torch.float64) > budget * count
    low, high = torch.where(spends, (-widest).exp(), 0.0), torch.where(spends, widest.exp(), 1e5)
    return low.clamp(max=1.0 - floor_low), high.clamp(min=1.0 + floor_high)


def m2po(t, n, budget=4e-4, floor_low=0.3, floor_high=0.5):
    with torch.no_grad():
        low, high = m2po_range(t, budget, floor_low, floor_high)
    return Loss(total(clipped(t, log_ratio(t).exp(), low, high), t.valid, n))


def m2po_mask(t, n, threshold=4e-4):
    with torch.no_grad():
        square = log_ratio(t) ** 2
        ordered = torch.where(t.valid, square, torch.inf).flatten().sort().values
        means = ordered.cumsum(dim=0, dtype=torch.float64) / torch.arange(1, ordered.numel() + 1)
        kept = t.valid & (square <= ordered[((means < threshold).sum() - 1).clamp(min=0)])
    return Loss(total(-t.advantage * ratio_of(t), kept, n), kept)


# By the names of the library's rows.
RULES = {"ppo_clip": ppo_clip, "tr_ppo": tr_ppo, "truly_ppo": truly_ppo, "cispo": cispo, "sapo": sapo, "dro": dro,
         "ppo_clip + kl_k3": ppo_clip_kl, "gspo": gspo, "gmpo": gmpo, "vespo": vespo, "opsm": opsm, "minpro": minpro,
         "ctpo": ctpo, "fipo": fipo, "entropy_top": entropy_top, "entropy_top_quantile": entropy_top_quantile,
         "kl_cov": kl_cov, "clip_cov": clip_cov, "m2po": m2po, "m2po_mask": m2po_mask}


def step(t, n, loss, **options):
    """Forward and backward: the gradient with respect to log pi, and the tokens kept, or None."""
    leaf = t.log_prob.detach().requires_grad_()
    value, kept = loss(t._replace(log_prob=leaf), n, **options)
    (gradient,) = torch.autograd.grad(value, leaf)
    return gradient, kept
