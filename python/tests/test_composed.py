"""executor="torch", PyTorch's own operations, against the library: on the conformance vectors and on random regions.

What decides is the same but for the last bit of an exponential. So decisions are compared where no number is within
`NEAR` of its boundary, and all else closely.
"""

from __future__ import annotations

import warnings

import cppo
import numpy as np
import pytest
import test_vectors
from conftest import make_batch, reordered
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

NEAR = 1e-5
REALS = ("gradient", "loss", "gate", "divergence", "weight", "weighted_divergence", "prefix_drift", "prefix_weight",
         "threshold", "excess")
WANTED = (*REALS, "mask", "decision")
CLOSE = {"rtol": 3e-5, "atol": 3e-6}


def both(batch, *, region, **options):
    """Loss, report and outputs of both, as (library, torch)."""
    found = []
    for executor in ("seq", "torch"):
        inputs = [None if x is None else torch.as_tensor(x) for x in batch]
        found.append(cppo.policy_loss(*inputs, region=region, executor=executor, outputs=WANTED, **options))
    return found


def boundaries(region):
    """The numbers that something is compared with in a mask of the library's own clauses."""
    from cppo._rule import nodes_of, rule_of
    return [x for n in nodes_of(rule_of(region.c_region).mask) for x in n.numbers]


def doubtful(region, batch, out):
    """True where a decision may hang on the last bit: of every slot whose response holds a number near a boundary."""
    log_p, log_q = (np.nan_to_num(np.asarray(x, np.float64)) for x in batch[:2])
    ratio, z = np.exp(np.clip(log_p - log_q, -80, 80)), np.asarray(out.weighted_divergence, np.float64)
    d = np.asarray(out.divergence, np.float64)
    near = np.abs(np.asarray(out.threshold, np.float64) - z) < NEAR
    for x in boundaries(region):
        mean = d.sum(-1, keepdims=True) / np.maximum((np.asarray(out.weight) > 0).sum(-1, keepdims=True), 1)
        for value in (ratio, z, d, mean):
            near |= np.abs(value - x) < NEAR * max(1.0, abs(x))
    near &= np.asarray(out.decision) > 0  # what is no token decides nothing
    return near.any(-1, keepdims=True) & np.ones_like(near)


def compare(region, batch, found):
    """Decisions alike where they are clear, numbers close."""
    (loss, report, ours), (its_loss, its_report, theirs) = found
    sure = np.asarray(~doubtful(region, batch, ours))
    for name in ("mask", "decision"):
        assert np.array_equal(getattr(ours, name)[sure], getattr(theirs, name)[sure]), name
    for name in REALS:
        a, b = (np.asarray(getattr(x, name)) for x in (ours, theirs))
        assert a.dtype == b.dtype
        np.testing.assert_allclose(b[sure], a[sure], err_msg=name, **CLOSE)
    if not sure.all():
        return
    np.testing.assert_allclose(its_loss.detach(), loss.detach(), **CLOSE)
    for name, value in report.as_dict().items():
        exact = not name.startswith(("sum_", "max_", "min_", "mean_", "kl_", "loss"))
        wanted = pytest.approx(value, nan_ok=True, **({"rel": 0, "abs": 0} if exact else {"rel": 3e-5, "abs": 3e-6}))
        assert getattr(its_report, name) == wanted, name


@pytest.mark.skipif(not test_vectors.CASES, reason="the vectors are in the checkout alone")
@pytest.mark.parametrize("case", test_vectors.CASES, ids=lambda c: c["name"])
def test_a_vector(case, monkeypatch):
    def in_torch(*batch, cu_seqlens=None, divergence_values=None, **options):
        tensors = [torch.from_numpy(x) for x in batch]
        lent = {"cu_seqlens": cu_seqlens, "divergence_values": divergence_values}
        lent = {n: torch.from_numpy(x) for n, x in lent.items() if x is not None}
        loss, report, out = library(*tensors, executor="torch", **lent, **options)
        arrays = {n: getattr(out, n).numpy() for n in options["outputs"]}
        return loss.numpy(), report, cppo.Outputs(**arrays)
    library = cppo.policy_loss
    monkeypatch.setattr(cppo, "policy_loss", in_torch)
    test_vectors.test_a_vector(case)


thresholds = st.floats(0.005, 0.4)
divergences = st.sampled_from([cppo.binary_tv, cppo.binary_kl, cppo.binary_kl_reverse, cppo.k1, cppo.k2, cppo.k3,
                               cppo.no_divergence])
