"""`policy_loss` on NumPy arrays: the equations, and layouts that must not matter."""

from __future__ import annotations

import cppo
import numpy as np
import pytest
from conftest import make_batch
from equations import batch as by_equations
from hypothesis import given, settings
from hypothesis import strategies as st

REGION = cppo.fixed_cppo(delta=0.1, delta_b=0.02)
WANTED = ("gradient", "mask", "gate", "loss", *cppo.TRACE)


def run(log_p, log_q, advantage, valid=None, *, region=REGION, outputs=WANTED, **options):
    return cppo.policy_loss(log_p, log_q, advantage, valid, region=region, outputs=outputs, **options)


def same(a, b):
    """The same bits in loss, report and every output."""
    (loss_a, report_a, out_a), (loss_b, report_b, out_b) = a, b
    assert loss_a == loss_b and report_a == report_b
    for name in WANTED:
        assert np.asarray(getattr(out_a, name)).tobytes() == np.ascontiguousarray(getattr(out_b, name)).tobytes(), name


@pytest.mark.parametrize("dtype, close", [(np.float64, 1e-12), (np.float32, 3e-6)])
@pytest.mark.parametrize("calibrated", [False, True])
@given(seed=st.integers(0, 10**6), responses=st.integers(1, 6), width=st.integers(1, 40))
@settings(deadline=None, max_examples=60)
def test_the_equations(dtype, close, calibrated, seed, responses, width):
    log_p, log_q, advantage, valid = make_batch(responses, width, seed, dtype)
    mask, loss, gradient, margin = by_equations(log_p, log_q, advantage, valid, delta=0.1, delta_b=0.02, w_min=0.8,
                                                calibrated=calibrated)
    region = (cppo.calibrated_cppo if calibrated else cppo.fixed_cppo)(delta=0.1, delta_b=0.02, w_min=0.8)
    found, report, out = run(log_p, log_q, advantage, valid, region=region, outputs=("gradient", "mask"))
    clear = valid & (margin > 1e-6)
    assert np.array_equal(out.mask[clear], mask[clear]) and not out.mask[~valid].any()
    np.testing.assert_allclose(out.gradient[clear], gradient[clear], rtol=close, atol=close)
    assert not out.gradient[~valid].any()
    if (margin > 1e-6).all():
        assert found == pytest.approx(loss, rel=close, abs=close)
        assert report.kept == mask.sum() and report.tokens == valid.sum() and report.loss == found


@pytest.mark.parametrize("executor, threads", [("seq", 1), ("simd", 2), ("simd", 0)])
def test_executors_have_the_same_bits(small, executor, threads):
    same(run(*small), run(*small, executor=executor, threads=threads))


def strided(x, how):
    """The same values, elsewhere in memory."""
    if how == "columns":
        return np.asfortranarray(x)
    if how == "every second":
        wide = np.zeros((x.shape[0], 2 * x.shape[1] + 1), x.dtype)
        wide[:, 1::2][:, :x.shape[1]] = x
        return wide[:, 1::2][:, :x.shape[1]]
    return np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1]


@given(seed=st.integers(0, 10**6), hows=st.tuples(*[st.sampled_from(["columns", "every second", "backwards"])] * 4))
@settings(deadline=None, max_examples=40)
def test_strides_do_not_matter(seed, hows):
    batch = make_batch(4, 19, seed)
    same(run(*batch), run(*(strided(x, how) for x, how in zip(batch, hows))))


@pytest.mark.parametrize("mask_type", [bool, np.uint8, np.int16, np.int64, np.float32, np.float64, np.uint32])
def test_the_type_of_the_response_mask_does_not_matter(small, mask_type):
    *numbers, valid = small
    same(run(*small), run(*numbers, valid.astype(mask_type)))


@pytest.mark.parametrize("half", [np.float16])
def test_half_types_are_read_as_they_are(small, half):
    *numbers, valid = small
    halves = [x.astype(half) for x in numbers]
    same(run(*halves, valid), run(*(x.astype(np.float32) for x in halves), valid))


def test_one_double_log_prob_makes_the_call_double(small):
    log_p, log_q, advantage, valid = small
    for batch in ((log_p.astype(np.float64), log_q), (log_p, log_q.astype(np.float64))):
        _, _, out = run(*batch, advantage, valid)
        assert out.gradient.dtype == out.divergence.dtype == np.float64 and out.mask.dtype == bool
    assert run(*small)[2].gradient.dtype == np.float32


