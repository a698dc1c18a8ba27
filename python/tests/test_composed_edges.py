"""executor="torch" where random numbers do not come: ties, zeros, extremes, bad input, what is stored in fewer bits.

What decides here is given, or exact in both, so that every decision is compared.
"""

from __future__ import annotations

import cppo
import numpy as np
import pytest

torch = pytest.importorskip("torch")
from test_composed import CLOSE, REALS, WANTED  # noqa: E402

EXACT = ("mask", "decision", "divergence", "weight", "weighted_divergence", "prefix_drift", "prefix_weight",
         "threshold")


def both(inputs, *, region, **options):
    """(report, outputs) of the library and of PyTorch, whose losses are alike."""
    lent = {n: torch.as_tensor(x) for n, x in inputs.items()}
    (a, *ours), (b, *theirs) = (cppo.policy_loss(**lent, region=region, executor=executor, outputs=WANTED, **options)
                                for executor in ("seq", "torch"))
    np.testing.assert_allclose(b, a, err_msg=str(options), **CLOSE)
    return ours, theirs


def compare(inputs, *, exact=EXACT, **call):
    """Decisions alike, what is `exact` to the bit, all else closely; returns the library's report."""
    (report, ours), (its, theirs) = both(inputs, **call)
    for name in exact:
        assert torch.equal(getattr(ours, name), getattr(theirs, name)), (name, call)
    for name in REALS:
        np.testing.assert_allclose(getattr(theirs, name), getattr(ours, name), err_msg=f"{name}, {call}", **CLOSE)
    for name, value in report.as_dict().items():
        counted = not name.startswith(("sum_", "max_", "min_", "mean_", "kl_", "loss"))
        wanted = pytest.approx(value, nan_ok=True, **({"rel": 0, "abs": 0} if counted else {"rel": 3e-5, "abs": 3e-6}))
        assert getattr(its, name) == wanted, (name, call)
    return report


def tied(seed, dtype=np.float32, holes=True):
    """A batch in which D, the ratio, the advantage and the token weight often are what they are compared with. Slots
    that are no tokens hold NaN, with `holes` between tokens too."""
    random = np.random.default_rng(seed)
    shape = (5, 9)
    log_q = np.full(shape, -1.0)
    log_p = log_q + random.choice([-0.25, 0.0, 0.25], shape)
    valid = np.arange(9) < random.integers(0, 10, 5)[:, None]
    numbers = {"log_prob": log_p, "rollout_log_prob": log_q, "advantage": random.choice([-1.0, 0.0, 2.0], shape),
               "divergence_values": random.choice([0.0, 0.125, 0.25, 0.375], shape),
               "token_weight": random.choice([0.0, 1.0, 0.5], shape)}
    if holes:
        valid &= random.random(shape) > 0.1
        for x in numbers.values():
            x[~valid] = np.nan
    return {"response_mask": valid, **{n: x.astype(dtype) for n, x in numbers.items()}}


def of(mask, weight=cppo.uniform_weight):
    return cppo.trust_region(cppo.precomputed, weight, mask)


def ties(u):
    """Masks whose thresholds D meets, in units of u."""
    def budget(delta, floor, *how):
        return of(cppo.prefix_budget(delta * u, cppo.calibrated_budget(floor * u, *how) if how else floor * u))
    within = cppo.divergence_within
    return {
        "divergence": of(within(0.25 * u, 0.125 * u)), "divergence_high": of(within(0.125 * u, 0.25 * u)),
        "budget": budget(0.25, 0.125), "no_budget": budget(0.25, 0.0),
        "calibrated": budget(0.25, 0.0625, 0.5, 1.0, 4.0), "lowest": budget(0.125, 0.03125, 0.0, 1.0, 2.0),
        "highest": budget(0.125, 0.03125, 1.0, 0.5, 8.0),
        "max": of(cppo.response_max_within(0.25 * u)), "mean": of(cppo.response_mean_within(0.1875 * u)),
        "both": of(cppo.toward_rollout & within(0.25 * u)), "not_toward": of(~cppo.toward_rollout & within(0.25 * u)),
        "not_divergence": of(cppo.toward_rollout | ~within(0.25 * u)),
        "two_deltas": of(within(0.25 * u) & within(0.125 * u, 0.375 * u)),
        "all_kinds": of(cppo.toward_rollout | (cppo.ratio_within(0.9, 1.1) & within(0.25 * u) & cppo.prefix_budget(
            0.25 * u, 0.125 * u) & cppo.response_max_within(0.25 * u))),
        "weighted": of(cppo.toward_rollout | within(0.125 * u) & cppo.prefix_budget(0.125 * u, 0.125 * u),
                       cppo.linear_weight(0.5)),
    }


