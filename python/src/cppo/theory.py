"""How much of a surrogate gain a trust region can take back: the bounds of `theory/` of the C++ library, by its names.

J(π) − J(μ) = L′ − Δ [Eq. 1], so that π is better than μ if the surrogate gain L′ exceeds a bound on |Δ|. Each
`_residual` is such a bound, for rewards |R| ≤ xi and responses of T tokens; docs/theory.md has what must hold for each.
Divergences are exact total variations at every prefix, KLs are in nats, and xi and the result have the unit of the
reward. NaN gives NaN.

>>> import cppo
>>> cppo.theory.implemented_residual(1024, 0.15 / 0.8, 0.015, eta=0.15)
>>> cppo.theory.certificate(log_prob, rollout_log_prob, advantage, response_mask, region=cppo.fixed_cppo(),
...                         measured="total_variation").improves

Bounds from constants take numbers or arrays, which are broadcast. Those from numbers per position take arrays of T
numbers, entry t − 1 that of position t.
"""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple, Union

import numpy as np
import numpy.typing as npt

from . import _native as c
from ._numpy import Batch
from .parts import Weight, keep_all, no_divergence, of_kind
from .regions import Region, trust_region

__all__ = ["BOUNDS", "MEASURED", "Certificate", "certificate", "classical_residual", "coupling_residual",
           "implemented_residual", "mixed_residual", "pairs_of_positions", "pinsker_marginal_residual",
           "prefix_budget_residual", "prefix_residual", "profile_residual", "ratio_falls", "suffix_adaptive",
           "suffix_escapes", "suffix_lengths", "suffix_sums", "tail_ratio_falls", "terminal_budget_residual",
           "terminal_residual", "threshold_residual", "weights_of"]

Numbers = Union[float, npt.ArrayLike]
Array = npt.NDArray[np.float64]

BOUNDS = c.names_of("cppo_bound_name")
"""The bounds that a certificate compares."""
MEASURED = ("unknown", "total_variation", "kl")
"""What the divergences of a batch are of the full laws, the KL being KL(μ‖π)."""


def _bound(name: str, T: Any, *numbers: Numbers) -> Any:
    """A bound from constants, for each of the broadcast arguments."""
    function = getattr(c.LIB, f"cppo_{name}")
    lengths = np.asarray(T)
    if lengths.dtype.kind not in "iu" or (lengths < 0).any():
        raise c.Error(f"T is {T!r}, but must be whole and 0 or more: the tokens of a response", argument="options")
    each = np.broadcast(lengths, *numbers)
    found = np.array([function(int(t), *map(float, x)) for t, *x in each]).reshape(each.shape)
    return float(found) if found.shape == () else found


def _row(name: str, x: Any) -> Array:
    row = np.ascontiguousarray(x, np.float64)
    if row.ndim != 1:
        raise c.Error(f"{name} must have shape [T], not {list(row.shape)}", argument="options")
    return row


def _rows(**rows: Any) -> tuple[Array, ...]:
    """Arrays of T numbers each."""
    found = {name: _row(name, x) for name, x in rows.items()}
    if len({x.shape for x in found.values()}) != 1:
        (a, x), (b, y) = found.items()
        raise c.Error(f"{a} has {x.size} numbers, {b} has {y.size}, but both must have T", argument="options")
    return tuple(found.values())


def _length(T: int) -> int:
    if T != int(T) or T < 0:
        raise c.Error(f"T is {T!r}, but must be whole and 0 or more: the tokens of a response", argument="options")
    return int(T)


def pairs_of_positions(T: Any) -> Any:
    """The sum of T − t over t < T: T(T − 1)/2."""
    return _bound("pairs_of_positions", T)


def classical_residual(T: Any, epsilon: Numbers, xi: Numbers = 1.0) -> Any:
    """2 ξ T(T−1) ε², given only D_t ≤ ε: the classical bound, and that of a uniform threshold per token."""
    return _bound("classical_residual", T, epsilon, xi)


def prefix_residual(T: Any, ell_max: Numbers, delta_b: Numbers, xi: Numbers = 1.0) -> Any:
    """2 ξ T(T−1) ℓ_max δ_b. [Theorem 1, Eq. 6; Eq. 15 with ell_max = delta]

    Given D_t ≤ ell_max, and Σ_{j≤m} w_j D_j ≤ δ_b W_m for every m < T, and `tail_ratio_falls`. The mask of Eq. 8 does
    not ensure this: for it see `implemented_residual`.
    """
    return _bound("prefix_residual", T, ell_max, delta_b, xi)


def threshold_residual(T: Any, delta: Numbers, delta_b: Numbers, w_min: Numbers, xi: Numbers = 1.0) -> Any:
    """2 ξ T(T−1) δ δ_b / w_min: as `prefix_residual`, with w_t D_t ≤ delta and w_t ≥ w_min. [Eq. 7, Eq. 16]"""
    return _bound("threshold_residual", T, delta, delta_b, w_min, xi)


