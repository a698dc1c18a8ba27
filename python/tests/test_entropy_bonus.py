"""The entropy bonus and the outputs `log_prob` and `entropy` of losses from logits: NumPy, PyTorch, a linear head."""

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


# ---- PyTorch

torch = pytest.importorskip("torch")
from test_torch_head import Head  # noqa: E402
from test_torch_logits import EXECUTORS, Tensors  # noqa: E402


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("aggregate", [*AGGREGATES, "none"])
def test_tensors_have_the_numbers_of_arrays(executor, aggregate):
    t, how = Tensors(), dict(horizon_of(aggregate), entropy_bonus=0.3)
    loss, report, out = t.loss(outputs=("log_prob", "entropy", "loss", "mask"), executor=executor, **how)
    loss.sum().backward()
    want, its, arrays = t.case.loss(outputs=("log_prob", "entropy", "loss", "logits_gradient", "mask"), **how)
    assert report.loss == pytest.approx(its.loss, rel=1e-5) and np.array_equal(out.mask.numpy(), arrays.mask)
    close = dict(rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(loss.detach().numpy(), want, **close)
    for name in ("log_prob", "entropy", "loss"):
        np.testing.assert_allclose(getattr(out, name).numpy(), getattr(arrays, name), **close)
        assert not getattr(out, name).requires_grad
    gradient = torch.from_numpy(arrays.logits_gradient)
    if executor == "torch":
        torch.testing.assert_close(t.x.grad, gradient, **close)
    else:
        assert torch.equal(t.x.grad, gradient)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_packed_tensors_and_a_normalizer_that_is_one(executor):
    t, normalizer = Tensors(), torch.tensor(5.0)
    padded, its = t.loss(entropy_bonus=0.3, aggregate="seq_mean_token_mean", normalizer=normalizer)
    padded.backward()
    flat = [x.reshape(12, *x.shape[2:]) for x in (t.x.detach(), t.y, t.mu, t.advantage, t.mask, t.ids, t.mu_lists)]
    x = flat[0].requires_grad_()
    loss, report = cppo.policy_loss_from_logits(
        *flat[:5], region=REGION, rollout_top_k=tuple(flat[5:]), temperature=0.7, executor=executor, entropy_bonus=0.3,
        cu_seqlens=torch.tensor([0, 4, 8, 12], dtype=torch.int32), aggregate="seq_mean_token_mean",
        normalizer=normalizer)
    loss.backward()
    torch.testing.assert_close(loss, padded, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(x.grad.view_as(t.x), t.x.grad, rtol=1e-4, atol=1e-7)
    assert report.loss == pytest.approx(its.loss, rel=1e-5) and report.loss == pytest.approx(loss.item(), rel=1e-5)


def test_the_bonus_of_a_region_that_reads_entropies_is_differentiated_once():
    t = Tensors()
    region = cppo.rules.entropy_top()
    call = (t.y, t.mu, t.advantage, t.mask)
    how = dict(region=region, temperature=0.7)
    cppo.policy_loss_from_logits(t.x, *call, entropy_bonus=0.3, **how)[0].backward()
    by_hand = t.x.detach().requires_grad_()
    found = cppo.log_probs(by_hand, t.y, entropy=True, **t.options)
    loss, _ = cppo.policy_loss_from_logits(by_hand, *call, **how)
    (loss - 0.3 * found.entropy[t.mask].mean()).backward()
    torch.testing.assert_close(t.x.grad, by_hand.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("slab_rows", [0, 4])
def test_a_linear_head_has_the_bonus_of_its_logits(slab_rows):
    h = Head()
    loss, report, out = h.loss(entropy_bonus=0.2, slab_rows=slab_rows, outputs=("entropy", "log_prob"))
    got = torch.autograd.grad(loss, h.parts)
    at_once, its, all_of = h.loss_at_once(entropy_bonus=0.2, outputs=("entropy", "log_prob"))
    want = torch.autograd.grad(at_once, h.parts)
    torch.testing.assert_close(loss, at_once)
    assert report.loss == pytest.approx(its.loss, rel=1e-6)
    torch.testing.assert_close(out.entropy, all_of.entropy, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(out.log_prob, all_of.log_prob, rtol=1e-5, atol=1e-5)
    for a, b in zip(got, want):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("aggregate", ["token_mean", "seq_mean_token_mean"])
def test_one_graph(aggregate):
    t, region = Tensors(), cppo.fixed_cppo()

    def step(x, y, mu, advantage, mask):
        loss, report = cppo.policy_loss_from_logits(x * 1.0, y, mu, advantage, mask, region=region,
                                                    temperature=0.7, entropy_bonus=0.3, aggregate=aggregate)
        return loss * 2.0, report
    torch._dynamo.reset()
    others = (t.y, t.mu, t.advantage, t.mask)
    loss, report = torch.compile(step, backend="aot_eager", fullgraph=True)(t.x, *others)
    gradient, = torch.autograd.grad(loss, t.x)
    plain = t.x.detach().requires_grad_()
    want, its = step(plain, *others)
    want.backward()
    torch.testing.assert_close(loss, want)
    torch.testing.assert_close(gradient, plain.grad, rtol=1e-6, atol=1e-8)
    assert report.loss == pytest.approx(its.loss, rel=1e-12)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_step_allocates_one_array_of_the_logits_size(executor, monkeypatch):
    from cppo import _composed_logits
    monkeypatch.setattr(_composed_logits, "CHUNK", 2 * 4000)
    t = Tensors(shape=(4, 8, 4000))
    size = t.x.numel() * t.x.element_size()
    logits = t.x * 1.0
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as made:
        torch.autograd.grad(t.loss(logits, executor=executor, entropy_bonus=0.3)[0], logits)
    assert sum(e.self_cpu_memory_usage >= size // 2 for e in made.events()) == 1


def test_rows_that_lie_apart_have_the_same_gradient(case):
    _, _, want = case.loss(outputs=("logits_gradient",), entropy_bonus=0.3)
    case.x = apart(case.x)
    _, _, got = case.loss(outputs=("logits_gradient",), entropy_bonus=0.3)
    assert np.array_equal(got.logits_gradient, want.logits_gradient)
