"""The linear head a slab of logits at a time: beside the logits at once, opcheck, torch.compile, memory, errors."""

from __future__ import annotations

import cppo
import pytest

torch = pytest.importorskip("torch")

REGION = cppo.fixed_cppo(delta=0.05, delta_b=0.02, divergence=cppo.top_k_tv)
B, T, H, V, K = 3, 5, 16, 300, 4
HALVES = {torch.float32: 2e-5, torch.bfloat16: 2e-2, torch.float16: 3e-3}


class Head:
    """Hidden states whose excluded slots hold NaN, a head with a bias, and rollouts of a policy nearby."""

    def __init__(self, dtype=torch.float32, bias=True, seed=0):
        random = torch.Generator().manual_seed(seed)

        def normal(*shape, scale=1.0):
            return (scale * torch.randn(shape, generator=random)).to(dtype)
        self.mask = torch.ones(B, T, dtype=torch.bool)
        self.mask[0, 2] = self.mask[2, 3:] = False
        self.hidden = normal(B, T, H).masked_fill_(~self.mask[..., None], torch.nan).requires_grad_()
        self.weight = normal(V, H, scale=0.7).requires_grad_()
        self.bias = normal(V).requires_grad_() if bias else None
        self.y = torch.randint(0, V, (B, T), generator=random)
        self.advantage = torch.randn(B, 1, generator=random).repeat(1, T)
        mu = self.logits().detach().float() + 0.3 * torch.randn(B, T, V, generator=random)
        found = cppo.log_probs(mu, self.y, response_mask=self.mask, largest_count=K)
        self.mu, self.ids, self.mu_lists = found.log_prob, found.largest_id, found.largest_log_prob

    @property
    def parts(self):
        return [x for x in (self.hidden, self.weight, self.bias) if x is not None]

    def logits(self):
        """All at once; excluded rows are 0."""
        return torch.nn.functional.linear(torch.where(self.mask[..., None], self.hidden, 0.0), self.weight, self.bias)

    def found(self, **more):
        return cppo.log_probs_from_head(self.hidden, self.weight, self.y, bias=self.bias,
                                        **{"response_mask": self.mask, "temperature": 0.7, **more})

    def arguments(self):
        return self.y, self.mu, self.advantage, self.mask

    def loss(self, region=REGION, lists=True, **more):
        return cppo.policy_loss_from_head(self.hidden, self.weight, *self.arguments(), region=region, bias=self.bias,
                                          rollout_top_k=(self.ids, self.mu_lists) if lists else None, **more)

    def loss_at_once(self, region=REGION, lists=True, **more):
        return cppo.policy_loss_from_logits(self.logits(), *self.arguments(), region=region,
                                            rollout_top_k=(self.ids, self.mu_lists) if lists else None, **more)


@pytest.mark.parametrize("executor", ["simd", "seq", "torch"])
@pytest.mark.parametrize("slab_rows", [0, 1, 5, 100])
def test_the_numbers_are_those_of_all_logits(executor, slab_rows):
    t = Head()
    asked = dict(top_k_ids=t.ids, entropy=True, largest_count=3, dtype="float64", executor=executor)
    found = t.found(slab_rows=slab_rows, **asked)
    want = cppo.log_probs(t.logits(), t.y, response_mask=t.mask, temperature=0.7, **asked)
    for a, b in zip(found, want):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
    assert found.log_prob.requires_grad and found.entropy.requires_grad
    assert not any(x.requires_grad for x in (found.listed_log_prob, found.log_sum_exp, found.largest_log_prob))
    assert not found.log_prob[~t.mask].any() and (found.largest_id[~t.mask] == -1).all()


@pytest.mark.parametrize("executor", ["simd", "torch"])
def test_log_probs_of_the_same_products_have_the_same_bits(executor):
    """Small whole numbers, whose products are exact however they are added."""
    t = Head()
    with torch.no_grad():
        for x in t.parts:
            x.copy_(x.nan_to_num(0.0).mul(3).round().clamp(-4, 4))
    asked = dict(top_k_ids=t.ids, entropy=True, largest_count=3, executor=executor)
    want = cppo.log_probs(t.logits(), t.y, response_mask=t.mask, temperature=0.7, **asked)
    for slab_rows in (1, 4, 0):
        assert all(torch.equal(a, b) for a, b in zip(t.found(slab_rows=slab_rows, **asked), want))


