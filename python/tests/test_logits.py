"""Calls on logits with NumPy: against their definitions in double, and what is wrong with a call."""

from __future__ import annotations

import cppo
import numpy as np
import pytest
from cppo import StatusCode

REGION = cppo.fixed_cppo(delta=0.05, delta_b=0.02, divergence=cppo.top_k_tv)


class Case:
    """Logits [B, T, V], both policies, whose last slot is excluded and holds NaN."""

    def __init__(self, shape=(3, 4, 300), k=5, temperature=0.7, seed=0):
        random = np.random.default_rng(seed)
        self.temperature, self.k = temperature, k
        self.x = random.normal(0, 3, shape).astype(np.float32)
        self.mu_x = (self.x + random.normal(0, 0.4, shape)).astype(np.float32)
        self.y = random.integers(0, shape[-1], shape[:-1])
        self.mask = np.ones(shape[:-1], bool)
        self.mask[-1, -1] = False
        self.x[-1, -1] = self.mu_x[-1, -1] = np.nan
        self.advantage = random.normal(0, 1, (shape[0], 1)).repeat(shape[1], 1).astype(np.float32)
        found = cppo.log_probs(self.mu_x, self.y, response_mask=self.mask, temperature=temperature, largest_count=k)
        self.mu, self.mu_total = found.log_prob, found.log_sum_exp
        self.ids, self.mu_lists = found.largest_id, found.largest_log_prob

    def exact(self, x):
        """log π of all ids, log-sum-exp and entropy in double; 0 at excluded slots."""
        z = np.where(self.mask[..., None], x, 0.0).astype(np.float64) / self.temperature
        top = z.max(-1, keepdims=True)
        total = top + np.log(np.exp(z - top).sum(-1, keepdims=True))
        log_p = z - total
        return log_p, total[..., 0], -(np.exp(log_p) * log_p).sum(-1)

    def options(self):
        return {"response_mask": self.mask, "temperature": self.temperature}

    def loss(self, **more):
        return cppo.policy_loss_from_logits(
            self.x, self.y, self.mu, self.advantage, self.mask, region=REGION, rollout_top_k=(self.ids, self.mu_lists),
            temperature=self.temperature, **more)


@pytest.fixture
def case():
    return Case()


def at(log_p, ids):
    return np.take_along_axis(log_p, ids[..., None] if ids.ndim < log_p.ndim else ids, -1).reshape(ids.shape)


