"""The entropy bonus and the outputs `log_prob` and `entropy` of losses from logits, with NumPy."""

from __future__ import annotations

import struct

import cppo
import numpy as np
import pytest
from test_logits import REGION, Case, apart, through_c

AGGREGATES = ["token_sum", "token_mean", "seq_mean_token_sum", "seq_mean_token_mean", "seq_mean_token_sum_norm"]


def horizon_of(aggregate):
    return {"aggregate": aggregate, "horizon": 9 if aggregate.endswith("norm") else 0}


def scale_of(aggregate, mask, normalizer=None, horizon=9):
    """The factor on each token's loss, [B, T], written from the definition."""
    lengths = mask.sum(1, keepdims=True)
    counts = {"token_sum": 1, "none": 1, "token_mean": mask.sum()}
    divisor = counts.get(aggregate, (lengths > 0).sum()) if normalizer is None else normalizer
    each = {"seq_mean_token_mean": np.maximum(lengths, 1), "seq_mean_token_sum_norm": horizon}.get(aggregate, 1)
    return mask / (np.maximum(divisor, 1) * each)


@pytest.fixture
def case():
    made = Case()
    made.mask[1, 1:] = False
    return made


@pytest.mark.parametrize("executor", ["simd", "seq"])
@pytest.mark.parametrize("aggregate", AGGREGATES[:4])
def test_gradient_and_mask_have_the_bits_of_c_and_the_report_its_numbers(case, executor, aggregate, monkeypatch):
    from cppo import _call
    pack = _call.pack_options
    number = cppo.Options(executor=executor, threads=2, aggregate=aggregate)
    monkeypatch.setattr(_call, "pack_options", lambda _: pack(number)[:-8] + struct.pack("d", 0.3))
    gradient, mask = through_c(case, executor)
    monkeypatch.undo()
    loss, report, out = case.loss(outputs=("logits_gradient", "mask", "loss"), executor=executor, entropy_bonus=0.3,
                                  aggregate=aggregate)
    assert np.array_equal(out.logits_gradient, gradient) and np.array_equal(out.mask, mask)
    assert loss == report.loss == pytest.approx(out.loss.astype(float).sum(), rel=1e-6)
    assert out.decision is None and out.log_prob is None and gradient[case.mask & ~mask].any()