@pytest.mark.parametrize("executor", ["simd", "torch"])
@pytest.mark.parametrize("dtype", list(HALVES))
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("slab_rows", [2, 0])
def test_gradients_are_those_of_the_whole_head(executor, dtype, bias, slab_rows):
    t = Head(dtype, bias)
    found = t.found(entropy=True, slab_rows=slab_rows, executor=executor)
    slopes = torch.randn(2, B, T, generator=torch.Generator().manual_seed(1))
    slopes[:, 1, 1] = 0.0
    slopes[:, ~t.mask] = torch.nan  # what excluded slots are sent is never read
    torch.autograd.backward((found.log_prob, found.entropy), tuple(slopes))
    exact = [x.detach().double().requires_grad_() for x in t.parts]
    whole = torch.nn.functional.linear(torch.where(t.mask[..., None], exact[0], 0.0), *exact[1:])
    log_p = torch.log_softmax(whole / 0.7, -1)
    slopes.nan_to_num_(0.0)
    sampled = log_p.gather(-1, t.y[..., None])[..., 0]
    (slopes[0] * sampled - slopes[1] * (log_p.exp() * log_p).sum(-1)).sum().backward()
    for x, want in zip(t.parts, exact):
        assert x.grad.dtype == dtype
        scale = want.grad.abs().max().item()
        torch.testing.assert_close(x.grad.double(), want.grad, rtol=HALVES[dtype], atol=HALVES[dtype] * scale)
    assert not t.hidden.grad[~t.mask].any() and not t.hidden.grad[1, 1].any()


@pytest.mark.parametrize("region", [REGION, cppo.calibrated_cppo(), cppo.region("gspo()"),
                                    cppo.region("entropy_top()")], ids=str)
def test_a_loss_is_that_of_the_logits(region):
    lists = region is REGION
    t = Head()
    loss, report, out = t.loss(region, lists, outputs=("mask",), slab_rows=4)
    want_loss, want, its = t.loss_at_once(region, lists, outputs=("mask",))
    assert torch.equal(out.mask, its.mask) and report.kept == want.kept
    torch.testing.assert_close(loss, want_loss, rtol=1e-5, atol=1e-6)
    gradients = torch.autograd.grad(loss, t.parts)
    for a, b in zip(gradients, torch.autograd.grad(want_loss, t.parts)):
        torch.testing.assert_close(a, b.nan_to_num(0.0), rtol=1e-4, atol=1e-6)


def test_only_what_needs_a_gradient_is_multiplied():
    t = Head()
    t.weight.requires_grad_(False)
    t.bias.requires_grad_(False)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as made:
        loss, _ = t.loss(cppo.unrestricted(), False, slab_rows=100)
        loss.backward()
    products = [e.name for e in made.events() if e.name in ("aten::mm", "aten::addmm", "aten::addmm_")]
    assert len(products) == 3, products  # logits, the same again, hidden
    assert t.hidden.grad is not None and t.weight.grad is None


