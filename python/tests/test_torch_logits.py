"""The ops on logits for PyTorch: values, gradients, opcheck, torch.compile, torch.func, memory, PyTorch's own form."""

from __future__ import annotations

import pathlib
import re

import cppo
import numpy as np
import pytest
from test_logits import REGION, Case

torch = pytest.importorskip("torch")


class Tensors:
    """The same case as tensors; the logits are of a type, and have a gradient."""

    def __init__(self, dtype=torch.float32, **shape):
        self.case = Case(**shape)
        self.x = torch.from_numpy(self.case.x).to(dtype).requires_grad_()
        names = ("y", "mask", "mu", "advantage", "ids", "mu_lists", "mu_x", "mu_total")
        self.y, self.mask, self.mu, self.advantage, self.ids, self.mu_lists, self.mu_x, self.mu_total = (
            torch.from_numpy(getattr(self.case, n)) for n in names)
        self.options = {"response_mask": self.mask, "temperature": 0.7}

    def log_probs(self, x=None, **more):
        return cppo.log_probs(self.x if x is None else x, self.y, **self.options, **more)

    def loss(self, x=None, region=REGION, **more):
        return cppo.policy_loss_from_logits(
            self.x if x is None else x, self.y, self.mu, self.advantage, self.mask, region=region,
            rollout_top_k=(self.ids, self.mu_lists), temperature=0.7, **more)

    def exact(self):
        """log π of the sampled ids and entropy by PyTorch in double, and the logits that they are made of."""
        x = torch.where(self.mask[..., None], self.x.detach(), 0.0).double().requires_grad_()
        log_p = torch.log_softmax(x / 0.7, -1)
        return x, log_p.gather(-1, self.y[..., None])[..., 0], -(log_p.exp() * log_p).sum(-1)


@pytest.fixture
def t():
    return Tensors()


EXECUTORS = ["simd", "seq", "torch"]
HALVES = {torch.float32: 1e-6, torch.bfloat16: 8e-3, torch.float16: 1e-3}


@pytest.mark.parametrize("executor", ["simd", "seq"])
def test_values_are_those_of_numpy(t, executor):
    common = dict(entropy=True, largest_count=3, executor=executor)
    found = t.log_probs(top_k_ids=t.ids, **common)
    want = cppo.log_probs(t.case.x, t.case.y, top_k_ids=t.case.ids, **common, **t.case.options())
    assert all(np.array_equal(a.detach().numpy(), b) for a, b in zip(found, want))
    assert found.log_prob.requires_grad and found.entropy.requires_grad
    assert not any(x.requires_grad for x in (found.listed_log_prob, found.log_sum_exp, found.largest_log_prob))


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("dtype", list(HALVES))
def test_gradients_are_those_of_autograd(executor, dtype):
    t = Tensors(dtype)
    found = t.log_probs(entropy=True, executor=executor)
    weights = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))
    weights[:, ~t.mask] = torch.nan  # what excluded slots are sent is never read
    torch.autograd.backward((found.log_prob, found.entropy), tuple(weights))
    x, log_p, h = t.exact()
    weights.nan_to_num_(0.0)
    (weights[0] * log_p + weights[1] * h).sum().backward()
    assert t.x.grad.dtype == dtype and not t.x.grad[~t.mask].any()
    torch.testing.assert_close(t.x.grad.double(), x.grad, rtol=HALVES[dtype], atol=4e-6)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("which", ["log_prob", "entropy"])
def test_one_of_the_two_may_have_a_gradient(t, executor, which):
    getattr(t.log_probs(entropy=True, executor=executor), which)[t.mask].sum().backward()
    x, log_p, h = t.exact()
    {"log_prob": log_p, "entropy": h}[which][t.mask].sum().backward()
    torch.testing.assert_close(t.x.grad.double(), x.grad, rtol=1e-5, atol=4e-6)


