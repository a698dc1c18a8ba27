"""The entropy bonus and the outputs `log_prob` and `entropy` of losses from logits and from a head, with PyTorch."""

from __future__ import annotations

import cppo
import numpy as np
import pytest
from test_entropy_bonus import AGGREGATES, horizon_of
from test_logits import REGION

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