@given(seed=st.integers(0, 10**6), offsets_type=st.sampled_from([np.int32, np.int64]))
@settings(deadline=None, max_examples=40)
def test_packed_equals_padded(seed, offsets_type):
    batch = make_batch(5, 17, seed)
    lengths = np.random.default_rng(seed).integers(0, 18, 5)
    inside = np.arange(17) < lengths[:, None]
    padded = run(*batch[:3], batch[3] & inside)
    packed_batch = [x[inside] for x in batch]
    cu_seqlens = np.concatenate([[0], np.cumsum(lengths)]).astype(offsets_type)
    loss, report, out = run(*packed_batch, cu_seqlens=cu_seqlens)
    assert loss == padded[0] and report == padded[1]
    for name in WANTED:
        assert getattr(out, name).tobytes() == getattr(padded[2], name)[inside].tobytes(), name
    flat = [x[None] for x in packed_batch]  # [1, N], as attention kernels have it
    assert run(*flat, cu_seqlens=cu_seqlens)[:2] == (loss, report)
    roomy = [np.concatenate([x, x[:1], x[:1]]) if x.size else np.zeros(2, x.dtype) for x in packed_batch]
    with_room = run(*roomy, cu_seqlens=cu_seqlens, with_capacity=True)
    assert with_room[:2] == (loss, report) and not with_room[2].gradient[inside.sum():].any()


def test_one_value_for_each_response(small):
    log_p, log_q, _, valid = small
    each = np.linspace(-1, 1, 5, dtype=np.float32)
    whole = run(log_p, log_q, np.repeat(each[:, None], 23, 1), valid)
    same(whole, run(log_p, log_q, each, valid))
    same(whole, run(log_p, log_q, each[:, None], valid))
    same(whole, run(log_p, log_q, np.broadcast_to(each[:, None], log_p.shape), valid))
    cu_seqlens = np.arange(0, 6 * 23, 23)
    packed = run(log_p.ravel(), log_q.ravel(), each, valid.ravel(), cu_seqlens=cu_seqlens)
    assert packed[:2] == whole[:2]
    same(run(log_p, log_q, np.ones_like(log_p), valid), run(log_p, log_q, np.float32(1), valid))


def test_one_response_may_have_one_dimension(small):
    rows = [x[2] for x in small]
    loss, report, out = run(*rows)
    assert out.mask.shape == (23,)
    whole = run(*(x[2:3] for x in small))
    assert (loss, report) == whole[:2] and np.array_equal(out.gradient, whole[2].gradient[0])


@pytest.mark.parametrize("aggregate", ["token_sum", "token_mean", "seq_mean_token_sum", "seq_mean_token_mean",
                                       "seq_mean_token_sum_norm"])
def test_aggregations(small, aggregate):
    *_, valid = small
    horizon = 40
    losses = run(*small, aggregate="none")[0].astype(np.float64)
    lengths, rows = valid.sum(1), losses.sum(1)
    some = lengths > 0
    wanted = {"token_sum": rows.sum(), "token_mean": rows.sum() / lengths.sum(),
              "seq_mean_token_sum": rows.sum() / some.sum(),
              "seq_mean_token_mean": (rows[some] / lengths[some]).sum() / some.sum(),
              "seq_mean_token_sum_norm": rows.sum() / some.sum() / horizon}[aggregate]
    loss, report, out = run(*small, aggregate=aggregate, horizon=horizon)
    assert loss == pytest.approx(wanted, rel=1e-6) and out.loss.sum() == pytest.approx(wanted, rel=1e-5)
    scaled = run(*small, aggregate=aggregate, horizon=horizon, normalizer=4.0)
    unit = {"token_sum": 4.0, "token_mean": lengths.sum() / 4}.get(aggregate, some.sum() / 4)
    assert scaled[0] == pytest.approx(wanted * (unit if aggregate != "token_sum" else scaled[0] / wanted), rel=1e-6)


def test_lent_divergences_and_token_weights(small):
    log_p, log_q, advantage, valid = small
    with np.errstate(invalid="ignore"):
        d = np.abs(np.exp(log_p) - np.exp(log_q))
    lent = cppo.fixed_cppo(delta=0.1, delta_b=0.02, divergence=cppo.precomputed)
    _, _, out = run(*small, region=lent, divergence_values=d)
    assert np.array_equal(out.divergence[valid], d[valid])
    plain, weighted = run(*small), run(*small, token_weight=np.full_like(log_p, 0.5))
    assert np.array_equal(weighted[2].gradient, plain[2].gradient * np.float32(0.5))
    with pytest.raises(cppo.Error, match="divergence_values") as e:
        run(*small, region=lent)
    assert e.value.code == cppo.StatusCode.missing_input and e.value.argument == "divergence_values"