@pytest.mark.parametrize("aggregate", [*AGGREGATES, "none"])
@pytest.mark.parametrize("normalizer", [None, 7.0])
def test_each_token_has_its_share_taken(case, aggregate, normalizer):
    how = dict(horizon_of(aggregate), normalizer=normalizer)
    _, _, h = case.exact(case.x)
    want = -0.3 * scale_of(aggregate, case.mask, normalizer) * h
    plain, its, before = case.loss(outputs=("loss",), **how)
    loss, report, after = case.loss(outputs=("loss",), entropy_bonus=0.3, **how)
    np.testing.assert_allclose(after.loss - before.loss, want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(loss - plain, want if aggregate == "none" else want.sum(), rtol=1e-4, atol=1e-5)
    assert report.loss - its.loss == pytest.approx(want.sum(), rel=1e-5)
    assert report.kept == its.kept and (report + report).loss == pytest.approx(
        report.loss * (2 if normalizer or aggregate in ("token_sum", "none") else 1), rel=1e-12)


def test_random_batches_have_the_gradient_of_their_loss():
    """By differences of the whole loss, in double: any aggregation, layout and coefficient."""
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies

    @hypothesis.settings(max_examples=40, deadline=None)
    @hypothesis.given(st.integers(1, 3), st.integers(1, 4), st.sampled_from(AGGREGATES), st.floats(-2, 2),
                      st.booleans(), st.integers(0, 99))
    def check(responses, width, aggregate, c, packed, seed):
        case = Case((responses, width, 7), k=1, seed=seed)
        random = np.random.default_rng(seed)
        case.mask &= random.random(case.mask.shape) > 0.2
        given = [case.x, case.y, case.mu, case.advantage, case.mask]
        how = dict(horizon_of(aggregate), region=cppo.unrestricted(), temperature=0.7, entropy_bonus=c)
        if packed:
            given = [x.reshape(-1, *x.shape[2:]) for x in given]
            how["cu_seqlens"] = np.arange(0, responses * width + 1, width)
        _, _, out = cppo.policy_loss_from_logits(*given, outputs=("logits_gradient",), **how)
        gradient = out.logits_gradient.reshape(case.x.shape)
        direction = random.normal(0, 1, case.x.shape)

        def loss(step):
            log_p, _, h = case.exact(case.x.astype(np.float64) + step * direction)
            log_prob = np.take_along_axis(log_p, case.y[..., None], -1)[..., 0]
            ratio = np.exp(log_prob - np.where(case.mask, case.mu, 0.0).astype(np.float64))
            scale = scale_of(aggregate, case.mask)
            return (scale * np.where(case.mask, -ratio * case.advantage - c * h, 0.0)).sum()
        slope = (loss(1e-5) - loss(-1e-5)) / 2e-5
        assert (gradient * direction)[case.mask].sum() == pytest.approx(slope, rel=1e-3, abs=2e-4)
        assert not gradient[~case.mask].any()
    check()


def test_a_response_that_is_left_out_has_no_share(case):
    case.mu = case.mu.copy()
    case.mu[0, 2] = np.nan
    how = dict(bad_input="leave_out", outputs=("logits_gradient",))
    _, plain, _ = case.loss(**how)
    _, report, out = case.loss(entropy_bonus=0.3, **how)
    _, _, h = case.exact(case.x)
    left = case.mask.copy()
    left[0] = False
    assert report.loss - plain.loss == pytest.approx(-0.3 * h[left].mean(), rel=1e-5)
    assert not out.logits_gradient[0].any() and out.logits_gradient[2, 0].any()


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_pieces_have_the_bonus_of_whole_responses(case, aggregate):
    from test_pieces import cut
    region = cppo.fixed_cppo(delta=0.1, delta_b=0.02)
    how = dict(horizon_of(aggregate), region=region, temperature=0.7, entropy_bonus=0.3, outputs=("logits_gradient",))
    batch = (case.x, case.y, case.mu, case.advantage, case.mask)
    loss, report, whole = cppo.policy_loss_from_logits(*batch, **how)
    spans, packed, cuts = cut(batch[1:], 3, 5)
    x = np.concatenate([case.x[b, s] for b, _, s in spans])
    log_prob = cppo.log_probs(x, packed[0], response_mask=packed[3], temperature=0.7).log_prob
    lent = cppo.PieceBatch(log_prob, *packed[1:], region=region, cu_seqlens=cuts)
    plan = cppo.plan_pieces(lent, [b for b, _, _ in spans], [k for _, k, _ in spans])
    found, added, out = cppo.policy_loss_from_logits(x, *packed, cu_seqlens=cuts, carries=plan.carries,
                                                     totals=plan.totals, **how)
    assert found == pytest.approx(loss, rel=2e-6) and added.loss == pytest.approx(report.loss, rel=2e-6)
    for i, (b, _, s) in enumerate(spans):
        assert np.array_equal(out.logits_gradient[cuts[i]:cuts[i + 1]], whole.logits_gradient[b, s])


@pytest.mark.parametrize("bonus", [0.0, 0.3])
def test_log_prob_and_entropy_are_those_of_the_logits(case, bonus):
    found = cppo.log_probs(case.x, case.y, entropy=True, **case.options())
    _, _, out = case.loss(outputs=("log_prob", "entropy", "decision"), entropy_bonus=bonus)
    assert np.array_equal(out.log_prob, found.log_prob) and np.array_equal(out.entropy, found.entropy)
    assert out.decision is not None and out.log_prob.dtype == np.float32
    given = {"log_prob": np.empty(case.y.shape), "entropy": np.empty(case.y.shape, np.float16), "mask": None}
    _, _, again = case.loss(outputs=given, entropy_bonus=bonus)
    assert again.log_prob is given["log_prob"] and np.array_equal(again.log_prob, found.log_prob)
    assert np.array_equal(again.entropy, found.entropy.astype(np.float16)) and again.mask is not None


def test_wrong_calls(case):
    for bonus in (np.nan, np.inf, 1e39):
        with pytest.raises(cppo.Error, match="entropy_bonus is .*must be finite"):
            case.loss(entropy_bonus=bonus)
    with pytest.raises(TypeError, match="entropy_bonus"):
        cppo.policy_loss(case.mu, case.mu, case.advantage, case.mask, region=REGION, entropy_bonus=0.1)
    shut = np.zeros(case.y.shape)
    shut.flags.writeable = False
    mask = np.full(case.y.shape, 7, np.uint8)
    for name, x, words in (("log_prob", np.zeros((4, 3)), r"log_prob is an array \[4, 3\]"),
                           ("entropy", shut, "read-only"),
                           ("entropy", np.zeros(case.y.shape, int), "must be one of floats")):
        with pytest.raises(cppo.Error, match=words):
            case.loss(outputs={"mask": mask, name: x})
    assert (mask == 7).all()


def test_rows_that_lie_apart_have_the_same_gradient(case):
    _, _, want = case.loss(outputs=("logits_gradient",), entropy_bonus=0.3)
    case.x = apart(case.x)
    _, _, got = case.loss(outputs=("logits_gradient",), entropy_bonus=0.3)
    assert np.array_equal(got.logits_gradient, want.logits_gradient)
