"""The op for PyTorch: values, gradients, opcheck, torch.compile, torch.func, autocast."""

from __future__ import annotations

import os
import subprocess
import sys

import cppo
import numpy as np
import pytest
from conftest import make_batch

torch = pytest.importorskip("torch")

REGION = cppo.fixed_cppo(delta=0.1, delta_b=0.02)


def tensors(batch, dtype=torch.float32, grad=True):
    numbers = [torch.from_numpy(x).to(dtype) for x in batch[:3]]
    numbers[0].requires_grad_(grad)
    return (*numbers, torch.from_numpy(batch[3]))


def packed(batch):
    """The tokens of a batch one response after the other, and their offsets."""
    valid = batch[3]
    lengths = valid.sum(1)
    return [x[valid] for x in batch], np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("aggregate", ["token_mean", "seq_mean_token_mean", "token_sum"])
def test_values_are_those_of_numpy(small, dtype, aggregate):
    batch = tensors(small, dtype)
    loss, report = cppo.policy_loss(*batch, region=REGION, aggregate=aggregate)
    loss.backward()
    arrays = [x.detach().numpy() for x in batch]
    expected, its_report, out = cppo.policy_loss(*arrays, region=REGION, aggregate=aggregate, outputs=("gradient",))
    assert loss.dtype == dtype and loss.item() == pytest.approx(expected, rel=1e-7)
    assert np.array_equal(batch[0].grad.numpy(), out.gradient) and report == its_report