TIES = {**ties(1.0), "toward": of(cppo.toward_rollout), "ratio_low": of(cppo.ratio_within(1.0, 2.0)),
        "ratio_high": of(cppo.ratio_within(0.5, 1.0)), "all": of(cppo.keep_all), "none": of(cppo.keep_none),
        "not_all": of(~cppo.keep_all)}
FINE = 2.0**-16
"""Of D that fill the lower limb of a sum on the grid."""


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("name", TIES)
def test_ties(name, soft):
    region = cppo.softened(TIES[name]) if soft else TIES[name]
    for seed in range(12):
        compare(tied(seed, np.float64 if seed % 3 == 2 else np.float32), region=region)


@pytest.mark.parametrize("name", ties(FINE))
def test_fine_ties(name):
    for seed in range(8):
        batch = tied(seed, np.float64 if seed % 3 == 2 else np.float32)
        batch["divergence_values"] *= np.float32(FINE)
        compare(batch, region=ties(FINE)[name])


@pytest.mark.parametrize("change", [
    {"surrogate": "reinforce"}, {"log_ratio_clamp": 0.25}, {"log_ratio_clamp": 0.125}, {"log_ratio_clamp": 0.0},
    {"ratio_cap": 1.0}, {"ratio_cap": 1.1}, {"surrogate": "reinforce", "ratio_cap": 1.1, "log_ratio_clamp": 0.125},
    {"positions": "padded_column"}, {"positions": "fixed_horizon", "horizon": 9},
    {"positions": "fixed_horizon", "horizon": 100}, {"aggregate": "seq_mean_token_mean"},
    {"aggregate": "seq_mean_token_sum"}, {"aggregate": "seq_mean_token_sum_norm", "horizon": 5},
    {"aggregate": "token_sum"}, {"aggregate": "none"}, {"normalizer": 3.0}, {"aggregate": "none", "normalizer": 3.0}],
    ids=str)
def test_options_at_ties(change):
    for seed in range(6):
        compare(tied(seed), region=TIES["weighted"], **change)


def test_a_batch_without_tokens():
    empty = tied(0)
    empty["response_mask"][:] = False
    for name in ("calibrated", "max", "mean", "weighted"):
        for aggregate in ("token_mean", "seq_mean_token_sum", "seq_mean_token_mean"):
            assert compare(empty, region=TIES[name], aggregate=aggregate).tokens == 0
        assert compare({n: x[:0] for n, x in empty.items()}, region=TIES[name]).responses == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("divergence", ["binary_tv", "binary_kl", "binary_kl_reverse", "k1", "k2", "k3"])
