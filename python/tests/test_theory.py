"""The bounds of `cppo.theory` against formulas written out from the paper in exact fractions and in NumPy."""

from __future__ import annotations

import inspect
import math
from fractions import Fraction

import cppo
import numpy as np
import pytest
from conftest import make_batch
from cppo import theory
from hypothesis import given, settings
from hypothesis import strategies as st

lengths = st.integers(0, 300)
small = st.floats(0.0, 1.0)
positive = st.floats(0.01, 1.0)
rows = st.integers(0, 12).flatmap(lambda T: st.tuples(*[st.lists(small, min_size=T, max_size=T)] * 2))
weighted = st.integers(0, 12).flatmap(lambda T: st.tuples(st.lists(small, min_size=T, max_size=T),
                                                          st.lists(positive, min_size=T, max_size=T)))
F = Fraction


def near(found, wanted):
    return found == pytest.approx(float(wanted), rel=1e-13, abs=1e-300)


@given(lengths, small, small, positive, small, st.floats(0.0, 10.0))
@settings(deadline=None)
def test_bounds_from_constants(T, a, b, w, eta, xi):
    pairs = F(T * (T - 1), 2)
    x, rest = F(xi), max(T - 1, 0)
    assert theory.pairs_of_positions(T) == pairs
    assert near(theory.classical_residual(T, a, xi), 4 * x * pairs * F(a)**2)
    assert near(theory.prefix_residual(T, a, b, xi), 4 * x * pairs * F(a) * F(b))  # Eq. 6
    assert near(theory.threshold_residual(T, a, b, w, xi), 4 * x * pairs * F(a) * F(b) / F(w))  # Eq. 7
    slack = 4 * x * F(a) * rest * F(eta) / F(w)
    assert near(theory.implemented_residual(T, a, b, eta, w, xi), 4 * x * pairs * F(a) * F(b) + slack)  # Eq. 17
    assert near(theory.terminal_residual(T, a, b, xi), 4 * x * F(a) * rest**2 * F(b))  # Eq. 18
    assert near(theory.pinsker_marginal_residual(T, a, xi), 4 / 3 * xi * T**1.5 * a)
    assert near(theory.mixed_residual(T, a, b, xi), 2 * xi * T * math.sqrt(a * b))
    assert near(theory.coupling_residual(T, a, xi), 4 * x * F(a) * sum(min(F(1), t * F(a)) for t in range(T)))


@given(rows, small, st.floats(0.0, 4.0))
@settings(deadline=None)
def test_what_a_drift_costs(drawn, epsilon, kappa):
    ell, u = drawn
    T = len(ell)
    sums = [sum(map(F, ell[t:]), F(0)) for t in range(1, T + 1)]
    escapes = [1 - math.prod((1 - F(x) for x in ell[t:]), start=F(1)) for t in range(1, T + 1)]
    adaptive = [min(1.0, (T - t) * epsilon, math.sqrt((T - t) * kappa / 2)) for t in range(1, T + 1)]
    np.testing.assert_array_equal(theory.suffix_lengths(T), np.arange(T)[::-1])
    np.testing.assert_allclose(theory.suffix_sums(ell), np.array(sums, float), rtol=1e-13)
    np.testing.assert_allclose(theory.suffix_escapes(ell), np.array(escapes, float), rtol=1e-13)
    np.testing.assert_allclose(theory.suffix_adaptive(T, epsilon, kappa), adaptive, rtol=1e-13)
    wanted = 4 * sum((F(x) * y for x, y in zip(u[:-1], sums)), F(0))  # Eq. 14
    assert near(theory.profile_residual(u, np.array(sums, float)), wanted)


@given(weighted, small, small)
@settings(deadline=None)
def test_the_largest_sum_that_budgets_let_pass(drawn, delta_b, eta):
    """Against the linear programme itself: the vertex that spends each budget where it costs most."""
    cost, w = drawn
    T = len(w)
    ratio = [F(x) / F(y) for x, y in zip(cost, w)]
    best = [max(ratio[m:T - 1], default=F(0)) for m in range(T)]
    sums = sum((F(w[m]) * best[m] for m in range(T - 1)), F(0))
    prefix = 4 * (F(delta_b) * sums + F(eta) * (best[0] if T else 0))
    terminal = 4 * F(delta_b) * sum(map(F, w[:-1]), F(0)) * max(ratio[:-1], default=F(0))
    assert near(theory.prefix_budget_residual(cost, w, delta_b, eta), prefix)
    assert near(theory.terminal_budget_residual(cost, w, delta_b), terminal)


def test_ratios_that_fall():
    assert theory.ratio_falls([3, 2, 1, 0], [1, 1, 1, 1])
    assert not theory.ratio_falls([1, 2, 1, 0], [1, 1, 1, 1])
    assert theory.tail_ratio_falls(cppo.linear_weight(0.5), 100)  # Proposition 5
    assert theory.tail_ratio_falls(cppo.fixed_cppo(), 100)
    assert not theory.tail_ratio_falls(cppo.permuted(cppo.linear_weight(0.01), 5), 100)
    assert theory.tail_ratio_falls(cppo.reversed(cppo.linear_weight(0.01)), 100)  # it rises


