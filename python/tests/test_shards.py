"""Shards of the vocabulary: what each rank finds, combined, is what the whole gives; with gradients and over ranks."""

from __future__ import annotations

import copy
import importlib.util
import pathlib
import pickle
import re

import cppo
import numpy as np
import pytest
from cppo import StatusCode
from test_logits import Case, apart

HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed")
REFUSED = "what was found is not of this batch and call, or not of each id once"


def find(case, first, last, x=None, **more):
    part = (case.x if x is None else x)[..., first:last]
    return cppo.find_logits(part, case.y, first_id=first, vocabulary=case.x.shape[-1], **case.options(), **more)


def asked(case, **more):
    return {"response_mask": case.mask, **more}


@pytest.fixture
def case():
    return Case()


@pytest.mark.parametrize("executor", ["simd", "seq"])
@pytest.mark.parametrize("cuts", [(0, 300), (0, 1, 300), (0, 128, 256, 300), (0, 7, 100, 101, 300)])
def test_log_probs_of_shards_are_those_of_the_definition(case, executor, cuts):
    lists = np.stack([case.y, np.full_like(case.y, -1), case.y * 0 + 299], -1)
    common = dict(top_k_ids=lists, entropy=True, largest_count=4, dtype="float64")
    shards = [find(case, a, b, top_k_ids=lists, largest_count=4, executor=executor) for a, b in zip(cuts, cuts[1:])]
    assert len({len(s.words) for s in shards}) == 1
    whole = cppo.combine(*shards)
    assert whole.shards == [(0, 300)] and whole.tokens == 11 and whole.temperature == 0.7
    got = whole.log_probs(case.x[..., :cuts[1]], case.y, **asked(case), **common)
    want = cppo.log_probs(case.x, case.y, **case.options(), **common)
    assert np.array_equal(got.largest_id, want.largest_id)
    for name, limit in (("log_prob", 4e-6), ("log_sum_exp", 4e-6), ("listed_log_prob", 4e-6),
                        ("largest_log_prob", 4e-6), ("entropy", 1e-4)):
        np.testing.assert_allclose(getattr(got, name), getattr(want, name), rtol=0, atol=limit)
    log_p, total, _ = case.exact(case.x)
    assert np.abs(got.log_sum_exp - total)[case.mask].max() < 2e-6
    of_y = np.take_along_axis(log_p, case.y[..., None], -1)[..., 0]
    assert np.abs(got.log_prob - of_y)[case.mask].max() < 2e-6
    if len(cuts) == 2:
        assert all(np.array_equal(a, b) for a, b in zip(got, want))


def test_log_probs_of_random_shards_in_random_batches():
    """Any cut, type of layout and number of listed ids, within the bound that the page promises."""
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies

    @hypothesis.settings(max_examples=60, deadline=None)
    @hypothesis.given(st.integers(1, 3), st.integers(1, 4), st.integers(2, 90), st.integers(0, 3), st.data())
    def check(responses, width, v, k, data):
        case = Case((responses, width, v), k=1, seed=data.draw(st.integers(0, 999)))
        cuts = sorted({0, v, *data.draw(st.lists(st.integers(1, v - 1), max_size=4))})
        lists = np.random.default_rng(0).integers(-1, v, (responses, width, k)) if k else None
        x = apart(case.x) if data.draw(st.booleans()) else case.x
        shards = [find(case, a, b, x, top_k_ids=lists, largest_count=2) for a, b in zip(cuts, cuts[1:])]
        order = data.draw(st.permutations(shards))
        got = cppo.combine(*order).log_probs(x[..., :1], case.y, **asked(case), top_k_ids=lists, largest_count=2,
                                             dtype="float64")
        want = cppo.log_probs(case.x, case.y, top_k_ids=lists, largest_count=2, dtype="float64", **case.options())
        assert np.array_equal(got.largest_id, want.largest_id)
        np.testing.assert_allclose(got.log_prob, want.log_prob, rtol=0, atol=4e-6)
        np.testing.assert_allclose(got.log_sum_exp, want.log_sum_exp, rtol=0, atol=4e-6)
    check()


@pytest.mark.parametrize("k, largest_count", [(0, 0), (2, 0), (0, 3), (2, 3), (1, 1)])
def test_rows_that_lie_apart_find_the_same_words(case, k, largest_count):
    lists = np.full((*case.y.shape, k), 5) if k else None
    wide = apart(case.x)
    words = [find(case, 40, 160, x, top_k_ids=lists, largest_count=largest_count).words for x in (case.x, wide)]
    assert np.array_equal(*words)