def test_extremes(divergence, dtype):
    """Log-probs from 0 to the floor: infinite divergences, ratios that leave a float."""
    ends = np.array([0.0, -1e-7, -1.0, -88.0, -90.0, -600.0, -1000.0])
    log_p, log_q = (x.reshape(7, 7).astype(dtype) for x in np.meshgrid(ends, ends))
    inputs = {"log_prob": log_p, "rollout_log_prob": log_q, "advantage": np.where(log_q < -50, -1.0, 1.0).astype(dtype)}
    masks = {"within": cppo.divergence_within(0.5), "budget": cppo.prefix_budget(3.0, 1.5),
             "mean": cppo.response_mean_within(500.0), "most": cppo.response_max_within(999.0)}
    for mask in masks.values():
        region = cppo.trust_region(getattr(cppo, divergence), cppo.linear_weight(0.5), mask)
        for options in ({}, {"log_ratio_clamp": 0.0}, {"surrogate": "reinforce", "log_ratio_clamp": 0.0}):
            (report, ours), (its, theirs) = both(inputs, region=region, **options)
            assert torch.equal(ours.mask, theirs.mask) and torch.equal(ours.decision, theirs.decision)
            for name in ("divergence", "gradient", "loss", "prefix_drift", "threshold"):
                np.testing.assert_allclose(getattr(theirs, name), getattr(ours, name), err_msg=name, rtol=3e-5,
                                           atol=1e-30 if name in ("gradient", "loss") else 3e-6)
            for name in ("clamped", "not_finite", "kept", "masked_high", "masked_low"):
                assert getattr(its, name) == getattr(report, name), name
            assert its.max_ratio == pytest.approx(report.max_ratio, rel=3e-5)
            assert its.max_divergence == pytest.approx(report.max_divergence, rel=3e-5, abs=1e-6)


def outcome(inputs, executor, **options):
    """How many bad tokens there are, by `leave_out`."""
    lent = {n: torch.as_tensor(x) for n, x in inputs.items()}
    return cppo.policy_loss(**lent, executor=executor, bad_input="leave_out", **options)[1]


@pytest.mark.parametrize("what, value, options", [
    ("log_prob", 1e-4, {}), ("log_prob", 1e-4, {"log_prob_tolerance": 1e-3}),
    ("log_prob", 2e-3, {"log_prob_tolerance": 1e-3}), ("log_prob", -1000.0, {}), ("log_prob", -1000.5, {}),
    ("log_prob", -30.0, {"log_prob_floor": -20.0}), ("log_prob", -2000.0, {"log_prob_floor": -3000.0}),
    ("log_prob", -np.inf, {}), ("log_prob", -np.inf, {"log_prob_floor": -np.inf}),
    ("rollout_log_prob", 1e-4, {}), ("rollout_log_prob", -1001.0, {}), ("rollout_log_prob", -np.inf, {}),
    ("advantage", np.inf, {}), ("advantage", -np.inf, {}), ("advantage", 3e38, {}), ("token_weight", -np.inf, {}),
    ("token_weight", -2.0, {}), ("divergence_values", np.inf, {}), ("divergence_values", -1e-6, {}),
    ("divergence_values", 2000.0, {}), ("response_mask", 2.0, {}), ("response_mask", -1.0, {}),
    ("response_mask", 0.0, {})])
def test_what_is_bad_input(what, value, options):
    for b in (0, 4):
        inputs = tied(3, holes=False)
        inputs["response_mask"] = np.ones((5, 9), np.float32)
        inputs[what][b, 8] = value
        ours, theirs = (outcome(inputs, executor, region=TIES["weighted"], **options) for executor in ("seq", "torch"))
        for name in ("bad_tokens", "rejected_responses", "tokens", "responses", "kept"):
            assert getattr(ours, name) == getattr(theirs, name), name


@pytest.mark.parametrize("name, value", [("log_probs", np.nan), ("log_probs", 0.5), ("rollout_log_probs", -2000.0),
                                         ("log_probs", -np.inf), ("rollout_log_probs", -np.inf)])
def test_bad_entries_of_lists(name, value):
    """An entry that is not used is never bad."""
    for used in (True, False):
        lists = {n: torch.full((2, 3, 2), -1.5) for n in ("log_probs", "rollout_log_probs")}
        ids = torch.tensor([4, 0]).repeat(2, 3, 1)
        lists[name][1, 2, 1] = value
        ids[1, 2, 1] = 0 if used else -1
        inputs = {"log_prob": torch.full((2, 3), -1.0), "rollout_log_prob": torch.full((2, 3), -1.1),
                  "advantage": torch.ones(2, 3)}
        call = dict(region=cppo.dppo(divergence=cppo.top_k_tv), token_id=torch.full((2, 3), 7),
                    top_k=cppo.TopK(ids, **lists))
        ours, theirs = (outcome(inputs, executor, **call) for executor in ("seq", "torch"))
        assert ours.bad_tokens == theirs.bad_tokens and ours.rejected_responses == theirs.rejected_responses
        if not used:
            assert ours.bad_tokens == 0