def implemented_residual(T: Any, ell_max: Numbers, delta_b: Numbers, eta: Numbers, w_first: Numbers = 1.0,
                         xi: Numbers = 1.0) -> Any:
    """2 ξ T(T−1) ℓ_max δ_b + 4 ξ ℓ_max (T−1) η / w_1. [Proposition 8, Eq. 17]

    As `prefix_residual`, but prefixes may exceed their budget by a slack eta. Eq. 8 enforces this with eta = delta, so
    that this is the bound to claim for its mask.
    """
    return _bound("implemented_residual", T, ell_max, delta_b, eta, w_first, xi)


def terminal_residual(T: Any, ell_max: Numbers, delta_b: Numbers, xi: Numbers = 1.0) -> Any:
    """4 ξ ℓ_max (T−1)² δ_b: one budget at m = T − 1 instead of one per prefix, with w = 1. [Eq. 18]"""
    return _bound("terminal_residual", T, ell_max, delta_b, xi)


def pinsker_marginal_residual(T: Any, kappa: Numbers, xi: Numbers = 1.0) -> Any:
    """(4/3) ξ T^{3/2} κ, given KL ≤ kappa at every prefix. [arXiv 2512.23075]"""
    return _bound("pinsker_marginal_residual", T, kappa, xi)


def mixed_residual(T: Any, kappa: Numbers, kappa_seq: Numbers, xi: Numbers = 1.0) -> Any:
    """2 ξ T √(κ κ_seq), with kappa_seq the KL of whole responses. [arXiv 2512.23075]"""
    return _bound("mixed_residual", T, kappa, kappa_seq, xi)


def coupling_residual(T: Any, epsilon: Numbers, xi: Numbers = 1.0) -> Any:
    """4 ξ min(1, ε) Σ_t min(1, (t−1) ε), by coupling. [arXiv 2512.23075]"""
    return _bound("coupling_residual", T, epsilon, xi)


def suffix_lengths(T: int) -> Array:
    """λ_t = T − t, the number of tokens that follow. Theorem 1 uses (T−t) ell_max."""
    found = np.empty(_length(T))
    c.LIB.cppo_suffix_lengths(found.size, found.ctypes.data)
    return found


def suffix_sums(ell: npt.ArrayLike) -> Array:
    """λ_t = Σ_{j>t} ℓ_j, given D_j ≤ ℓ_j. [Lemma 3, Eq. 13, Eq. 14]"""
    row = _row("ell", ell)
    found = np.empty_like(row)
    c.LIB.cppo_suffix_sums(row.ctypes.data, row.size, found.ctypes.data)
    return found


def suffix_escapes(ell: npt.ArrayLike) -> Array:
    """β_t = 1 − Π_{j>t} (1 − ℓ_j), given D_j ≤ ℓ_j; above 1 it counts as 1. [Lemma 3, App. B.9]"""
    row = _row("ell", ell)
    found = np.empty_like(row)
    c.LIB.cppo_suffix_escapes(row.ctypes.data, row.size, found.ctypes.data)
    return found


def suffix_adaptive(T: int, epsilon: float, kappa: float = np.inf) -> Array:
    """λ_t = min(1, (T−t) ε, √((T−t) κ/2)), given D_t ≤ epsilon and KL ≤ kappa at every prefix. [arXiv 2512.23075]"""
    found = np.empty(_length(T))
    c.LIB.cppo_suffix_adaptive(found.size, epsilon, kappa, found.ctypes.data)
    return found


def weights_of(weight: Union[Weight, Region], T: int) -> Array:
    """w_1, …, w_T of a weight, or of the weight of a region."""
    if not isinstance(weight, Region):
        of_kind(Weight, weight, "weights_of")
        weight = trust_region(no_divergence, weight, keep_all)
    found, status = np.empty(_length(T)), ctypes.create_string_buffer(c.STATUS.size)
    if c.LIB.cppo_weights_of(weight.c_region, found.size, found.ctypes.data, status) >= 64:
        raise c.error_of(status.raw)
    return found


def profile_residual(u: npt.ArrayLike, lambda_: npt.ArrayLike, xi: float = 1.0) -> float:
    """4 ξ Σ_{t<T} u_t λ_t, with u_t = E_μ[D_t]. [Eq. 14 with suffix_sums, App. B.9 with suffix_escapes]"""
    x, y = _rows(u=u, lambda_=lambda_)
    return float(c.LIB.cppo_profile_residual(x.ctypes.data, y.ctypes.data, x.size, xi))


def ratio_falls(lambda_: npt.ArrayLike, w: npt.ArrayLike) -> bool:
    """True if λ_t/w_t is non-increasing over t < T, which Theorem 1, the product form and sharpness need."""
    x, y = _rows(lambda_=lambda_, w=w)
    return bool(c.LIB.cppo_ratio_falls(x.ctypes.data, y.ctypes.data, x.size))