def test_what_is_found_is_one_array_that_travels(case):
    found = find(case, 0, 120)
    assert found.words.dtype == np.int64 and found.words.ndim == 1 and found.shards == [(0, 120)]
    assert repr(found) == "<FoundLogits: ids 0 to 119 of 300, 11 tokens>"
    for again in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found), cppo.FoundLogits(found.words.copy()),
                  cppo.FoundLogits(found.words.tolist())):
        whole = cppo.combine(again, find(case, 120, 300))
        assert np.array_equal(whole.words, cppo.combine(found, find(case, 120, 300)).words)
    gap = cppo.combine(find(case, 200, 300), found)
    assert gap.shards == [(0, 120), (200, 100)] and cppo.combine(gap, find(case, 120, 200)).shards == [(0, 300)]
    with pytest.raises(cppo.Error, match="words have dtype float64"):
        cppo.FoundLogits(found.words.astype(float))


def test_shards_that_do_not_make_a_vocabulary_are_refused(case):
    low, high = find(case, 0, 120), find(case, 120, 300)
    whole = cppo.combine(low, high)
    with pytest.raises(cppo.Error, match="one for each shard"):
        cppo.combine()
    other = Case(temperature=0.8)
    wrong = [low, cppo.combine(low, low), cppo.combine(low, find(case, 119, 300)),
             cppo.combine(low, find(case, 121, 300)), cppo.combine(whole, high),
             cppo.combine(low, find(case, 120, 300, largest_count=1)),
             cppo.combine(low, find(other, 120, 300)), cppo.FoundLogits(whole.words[:-1]),
             cppo.FoundLogits(np.append(whole.words, 0)), cppo.FoundLogits(whole.words[:3]),
             cppo.FoundLogits(np.empty(0, np.int64)), cppo.combine(low, cppo.FoundLogits(high.words[:-1]))]
    for i, x in [(0, 0), (1, -1), (1, 301), (2, 1), (3, -7), (4, 12), (4, 1 << 62), (5, 2), (6, 1), (7, 299)]:
        damaged = whole.words.copy()
        damaged[i] = x
        wrong.append(cppo.FoundLogits(damaged))
    for found in wrong:
        with pytest.raises(cppo.Error, match=REFUSED) as e:
            found.log_probs(case.x[..., :120], case.y, **asked(case))
        assert e.value.code == StatusCode.shards_mismatch
    for more in ({"response_mask": None}, asked(case, top_k_ids=case.ids), asked(case, largest_count=1)):
        with pytest.raises(cppo.Error, match=REFUSED):
            whole.log_probs(case.x[..., :120], np.nan_to_num(case.y), **more)


@pytest.mark.parametrize("change, code, words", [
    (lambda c: c.x.__setitem__((1, 2, 7), np.inf), "logit_invalid", "logits at response 1, token 2, id 7 is inf"),
    (lambda c: c.y.__setitem__((2, 1), 300), "id_out_of_vocabulary", "token_id at response 2, token 1 is 300"),
    (lambda c: setattr(c, "x", c.x.astype(np.float64)), "element_type_mismatch", "f32, f16 or bf16"),
    (lambda c: setattr(c, "temperature", 0.0), "bad_parameter", "^temperature is 0.0")])
@pytest.mark.parametrize("wide", [False, True])
def test_wrong_calls(case, change, code, words, wide):
    if wide:
        case.x = apart(case.x)
    change(case)
    with pytest.raises(cppo.Error, match=words) as e:
        find(case, 0, 120)
    assert e.value.code == StatusCode[code]


def test_wrong_options(case):
    for first, vocabulary in ((-1, 300), (181, 300), (0, 119), (1 << 40, 300)):
        with pytest.raises(cppo.Error, match=f"first_id is {first}, but must be 0 to {vocabulary - 120}"):
            cppo.find_logits(case.x[..., :120], case.y, first_id=first, vocabulary=vocabulary, **case.options())
    with pytest.raises(cppo.Error, match="largest_count is -1"):
        find(case, 0, 120, largest_count=-1)
    with pytest.raises(cppo.Error, match="more words than can be") as e:
        cppo.find_logits(case.x, case.y, first_id=0, vocabulary=1 << 50, largest_count=1 << 50, **case.options())
    assert e.value.code == StatusCode.size_overflow
    with pytest.raises(cppo.Error, match="simd or seq"):
        find(case, 0, 120, executor="torch")
    whole = cppo.combine(find(case, 0, 120), find(case, 120, 300))
    with pytest.raises(cppo.Error, match="first_id is 200, but must be 0 to 180"):
        whole.log_probs(case.x[..., :120], case.y, first_id=200, **asked(case))
    case.x[1, 0, case.y[1, 0]] = -np.inf
    masked = cppo.combine(find(case, 0, 120), find(case, 120, 300))
    with pytest.raises(cppo.Error, match="at response 1, token 0, id") as e:
        masked.log_probs(case.x[..., :120], case.y, **asked(case))
    assert e.value.code == StatusCode.sampled_id_masked