def test_rows_of_excluded_slots_and_of_masked_tokens_are_not_multiplied():
    t = Head()
    rows = []
    product = torch.addmm

    def counted(bias, h, *rest, **more):
        rows.append(h.shape[0])
        return product(bias, h, *rest, **more)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "addmm", counted)
        loss, report = t.loss(slab_rows=100)
        loss.backward()
    assert 0 < report.kept < report.tokens == t.mask.sum()
    assert rows == [report.tokens, report.kept]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_memory_is_one_slab(dtype, monkeypatch):
    """And the gradient of the weight, in float32 as it is added up; of the hidden states nothing but rows is copied."""
    from cppo import _torch_head
    monkeypatch.setattr(_torch_head, "PRODUCT", 500 * H)
    vocabulary, rows, size = 4000, 64, dtype.itemsize
    hidden = torch.randn(2, rows // 2 + 1, H).to(dtype).requires_grad_()
    weight = torch.randn(vocabulary, H).to(dtype).requires_grad_()
    y, mu, advantage = (torch.zeros(2, rows // 2, dtype=torch.long), torch.full((2, rows // 2), -8.0),
                        torch.ones(2, rows // 2))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as made:
        loss, _ = cppo.policy_loss_from_head(hidden[:, :-1], weight, y, mu, advantage, region=cppo.unrestricted(),
                                             slab_rows=3)
        loss.backward()
    allocated = [e.self_cpu_memory_usage for e in made.events()]
    slab, whole, states = 3 * vocabulary * size, vocabulary * H, rows * H * size
    assert max(allocated) <= max(slab, whole * 4) < rows * vocabulary * size
    assert sum(a == slab for a in allocated) == 2  # one forward, one backward
    assert sum(a >= whole * size and a != slab for a in allocated) == (1 if size == 4 else 2)
    assert sum(a == states for a in allocated) == 1  # the gradient


@pytest.mark.parametrize("more", [(False, 0, False), (True, 2, True)])
@pytest.mark.parametrize("executor", ["simd", "torch"])
def test_opcheck(more, executor):
    t = Head()
    hidden = t.hidden.detach().nan_to_num(0.0).requires_grad_()
    how, ops = (2, 0.7, executor, 1), torch.ops.cppo
    call = (hidden, t.weight, t.bias, t.y, t.ids if more[1] else None, t.mask, *more, *how)
    found = ops.log_probs_from_head.default(*call)
    slope = torch.randn(B, T)
    h, slopes = (found[3].detach().float(), slope) if more[0] else (None, None)
    given = [x.detach() for x in (hidden, t.weight, t.bias)]
    checks = [(ops.log_probs_from_head.default, call),
              (ops.head_gradients.default,
               (*given, t.y, slope, found[2], t.mask, h, slopes, True, more[0], True, *how))]
    for op, arguments in checks:
        done = torch.library.opcheck(op, arguments)
        assert set(done.values()) == {"SUCCESS"}, (op, done)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_one_graph(backend):
    t = Head()

    def step(hidden, weight, bias, y, mu, advantage, mask, ids, lists):
        return cppo.policy_loss_from_head(hidden, weight, y, mu, advantage, mask, region=REGION, bias=bias,
                                          rollout_top_k=(ids, lists), slab_rows=4)[0]
    torch._dynamo.reset()
    others = (*t.arguments(), t.ids, t.mu_lists)
    loss = torch.compile(step, backend=backend, fullgraph=True)(*t.parts, *others)
    want = step(*t.parts, *others)
    torch.testing.assert_close(loss, want)
    for a, b in zip(torch.autograd.grad(loss, t.parts), torch.autograd.grad(want, t.parts)):
        torch.testing.assert_close(a, b)


def test_torch_func_grad():
    t = Head()

    def loss(weight):
        return cppo.policy_loss_from_head(t.hidden.detach(), weight, *t.arguments(), region=REGION, bias=t.bias,
                                          rollout_top_k=(t.ids, t.mu_lists))[0]
    found = torch.func.grad(loss)(t.weight.detach())
    loss(t.weight).backward()
    assert torch.equal(found, t.weight.grad)


def test_autocast_does_not_convert_the_products():
    t = Head()
    want = t.found(entropy=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = t.found(entropy=True)
        gradient, = torch.autograd.grad(found.log_prob.sum(), t.weight)
    assert torch.equal(found.log_prob, want.log_prob) and gradient.dtype == torch.float32
    assert torch.equal(gradient, torch.autograd.grad(want.log_prob.sum(), t.weight)[0])


def test_no_row_needs_no_product():
    t = Head()
    t.mask[:] = False
    loss, report = t.loss(cppo.unrestricted(), False)
    loss.backward()
    assert report.tokens == 0 and not t.hidden.grad.any() and not t.weight.grad.any()


def test_a_second_derivative_is_refused():
    t = Head()
    with pytest.raises(RuntimeError, match="no second derivative"):
        gradient, = torch.autograd.grad(t.found().log_prob.sum(), t.weight, create_graph=True)
        gradient.sum().backward()


@pytest.mark.parametrize("slab_rows", [1, 3, 0])
@pytest.mark.parametrize("change, words", [
    (lambda t: t.hidden.data.__setitem__((1, 2, 3), torch.inf), "response 1, token 2, id"),
    (lambda t: t.y.__setitem__((2, 1), V), "token_id at response 2, token 1 is 300"),
    (lambda t: t.ids.__setitem__((0, 3, 2), 301), "response 0, token 3")])
def test_bad_input_is_named_by_its_place_in_the_batch(change, words, slab_rows):
    t = Head()
    change(t)
    with pytest.raises(cppo.Error, match=words) as raised:
        t.found(top_k_ids=t.ids, slab_rows=slab_rows)
    assert f"response {raised.value.response}, token {raised.value.token}" in str(raised.value)


@pytest.mark.parametrize("change, words", [
    (lambda t: setattr(t, "weight", t.weight.t()), "weight has shape .16, 300., but hidden states of 16"),
    (lambda t: setattr(t, "bias", t.bias[1:]), "bias has shape .299., but must have .300."),
    (lambda t: setattr(t, "weight", t.weight.bfloat16()), "weight has dtype torch.bfloat16, but hidden torch.float32"),
    (lambda t: setattr(t, "y", t.y[:, 1:]), "token_id has shape .3, 4., but must have .*.3, 5."),
    (lambda t: setattr(t, "hidden", t.hidden.detach().numpy()), "hidden must be a tensor of PyTorch"),
    (lambda t: setattr(t, "hidden", t.hidden[0, 0]), "hidden must have shape")])
def test_heads_that_do_not_fit(change, words):
    t = Head()
    change(t)
    with pytest.raises(cppo.Error, match=words):
        t.found()


def test_options_are_checked():
    t = Head()
    for more, words in (({"slab_rows": -1}, "slab_rows is -1"), ({"dtype": "half"}, "dtype must be"),
                        ({"largest_count": -1}, "largest_count is -1")):
        with pytest.raises(cppo.Error, match=words):
            t.found(**more)
    with pytest.raises(cppo.Error, match="top_k is no option"):
        t.loss(top_k=cppo.TopK(t.ids, t.mu_lists, t.mu_lists))


def packed(t):
    return [x.reshape(B * T, *x.shape[2:]) for x in (t.hidden.detach(), t.y, t.mu, t.advantage)]


@pytest.mark.parametrize("executor", ["simd", "torch"])
def test_packed_responses_of_a_head(executor):
    t = Head()
    hidden, y, mu, advantage = packed(t)
    cuts, mask = torch.tensor([0, 5, 9]), t.mask.reshape(-1)
    asked = dict(bias=t.bias, cu_seqlens=cuts, with_capacity=True, executor=executor)
    found = cppo.log_probs_from_head(hidden, t.weight, y, response_mask=mask, **asked).log_prob
    want = t.found(temperature=1.0, executor=executor).log_prob.reshape(-1)
    torch.testing.assert_close(found[:9], want[:9])
    assert not found[9:].any()
    hidden[9:] = torch.nan  # no response's
    loss, report = cppo.policy_loss_from_head(hidden, t.weight, y, mu, advantage, mask, region=cppo.unrestricted(),
                                              bias=t.bias, cu_seqlens=cuts, with_capacity=True)
    assert loss.isfinite() and report.tokens == mask[:9].sum()
    y[7] = V
    if executor == "simd":
        with pytest.raises(cppo.Error, match="response 1, token 2") as raised:
            cppo.log_probs_from_head(hidden, t.weight, y, response_mask=mask, **asked)
        assert (raised.value.response, raised.value.token) == (1, 2)


@pytest.mark.parametrize("mask", [torch.tensor([1, 0, 1]), torch.tensor([[1], [0], [1]]), torch.tensor(1)])
def test_a_response_mask_may_be_one_number_a_response(mask):
    t = Head()
    t.hidden = t.hidden.detach().nan_to_num(0.0)
    found = t.found(response_mask=mask)
    whole = (mask if mask.dim() != 1 else mask[:, None]).expand(B, T)
    assert torch.equal(found.log_prob, t.found(response_mask=whole).log_prob)
    assert torch.equal(found.log_prob != 0, whole != 0)


@pytest.mark.parametrize("all_masked", [True, False])
@pytest.mark.parametrize("more, words", [
    ({"temperature": 0.0}, "temperature is 0.0"), ({"executor": "foo"}, "executor must be"),
    ({"threads": -1}, "threads is -1"), ({"top_k_ids": torch.zeros(B, T, 0, dtype=torch.long)}, "list no id"),
    ({"top_k_ids": torch.zeros(B, T, 2)}, "top_k_ids is of torch.float32"),
    ({"top_k_ids": torch.zeros(T, B, 2, dtype=torch.long)}, "top_k_ids has shape"),
    ({"response_mask": torch.ones(B, T, 2)}, "response_mask has shape")])
def test_what_is_asked_is_checked_where_there_is_no_row(all_masked, more, words):
    t = Head()
    t.mask &= not all_masked
    with pytest.raises(cppo.Error, match=words):
        t.found(**more)
    t.y = t.y.float()
    with pytest.raises(cppo.Error, match="token_id is of torch.float32"):
        t.found()


def test_a_weight_may_be_an_array():
    t = Head()
    found = cppo.log_probs_from_head(t.hidden, t.weight.detach().numpy(), t.y.tolist(), response_mask=t.mask.tolist(),
                                     bias=t.bias.tolist())
    assert torch.equal(found.log_prob, t.found(temperature=1.0).log_prob)