@pytest.mark.parametrize("dtype", list(HALVES))
def test_pytorchs_own_operations_say_the_same(dtype):
    """Also with an id whose logit is -inf, ties, and fewer ids than are asked for."""
    t = Tensors(dtype, shape=(2, 3, 9), k=3)
    with torch.no_grad():
        t.x[0, 0, (t.y[0, 0] + 1) % 9] = -torch.inf
        t.x[0, 1] = 1.0
        t.x[0, 2] = -torch.inf
        t.x[0, 2, t.y[0, 2]] = 3.0
        t.x[1, 0, t.y[1, 0]] = 90.0
    lists = t.ids.clone()
    lists[1, 1, 2] = -1
    common = dict(top_k_ids=lists, entropy=True, largest_count=12, dtype="float64")
    own, library = t.log_probs(executor="torch", **common), t.log_probs(executor="simd", **common)
    assert torch.equal(own.largest_id, library.largest_id)
    for a, b in zip(own, library):
        torch.testing.assert_close(a, b, rtol=2e-6, atol=2e-6)
    gradients = [torch.autograd.grad((f.log_prob * 3.0 + f.entropy)[t.mask].sum(), t.x)[0] for f in (own, library)]
    torch.testing.assert_close(*gradients, rtol=max(HALVES[dtype], 1e-5), atol=1e-6)


@pytest.mark.parametrize("rows", [1, 5, 1 << 20])
def test_pytorchs_own_operations_take_some_rows_at_a_time(t, rows, monkeypatch):
    from cppo import _composed_logits
    want = t.log_probs(executor="torch", entropy=True)
    monkeypatch.setattr(_composed_logits, "CHUNK", rows * 300)
    found = t.log_probs(executor="torch", entropy=True)
    assert torch.equal(found.log_prob, want.log_prob) and torch.equal(found.entropy, want.entropy)
    g, h = (torch.autograd.grad(f.log_prob.sum(), t.x)[0] for f in (found, want))
    assert torch.equal(g, h)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_divergences_of_the_whole_vocabulary(t, executor):
    total = t.log_probs().log_sum_exp
    common = dict(tv=True, kl=True, **t.options)
    want = cppo.full_divergences(t.case.x, total.numpy(), rollout_logits=t.case.mu_x, rollout_temperature=0.7,
                                 rollout_log_sum_exp=t.case.mu_total, tv=True, kl=True, **t.case.options())
    found = cppo.full_divergences(t.x, total, rollout_logits=t.mu_x, rollout_log_sum_exp=t.mu_total,
                                  rollout_temperature=0.7, executor=executor, **common)
    assert not found.tv.requires_grad
    torch.testing.assert_close(found.tv, torch.from_numpy(want.tv), rtol=0, atol=0 if executor != "torch" else 3e-6)
    torch.testing.assert_close(found.kl, torch.from_numpy(want.kl), rtol=1e-4 * (executor == "torch"), atol=0)
    log_q = t.mu_x / 0.7 - t.mu_total[..., None].float()
    of_all = cppo.full_divergences(t.x, total, rollout_log_probs=log_q, executor=executor, **common)
    torch.testing.assert_close(of_all.tv, found.tv, rtol=0, atol=3e-6)


def test_rows_may_lie_anyhow(t):
    wide = torch.zeros(3, 5, 300)
    wide[:, :-1] = t.x.detach()
    wide.requires_grad_()
    t.log_probs().log_prob.sum().backward()
    for executor in ("simd", "torch"):
        t.log_probs(wide[:, :-1], executor=executor).log_prob.sum().backward()
        torch.testing.assert_close(wide.grad[:, :-1], t.x.grad, rtol=1e-5, atol=1e-7 * (executor == "torch"))
        assert not wide.grad[:, -1].any()
        wide.grad = None


# ---- from logits to a loss


@pytest.mark.parametrize("executor", EXECUTORS)
def test_backward_gives_the_gradient_of_c(t, executor):
    loss, report, out = t.loss(outputs=("mask",), executor=executor)
    (2.0 * loss).backward()
    want_loss, want, its = t.case.loss(outputs=("mask", "logits_gradient"))
    assert report.kept == want.kept and np.array_equal(out.mask.numpy(), its.mask)
    gradient = 2.0 * torch.from_numpy(its.logits_gradient)
    if executor == "torch":
        torch.testing.assert_close(t.x.grad, gradient, rtol=1e-4, atol=1e-7)
    else:
        assert torch.equal(t.x.grad, gradient) and loss.item() == pytest.approx(want_loss, rel=1e-6)


def test_the_gradient_is_that_of_the_loss_written_in_pytorch(t):
    loss, _, out = t.loss(outputs=("mask",))
    loss.backward()
    x, log_p, _ = t.exact()
    kept = out.mask & t.mask
    ratio = (log_p - torch.where(t.mask, t.mu, 0.0)).exp()
    (-(kept * ratio * t.advantage).sum() / t.mask.sum()).backward()
    torch.testing.assert_close(t.x.grad.double(), x.grad, rtol=1e-4, atol=1e-6)