@pytest.mark.parametrize("executor", ["simd", "seq"])
def test_the_gradient_of_a_shard_is_that_part_of_the_whole(case, executor):
    found = cppo.log_probs(case.x, case.y, entropy=True, dtype="float64", **case.options())
    slope, of_entropy = np.random.default_rng(1).normal(0, 1, (2, 3, 4))
    common = dict(entropy=found.entropy, entropy_slope=of_entropy, executor=executor, **case.options())
    whole = cppo.logits_gradient(case.x, case.y, slope, found.log_sum_exp, **common)
    for a, b in ((0, 120), (120, 300)):
        for x in (case.x, apart(case.x)):
            got = cppo.logits_gradient(x[..., a:b], case.y, slope, found.log_sum_exp, first_id=a, vocabulary=300,
                                       **common)
            assert np.array_equal(got, whole[..., a:b])
    with pytest.raises(cppo.Error, match="first_id is 200"):
        cppo.logits_gradient(case.x[..., :120], case.y, slope, found.log_sum_exp, first_id=200, vocabulary=300)


# ---- PyTorch


def tensors(case, dtype="float32"):
    import torch
    x = torch.from_numpy(case.x).to(getattr(torch, dtype))
    return x, torch.from_numpy(case.y), torch.from_numpy(case.mask)


def combined_of(x, y, mask, cuts, **more):
    """The shards as leaves, and what was found in all of them."""
    parts = [x[..., a:b].clone().requires_grad_() for a, b in zip(cuts, cuts[1:])]
    found = [cppo.find_logits(p, y, first_id=a, vocabulary=cuts[-1], response_mask=mask, temperature=0.7, **more)
             for p, a in zip(parts, cuts)]
    return parts, cppo.combine(*found)


@needs_torch
@pytest.mark.parametrize("dtype, limit", [("float32", 4e-6), ("bfloat16", 8e-3), ("float16", 1e-3)])
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("executor", ["simd", "torch"])
def test_backward_gives_the_gradient_of_each_shard(case, dtype, limit, in_place, executor):
    import torch
    x, y, mask = tensors(case, dtype)
    parts, whole = combined_of(x, y, mask, (0, 120, 300), executor=executor)
    assert whole.words.dtype == torch.int64 and not whole.words.requires_grad
    leaf = x.clone().requires_grad_()
    want = cppo.log_probs(leaf, y, response_mask=mask, temperature=0.7, entropy=True)
    weights = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))
    ((weights[0] * want.log_prob + weights[1] * want.entropy) * mask).sum().backward()
    for part, first in zip(parts, (0, 120)):
        logits = part * 1.0
        got = whole.log_probs(logits, y, first_id=first, response_mask=mask, entropy=True, gradient_in_place=in_place,
                              executor=executor)
        torch.testing.assert_close(got.log_prob, want.log_prob, rtol=0, atol=4e-6)
        assert not (got.log_sum_exp.requires_grad or got.listed_log_prob is not None)
        ((weights[0] * got.log_prob + weights[1] * got.entropy) * mask).sum().backward()
        last = first + part.shape[-1]
        torch.testing.assert_close(part.grad, leaf.grad[..., first:last], rtol=limit, atol=4e-6)
        assert not part.grad[~mask].any()


