"""D_t in PyTorch's own operations, on any device. All are computed in double and rounded once."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from . import _native as c

LIMIT = 1000.0
"""What an infinite divergence counts as."""

_ROWS = 1 << 16
"""Top-K lists are worked on in parts of so many slots: a part has some ten temporaries of its size, in double."""


def _series(x: torch.Tensor, coefficients: list[float]) -> torch.Tensor:
    """The polynomial with these coefficients, that of the highest power first."""
    sum_ = torch.full_like(x, coefficients[0])
    for a in coefficients[1:]:
        sum_ = sum_ * x + a
    return sum_


def _inverse_factorials() -> list[float]:
    """1/15!, 1/14!, ..., 1/2!."""
    found, factorial = [], 1.0
    for n in range(2, 16):
        factorial *= n
        found.append(1.0 / factorial)
    return found[::-1]


_FACTORIALS = _inverse_factorials()
_ODD = [2.0 / n for n in range(25, 2, -2)]


def k3_of(d: torch.Tensor) -> torch.Tensor:
    """e^d − 1 − d, without cancellation."""
    return torch.where(d.abs() <= 0.5, d * d * _series(d, _FACTORIALS), torch.expm1(d) - d)


def _log1p_deficit(w: torch.Tensor) -> torch.Tensor:
    """w − log(1 + w) for w ≥ 0, without cancellation: by the series of 2 artanh(w / (2 + w)) where w is small."""
    z = w / (2.0 + w)
    return torch.where(w <= 0.4, z * (w - z * z * _series(z * z, _ODD)), w - torch.log1p(w))


def _kl_of_masses(smaller: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    """q (p/q − 1 − log(p/q)) of a cell, given the smaller of its masses and p − q."""
    least = smaller.clamp(min=1e-300)
    w = gain.abs() / least
    deficit = _log1p_deficit(w)
    return least * torch.where(gain > 0.0, deficit, w * torch.log1p(w) - deficit)


def _cell(log_p: torch.Tensor, log_q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of a cell with the masses p = e^log_p and q = e^log_q: the larger mass, |p − q|, q (p/q − 1 − log(p/q))."""
    mass = torch.maximum(log_p, log_q).exp()
    g = torch.where(log_p == log_q, 0.0, (log_p - log_q).abs())
    shrink, missing = torch.exp(-g), -torch.expm1(-g)
    up = torch.where(g <= 0.5, shrink * k3_of(g), missing - shrink * g.clamp(max=LIMIT))
    kl = torch.where(mass > 0.0, mass * torch.where(log_p > log_q, up, k3_of(-g)), 0.0)
    return mass, mass * missing, kl


def _binary_kl(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """KL(μ‖π) of the partition {y_t, everything else}."""
    p, q = log_p.clamp(max=0.0), log_q.clamp(max=0.0)
    _, gap, kl = _cell(p, q)
    rest = _kl_of_masses(-torch.expm1(torch.maximum(p, q)), torch.where(p > q, -gap, gap))
    return torch.where((p == 0.0) & (q < 0.0), torch.inf, kl + rest)


def _binary_tv(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    return _cell(log_p, log_q)[1]


class _Lists:
    """The cells of a partition: sums over the entries that are cells of their own, and over y_t if it is one."""

    def __init__(self, log_p: torch.Tensor, log_q: torch.Tensor, counts: torch.Tensor) -> None:
        mass, gap, kl = (torch.where(counts, x, 0.0) for x in _cell(log_p, log_q))
        grew = log_p > log_q
        self.up, self.down = torch.where(grew, gap, 0.0).sum(-1), torch.where(grew, 0.0, gap).sum(-1)
        self.kl = kl.clamp(max=1e30).sum(-1)
        left = 1.0 - mass.sum(-1)
        self.p, self.q = (left + self.down).clamp(min=0.0), (left + self.up).clamp(min=0.0)
        self.gain = self.down - self.up
        self.both_left = (self.p >= 1e-12) & (self.q >= 1e-12)

    def tv(self) -> torch.Tensor:
        apart = torch.where(self.both_left, self.gain, self.p - self.q).abs()
        return 0.5 * (self.up + self.down + apart)

    def kl_divergence(self) -> torch.Tensor:
        p, q = self.p.clamp(min=1e-12), self.q.clamp(min=1e-12)
        gain = torch.where(self.both_left, self.gain, p - q)
        rest = _kl_of_masses(torch.minimum(p, q), gain)
        lost = torch.where(self.q >= 1e-12, rest - gain, 0.0) + self.gain
        return (self.kl + torch.where(self.both_left, rest, lost)).clamp(0.0, LIMIT)


def _top_k(name: str, log_p: torch.Tensor, log_q: torch.Tensor, lent: Mapping[str, torch.Tensor]) -> torch.Tensor:
    ids = lent["top_k_ids"]
    counts = ids >= 0
    lists = [lent["top_k_log_probs"].double(), lent["top_k_rollout_log_probs"].double()]
    if not name.endswith("_list"):
        sampled = ids == lent["token_id"][:, None]
        counts = counts & ~sampled
        if name.endswith("_replace_last"):
            counts[:, -1] &= sampled.any(-1)
        counts = torch.cat([counts, torch.ones_like(counts[:, :1])], 1)
        lists = [torch.cat([x, own[:, None]], 1) for x, own in zip(lists, (log_p, log_q))]
    cells = _Lists(lists[0], lists[1], counts)
    return cells.tv() if name.startswith("top_k_tv") else cells.kl_divergence()


def _binary_kl_reverse(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    return _binary_kl(log_q, log_p)


def _k3(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    return k3_of(log_p - log_q)


_OF_TWO = {"binary_tv": _binary_tv, "binary_kl": _binary_kl, "binary_kl_reverse": _binary_kl_reverse, "k3": _k3}


def divergence(name: str, log_p: torch.Tensor, log_q: torch.Tensor, lent: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """D_t of each slot, in [−1000, 1000]. Every slot holds numbers that can be computed with."""
    if name == "no_divergence":
        return torch.zeros_like(log_p)
    if name == "precomputed":
        d = lent["divergence_values"]
    elif name == "k1":
        d = log_q - log_p
    elif name == "k2":
        d = 0.5 * (log_p - log_q) ** 2
    elif name in _OF_TWO:
        d = _OF_TWO[name](log_p.double(), log_q.double()).to(log_p.dtype)
    elif name.startswith("top_k_"):
        columns = {n: lent[n] for n in ("top_k_ids", "top_k_log_probs", "top_k_rollout_log_probs", "token_id")
                   if n in lent}
        parts = [dict(zip(columns, x)) for x in zip(*(x.split(_ROWS) for x in columns.values()))]
        pairs = zip(log_p.double().split(_ROWS), log_q.double().split(_ROWS), parts)
        d = torch.cat([_top_k(name, p, q, part) for p, q, part in pairs]).to(log_p.dtype)
    else:
        raise c.Error(f"the region holds {name}, which executor=\"torch\" does not know: pass tensors on the host and "
                      "executor=\"simd\"", c.StatusCode.executor_unavailable, "region")
    return torch.nan_to_num(d, nan=LIMIT, posinf=LIMIT, neginf=-LIMIT).clamp(-LIMIT, LIMIT)