def test_gradients_are_those_of_autograd(small):
    """Against the loss written in PyTorch, given the mask."""
    log_p, log_q, advantage, valid = tensors(small, torch.float64)
    loss, _, out = cppo.policy_loss(log_p, log_q, advantage, valid, region=REGION, outputs=("mask",))
    (3.0 * loss).backward()
    own = log_p.detach()[valid].requires_grad_()
    written = -(out.mask[valid] * (own - log_q[valid]).exp() * advantage[valid]).sum() / valid.sum()
    (3.0 * written).backward()
    torch.testing.assert_close(log_p.grad[valid], own.grad, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(loss, written, rtol=1e-12, atol=1e-12)
    assert not log_p.grad[~valid].any()


@pytest.mark.parametrize("normalizer", [None, 64.0])
def test_the_gradient_is_an_output_too(small, normalizer):
    batch = tensors(small)
    loss, _, out = cppo.policy_loss(*batch, region=REGION, normalizer=normalizer, outputs=("mask", "gradient"))
    loss.backward()
    assert torch.equal(out.gradient, batch[0].grad) and not out.gradient.requires_grad
    assert not out.mask[~batch[3]].any()


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_types_are_read_as_they_are(small, half):
    batch = tensors(small, half)
    wide = [batch[0].detach().float().requires_grad_(), *(x.float() for x in batch[1:3]), batch[3]]
    results = [cppo.policy_loss(*b, region=REGION, outputs=("mask", "divergence")) for b in (batch, wide)]
    (narrow, report, out), (loss, wide_report, wide_out) = results
    assert narrow == loss and report == wide_report and torch.equal(out.divergence, wide_out.divergence)
    narrow.backward(), loss.backward()
    assert batch[0].grad.dtype == half and torch.equal(batch[0].grad, wide[0].grad.to(half))


def test_a_scaler_saves_gradients_that_half_types_cannot_hold():
    """A gradient of 1e-9 is 0 in float16, but not if the scale goes into the product first."""
    log_p = torch.full((1, 4), -0.5, dtype=torch.float16, requires_grad=True)
    batch = (log_p, torch.full((1, 4), -0.5), torch.ones(1, 4))
    loss, _ = cppo.policy_loss(*batch, region=cppo.unrestricted(), normalizer=1e9)
    (loss * 2.0**20).backward()
    torch.testing.assert_close(log_p.grad.float(), torch.full((1, 4), -(2.0**20) / 1e9), rtol=1e-3, atol=0)


def test_autocast_changes_nothing(small):
    batch = tensors(small)
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = cppo.policy_loss(*batch, region=REGION)
    loss.backward()
    plain = tensors(small)
    expected, _ = cppo.policy_loss(*plain, region=REGION)
    expected.backward()
    assert loss == expected and torch.equal(batch[0].grad, plain[0].grad)


def test_strides_do_not_matter(small):
    log_p, log_q, advantage, valid = tensors(small, grad=False)
    wide = torch.zeros(5, 2, 23)
    wide[:, 1] = log_p
    slices = wide[:, 1].requires_grad_()
    assert not slices.is_contiguous()
    columns, repeated = log_q.T.contiguous().T, advantage[:, :1].expand(5, 23)
    loss, report = cppo.policy_loss(slices, columns, repeated, valid, region=REGION)
    loss.backward()
    dense = log_p.requires_grad_()
    expected, its_report = cppo.policy_loss(dense, log_q, advantage, valid, region=REGION)
    expected.backward()
    assert loss == expected and torch.equal(slices.grad, dense.grad)


def test_losses_of_tokens(small):
    batch = tensors(small)
    losses, _ = cppo.policy_loss(*batch, region=REGION, aggregate="none")
    weights = torch.rand(losses.shape)
    (losses * weights).sum().backward()
    unit = tensors(small)
    cppo.policy_loss(*unit, region=REGION, aggregate="token_sum")[0].backward()
    assert losses.shape == batch[0].shape and torch.equal(batch[0].grad, unit[0].grad * weights)


@pytest.mark.parametrize("normalizer", [64.0, torch.tensor(64.0), torch.tensor(64)])
def test_a_normalizer_divides_in_torch(small, normalizer):
    batch = tensors(small)
    loss, report = cppo.policy_loss(*batch, region=REGION, normalizer=normalizer)
    loss.backward()
    arrays = [x.detach().numpy() for x in batch]
    expected, its_report, out = cppo.policy_loss(*arrays, region=REGION, normalizer=64.0, outputs=("gradient",))
    assert loss.item() == pytest.approx(expected, rel=1e-6) and report == its_report
    torch.testing.assert_close(batch[0].grad, torch.from_numpy(out.gradient), rtol=1e-6, atol=0)


@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_normalizer_that_changes_before_backward_is_noticed(small, shape, create_graph):
    batch, again = tensors(small), tensors(small)
    cppo.policy_loss(*again, region=REGION, normalizer=64.0)[0].backward()
    normalizer = torch.full(shape, 64.0)
    loss, report = cppo.policy_loss(*batch, region=REGION, normalizer=normalizer)
    assert loss.shape == shape and report.loss == pytest.approx(loss.item(), rel=1e-6)
    gradient, = torch.autograd.grad(loss, batch[0], create_graph=create_graph)
    assert torch.equal(gradient, again[0].grad)
    loss, report = cppo.policy_loss(*batch, region=REGION, normalizer=normalizer)
    normalizer.mul_(2)
    assert report.loss == pytest.approx(loss.item(), rel=1e-6)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(loss, batch[0], create_graph=create_graph)


@pytest.mark.parametrize("executor", ["simd", "torch"])
def test_a_default_device_changes_nothing(small, executor):
    batch, again = tensors(small), tensors(small)
    cuts = torch.tensor([0, 60, 115])
    lent = [x.reshape(-1) for x in again]
    wanted = cppo.policy_loss(*lent, region=REGION, executor=executor, cu_seqlens=cuts)
    wanted[0].backward()
    here = [x.detach().reshape(-1) for x in batch]
    here[0].requires_grad_()
    torch.set_default_device("meta")
    try:
        # A region and options that no other test has, so that nothing of the call is kept from there.
        region = cppo.fixed_cppo(delta=0.1, delta_b=0.02)
        loss, report = cppo.policy_loss(*here, region=region, executor=executor, cu_seqlens=cuts, log_prob_floor=-999.0)
    finally:
        torch.set_default_device(None)
    loss.backward()
    assert torch.equal(loss, wanted[0]) and torch.equal(here[0].grad, again[0].grad.reshape(-1))
    assert report == wanted[1]


def test_packed_batches(small):
    arrays, cu_seqlens = packed(small)
    batch = [torch.from_numpy(x) for x in arrays]
    batch[0].requires_grad_()
    each = torch.from_numpy(np.nan_to_num(small[2]).max(1) + np.nan_to_num(small[2]).min(1))
    whole = tensors(small)
    expected, its_report = cppo.policy_loss(*whole, region=REGION)
    expected.backward()
    for advantage in (batch[2], each):
        loss, report = cppo.policy_loss(batch[0], batch[1], advantage, region=REGION,
                                        cu_seqlens=torch.from_numpy(cu_seqlens))
        loss.backward()
        assert loss == expected and report == its_report
        assert torch.equal(batch[0].grad, whole[0].grad[whole[3]])
        batch[0].grad = None


def test_top_k_and_pieces(small):
    log_p, log_q, advantage, valid = tensors(small)
    ids = torch.zeros(5, 23, dtype=torch.int32)
    lists = cppo.TopK(torch.tensor([0, -1]).repeat(5, 23, 1), torch.stack([log_p, log_p], -1).detach(),
                      torch.stack([log_q, log_q], -1))
    region = cppo.fixed_cppo(delta=0.1, delta_b=0.02, divergence=cppo.top_k_tv)
    found = cppo.policy_loss(log_p, log_q, advantage, valid, region=region, token_id=ids, top_k=lists)
    arrays = [x.detach().numpy() for x in (log_p, log_q, advantage, valid)]
    as_arrays = cppo.TopK(*(x.numpy() for x in lists))
    expected = cppo.policy_loss(*arrays, region=region, token_id=ids.numpy(), top_k=as_arrays)
    assert found[1] == expected[1]
    plan = cppo.plan_pieces(cppo.PieceBatch(log_p, log_q, advantage, valid, region=REGION), range(5), [0] * 5)
    in_pieces = cppo.policy_loss(log_p, log_q, advantage, valid, region=REGION, carries=torch.from_numpy(plan.carries),
                                 totals=torch.from_numpy(plan.totals))
    whole = cppo.policy_loss(log_p, log_q, advantage, valid, region=REGION)
    assert in_pieces[0] == whole[0] and in_pieces[1] == whole[1]
    assert cppo.diagnose(log_p.bfloat16(), log_q, advantage, valid) is not None


def test_errors_come_through_the_op(small):
    batch = tensors(small)
    with pytest.raises(cppo.Error, match="response_mask") as e:
        cppo.policy_loss(*batch[:3], batch[3] * 0.5, region=REGION)
    assert e.value.argument == "response_mask"
    with pytest.raises(cppo.Error, match="dtype torch.complex64"):
        cppo.policy_loss(batch[0].to(torch.complex64), *batch[1:], region=REGION)
    with pytest.raises(cppo.Error, match="there is no output 'masks'"):
        cppo.policy_loss(*batch, region=REGION, outputs=("masks",))
    with pytest.raises(cppo.Error, match="log_prob lies on meta"):
        cppo.diagnose(batch[0].to("meta"), *batch[1:])


def test_without_a_gradient(small):
    batch = tensors(small)
    with torch.no_grad():
        assert not cppo.policy_loss(*batch, region=REGION)[0].requires_grad
    with torch.inference_mode():
        cppo.policy_loss(*batch, region=REGION)
    assert cppo.policy_loss(*tensors(small), region=REGION)[0].requires_grad


def test_a_second_derivative_is_refused(small):
    log_p, *rest = tensors(small)
    loss, _ = cppo.policy_loss(log_p, *rest, region=REGION)
    (gradient,) = torch.autograd.grad(loss, log_p, create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivative"):
        gradient.nan_to_num().sum().backward()


def test_torch_func_grad(small):
    log_p, *rest = tensors(small)

    def loss(x):
        return 2.0 * cppo.policy_loss(x, *rest, region=REGION)[0]
    found, value = torch.func.grad_and_value(loss)(log_p.detach())
    assert value == loss(log_p)
    loss(log_p).backward()
    assert torch.equal(found, log_p.grad)


def op_cases():
    small = make_batch(3, 7, seed=5, holes=False)
    for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
        for aggregate in ("token_mean", "none"):
            for layout in ("padded", "packed"):
                yield pytest.param(small, dtype, aggregate, layout, id=f"{dtype}-{aggregate}-{layout}")


@pytest.mark.parametrize("batch, dtype, aggregate, layout", list(op_cases()))
@pytest.mark.parametrize("outputs", [(), ("mask", "decision", "gate")])
def test_opcheck(batch, dtype, aggregate, layout, outputs):
    from cppo import _torch
    names = ["rollout_log_prob", "advantage"]
    if layout == "packed":
        arrays, cu_seqlens = packed(batch)
        inputs = [torch.from_numpy(x).to(dtype) for x in arrays[:3]] + [torch.from_numpy(cu_seqlens)]
        names.append("cu_seqlens")
    else:
        inputs = [*tensors(batch, dtype, grad=False)]
        names.append("response_mask")
    options = cppo.Options(aggregate=aggregate)
    text = _torch.text_of(REGION.text, names, outputs, options, divided=False)
    log_p = inputs[0].nan_to_num(0.0).requires_grad_()
    done = torch.library.opcheck(torch.ops.cppo.policy_loss.default, (log_p, inputs[1:], REGION.tensor, text))
    assert set(done.values()) == {"SUCCESS"}, done


class Graphs:
    """A backend of torch.compile that counts what it compiles."""

    def __init__(self):
        self.compiled = 0

    def __call__(self, graph, _):
        self.compiled += 1
        return graph.forward


def test_one_graph_for_thresholds_that_change_and_shapes_that_differ():
    torch._dynamo.reset()
    graphs = Graphs()

    def step(log_p, log_q, advantage, valid, region):
        loss, report = cppo.policy_loss(log_p * 1.0, log_q, advantage, valid, region=region)
        return loss * 2.0, report
    compiled = torch.compile(step, backend=graphs, fullgraph=True, dynamic=True)
    for i in range(12):
        region = cppo.fixed_cppo(delta=0.02 * (i + 1), delta_b=0.001 * (i + 1))
        batch, same = (tensors(make_batch(3 + i, 11 + i, seed=i)) for _ in range(2))
        loss, report = compiled(*batch, region)
        expected, its_report = step(*same, region)
        loss.backward(), expected.backward()
        assert loss == expected and report == its_report and report.kept == its_report.kept
        assert torch.equal(batch[0].grad, same[0].grad)
    assert graphs.compiled == 1


@pytest.mark.parametrize("options", [{}, {"aggregate": "none"}, {"outputs": ("mask", "gate")},
                                     {"normalizer": torch.tensor(7.0)}])
def test_aot_autograd_traces_forward_and_backward(small, options):
    """The graphs that inductor would get, run as they are."""
    torch._dynamo.reset()

    def step(log_p, *rest):
        loss, report, *_ = cppo.policy_loss(log_p * 1.0, *rest, region=REGION, **options)
        return loss.nansum(), report
    batch, same = tensors(small), tensors(small)
    loss, report = torch.compile(step, backend="aot_eager", fullgraph=True, dynamic=True)(*batch)
    expected, its_report = step(*same)
    loss.backward(), expected.backward()
    assert loss == expected and report == its_report and torch.equal(batch[0].grad, same[0].grad)


def test_a_module_in_a_training_step(small):
    """Autograd through a model, two micro-batches with the divisor of both."""
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 9)
    features, ids = torch.randn(5, 23, 4), torch.randint(0, 9, (5, 23))

    def log_probs():
        return torch.log_softmax(model(features), -1).gather(-1, ids[..., None])[..., 0]
    log_q = log_probs().detach() + 0.05 * torch.randn(5, 23)
    batch = (log_q.clamp(max=0.0), torch.randn(5), torch.from_numpy(small[3]))
    count = batch[2].sum()
    cppo.policy_loss(log_probs(), *batch, region=REGION)[0].backward()
    whole = model.weight.grad.clone()
    model.zero_grad()
    for rows in (slice(0, 2), slice(2, 5)):
        cppo.policy_loss(log_probs()[rows], *(x[rows] for x in batch), region=REGION, normalizer=count)[0].backward()
    torch.testing.assert_close(model.weight.grad, whole, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("order, first", [("import cppo; r = cppo.fixed_cppo(); import torch", "a call"),
                                          ("import cppo; import torch; r = cppo.fixed_cppo()", "a traced call"),
                                          ("import torch; import cppo; r = cppo.fixed_cppo()", "a traced call")])
def test_torch_may_come_before_or_after(order, first):
    code = f"""
{order}
x = torch.full((1, 4), -0.5, requires_grad=True)
f = torch.compile(lambda x: cppo.policy_loss(x, x.detach(), torch.ones(1, 4), region=r)[0], backend="eager",
                  fullgraph=True)
if "{first}" == "a call": cppo.policy_loss(x, x.detach(), torch.ones(1, 4), region=r)
assert f(x).item() == -1.0
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ.copy())
    assert run.returncode == 0, run.stderr


def test_importing_the_package_imports_no_torch():
    code = "import sys, cppo; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ.copy()).returncode == 0