@needs_torch
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("k, largest_count", [(0, 0), (2, 3), (0, 5), (1, 12)])
def test_pytorchs_own_operations_find_the_same(dtype, k, largest_count):
    """Also ids whose logit is -inf, a row of them in a shard, ties, and fewer ids than are asked for."""
    import torch
    case = Case(shape=(2, 3, 9))
    x, y, mask = tensors(case, dtype)
    x[0, 0] = -torch.inf
    x[0, 0, 7], y[0, 0] = 3.0, 7
    x[0, 1] = 1.0
    x[0, 2] = torch.tensor([0.0, -0.0, -0.0, 0.0, -0.0, 0.0, -1.0, -torch.inf, 0.0])
    y[0, 2] = 0
    lists = torch.tensor([4, -1])[:k].expand(2, 3, k) if k else None
    common = dict(first_id=2, vocabulary=9, top_k_ids=lists, response_mask=mask, temperature=0.7,
                  largest_count=largest_count)
    own, library = (cppo.find_logits(x[..., 2:7], y, executor=e, **common).words for e in ("torch", "simd"))
    n, sums = 5, slice(8, 28)
    assert own.shape == library.shape and own.dtype == library.dtype
    assert torch.equal(own[:8], library[:8]) and torch.equal(own[28:], library[28:])
    mine, its = own[sums].view(n, 4), library[sums].view(n, 4)
    assert torch.equal(mine[:, :2], its[:, :2])
    mine, its = (s[:, 2:].contiguous().view(torch.float64) for s in (mine, its))
    torch.testing.assert_close(mine, its, rtol=1e-6, atol=1e-12)


@needs_torch
def test_wrong_calls_with_tensors(case):
    import torch
    x, y, mask = tensors(case)
    _, whole = combined_of(x, y, mask, (0, 120, 300))
    part = x[..., :120].clone().requires_grad_()
    with pytest.raises(cppo.Error, match=REFUSED):
        whole.log_probs(part, y)
    with torch.no_grad():
        part[1, 2, 7] = torch.inf
    for executor in ("simd", "seq", "torch"):
        with pytest.raises(cppo.Error, match="logits at response 1, token 2, id 7 is inf"):
            cppo.find_logits(part, y, first_id=0, vocabulary=300, response_mask=mask, executor=executor)
    with torch.no_grad():
        part[1, 2, 7] = 0.0
    found = whole.log_probs(part, y, response_mask=mask)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(found.log_prob.sum(), part, create_graph=True)
    with pytest.raises(cppo.Error, match="a leaf, whose values you keep"):
        whole.log_probs(part, y, response_mask=mask, gradient_in_place=True)