def test_top_k_lists(small):
    """Lists that hold y_t and all other mass are the partition of Binary-TV."""
    log_p, log_q, advantage, valid = small
    ids = np.zeros(log_p.shape, np.int32)
    lists = cppo.TopK(np.zeros((*log_p.shape, 2), np.int64), np.stack([log_p, log_p], -1), np.stack([log_q, log_q], -1))
    lists.ids[..., 1] = -1
    region = cppo.fixed_cppo(delta=0.1, delta_b=0.02, divergence=cppo.top_k_tv)
    found, binary = run(*small, region=region, token_id=ids, top_k=lists), run(*small)
    np.testing.assert_allclose(found[2].divergence, binary[2].divergence, atol=1e-6)
    flat = cppo.TopK(*(x.reshape(-1, 2) for x in lists))
    same(found, run(*small, region=region, token_id=ids, top_k=flat))
    cu_seqlens = np.arange(0, 6 * 23, 23)
    packed = run(*(x.ravel() for x in small), region=region, token_id=ids.ravel(), top_k=flat, cu_seqlens=cu_seqlens)
    assert packed[:2] == found[:2]


def test_surrogates_clamps_and_caps(small):
    log_p, log_q, advantage, valid = small
    plain = run(*small, region=cppo.unrestricted(), aggregate="none")[2]
    reinforce = run(*small, region=cppo.unrestricted(), aggregate="none", surrogate="reinforce")
    assert np.array_equal(reinforce[2].gradient, plain.gradient)
    np.testing.assert_allclose(reinforce[0][valid], (plain.gradient * log_p)[valid], rtol=1e-5)
    capped = run(*small, region=cppo.unrestricted(), aggregate="none", ratio_cap=1.0)
    assert np.abs(capped[0][valid]).max() <= np.abs(advantage[valid]).max() and capped[1].capped > 0
    clamped = run(*small, region=cppo.unrestricted(), log_ratio_clamp=0.01)[1]
    assert clamped.clamped > 0 and clamped.max_ratio <= np.exp(0.0101)


def test_positions_and_horizons(small):
    *_, valid = small
    own = run(*small)[2].weight
    fixed = run(*small, positions="fixed_horizon", horizon=100)[2].weight
    column = run(*small, positions="padded_column")[2].weight
    row = int(valid.sum(1).argmax())
    at = np.flatnonzero(valid[row])
    assert own[row, at[-1]] == pytest.approx(0.8)
    assert fixed[row, at[-1]] == pytest.approx(1 - 0.2 * (at.size - 1) / 99)
    assert column[row, at[-1]] == pytest.approx(1 - 0.2 * at[-1] / 22)


def test_outputs_into_arrays_of_the_caller(small):
    log_p = small[0]
    woven = np.full((5, 23, 2), 7.0, np.float32)
    kept = np.full(log_p.shape, 9, np.int64)
    _, _, out = run(*small, outputs={"gradient": woven[..., 0], "mask": kept, "decision": None})
    whole = run(*small)[2]
    assert np.array_equal(woven[..., 0], whole.gradient) and (woven[..., 1] == 7).all()
    assert out.mask is kept and np.array_equal(kept, whole.mask) and np.array_equal(out.decision, whole.decision)
    assert out.gate is None
    assert set(np.unique(whole.decision)) <= set(cppo.Decision)
    assert ((whole.decision == cppo.Decision.kept_toward) | (whole.decision == cppo.Decision.kept)
            == whole.mask).all()


def test_soft_gates(small):
    hard, soft = run(*small), run(*small, region=cppo.softened(REGION))
    out = soft[2]
    fades = (out.gate > 0) & (out.gate < 1)
    assert fades.any() and np.array_equal(out.mask, hard[2].mask)
    np.testing.assert_allclose(out.gate[fades], 1 / out.excess[fades], rtol=1e-6)


def test_lists_are_read_as_doubles():
    loss, report = cppo.policy_loss([[-1.0, -0.5]], [[-1.1, -0.5]], [[1.0, 1.0]], region=cppo.unrestricted())
    assert loss == pytest.approx(-(np.exp(0.1) + 1) / 2, rel=1e-12) and report.tokens == 2