lists = st.sampled_from([cppo.top_k_tv, cppo.top_k_kl, cppo.top_k_tv_replace_last, cppo.top_k_kl_replace_last,
                         cppo.top_k_tv_list, cppo.top_k_kl_list])
linear = st.builds(cppo.linear_weight, st.floats(0.3, 1.0))
weights = st.one_of(st.just(cppo.uniform_weight), linear,
                    st.builds(reordered, linear, st.booleans(), st.none() | st.integers(0, 2**64 - 1), st.booleans()))
budgets = st.one_of(st.builds(cppo.fixed_budget, st.floats(0.0, 0.1)),
                    st.builds(cppo.calibrated_budget, st.floats(0.001, 0.05), st.floats(0.0, 1.0),
                              st.floats(0.1, 2.0), st.floats(1.0, 3.0)))
clauses = st.one_of(
    st.just(cppo.toward_rollout), st.just(cppo.keep_all), st.just(cppo.keep_none),
    st.builds(cppo.ratio_within, st.floats(0.5, 0.99), st.floats(1.01, 1.6)),
    st.builds(cppo.divergence_within, thresholds, st.one_of(st.none(), thresholds)),
    st.builds(cppo.response_max_within, thresholds), st.builds(cppo.response_mean_within, thresholds))


def combined(masks):
    return st.one_of(st.builds(lambda a, b: a & b, masks, masks), st.builds(lambda a, b: a | b, masks, masks),
                     st.builds(lambda a: ~a, masks))


plain = st.recursive(clauses, combined, max_leaves=4)
masks = st.one_of(plain, st.builds(lambda a, d, b, sign: a | cppo.prefix_budget(d, b) if sign
                                   else a & ~cppo.prefix_budget(d, b), plain, thresholds, budgets, st.booleans()))


@st.composite
def regions(draw, which=divergences):
    if draw(st.integers(0, 9)) == 0:
        made = cppo.trust_region(cppo.no_divergence, draw(weights), cppo.ratio_within(0.8, 1.2))
        made = cppo.reporting(made, cppo.binary_tv)
    else:
        made = cppo.trust_region(draw(which), draw(weights), draw(masks))
    return cppo.softened(made) if draw(st.booleans()) else made


options = st.fixed_dictionaries({
    "aggregate": st.sampled_from(["token_sum", "token_mean", "seq_mean_token_sum", "seq_mean_token_mean",
                                  "seq_mean_token_sum_norm", "none"]),
    "normalizer": st.sampled_from([None, 7.0]), "horizon": st.just(64), "surrogate": st.sampled_from(["ratio",
                                                                                                     "reinforce"]),
    "positions": st.sampled_from(["own_length", "fixed_horizon", "padded_column"]),
    "log_ratio_clamp": st.sampled_from([None, 0.0, 0.25]), "ratio_cap": st.sampled_from([None, 1.1])})


@given(region=regions(), o=options, seed=st.integers(0, 10**6), double=st.booleans(), weighted=st.booleans())
@settings(deadline=None, max_examples=150)
def test_random_regions(region, o, seed, double, weighted):
    batch = make_batch(4, 21, seed, np.float64 if double else np.float32)
    if weighted:
        o = {**o, "token_weight": torch.rand(4, 21, generator=torch.Generator().manual_seed(seed))}
    compare(region, batch, both(batch, region=region, **o))


@given(w=weights, seed=st.integers(0, 10**6), double=st.booleans(),
       positions=st.sampled_from(["own_length", "fixed_horizon", "padded_column"]))
@settings(deadline=None, max_examples=60)
def test_weights_have_the_bits_of_the_library(w, seed, double, positions):
    batch = make_batch(4, 37, seed, np.float64 if double else np.float32)
    region = cppo.trust_region(cppo.binary_tv, w, cppo.toward_rollout | cppo.prefix_budget(0.1, 0.01))
    o = {"region": region, "positions": positions, "horizon": 64, "outputs": ["weight", "prefix_weight"]}
    ours, theirs = (cppo.policy_loss(*map(torch.from_numpy, batch), executor=e, **o)[2] for e in ("seq", "torch"))
    assert torch.equal(ours.weight, theirs.weight) and torch.equal(ours.prefix_weight, theirs.prefix_weight)