@needs_torch
@pytest.mark.parametrize("in_place", [False, True])
def test_nothing_of_the_logits_size_is_made_but_their_gradient(in_place):
    import torch
    case = Case(shape=(4, 8, 4000))
    x, y, mask = tensors(case)
    parts, whole = combined_of(x, y, mask, (0, 2000, 4000))
    logits = parts[0] * 1.0
    size = logits.numel() * logits.element_size()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as made:
        cppo.find_logits(logits, y, first_id=0, vocabulary=4000, response_mask=mask, temperature=0.7)
        found = whole.log_probs(logits, y, response_mask=mask, gradient_in_place=in_place)
        gradient, = torch.autograd.grad(found.log_prob.sum(), logits)
    allocated = [e.self_cpu_memory_usage for e in made.events()]
    assert sum(a >= size // 2 for a in allocated) == (not in_place), allocated
    assert (gradient.data_ptr() == logits.data_ptr()) == in_place


@needs_torch
@pytest.mark.filterwarnings("ignore:The .grad attribute")  # of Dynamo itself, which looks at what crosses a graph break
def test_a_compiled_function_calls_them_between_its_graphs(case):
    import torch
    x, y, mask = tensors(case)
    mu, advantage, region = torch.from_numpy(case.mu), torch.from_numpy(case.advantage), cppo.ppo()

    def step(x, y, mask):
        _, whole = combined_of(x.detach(), y, mask, (0, 120, 300))
        found = whole.log_probs(x[..., :120] * 1.0, y, response_mask=mask)
        return cppo.policy_loss(found.log_prob, mu, advantage, mask, region=region)[0] * 2.0
    torch._dynamo.reset()
    leaf = x.clone().requires_grad_()
    want, got = step(leaf, y, mask), torch.compile(step, backend="aot_eager")(leaf, y, mask)
    gradient, its = (torch.autograd.grad(loss, leaf)[0] for loss in (want, got))
    torch.testing.assert_close(got, want)
    assert torch.equal(gradient, its) and gradient.any()


# ---- several ranks


def train_a_step(rank, size, sharded):
    """One step of a head whose vocabulary lies on `size` ranks, or whole on each: the loss, and the gradients of the
    hidden states and of the whole weight."""
    import torch
    import torch.distributed as dist
    v, part = 90, 90 // size
    draw = torch.Generator().manual_seed(5)
    hidden, weight = torch.randn(3, 7, 16, generator=draw), torch.randn(v, 16, generator=draw)
    token_id = torch.randint(0, v, (3, 7), generator=draw)
    mask = torch.arange(7) < torch.tensor([[7], [4], [6]])
    advantage = torch.tensor([[1.0], [-0.5], [0.7]]).expand(3, 7)
    mu = cppo.log_probs(hidden @ weight.t(), token_id, response_mask=mask).log_prob
    mu = mu + 0.2 * torch.randn(3, 7, generator=draw) - 0.2
    first = rank * part if sharded else 0
    hidden.requires_grad_()
    own = weight[first:first + part].clone().requires_grad_() if sharded else weight.requires_grad_()
    logits = hidden @ own.t()
    if sharded:
        found = cppo.find_logits(logits, token_id, first_id=first, vocabulary=v, response_mask=mask)
        words = [torch.empty_like(found.words) for _ in range(size)]
        dist.all_gather(words, found.words)
        found = cppo.combine(*map(cppo.FoundLogits, words)).log_probs(logits, token_id, first_id=first,
                                                                      response_mask=mask, entropy=True)
    else:
        found = cppo.log_probs(logits, token_id, response_mask=mask, entropy=True)
    region = cppo.fixed_cppo(delta=0.05, delta_b=0.02)
    loss, report = cppo.policy_loss(found.log_prob, mu.clamp(max=0.0), advantage, mask, region=region)
    (loss - 0.01 * found.entropy[mask].mean()).backward()
    grads, of_weight = hidden.grad, own.grad
    if sharded:
        dist.all_reduce(grads)
        parts = [torch.empty_like(of_weight) for _ in range(size)]
        dist.all_gather(parts, of_weight)
        of_weight = torch.cat(parts)
    return loss.item(), report.kept, report.tokens, grads.numpy(), of_weight.numpy()


@pytest.fixture(scope="module")
def two_ranks():
    dist = pytest.importorskip("torch.distributed", reason="PyTorch is not installed")
    if not (dist.is_available() and dist.is_gloo_available()):
        pytest.skip("this PyTorch has no gloo")
    from ranks import Ranks
    processes = Ranks(2)
    yield processes
    processes.stop()


def test_a_step_of_a_head_over_two_ranks_is_that_of_one(two_ranks):
    sharded, whole = two_ranks.run(train_a_step, True), two_ranks.run(train_a_step, False)
    for got, want in zip(sharded, whole):
        assert got[1:3] == want[1:3] and 0 < got[1] < got[2] == 17
        assert got[0] == pytest.approx(want[0], rel=0, abs=2e-6)
        for a, b in zip(got[3:], want[3:]):
            assert np.abs(a - b).max() < 2e-6 * max(1.0, np.abs(b).max()) and np.abs(b).max() > 1e-3
    assert sharded[0][0] == sharded[1][0]
    assert all(np.array_equal(a, b) for a, b in zip(sharded[0][3:], sharded[1][3:]))


def run_the_page(rank, size, code):
    """The loss of an example that each rank runs, and the gradient of its logits."""
    import torch
    case = Case(shape=(2, 5, 60))
    x, y, mask = tensors(case)
    leaf = x[..., 30 * rank:30 * rank + 30].clone().requires_grad_()
    names = {"cppo": cppo, "torch": torch, "shard": leaf * 1.0, "token_id": y, "mask": mask, "rank": rank, "size": size,
             "part": 30, "rollout_log_prob": torch.from_numpy(case.mu), "advantage": torch.from_numpy(case.advantage),
             "region": cppo.ppo()}
    exec(code, names)
    return names["loss"].item(), leaf.grad.numpy()


def test_the_pages_example_runs(two_ranks):
    page = pathlib.Path(__file__).resolve().parents[2] / "docs/logits.md"
    if not page.exists():
        pytest.skip("the pages lie in a checkout of the project")
    code, = (b for b in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.S | re.M) if "find_logits" in b)
    (loss, low), (other, high) = two_ranks.run(run_the_page, code)
    case = Case(shape=(2, 5, 60))
    want, _, out = cppo.policy_loss_from_logits(case.x, case.y, case.mu, case.advantage, case.mask, region=cppo.ppo(),
                                                outputs=("logits_gradient",))
    assert loss == other == pytest.approx(want, rel=2e-6)
    limit = 2e-6 * np.abs(out.logits_gradient).max()
    assert np.abs(np.concatenate([low, high], -1) - out.logits_gradient).max() < max(limit, 2e-6)


def test_words_are_int64_and_a_combined_value_has_its_own(case):
    one = find(case, 0, 300)
    assert not np.shares_memory(cppo.combine(one).words, one.words)
    made = cppo.FoundLogits(one.words.view(np.uint64).astype(np.uint64))
    assert made.words.dtype == np.int64 and np.array_equal(made.words, one.words)