@given(st.integers(1, 40), positive)
@settings(deadline=None)
def test_weights(T, w_min):
    wanted = np.ones(T) if T == 1 else 1 - (1 - w_min) * np.arange(T) / (T - 1)  # Eq. 9
    np.testing.assert_allclose(theory.weights_of(cppo.linear_weight(w_min), T), wanted, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(theory.weights_of(cppo.reversed(cppo.linear_weight(w_min)), T),
                                  theory.weights_of(cppo.linear_weight(w_min), T)[::-1])
    region = cppo.fixed_cppo(w_min=w_min)
    np.testing.assert_array_equal(theory.weights_of(region, T), theory.weights_of(cppo.linear_weight(w_min), T))


def test_arrays_are_broadcast():
    found = theory.prefix_residual(np.array([[8], [16]]), np.array([0.1, 0.2, 0.3]), 0.01)
    assert found.shape == (2, 3)
    assert found[1, 2] == theory.prefix_residual(16, 0.3, 0.01)
    assert isinstance(theory.prefix_residual(16, 0.3, 0.01), float)
    assert np.isnan(theory.classical_residual(3, float("nan")))


@pytest.mark.parametrize("region, kind", [(cppo.fixed_cppo(), "total_variation"), (cppo.trm_max(), "kl")], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_certificate_is_its_bounds(region, kind, dtype):
    log_p, log_q, advantage, valid = make_batch(6, 40, seed=1, dtype=dtype)
    c = theory.certificate(log_p, log_q, advantage, valid, region=region, measured=kind, xi=2.0)
    _, report, out = cppo.policy_loss(log_p, log_q, advantage, valid, region=region, outputs=("divergence",))
    rows = [out.divergence[b, valid[b]].astype(float) for b in range(6) if valid[b].any()]
    T, n = max(map(len, rows)), len(rows)
    d = np.array([np.pad(x, (0, T - len(x))) for x in rows])
    tv = d if kind == "total_variation" else np.minimum(1.0, np.sqrt(d / 2))
    u, ell = tv.mean(0), tv.max(0)
    assert c.certifies and (c.responses, c.horizon) == (n, T) == (report.responses, T)
    assert c.max_divergence == ell.max()
    assert near(c.bounds["suffix sum"], theory.profile_residual(u, theory.suffix_sums(ell), 2.0))
    assert near(c.bounds["product form"], theory.profile_residual(u, theory.suffix_escapes(ell), 2.0))
    assert near(c.bounds["classical"], theory.classical_residual(T, ell.max(), 2.0))
    w = theory.weights_of(region, T)
    assert near(c.prefix_average, max(np.cumsum(w * u)[:-1] / np.cumsum(w)[:-1]))
    assert near(c.bounds["prefix average"], theory.prefix_residual(T, ell.max(), c.prefix_average, 2.0))
    wide = [np.asarray(x, float) for x in (log_p, log_q, advantage)]
    gain = np.where(valid, wide[2] * np.expm1(wide[0] - wide[1]), 0.0).sum() / n
    assert c.surrogate_gain == pytest.approx(gain, rel=1e-6)
    assert c.residual == min(c.bounds.values()) == c.bounds[c.tightest] and c.improves == (gain > c.residual)
    assert np.isfinite(c.bounds["mixed"]) == (kind == "kl")
    unknown = theory.certificate(log_p, log_q, advantage, valid, region=region)
    assert not unknown.certifies and not unknown.improves


def test_what_cannot_be_bounded():
    batch = make_batch(2, 8, holes=False)
    with pytest.raises(cppo.Error, match="measured must be one of unknown, total_variation, kl, not 'tv'"):
        theory.certificate(*batch, region=cppo.fixed_cppo(), measured="tv")
    with pytest.raises(cppo.Error, match="xi is -1, but must be 0 or more"):
        theory.certificate(*batch, region=cppo.fixed_cppo(), xi=-1)
    batch[0][0, 0], batch[3][0, 0] = np.nan, True
    with pytest.raises(cppo.Error, match="log_prob at response 0, token 0 is nan"):
        theory.certificate(*batch, region=cppo.fixed_cppo())
    with pytest.raises(cppo.Error, match="u has 2 numbers, lambda_ has 3, but both must have T"):
        theory.profile_residual([0.1, 0.2], [1, 2, 3])
    with pytest.raises(cppo.Error, match=r"ell must have shape \[T\], not \[1, 2\]"):
        theory.suffix_sums([[0.1, 0.2]])
    for T in (-1, 2.5):
        with pytest.raises(cppo.Error, match="T is .*, but must be whole and 0 or more"):
            theory.classical_residual(T, 0.1)
        with pytest.raises(cppo.Error, match="T is .*, but must be whole and 0 or more"):
            theory.suffix_lengths(T)
    with pytest.raises(TypeError, match="weights_of takes a weight"):
        theory.weights_of(cppo.toward_rollout, 3)


def test_every_name_is_that_of_the_library(header):
    """In the header there is the same function, with the same parameters."""
    text = header("cppo_theory.h")
    own = {"BOUNDS", "MEASURED", "Certificate", "certificate", "tail_ratio_falls"}
    for name in set(theory.__all__) - own:
        assert f" cppo_{name}(" in text, name
        if name.endswith("_residual"):
            wanted = text.split(f" cppo_{name}(")[1].split(")")[0]
            mine = [p.removesuffix("_") for p in inspect.signature(getattr(theory, name)).parameters]
            theirs = [p.split()[-1].lstrip("*") for p in wanted.split(",")]
            assert [p for p in mine if p != "T"] == [p for p in theirs if p != "T"], name