@given(region=regions(lists), seed=st.integers(0, 10**6), double=st.booleans())
@settings(deadline=None, max_examples=60)
def test_top_k(region, seed, double):
    batch = make_batch(3, 9, seed, np.float64 if double else np.float32)
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 3, 9, 6, generator=random).double().mul(2.0)
    logits[1] += 0.2 * logits[0]
    log_probs = logits.log_softmax(-1)[..., :5].to(torch.as_tensor(batch[0]).dtype)
    ids = torch.arange(5).repeat(3, 9, 1)
    ids[torch.rand(3, 9, 5, generator=random) < 0.1] = -1
    sampled = torch.randint(0, 7, (3, 9), generator=random)
    top_k = cppo.TopK(ids, log_probs[0], log_probs[1])
    compare(region, batch, both(batch, region=region, token_id=sampled, top_k=top_k))


@given(region=regions(), seed=st.integers(0, 10**6), wide=st.booleans())
@settings(deadline=None, max_examples=40)
def test_packed(region, seed, wide):
    log_p, log_q, advantage, valid = make_batch(5, 17, seed)
    lengths = np.random.default_rng(seed).integers(0, 18, 5)
    inside = np.arange(17) < lengths[:, None]
    cuts = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32 if wide else np.int64))
    packed = [x[inside] for x in (log_p, log_q, advantage, valid)]
    if wide:
        packed = [np.concatenate([x, x[:1], x[:1]]) if x.size else np.zeros(2, x.dtype) for x in packed]
    padded = cppo.policy_loss(*map(torch.from_numpy, (log_p, log_q, advantage, valid & inside)), region=region,
                              executor="torch", outputs=WANTED)
    loss, report, out = cppo.policy_loss(*map(torch.from_numpy, packed), region=region, executor="torch",
                                         cu_seqlens=cuts, with_capacity=wide, outputs=WANTED)
    np.testing.assert_allclose(loss, padded[0], rtol=1e-5, atol=1e-6)
    assert report.kept == padded[1].kept and report.responses == padded[1].responses
    for name in WANTED:
        whole = getattr(out, name)
        assert np.array_equal(whole[:inside.sum()], getattr(padded[2], name)[inside]), name
        assert not whole[inside.sum():].any()


@pytest.mark.parametrize("mode", ["leave_out", "exclude", "propagate"])
@pytest.mark.parametrize("what", ["log_prob", "rollout_log_prob", "advantage", "response_mask", "token_weight",
                                  "divergence_values"])
def test_bad_input(mode, what):
    log_p, log_q, advantage, valid = make_batch(4, 12, seed=8, holes=False)
    batch = {"log_prob": log_p, "rollout_log_prob": log_q, "advantage": advantage,
             "response_mask": valid.astype(np.float32), "token_weight": np.ones_like(log_p),
             "divergence_values": np.full_like(log_p, 0.05)}
    b = int(np.flatnonzero(valid.sum(1) > 2)[0])
    batch[what][b, 1] = {"log_prob": -9999.0, "divergence_values": -1.0}.get(what, np.nan)
    region = cppo.fixed_cppo(divergence=cppo.precomputed)
    inputs = {n: torch.from_numpy(x) for n, x in batch.items()}
    ours, theirs = (cppo.policy_loss(**inputs, region=region, bad_input=mode, outputs=WANTED, executor=executor)
                    for executor in ("seq", "torch"))
    for name in WANTED:
        np.testing.assert_allclose(getattr(theirs[2], name), getattr(ours[2], name), err_msg=name, **CLOSE)
    for name in ("bad_tokens", "rejected_responses", "tokens", "responses", "kept", "teaching_tokens", "not_finite"):
        assert getattr(theirs[1], name) == getattr(ours[1], name), name
    with pytest.raises(cppo.Error) as e, warnings.catch_warnings():
        cppo.policy_loss(**inputs, region=region, executor="torch")
    with pytest.raises(cppo.Error) as same:
        cppo.policy_loss(**inputs, region=region, executor="seq")
    assert (e.value.message, e.value.response, e.value.token) == (same.value.message, b, 1)


@pytest.mark.parametrize("change", [
    {"aggregate": "seq_mean_token_sum_norm"}, {"positions": "fixed_horizon", "horizon": 2}, {"log_ratio_clamp": -1.0},
    {"cu_seqlens": torch.tensor([0, 3, 2, 10])}, {"cu_seqlens": torch.tensor([0, 3])}, {"log_prob_floor": float("nan")},
    {"region": cppo.fixed_cppo(divergence=cppo.precomputed)}, {"advantage": torch.ones(10, dtype=torch.int64)},
    {"advantage": torch.ones(9)}])