def test_outputs_of_fewer_bits_count_what_they_cannot_hold():
    """In double, as log μ is, for outputs in float."""
    inputs = {"log_prob": torch.full((1, 6), -1.0), "rollout_log_prob": torch.full((1, 6), -1.0, dtype=torch.float64),
              "advantage": torch.tensor([[1e-60, 1e60, 0.0, 1.0, 1e60, 1e-44]], dtype=torch.float64)}
    (report, _), (its, _) = both(inputs, region=cppo.unrestricted(), aggregate="token_sum")
    assert (its.stored_infinite, its.stored_zero) == (report.stored_infinite, report.stored_zero)
    assert report.stored_infinite > 0 and report.stored_zero > 0
    assert report.loss == -2e60


def test_a_loss_that_its_type_cannot_hold_is_infinite():
    log_prob = torch.full((1, 2), -1.0, requires_grad=True)
    advantage = torch.tensor([[1e60, 1.0]], dtype=torch.float64)
    for sign in (1.0, -1.0):
        for executor in ("simd", "torch"):
            call = dict(region=cppo.unrestricted(), executor=executor)
            loss, _ = cppo.policy_loss(log_prob, log_prob.detach().double(), sign * advantage, **call)
            assert loss.dtype == torch.float32 and loss == -sign * torch.inf
            loss, _, out = cppo.policy_loss(log_prob, log_prob.detach().double(), sign * advantage, **call,
                                            outputs=("gradient",))
            assert loss == -sign * torch.inf and out.gradient[0, 0] == -sign * torch.inf


@pytest.mark.parametrize("packed", [False, True])
def test_one_value_for_a_response(packed):
    whole = {n: torch.as_tensor(x) for n, x in tied(7, holes=False).items()}
    lengths = torch.tensor([2, 0, 3, 9, 1])
    each = {"advantage": torch.tensor([1.0, -1.0, 2.0, -2.0, 0.5]),
            "token_weight": torch.tensor([1.0, 0.5, 2.0, 0.25, 4.0])}
    inside = torch.arange(9) < lengths[:, None]
    spread = {**whole, "response_mask": inside, **{n: x[:, None].expand(5, 9) for n, x in each.items()}}
    expected = cppo.policy_loss(**spread, region=TIES["weighted"], executor="torch", outputs=WANTED)
    if packed:
        lent = {n: x[inside] for n, x in whole.items() if n not in ("response_mask", *each)}
        call = {"cu_seqlens": torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])}
    else:
        lent, call = {**whole, "response_mask": inside}, {}
    for shaped in (each, {n: x[:, None] for n, x in each.items()})[:1 if packed else 2]:
        found = cppo.policy_loss(**{**lent, **shaped}, **call, region=TIES["weighted"], executor="torch",
                                 outputs=WANTED)
        assert found[1] == expected[1]
        for name in WANTED:
            theirs, ours = getattr(found[2], name), getattr(expected[2], name)
            assert torch.equal(theirs, ours[inside] if packed else ours), name


@pytest.mark.parametrize("name", ["rollout_log_prob", "advantage", "token_weight", "response_mask"])
def test_shapes_that_do_not_fit_are_named(name):
    inputs = {n: torch.as_tensor(x) for n, x in tied(1).items()}
    inputs[name] = inputs[name][:, :8]
    said = []
    for executor in ("seq", "torch"):
        with pytest.raises(cppo.Error) as e:
            cppo.policy_loss(**inputs, region=TIES["all"], executor=executor)
        said.append((e.value.code, e.value.argument))
    assert said[0] == said[1]