@pytest.mark.parametrize("executor", ["simd", "seq"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_probs_are_those_of_the_definition(case, executor, dtype):
    log_p, total, h = case.exact(case.x)
    lists = np.stack([case.y, np.full_like(case.y, -1), case.y * 0 + 7], -1)
    found = cppo.log_probs(case.x, case.y, top_k_ids=lists, entropy=True, largest_count=2, dtype=dtype,
                           executor=executor, **case.options())
    on, ulp = case.mask, 2e-6 if dtype == "float64" else 4e-6
    assert found.log_prob.dtype == dtype and found.log_sum_exp.dtype == np.float64
    assert np.abs(found.log_prob - at(log_p, case.y))[on].max() < ulp
    assert np.abs(found.log_sum_exp - total)[on].max() < 2e-6
    assert np.abs(found.entropy / h - 1)[on].max() < 2e-5
    assert (found.listed_log_prob[on][:, 1] == -np.inf).all()
    assert np.array_equal(found.listed_log_prob[..., 0], found.log_prob)
    ranked = np.argsort(-log_p, -1, kind="stable")[..., :2]
    assert np.array_equal(found.largest_id[on], ranked[on])
    assert np.abs(found.largest_log_prob - at(log_p, ranked))[on].max() < ulp
    assert (found.largest_id[~on] == -1).all()
    assert all(not x[~on].any() for x in (found.log_prob, found.entropy, found.log_sum_exp, found.listed_log_prob))


def test_what_is_not_asked_for_is_not_there(case):
    found = cppo.log_probs(case.x, case.y, **case.options())
    assert found.listed_log_prob is found.entropy is found.largest_id is found.largest_log_prob is None


@pytest.mark.parametrize("view", [lambda x: x, lambda x: np.repeat(x, 2, 1)[:, ::2], lambda x: np.pad(
    x, [(0, 0), (0, 1), (0, 0)])[:, :-1], lambda x: np.pad(x, [(0, 0), (0, 0), (0, 9)])[..., :-9],
    lambda x: np.pad(x, [(0, 0), (3, 2), (0, 4)])[:, 3:-2, :-4]])
def test_rows_may_lie_anyhow(case, view):
    """No copy, and the same bits: logits, gradients and divergences whose rows lie at one distance or at two."""
    x, mu_x = view(case.x), view(case.mu_x)
    want = cppo.log_probs(case.x, case.y, entropy=True, **case.options())
    found = cppo.log_probs(x, case.y, entropy=True, **case.options())
    assert all(np.array_equal(a, b) for a, b in zip(want, found) if a is not None)
    slope = np.arange(12.0).reshape(3, 4)
    gradient = cppo.logits_gradient(case.x, case.y, slope, want.log_sum_exp, **case.options())
    out = view(np.full(case.x.shape, 7.0, np.float32))
    for given in (None, out):
        got = cppo.logits_gradient(x, case.y, slope, want.log_sum_exp, out=given, **case.options())
        assert np.array_equal(got, gradient) and (given is None or got is given)
    of_mu = dict(rollout_log_sum_exp=case.mu_total, rollout_temperature=0.7, tv=True, kl=True, **case.options())
    dense = cppo.full_divergences(case.x, want.log_sum_exp, rollout_logits=case.mu_x, **of_mu)
    for a, b in ((x, case.mu_x), (case.x, mu_x), (x, mu_x)):
        again = cppo.full_divergences(a, want.log_sum_exp, rollout_logits=b, **of_mu)
        assert np.array_equal(again.tv, dense.tv) and np.array_equal(again.kl, dense.kl)


def test_packed_rows_are_those_of_padded_ones(case):
    flat = [x.reshape(-1, *x.shape[2:]) for x in (case.x, case.y, case.mask)]
    want = cppo.log_probs(case.x, case.y, **case.options())
    for more in ({}, {"cu_seqlens": np.array([0, 4, 8, 12])}):
        found = cppo.log_probs(flat[0], flat[1], response_mask=flat[2], temperature=0.7, **more)
        assert np.array_equal(found.log_prob, want.log_prob.ravel())
    found = cppo.log_probs(flat[0], flat[1], temperature=0.7, cu_seqlens=np.array([0, 4, 9]), with_capacity=True)
    assert np.array_equal(found.log_prob[:9], want.log_prob.ravel()[:9]) and not found.log_prob[9:].any()


def test_the_gradient_is_that_of_the_definition(case):
    log_p, total, h = case.exact(case.x)
    random = np.random.default_rng(1)
    slope, of_entropy = random.normal(0, 1, (2, 3, 4))
    slope[0, 1] = of_entropy[0, 1] = 0.0
    p = np.exp(log_p)
    hit = np.zeros_like(p)
    np.put_along_axis(hit, case.y[..., None], 1.0, -1)
    want = (slope[..., None] * (hit - p) - of_entropy[..., None] * p * (log_p + h[..., None])) / 0.7
    want[~case.mask] = 0.0
    slope[~case.mask] = np.nan
    got = cppo.logits_gradient(case.x, case.y, slope, total, entropy=h, entropy_slope=of_entropy, **case.options())
    assert np.abs(got - want).max() < 5e-6 and not got[0, 1].any() and not got[~case.mask].any()
    alone = cppo.logits_gradient(case.x, case.y, slope, total, entropy=h, entropy_slope=0.25, **case.options())
    each = cppo.logits_gradient(case.x, case.y, slope, total, entropy=h, entropy_slope=np.full((3, 4), 0.25),
                                **case.options())
    assert np.array_equal(alone, each)
    x = case.x.copy()
    assert cppo.logits_gradient(x, case.y, slope, total, entropy=h, entropy_slope=of_entropy, out=x,
                                **case.options()) is x
    assert np.array_equal(x, got)


def test_divergences_are_those_of_the_definition(case):
    (log_p, total, _), (log_q, _, _) = case.exact(case.x), case.exact(case.mu_x)
    common = dict(kl=True, **case.options())
    found = cppo.full_divergences(case.x, total, rollout_logits=case.mu_x, rollout_log_sum_exp=case.mu_total,
                                  rollout_temperature=0.7, **common)
    q = np.exp(log_q)
    assert np.abs(found.tv - np.abs(np.exp(log_p) - q).sum(-1) / 2)[case.mask].max() < 3e-6
    kl = (q * (log_q - log_p)).sum(-1)
    assert np.abs(found.kl / np.where(case.mask, kl, 1.0) - 1)[case.mask].max() < 1e-4
    of_all = cppo.full_divergences(case.x, total, rollout_log_probs=log_q.astype(np.float32), **common)
    assert np.abs(of_all.tv - found.tv)[case.mask].max() < 3e-6
    assert not found.tv[~case.mask].any() and not found.kl[~case.mask].any()
    only = cppo.full_divergences(case.x, total, rollout_log_probs=log_q.astype(np.float32), tv=False, **common)
    assert only.tv is None and np.array_equal(only.kl, of_all.kl)


def through_c(case, executor):
    """The same call by one function of the C interface."""
    from cppo import _call, _native, _rows
    at = _call.Layout(*case.y.shape, case.y.size)
    gradient, mask = np.full(case.x.shape, 7.0, np.float32), np.empty(case.y.shape, np.uint8)
    inputs = []
    for name, x in {"token_id": case.y, "rollout_log_prob": case.mu, "advantage": case.advantage,
                    "response_mask": case.mask}.items():
        inputs += _call.fields(name, _native.INPUTS[name], _rows.lend_any(x, name), at)
    for name, x in {"top_k_ids": case.ids, "top_k_rollout_log_probs": case.mu_lists}.items():
        t = _rows.lend_any(x.reshape(-1, case.k), name)
        inputs += _native.INPUTS[name], 0, t.address, t.dtype, 2, *t.shape, *t.stride
    how = _rows.How(case.temperature)
    written = [*_call.fields("mask", 66, _rows.lend_any(mask, "mask"), at),
               84, 0, *_rows.Rows(gradient, how).tensor(0)]
    frame = _call.Frame(at, case.k, inputs, written, 0)
    options = _call.pack_options(cppo.Options(executor=executor, threads=2))
    frame.raise_if(_native.LIB.cppo_policy_loss_from_logits(
        frame.batch, _rows.Rows(case.x, how).structure(0), REGION.c_region, frame.outputs, options, frame.status))
    return gradient, mask.astype(bool)


@pytest.mark.parametrize("executor", ["simd", "seq"])
def test_a_loss_from_logits_is_the_call_of_c(case, executor):
    gradient, mask = through_c(case, executor)
    loss, report, out = case.loss(outputs=("logits_gradient", "mask", "divergence"), executor=executor)
    assert np.array_equal(out.logits_gradient, gradient) and np.array_equal(out.mask, mask)
    assert out.gradient is None and loss == report.loss and 0 < report.kept < report.tokens
    assert not gradient[~mask].any()
    over = case.x.copy()
    outputs = {"logits_gradient": over, "mask": np.empty(case.y.shape, bool)}
    x, case.x = case.x, over
    _, _, out = case.loss(outputs=outputs)
    case.x = x
    assert out.logits_gradient is over and np.array_equal(over, gradient)


def test_log_probs_of_double_rollouts_are_double(case):
    case.mu = case.mu.astype(np.float64)
    _, _, out = case.loss(outputs=("gradient", "divergence"))
    assert out.divergence.dtype == np.float64 and out.gradient.dtype == np.float64


def test_a_rule_reads_the_entropy_of_the_logits(case):
    h = cppo.log_probs(case.x, case.y, entropy=True, **case.options()).entropy
    common = dict(region=cppo.rules.entropy_top(), temperature=0.7, outputs=("mask",))
    call = (case.x, case.y, case.mu, case.advantage, case.mask)
    own, given = (cppo.policy_loss_from_logits(*call, entropy=e, **common)[2].mask for e in (None, h))
    assert np.array_equal(own, given) and 0 < own.sum() < case.mask.sum()


@pytest.mark.parametrize("change, code, words", [
    (lambda c: c.x.__setitem__((1, 2, 7), np.inf), "logit_invalid", "logits at response 1, token 2, id 7 is inf"),
    (lambda c: c.y.__setitem__((2, 1), 300), "id_out_of_vocabulary", "token_id at response 2, token 1 is 300"),
    (lambda c: c.x.__setitem__((1, 0, c.y[1, 0]), -np.inf), "sampled_id_masked", "at response 1, token 0, id"),
    (lambda c: setattr(c, "temperature", 0.0), "bad_parameter", "^temperature is 0.0"),
    (lambda c: setattr(c, "x", c.x.astype(np.float64)), "element_type_mismatch", "f32, f16 or bf16"),
    (lambda c: setattr(c, "x", c.x[..., ::2]), "extent_mismatch", "side by side"),
    (lambda c: setattr(c, "x", c.x[0, 0]), "bad_tensor", r"\[B, T, V\]"),
    (lambda c: setattr(c, "y", c.y[:, :3]), "extent_mismatch", "token_id has (3 columns|shape .3, 3.)"),
    (lambda c: setattr(c, "y", c.y.astype(float)), "element_type_mismatch", "token_id is of f64"),
    (lambda c: setattr(c, "mask", c.mask * 0.5), "response_mask_invalid", "response_mask at response 0, token 0"),
])
@pytest.mark.parametrize("apart", [False, True])
def test_wrong_calls(case, change, code, words, apart):
    if apart:
        case.x = np.pad(case.x, [(0, 0), (0, 1), (0, 0)])[:, :-1]
    change(case)
    with pytest.raises(cppo.Error, match=words) as e:
        cppo.log_probs(case.x, case.y, **case.options())
    assert e.value.code == StatusCode[code]


def test_wrong_options(case):
    for more, words in (({"executor": "torch"}, "simd or seq"), ({"threads": 10**6}, "threads is 1000000"),
                        ({"largest_count": -1}, "largest_count is -1"), ({"dtype": "float16"}, "dtype must be"),
                        ({"cu_seqlens": np.array([0, 12])}, r"shape \[N, V\] where cu_seqlens")):
        with pytest.raises(cppo.Error, match=words):
            cppo.log_probs(case.x, case.y, **case.options(), **more)
    for more, words in (({"top_k": 1}, "pass rollout_top_k"), ({"outputs": ("masks",)}, "no output 'masks'")):
        with pytest.raises(cppo.Error, match=words):
            case.loss(**more)
    with pytest.raises(cppo.Error, match="rollout_top_k must be"):
        cppo.policy_loss_from_logits(case.x, case.y, case.mu, case.advantage, region=REGION, rollout_top_k=(1, 2, 3))
    with pytest.raises(cppo.Error, match="pass one of rollout_logits"):
        cppo.full_divergences(case.x, case.mu_total)
    with pytest.raises(cppo.Error, match="log_sum_exp_invalid|finite log-sum-exps"):
        cppo.logits_gradient(case.x, case.y, np.ones((3, 4)), np.full((3, 4), np.inf), **case.options())


@pytest.mark.parametrize("shape", [(0, 5, 7), (2, 0, 7), (0, 7)])
def test_no_slot_is_no_error(shape):
    x, slots = np.zeros(shape, np.float32), np.zeros(shape[:-1], int)
    found = cppo.log_probs(x, slots, entropy=True, largest_count=2)
    assert found.largest_id.shape == (*shape[:-1], 2)
    gradient = cppo.logits_gradient(x, slots, found.log_prob, found.log_sum_exp)
    assert gradient.shape == shape
    divergences = cppo.full_divergences(x, found.log_sum_exp, rollout_logits=x, rollout_log_sum_exp=found.log_sum_exp)
    assert divergences.tv.shape == shape[:-1]


def test_arrays_of_jax_are_refused():
    class Array:
        shape = (1, 2, 3)
    Array.__module__ = "jaxlib._jax"
    with pytest.raises(cppo.Error, match="an array of JAX, which calls on logits do not take"):
        cppo.log_probs(Array(), np.zeros((1, 2), int))


def apart(x):
    """The same numbers, whose rows lie at two distances."""
    return np.pad(x, [(0, 0), (0, 1), *[(0, 0)] * (x.ndim - 2)])[:, :-1]


@pytest.mark.parametrize("mask", [True, np.True_, np.ones((1, 1)), np.ones(2), np.ones((2, 1)), np.ones((2, 4)),
                                  np.ones(4), np.ones((4, 1)), np.ones((3, 4)), np.ones((1, 4)), np.ones((4, 2))])
def test_rows_that_lie_apart_take_the_inputs_that_others_take(mask):
    """And refuse what they refuse: more responses than there are, one row for all, a mask of the columns."""
    x, y = np.random.default_rng(3).normal(0, 1, (2, 4, 9)).astype(np.float32), np.arange(8).reshape(2, 4)

    def found(x):
        try:
            return cppo.log_probs(x, y, response_mask=mask).log_prob.tolist()
        except cppo.Error as e:
            return e.code, e.argument
    assert found(apart(x)) == found(x)


def test_one_number_a_response_is_that_of_its_own(case):
    mask = np.array([1, 0, 1])
    case.x = np.nan_to_num(case.x)
    found = cppo.log_probs(apart(case.x), case.y, response_mask=mask).log_prob
    assert np.array_equal(found, cppo.log_probs(case.x, case.y, response_mask=mask).log_prob)
    assert not found[1].any() and found[0].all() and found[2].all()


@pytest.mark.parametrize("view", [lambda x: x, apart])
def test_lists_have_the_shape_of_the_slots(case, view):
    turned = case.ids.transpose(1, 0, 2)
    for lists in (turned, case.ids.reshape(12, 5), case.ids[:2], case.ids[0], case.ids[0, 0]):
        with pytest.raises(cppo.Error, match=r"top_k_ids has shape .*, but must have .*\[3, 4, K\]"):
            cppo.log_probs(view(case.x), case.y, top_k_ids=lists, **case.options())
    case.mu_lists = case.mu_lists.transpose(1, 0, 2)
    with pytest.raises(cppo.Error, match="top_k_rollout_log_probs has shape .4, 3, 5."):
        case.loss()


def gradients_of(case, x, out):
    return cppo.logits_gradient(x, case.y, np.ones((3, 4)), cppo.log_probs(
        case.x, case.y, **case.options()).log_sum_exp, out=out, **case.options())


@pytest.mark.parametrize("make, words", [
    (lambda x: np.lib.stride_tricks.as_strided(np.zeros(4000, np.float32), x.shape, (0, 1200, 4)), "overlaps itself"),
    (lambda x: np.lib.stride_tricks.as_strided(np.zeros(4000, np.float32), x.shape, (2400, 1200, 4)), "overlaps its"),
    (lambda x: np.zeros((3, 4, 301), np.float32), "out has shape"),
    (lambda x: np.zeros((4, 3, 300), np.float32), "out has shape"),
    (lambda x: np.zeros(x.shape), "out has dtype float64"),
    (lambda x: np.zeros(x.shape, np.int32), "out has dtype int32"),
    (lambda x: np.broadcast_to(np.float32(0), x.shape), "read-only")])
def test_a_gradient_that_cannot_be_written_is_refused(case, make, words):
    for x in (case.x, apart(case.x)):
        with pytest.raises(cppo.Error, match=words):
            gradients_of(case, x, make(x))


def test_a_gradient_over_other_rows_of_the_logits_is_refused(case):
    wide = np.pad(case.x, [(0, 0), (0, 1), (0, 0)])
    before = wide.copy()
    for x, out in ((wide[:, :-1], wide[:, 1:]), (wide[:-1, :-1], wide[1:, :-1])):
        with pytest.raises(cppo.Error, match="share memory"):
            cppo.logits_gradient(x, np.zeros(x.shape[:2], int), np.ones(x.shape[:2]), np.ones(x.shape[:2]), out=out)
    assert np.array_equal(wide, before, equal_nan=True)
    both = np.zeros((3, 8, 300), np.float32)
    both[:, :4] = case.x
    want = gradients_of(case, case.x, None)
    assert np.array_equal(gradients_of(case, both[:, :4], both[:, 4:]), want)  # in turn, and shared by nobody


@pytest.mark.parametrize("name, bad", [("y", 300), ("mask", 0.5), ("total", np.inf)])
def test_a_bad_token_of_a_later_response_leaves_the_gradient_as_it_was(case, name, bad):
    total = cppo.log_probs(case.x, case.y, **case.options()).log_sum_exp
    given = {"y": case.y, "mask": case.mask.astype(float), "total": total, "slope": np.ones((3, 4))}
    given[name][2, 1] = bad
    out = apart(np.full(case.x.shape, 7.0, np.float32))
    with pytest.raises(cppo.Error, match="response 2, token 1"):
        cppo.logits_gradient(apart(case.x), given["y"], given["slope"], given["total"], response_mask=given["mask"],
                             temperature=0.7, out=out)
    assert (out == 7.0).all()


def test_no_output_is_written_where_the_gradient_is_refused(case):
    mask, shut = np.full(case.y.shape, 7, np.uint8), np.zeros(case.x.shape, np.float32)
    shut.flags.writeable = False
    for out in (np.zeros((3, 4, 299), np.float32), shut):
        with pytest.raises(cppo.Error, match="out has shape|read-only"):
            case.loss(outputs={"mask": mask, "logits_gradient": out})
    assert (mask == 7).all()
    mask.flags.writeable = False
    with pytest.raises(cppo.Error, match="mask is written, but is read-only"):
        case.loss(outputs={"mask": mask})
    assert (mask == 7).all()


def test_log_probs_of_the_rollout_policy_are_taken_as_they_are(case):
    log_q = case.exact(case.mu_x)[0].astype(np.float32)
    for more in ({"rollout_temperature": 0.7}, {"rollout_log_sum_exp": case.mu_total}):
        with pytest.raises(cppo.Error, match="log μ as it is: leave"):
            cppo.full_divergences(case.x, case.mu_total, rollout_log_probs=log_q, **more, **case.options())
    with pytest.raises(cppo.Error, match="rollout_log_sum_exp is missing"):
        cppo.full_divergences(case.x, case.mu_total, rollout_logits=case.mu_x, **case.options())


def test_lists_of_numbers_are_arrays(case):
    x, y, ids = case.x[:1, :2], case.y[:1, :2], case.ids[:1, :2]
    want = cppo.log_probs(x, y, top_k_ids=ids, entropy=True)
    found = cppo.log_probs(x, y.tolist(), top_k_ids=ids.tolist(), entropy=True)
    assert np.array_equal(found.listed_log_prob, want.listed_log_prob)
    slopes = [[0.5, 1.0]]
    got = cppo.logits_gradient(x, y.tolist(), slopes, want.log_sum_exp.tolist(), entropy=want.entropy.tolist(),
                               entropy_slope=slopes)
    assert np.array_equal(got, cppo.logits_gradient(x, y, np.array(slopes), want.log_sum_exp, entropy=want.entropy,
                                                    entropy_slope=np.array(slopes)))
    for call in (lambda: cppo.logits_gradient(x.tolist(), y, slopes, want.log_sum_exp),
                 lambda: cppo.full_divergences(x.tolist(), want.log_sum_exp, rollout_log_probs=x),
                 lambda: cppo.log_probs_from_head([[1.0]], [[1.0]], [0])):
        with pytest.raises(cppo.Error):
            call()


def test_errors_name_what_was_passed_to_python(case):
    x, ones, bad = np.nan_to_num(case.x), np.ones((3, 4)), np.ones((3, 3))
    for call, words in (
            (lambda: cppo.logits_gradient(x, case.y, bad, ones), "slope has 3 columns"),
            (lambda: cppo.logits_gradient(apart(x), case.y, bad, ones), "slope has shape"),
            (lambda: cppo.full_divergences(x, ones, rollout_logits=x, rollout_log_sum_exp=bad), "rollout_log_sum_exp"),
            (lambda: cppo.full_divergences(x, ones, rollout_log_probs=x.astype(float)), "rollout_log_probs must be"),
            (lambda: cppo.full_divergences(x, ones, rollout_log_probs=x[:1]), "rollout_log_probs have shape"),
            (lambda: cppo.logits_gradient(x, case.y, ones, ones, entropy_slope=ones), "entropy is null"),
            (lambda: cppo.log_probs(x, case.y, temperature=np.nan), "temperature is nan"),
            (lambda: cppo.log_probs(x[..., :0], case.y), "V is 0")):
        with pytest.raises(cppo.Error, match=words) as e:
            call()
        assert not any(word in str(e.value) for word in ("lend", "pointer", "(n)", "(t)", "per_response", "mu_"))


@pytest.mark.parametrize("name", ["log_prob", "entropy"])
def test_what_is_found_is_not_written_over_inputs_or_other_outputs(case, name):
    both = np.full(case.y.shape, 7, np.float32)
    before = case.mu.copy()
    for outputs in ({name: both, "loss": both}, {"log_prob": both, "entropy": both}, {name: case.mu},
                    {name: case.advantage}, {name: case.x[..., 0]}):
        with pytest.raises(cppo.Error, match="share memory"):
            case.loss(outputs=outputs)
    assert (both == 7).all() and np.array_equal(case.mu, before)
    pair = np.empty((*case.y.shape, 2), np.float32)
    case.loss(outputs={"log_prob": pair[..., 0], "entropy": pair[..., 1]})