def tail_ratio_falls(weight: Union[Weight, Region], T: int) -> bool:
    """True if (T−t)/w_t is non-increasing over t < T, so that Theorem 1 applies to this weight. [Proposition 5]"""
    return ratio_falls(suffix_lengths(T), weights_of(weight, T))


def prefix_budget_residual(lambda_: npt.ArrayLike, w: npt.ArrayLike, delta_b: float, eta: float = 0.0,
                           xi: float = 1.0) -> float:
    """4 ξ (η r_1 + δ_b Σ_{m<T} w_m r_m) with r_m = max_{m≤t<T} λ_t/w_t. [App. B.9, B.10; Eq. 17]

    The largest 4 ξ Σ u_t λ_t over all u_t ≥ 0 with Σ_{j≤m} w_j u_j ≤ eta + δ_b W_m for every m < T.
    """
    x, y = _rows(lambda_=lambda_, w=w)
    return float(c.LIB.cppo_prefix_budget_residual(x.ctypes.data, y.ctypes.data, x.size, delta_b, eta, xi))


def terminal_budget_residual(lambda_: npt.ArrayLike, w: npt.ArrayLike, delta_b: float, xi: float = 1.0) -> float:
    """4 ξ δ_b W_{T−1} max_{t<T} λ_t/w_t: the same with one budget, Σ_{j<T} w_j u_j ≤ δ_b W_{T−1}. [App. B.8]"""
    x, y = _rows(lambda_=lambda_, w=w)
    return float(c.LIB.cppo_terminal_budget_residual(x.ctypes.data, y.ctypes.data, x.size, delta_b, xi))


class _Certificate(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint64), ("certifies", ctypes.c_int32), ("tightest", ctypes.c_int32),
                ("responses", ctypes.c_int64), ("horizon", ctypes.c_int64), ("max_divergence", ctypes.c_double),
                ("prefix_average", ctypes.c_double), ("terminal_average", ctypes.c_double),
                ("bounds", ctypes.c_double * len(BOUNDS)), ("residual", ctypes.c_double),
                ("surrogate_gain", ctypes.c_double)]


class Certificate(NamedTuple):
    """What was measured, and the bounds that follow."""

    certifies: bool
    """True if the divergences are exact; if not, |Δ| may exceed `residual`."""
    tightest: str
    """The name of the smallest bound."""
    responses: int
    """Responses with a valid token."""
    horizon: int
    """T: the longest response."""
    max_divergence: float
    """The largest D_t, as total variation."""
    prefix_average: float
    """The largest over m < T of Σ_{j≤m} w_j u_j / W_m: the δ_b that would have sufficed."""
    terminal_average: float
    """The mean of u_t over t < T."""
    bounds: dict[str, float]
    """Each on |Δ|, by the names of BOUNDS; inf where one does not apply."""
    residual: float
    """The smallest of them."""
    surrogate_gain: float
    """L′ as measured: the mean over responses of Σ Â_t (ρ_t − 1)."""

    @property
    def improves(self) -> bool:
        """True if π is better than μ, provided that the batch stands for all rollouts."""
        return self.certifies and self.surrogate_gain > self.residual


def certificate(log_prob: Any, rollout_log_prob: Any, advantage: Any, response_mask: Any = None, *, region: Region,
                measured: str = "unknown", xi: float = 1.0, cu_seqlens: Any = None, divergence_values: Any = None,
                token_id: Any = None, top_k: Any = None) -> Certificate:
    """The tightest bound on |Δ| that the divergences of a batch give, and the surrogate gain that must exceed it.

    J(π) − J(μ) ≥ L′ − residual. [Eq. 1, Eq. 14] The region's mask decides nothing here: drift counts whether a token is
    kept or masked. A batch is a sample, and the bound holds for a μ that is uniform over its rollouts. One bad token,
    and there is no certificate.

    Args:
        measured: what the region's divergence is of the full laws: "unknown", which never certifies,
            "total_variation" or "kl".
        xi: |R| ≤ xi, in the unit of the advantages.

    The other arguments are those of `policy_loss`.
    """
    if measured not in MEASURED:
        raise c.Error(f"measured must be one of {', '.join(MEASURED)}, not {measured!r}", argument="options")
    lists = (None, None, None) if top_k is None else top_k
    batch = Batch(log_prob, (rollout_log_prob, advantage, response_mask, divergence_values, None, token_id, *lists),
                  cu_seqlens)
    found = _Certificate(size=ctypes.sizeof(_Certificate))
    frame = batch.frame()
    frame.raise_if(c.LIB.cppo_certify(frame.batch, region.c_region, MEASURED.index(measured), xi,
                                      ctypes.addressof(found), frame.status))
    return Certificate(bool(found.certifies), BOUNDS[found.tightest], found.responses, found.horizon,
                       found.max_divergence, found.prefix_average, found.terminal_average,
                       dict(zip(BOUNDS, found.bounds)), found.residual, found.surrogate_gain)