def test_the_divergence_is_constant_to_the_gradient(t):
    """Listed log-probs decide which tokens are masked, and nothing else."""
    loss, _, out = t.loss(outputs=("mask",))
    loss.backward()
    log_prob = t.log_probs().log_prob.detach().requires_grad_()
    inner, _ = cppo.policy_loss(log_prob, t.mu, t.advantage, t.mask & out.mask, region=cppo.unrestricted(),
                                normalizer=float(t.mask.sum()))
    inner.backward()
    total = t.log_probs().log_sum_exp
    want = cppo.logits_gradient(t.x.detach(), t.y, log_prob.grad, total, **t.options)
    torch.testing.assert_close(t.x.grad, want, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("options", [{"normalizer": 64.0}, {"normalizer": torch.tensor(64.0)}, {"aggregate": "none"},
                                     {"bad_input": "leave_out"}, {"aggregate": "seq_mean_token_mean"}])
def test_options_are_those_of_policy_loss(t, options):
    loss, report = t.loss(**options)
    loss.sum().backward()
    found = t.log_probs(top_k_ids=t.ids)
    by_steps, its = cppo.policy_loss(found.log_prob, t.mu, t.advantage, t.mask, region=REGION, token_id=t.y,
                                     top_k=cppo.TopK(t.ids, found.listed_log_prob, t.mu_lists), **options)
    gradient, = torch.autograd.grad(by_steps.sum(), t.x)
    assert torch.equal(loss, by_steps) and report == its and torch.equal(t.x.grad, gradient)


def test_a_loss_with_an_entropy_bonus(t):
    found = t.log_probs(entropy=True)
    loss, _ = cppo.policy_loss(found.log_prob, t.mu, t.advantage, t.mask, region=cppo.unrestricted())
    (loss - 0.01 * (found.entropy * t.mask).sum() / t.mask.sum()).backward()
    x, log_p, h = t.exact()
    n = t.mask.sum()
    surrogate = ((log_p - torch.where(t.mask, t.mu, 0.0)).exp() * t.advantage * t.mask).sum()
    (-(surrogate + 0.01 * (h * t.mask).sum()) / n).backward()
    torch.testing.assert_close(t.x.grad.double(), x.grad, rtol=1e-4, atol=1e-6)


def test_packed_batches(t):
    t.loss()[0].backward()
    flat = [x.reshape(12, *x.shape[2:]) for x in (t.x.detach(), t.y, t.mu, t.advantage, t.mask, t.ids, t.mu_lists)]
    x = flat[0].requires_grad_()
    loss, _ = cppo.policy_loss_from_logits(*flat[:5], region=REGION, rollout_top_k=tuple(flat[5:]), temperature=0.7,
                                           cu_seqlens=torch.tensor([0, 4, 8, 12]))
    loss.backward()
    assert torch.equal(x.grad.view_as(t.x), t.x.grad)


# ---- in place


@pytest.mark.parametrize("executor", ["simd", "torch"])
def test_the_gradient_may_be_written_over_the_logits(t, executor):
    head = torch.nn.Linear(8, 300)
    hidden = torch.randn(3, 4, 8)
    kept = head(hidden)
    kept.retain_grad()
    t.loss(kept, executor=executor)[0].backward()
    want = head.weight.grad.clone()
    head.zero_grad()
    logits = head(hidden)
    where = logits.data_ptr()
    t.loss(logits, gradient_in_place=True, executor=executor)[0].backward()
    assert torch.equal(head.weight.grad, want) and logits.data_ptr() == where
    assert torch.equal(logits.detach(), kept.grad)


def test_who_reads_logits_that_are_written_over_is_told(t):
    with pytest.raises(cppo.Error, match="a leaf, whose values you keep"):
        t.log_probs(gradient_in_place=True)
    logits = t.x * 1.0
    squares = (logits[:, :2] ** 2).sum()
    t.log_probs(logits, gradient_in_place=True).log_prob.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        squares.backward()


# ---- the op in PyTorch


def op_arguments(dtype, packed):
    t = Tensors(dtype, shape=(2, 3, 11), k=3)
    x, flat = t.x.detach().nan_to_num(0.0), (6,) if packed else (2, 3)
    cuts = torch.tensor([0, 3, 6]) if packed else None
    return t, x.view(*flat, 11).requires_grad_(), t.y.view(flat), t.ids.view(*flat, 3), t.mask.view(flat), cuts


@pytest.mark.parametrize("dtype", list(HALVES))
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("more", [(False, 0, False), (True, 2, True)])
@pytest.mark.parametrize("executor", ["simd", "torch"])
def test_opcheck(dtype, packed, more, executor):
    _, x, y, ids, mask, cuts = op_arguments(dtype, packed)
    how = (0.7, executor, 1, False)
    call = (x, y, ids if more[1] else None, mask, cuts, *more, *how)
    ops = torch.ops.cppo
    checks = [(ops.log_probs.default, call)]
    numbers = torch.randn(y.shape)
    h, slopes = (numbers.abs(), numbers) if more[0] else (None, None)
    total = ops.log_probs.default(*call)[2]
    checks += [(ops.logits_gradient.default, (x.detach(), y, numbers, total, mask, cuts, h, slopes, 0, 0,
                                            *how)),
               (ops.full_divergences.default, (x.detach(), total, x.detach() * 0.9, total, 1.0, None, more[0], True,
                                               *how))]
    for op, arguments in checks:
        done = torch.library.opcheck(op, arguments)
        assert set(done.values()) == {"SUCCESS"}, (op, done)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_one_graph(t, backend):
    def step(x, y, mu, advantage, mask, ids, lists):
        loss, report = cppo.policy_loss_from_logits(x * 1.0, y, mu, advantage, mask, region=REGION, temperature=0.7,
                                                    rollout_top_k=(ids, lists))
        h = cppo.log_probs(x * 1.0, y, response_mask=mask, entropy=True, gradient_in_place=True).entropy
        return loss * 2.0 - h.sum(), report
    torch._dynamo.reset()
    others = (t.y, t.mu, t.advantage, t.mask, t.ids, t.mu_lists)
    loss, report = torch.compile(step, backend=backend, fullgraph=True)(t.x, *others)
    gradient, = torch.autograd.grad(loss, t.x)
    plain = t.x.detach().requires_grad_()
    want, its = step(plain, *others)
    want.backward()
    torch.testing.assert_close(loss, want)
    assert report == its
    torch.testing.assert_close(gradient, plain.grad, rtol=1e-6, atol=1e-8)


def test_torch_func_grad(t):
    def loss(x):
        return 2.0 * t.loss(x)[0]
    found, value = torch.func.grad_and_value(loss)(t.x.detach())
    assert value == loss(t.x)
    loss(t.x).backward()
    assert torch.equal(found, t.x.grad)


def test_fake_tensors_have_the_shapes_of_real_ones(t):
    from torch._subclasses.fake_tensor import FakeTensorMode
    common = dict(entropy=True, largest_count=2)
    real = t.log_probs(top_k_ids=t.ids, **common)
    given = (t.x.detach(), t.y, t.mask, t.ids)
    with FakeTensorMode() as mode:
        x, y, mask, ids = (mode.from_tensor(a) for a in given)
        fake = cppo.log_probs(x, y, top_k_ids=ids, response_mask=mask, **common)
    assert [(a.shape, a.dtype) for a in fake] == [(a.shape, a.dtype) for a in real]


@pytest.mark.parametrize("in_place", [False, True])
def test_a_second_derivative_is_refused(t, in_place):
    found = t.log_probs(t.x * 1.0, gradient_in_place=in_place)
    with pytest.raises(RuntimeError, match="no second derivative"):
        gradient, = torch.autograd.grad(found.log_prob.sum(), t.x, create_graph=True)
        gradient.sum().backward()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_step_allocates_one_array_of_the_logits_size(executor, monkeypatch):
    """The gradient, forward and backward; in place not even that."""
    from cppo import _composed_logits
    monkeypatch.setattr(_composed_logits, "CHUNK", 2 * 4000)
    t = Tensors(shape=(4, 8, 4000))
    size = t.x.numel() * t.x.element_size()
    for in_place in (False, True):
        logits = t.x * 1.0
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as made:
            gradient, = torch.autograd.grad(t.loss(logits, executor=executor, gradient_in_place=in_place)[0], logits)
        allocated = [e.self_cpu_memory_usage for e in made.events()]
        assert sum(a >= size // 2 for a in allocated) == (not in_place), allocated
        assert (gradient.data_ptr() == logits.data_ptr()) == in_place


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("change, words", [
    (lambda t: t.x.data.__setitem__((1, 2, 7), torch.inf), "logits at response 1, token 2, id 7 is inf"),
    (lambda t: t.y.__setitem__((2, 1), 300), "token_id at response 2, token 1 is 300"),
    (lambda t: t.ids.__setitem__((0, 1, 2), 301), "top_k at response 0, token 1 is 301|301"),
    (lambda t: t.x.data.__setitem__((1, 0, t.y[1, 0]), -torch.inf), "response 1, token 0, id"),
    (lambda t: t.x.data[0, 1].fill_(-torch.inf), "response 0, token 1"),
    (lambda t: setattr(t, "x", t.x.detach().double()), "float32|f32"),
    (lambda t: t.options.update(temperature=0.0), "temperature"),
    (lambda t: setattr(t, "y", t.y[:, :3]), "token_id has"),
    (lambda t: setattr(t, "y", t.y.double()), "token_id is of .*integer"),
    (lambda t: setattr(t, "ids", t.ids[:, :3]), "top_k_ids"),
    (lambda t: t.options.update(response_mask=t.mask[:2]), "response_mask"),
    (lambda t: t.options.update(response_mask=t.mask * 0.5), "response_mask at response 0, token 0"),
])
def test_wrong_calls(t, executor, change, words):
    change(t)
    with pytest.raises(cppo.Error, match=words):
        t.log_probs(top_k_ids=t.ids, executor=executor)


def test_the_gradient_is_no_output(t):
    with pytest.raises(cppo.Error, match="loss.backward\\(\\) gives it"):
        t.loss(outputs=("logits_gradient",))


PAGES = pathlib.Path(__file__).resolve().parents[2] / "docs"


def code_of(page, words):
    """The block of Python on a page that holds these words."""
    found, = (b for b in re.findall(r"^```python\n(.*?)^```", (PAGES / page).read_text(), re.S | re.M) if words in b)
    return found


@pytest.mark.skipif(not PAGES.exists(), reason="the pages lie in a checkout of the project")
def test_the_pages_examples_run(t):
    torch.manual_seed(0)
    names = {}
    exec(code_of("pytorch.md", "policy_loss_from_logits"), names)
    gradient, report = names["model"].weight.grad, names["report"]
    assert gradient.isfinite().all() and gradient.any() and 0 < report.kept <= report.tokens == 8
    names = {"cppo": cppo, "logits": t.x, "token_id": t.y, "mask": t.mask, "rollout_log_prob": t.mu,
             "advantage": t.advantage, "region": cppo.fixed_cppo()}
    exec(code_of("logits.md", "cppo.log_probs"), names)
    assert t.x.grad.isfinite().all() and t.x.grad.any() and names["report"].tokens == 11


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("shape", [(0, 5, 7), (2, 0, 7), (0, 7)])
def test_no_slot_is_no_error(executor, shape):
    x = torch.zeros(shape, requires_grad=True)
    found = cppo.log_probs(x, torch.zeros(shape[:-1], dtype=torch.long), entropy=True, largest_count=2,
                           executor=executor)
    (found.log_prob.sum() + found.entropy.sum()).backward()
    assert x.grad.shape == shape and found.largest_id.shape == (*shape[:-1], 2)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("mask", [torch.tensor(True), torch.tensor([1, 0, 1]), torch.tensor([[1], [0], [1]])])
def test_a_response_mask_may_be_one_number_a_response(t, executor, mask):
    x = t.x.detach().nan_to_num(0.0)
    found = cppo.log_probs(x, t.y, response_mask=mask, executor=executor)
    whole = cppo.log_probs(x, t.y, response_mask=(mask if mask.dim() != 1 else mask[:, None]).expand(3, 4))
    torch.testing.assert_close(found.log_prob, whole.log_prob, rtol=0, atol=2e-6 * (executor == "torch"))


def test_pytorchs_operations_refuse_an_executor_that_is_none():
    """As on a device, where no other is asked."""
    from cppo import _composed_logits
    from cppo._rows import How
    with pytest.raises(cppo.Error, match="executor must be simd, seq or torch, not 'cuda'"):
        _composed_logits.slots_of(torch.zeros(1, 2, 3), How(executor="cuda"), None, None)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_gradient_is_written_over_no_parameter_and_to_no_memory_twice(t, executor):
    wide = torch.zeros(3, 5, 300, requires_grad=True)
    with pytest.raises(cppo.Error, match="or a view of one"):
        t.log_probs(wide[:, :-1], gradient_in_place=True, executor=executor)
    model = torch.nn.Linear(2, 300)
    one = model(torch.ones(1, 1, 2))
    with pytest.raises(cppo.Error, match="overlaps itself"):
        t.log_probs(one.expand(3, 4, 300), gradient_in_place=True, executor=executor)
    total, x = t.log_probs().log_sum_exp, t.x.detach()
    for out, words in ((x[:1].expand(3, 4, 300), "overlaps itself"), (x.double(), "out has dtype torch.float64"),
                       (torch.zeros(3, 4, 299), "out has shape"), (torch.zeros(12, 300), "out has shape")):
        with pytest.raises(cppo.Error, match=words):
            cppo.logits_gradient(x, t.y, torch.ones(3, 4), total, out=out, executor=executor, **t.options)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_lists_have_the_shape_of_the_slots(t, executor):
    for lists in (t.ids.transpose(0, 1), t.ids.reshape(12, 5), t.ids[:2], t.ids[0, 0]):
        with pytest.raises(cppo.Error, match="top_k_ids has shape"):
            t.log_probs(top_k_ids=lists, executor=executor)
    t.mu_lists = t.mu_lists.transpose(0, 1)
    with pytest.raises(cppo.Error, match="top_k_rollout_log_probs has shape .4, 3, 5."):
        t.loss()


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("change", [
    {"token_id": torch.zeros(12, 2, dtype=torch.long)}, {"token_id": torch.zeros(12, 1, dtype=torch.long)},
    {"cu_seqlens": torch.tensor([0, 8, 13])}, {"cu_seqlens": torch.tensor([0, 8, 4, 12])},
    {"cu_seqlens": torch.tensor([0, 8])}, {"cu_seqlens": torch.tensor([0.0, 12.0])},
    {"cu_seqlens": torch.tensor([[0, 12]])}, {"cu_seqlens": torch.tensor([4, 12])},
    {"cu_seqlens": torch.tensor([-1, 12])}, {"cu_seqlens": torch.tensor([0, 13]), "with_capacity": True},
    {"logits": torch.zeros(12, 0)}], ids=str)
def test_every_executor_refuses_what_one_does(change, executor):
    call = {"logits": torch.zeros(12, 7), "token_id": torch.zeros(12, dtype=torch.long), **change}
    with pytest.raises(cppo.Error):
        cppo.log_probs(executor=executor, **call)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("first", [0, 3])
def test_slots_that_no_response_covers_are_no_tokens(t, executor, first):
    x, y = t.x.detach().reshape(12, 300), t.y.reshape(12)
    cuts = torch.tensor([first, 5, 9])
    try:
        found = cppo.log_probs(x, y, cu_seqlens=cuts, with_capacity=True, temperature=0.7, executor=executor).log_prob
    except cppo.Error as e:
        assert first and executor != "torch" and e.code == cppo.StatusCode.bad_offsets
        return
    assert not found[:first].any() and not found[9:].any() and found[first:9].all()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_slope_of_the_entropy_needs_the_entropy(t, executor):
    with pytest.raises(cppo.Error, match="entropy is (missing|null)"):
        cppo.logits_gradient(t.x.detach(), t.y, torch.ones(3, 4), t.log_probs().log_sum_exp, entropy_slope=0.5,
                             executor=executor, **t.options)


def test_a_token_without_a_log_prob_has_no_gradient_in_pytorchs_operations(t):
    total, x, y = t.log_probs().log_sum_exp, t.x.detach().clone(), t.y.clone()
    y[0, 1], y[1, 1], y[2, 3] = 300, -1, 300  # the last is excluded
    x[2, 0, y[2, 0]] = -torch.inf
    g = cppo.logits_gradient(x, y, torch.ones(3, 4), total, executor="torch", **t.options)
    bad = torch.zeros(3, 4, dtype=torch.bool)
    bad[0, 1] = bad[1, 1] = bad[2, 0] = True
    assert g[bad].isnan().all() and g[~bad].isfinite().all() and not g[2, 3].any()