def test_what_the_library_refuses_is_refused(change):
    log_p = torch.full((10,), -0.5)
    call = {"log_prob": log_p, "rollout_log_prob": log_p, "advantage": torch.ones(10), "region": cppo.fixed_cppo(),
            **change}
    for executor in ("seq", "torch"):
        with pytest.raises(cppo.Error) as e:
            cppo.policy_loss(**call, executor=executor)
        codes = e.value.code if executor == "seq" else codes
        assert e.value.code == codes


def test_pieces_are_refused_by_name():
    batch = [torch.from_numpy(x) for x in make_batch(5, 9)]
    plan = cppo.plan_pieces(cppo.PieceBatch(*batch, region=cppo.fixed_cppo()), range(5), [0] * 5)
    with pytest.raises(cppo.Error, match="carries are read by the library alone"):
        cppo.policy_loss(*batch, region=cppo.fixed_cppo(), executor="torch", carries=torch.from_numpy(plan.carries))


def test_backward_compile_and_opcheck():
    from cppo import _torch
    arrays = make_batch(4, 13, seed=2)
    region = cppo.calibrated_cppo(delta=0.1)
    grads = []
    for executor in ("seq", "torch"):
        batch = [torch.from_numpy(x) for x in arrays]
        batch[0].requires_grad_()
        loss, _ = cppo.policy_loss(*batch, region=region, executor=executor)
        (2.0 * loss).backward()
        grads.append(batch[0].grad)
    torch.testing.assert_close(grads[1], grads[0], rtol=3e-5, atol=1e-7)
    batch = [torch.from_numpy(x) for x in arrays]
    step = torch.compile(lambda *b: cppo.policy_loss(*b, region=region, executor="torch")[0], backend="aot_eager",
                         fullgraph=True)
    assert step(*batch) == cppo.policy_loss(*batch, region=region, executor="torch")[0]
    text = _torch.text_of(region.text, ("rollout_log_prob", "advantage", "response_mask"), ("mask", "excess"),
                          cppo.Options(executor="torch"), divided=False)
    log_p = batch[0].nan_to_num(0.0).requires_grad_()
    done = torch.library.opcheck(torch.ops.cppo.policy_loss.default, (log_p, batch[1:], region.tensor, text))
    assert set(done.values()) == {"SUCCESS"}, done


def test_a_device_without_an_op_warns_once(monkeypatch):
    """The kernel of a device, given tensors on the host: what it does where there is nothing to build with."""
    from cppo import _cuda, _torch
    batch = [torch.from_numpy(x) for x in make_batch(4, 13, seed=2)]
    region = cppo.fixed_cppo()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CUDA_HOME", "/nowhere")
    monkeypatch.setattr(_cuda.shutil, "which", lambda *_, **__: None)
    with pytest.raises(_cuda.NoCompiler, match="install CUDA's compiler"):
        _cuda.nvcc()
    _torch._warn_of.cache_clear()
    names = ("rollout_log_prob", "advantage", "response_mask")
    text = _torch.text_of(region.text, names, (), cppo.Options(), divided=False)
    with pytest.warns(RuntimeWarning, match="computed by PyTorch's own operations") as said:
        first = _torch._device_kernel(batch[0], batch[1:], region.tensor, text)
        again = _torch._device_kernel(batch[0], batch[1:], region.tensor, text)
    assert len(said) == 1 and torch.equal(first[0], again[0])
    insists = _torch.text_of(region.text, names, (), cppo.Options(executor="cuda"), divided=False)
    with pytest.raises(cppo.Error, match="cannot take this call: the library has nothing for cpu"):
        _torch._device_kernel(batch[0], batch[1:], region.tensor, insists)


def test_bad_input_on_a_device_is_raised_when_the_report_is_read():
    batch = [torch.from_numpy(x) for x in make_batch(4, 13, seed=2)]
    report = cppo.policy_loss(*batch, region=cppo.fixed_cppo(), executor="torch")[1]
    assert cppo.Report(report.words.copy(), refuses=True).tokens == report.tokens
    words = report.words.copy()
    words[cppo.report.FIELDS["bad_tokens"]] = 3
    assert cppo.Report(words.copy(), refuses=True).bad_tokens == 3  # left out one by one, as was asked
    words[cppo.report.FIELDS["rejected_responses"]] = 2
    with pytest.raises(cppo.Error, match="3 tokens of a batch on a device hold bad input"):
        cppo.Report(words, refuses=True).tokens
