"""executor="torch" for rules: quantities, folds and losses in PyTorch's own operations, against the library.

What decides is the same but for the last bit of an exponential or logarithm, and no number of these batches lies that
close to a boundary: so masks are compared as they are, all else closely. The names come from the library's own lists,
so that a new one is tried here without being written down again.
"""

from __future__ import annotations

import cppo
import numpy as np
import pytest
from conftest import make_batch
from cppo import rules as r
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

WANTED = ("mask", "decision", "gradient", "loss", "gate", "divergence", "weighted_divergence")
COUNTS = ("tokens", "kept", "held", "teaching_kept", "teaching_tokens", "masked_high", "masked_low", "clamped",
          "rejected_responses", "responses", "not_finite", "masked_ratio", "masked_divergence", "masked_budget",
          "masked_response", "masked_other", "kept_toward")


def batch_of(seed, dtype=np.float32, responses=6, width=37):
    """A batch with all that rules read; slots that are no tokens hold NaN."""
    random = np.random.default_rng(seed)
    log_p, log_q, advantage, valid = make_batch(responses, width, seed, dtype)
    lent = {"entropy": random.exponential(1.0, log_p.shape), "reference_log_prob": log_q - 0.05 * random.random(),
            "divergence_values": random.exponential(0.1, log_p.shape), "token_weight": random.random(log_p.shape) + 0.5}
    for x in lent.values():
        x[~valid] = np.nan
    lent = {n: x.astype(dtype) for n, x in lent.items()}
    return {"log_prob": log_p, "rollout_log_prob": log_q, "advantage": advantage, "response_mask": valid, **lent}


def both(inputs, region, **options):
    lent = {n: torch.as_tensor(x) for n, x in inputs.items()}
    return [cppo.policy_loss(**lent, region=region, executor=executor, outputs=WANTED, **options)
            for executor in ("seq", "torch")]


def compare(inputs, region, **options):
    """Masks and counts alike, numbers close; returns the library's outputs."""
    (loss, report, ours), (its_loss, its, theirs) = both(inputs, region, **options)
    tight = ours.gradient.dtype == torch.float64
    for name in WANTED:
        a, b = (np.asarray(getattr(x, name)) for x in (ours, theirs))
        if name in ("mask", "decision"):
            np.testing.assert_array_equal(b, a, err_msg=f"{name}, {region}")
            continue
        size = np.abs(a[np.isfinite(a)]).max(initial=1e-30)
        close = {"rtol": 1e-10, "atol": 1e-12 * size} if tight else {"rtol": 1e-4, "atol": 2e-6 * size}
        np.testing.assert_allclose(b, a, err_msg=f"{name}, {region}", **close)
    np.testing.assert_allclose(its_loss, loss, rtol=1e-9 if tight else 1e-4, atol=1e-12 if tight else 1e-6)
    for name in COUNTS:
        assert getattr(its, name) == getattr(report, name), (name, str(region))
    return ours


NUMBERS = {"epsilon": 0.2, "low": 0.8, "high": 1.25, "delta": 0.1, "delta_high": 0.2, "alpha": 0.3, "x": 0.3, "k": 3,
           "c": 3.0, "beta": 0.1, "tau_positive": 1.0, "tau_negative": 1.05, "seed": 7, "half_life": 5,
           "mean_below": 0.05}
"""A number for each parameter that has to be given one."""
REQUIRED = {"opsm": "0.1", "geometric_band": "0.8, 1.25", "correction": "ratio", "m2po_mask": "0.04",
            "ctpo_geometric": "power = -0.5", "objective": "ppo(), ratio_form", "mean_over_kept": "opsm(0.1)"}
"""The arguments of regions that cannot be made without any."""
IN = {"quantity": "objective(score_form({}))", "loss": "objective({})", "region": "{}",
      "mask": "trust_region(binary_tv, linear_weight(0.8), {})",
      "statistic": "objective(score_form(batch({}) + response({}) + position_value))",
      "rank": "objective(score_form(batch(kth_largest(ratio, {})) + response(kth_smallest(entropy, {}))))",
      "bound": "trust_region(no_divergence, uniform_weight, at_most(ratio, {}))"}
"""A region that holds a piece of each kind."""


def argument(kind, name, parameter):
    """The text of an argument."""
    if name in ("before", "upto", "from", "response", "batch"):
        return "mean(log_ratio)"
    if parameter in ("mask", "m"):
        return "at_least(log_ratio, 0)"
    if parameter == "region":
        return "fixed_cppo()"
    if parameter in ("surrogate", "s", "p"):
        return "clipped(0.8, 1.2)" if parameter == "p" else "ratio_form"
    if parameter in ("squares", "unit", "items"):
        return {"squares": "batch(sum(abs(log_ratio)))", "unit": "0.25", "items": "batch(count(keep_all))"}[parameter]
    if parameter in ("q", "r", "w", "v", "weights", "weight", "centre", "statistic"):
        return {"r": "ratio", "weights": "ratio", "centre": "0.1"}.get(parameter, "abs(log_ratio)")
    return str(NUMBERS[parameter])


def texts():
    """A region for each form of each name that a text may hold."""
    made = {}
    for name, forms in r.NAMES.forms.items():
        for i, form in enumerate(forms):
            if form.kind == "region":
                made[name] = f"{name}({REQUIRED[name]})" if name in REQUIRED else name
                continue
            call = f"({', '.join(argument(form.kind, name, p) for p in form.parameters)})" if form.parameters else ""
            piece = name + call
            if name == "halving_sum":
                text = f"objective(score_form(from({piece})))"
            elif name in ("variance", "population_variance", "deviation", "weighted_mean", "mean_of_others",
                          "kth_smallest", "kth_largest", "trimmed", "capped"):
                text = f"objective(score_form(batch({piece}) + 0.5 * response({piece})))"
            else:
                text = IN[form.kind].replace("{}", piece)
            made[f"{name}, {form.kind} {i}"] = text
    return made


TEXTS = texts()


def test_every_kind_of_name_is_tried():
    assert len(TEXTS) > 120 and {"gspo", "fipo", "clip_cov", "vmpo", "tis", "hashed, quantity 0"} <= set(TEXTS)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_name_that_a_text_may_hold(name, dtype):
    region = cppo.region(TEXTS[name])
    for seed, options in ((5, {}), (11, {"log_ratio_clamp": 0.2}), (12, {"positions": "padded_column"})):
        compare(batch_of(seed, dtype), region, **options)


DIFFERENTIATED = ["clipped(0.8, 1.2, {})", "ratio_form({})", "rolled_back(0.8, 1.2, 0.3, {})", "sigmoid_form(1, 2, {})",
                  "penalty({}, 0.3)", "dual_clipped(clipped(0.8, 1.2, {}), 1.5)",
                  "where(positive_advantage, penalty({}, 1), nothing)",
                  "with_slope_of(ratio_form, penalty({}, 2)) + 0.5 * ratio_form"]
SLOPED = ["ratio", "log_ratio", "prob", "log_prob", "log_ratio * ratio", "ratio / (1 + prob)", "ratio - log_prob",
          "min(ratio, 1.1)", "max(log_ratio, prob)", "abs(log_ratio)", "exp(log_ratio)", "log(ratio)",
          "sqrt(prob)", "clamped(log_ratio, -0.1, 0.2)", "where(negative_advantage, ratio, prob)",
          "kl_k3(log_ratio)", "kl_k3()", "kl_k3_plus()", "binary_kl", "response(mean(ratio))", "upto(sum(log_ratio))",
          "from(mean(prob))", "before(sum(log_ratio))", "with_slope_of(entropy, ratio)",
          "response(mean(upto(sum(log_ratio))))", "exp(log(position_value - 1)) * ratio"]


@pytest.mark.parametrize("quantity", SLOPED)
def test_slopes(quantity):
    for loss in DIFFERENTIATED:
        region = cppo.region(f"objective(ppo(epsilon = 0.3), {loss.format(quantity)})")
        for options in ({}, {"log_ratio_clamp": 0.2}, {"aggregate": "seq_mean_token_mean"}):
            compare(batch_of(3, np.float64), region, **options)


# --- Random compositions ---

leaves = st.sampled_from([r.ratio, r.log_ratio, r.prob, r.rollout_prob, r.divergence, r.weighted_divergence, r.log_prob,
                          r.advantage, r.entropy, r.position_value, r.response_length, r.reference_log_prob,
                          r.hashed(3)])
numbers = st.floats(-2.0, 2.0).map(lambda x: round(x, 3))


def grown(q):
    bounded = q.map(lambda x: r.clamped(x, -50, 50))
    plain = st.sampled_from([r.sum, r.mean, r.least, r.most, r.counted])
    ordered = st.sampled_from([lambda x: r.kth_smallest(x, 2), lambda x: r.kth_largest(x, r.share(0.3)),
                               lambda x: r.kth_largest(x, r.share_rounded_up(0.3)),
                               lambda x: r.kth_smallest(x, r.at_quantile(0.4)), lambda x: r.trimmed(x, 0.3),
                               lambda x: r.capped(r.abs(x), 0.2), r.variance, r.population_variance, r.deviation,
                               r.mean_of_others, lambda x: r.weighted_mean(x, r.rollout_prob)])
    return st.one_of(
        st.builds(lambda a, b: a + b, q, q), st.builds(lambda a, b: a - b, q, q), st.builds(lambda a, b: a * b, q, q),
        st.builds(lambda a, x: a * x, q, numbers), st.builds(r.min, q, q), st.builds(r.max, q, numbers),
        st.builds(r.abs, q), st.builds(lambda a: r.exp(r.min(a, 2)), q),
        st.builds(lambda a, b: r.where(r.at_most(a, 0.1), a, b), q, q),
        st.builds(lambda s, x, over: over(s(x)), plain, bounded,
                  st.sampled_from([r.before, r.upto, r.from_, r.response, r.batch])),
        st.builds(lambda s, x, over: over(s(x)), ordered, bounded, st.sampled_from([r.response, r.batch])),
        st.builds(lambda x: r.from_(r.halving_sum(x, 3)), bounded))


quantities = st.recursive(leaves, grown, max_leaves=4)
comparisons = st.one_of(st.builds(r.at_most, quantities, numbers), st.builds(r.at_least, quantities, quantities),
                        st.builds(lambda q, x: r.at_most(q, r.below(x)), quantities, numbers),
                        st.builds(lambda q, x: r.between(q, x - 1.0, r.below(x)), quantities, numbers))
clauses = st.one_of(comparisons, st.sampled_from([
    cppo.toward_rollout, cppo.ratio_within(0.8, 1.2), cppo.divergence_within(0.1),
    cppo.prefix_budget(0.1, cppo.calibrated_budget(0.02)), cppo.response_mean_within(0.08)]))
masks = st.one_of(clauses, st.builds(lambda a, b: a & b, clauses, comparisons),
                  st.builds(lambda a, b: a | ~b, clauses, comparisons))
losses = st.one_of(st.builds(r.score_form, quantities), st.just(r.clipped(0.8, 1.2)), st.just(r.ratio_form),
                   st.builds(lambda q: q * r.clipped(0.8, 1.2), quantities),
                   st.builds(lambda m, q: r.where(m, r.ratio_form, r.score_form(q)), comparisons, quantities),
                   st.just(r.ratio_form + r.penalty(r.log_ratio * r.log_ratio, 0.5)),
                   st.builds(r.value_form, quantities))


def rule(mask, loss, penalty, soft):
    region = cppo.trust_region(cppo.binary_tv, cppo.linear_weight(0.8), mask)
    region = r.objective(cppo.softened(region) if soft else region, loss)
    return region + r.penalty(r.kl_k3(), 0.1) if penalty else region


def made(*parts):
    """A rule, unless it is too large or folds what the library does not."""
    try:
        return rule(*parts)
    except cppo.Error as e:
        assert "too large" in e.message or "a fold is computed before" in e.message, e.message
        return None


@given(mask=masks, loss=losses, penalty=st.booleans(), soft=st.booleans(), seed=st.integers(0, 10**6),
       aggregate=st.sampled_from(["token_mean", "seq_mean_token_mean", "token_sum"]),
       clamp=st.sampled_from([None, 0.0, 0.25]), positions=st.sampled_from(["own_length", "padded_column"]))
@settings(deadline=None, max_examples=120, derandomize=True)
def test_random_compositions(mask, loss, penalty, soft, seed, aggregate, clamp, positions):
    region = made(mask, loss, penalty, soft)
    if region is None:
        return
    inputs = batch_of(seed, np.float64, 4, 23)
    compared = compare_or_refused(inputs, region, aggregate=aggregate, log_ratio_clamp=clamp, positions=positions)
    assert compared is None or compared.mask.shape == (4, 23)


def compare_or_refused(inputs, region, **options):
    """As `compare`; where a fold leaves the grid both say so."""
    try:
        cppo.policy_loss(**{n: torch.as_tensor(x) for n, x in inputs.items()}, region=region, executor="seq", **options)
    except cppo.Error as e:
        assert e.code == cppo.StatusCode.fold_out_of_range
        with pytest.raises(cppo.Error) as same:
            both_torch(inputs, region, **options)
        assert (same.value.code, same.value.response, same.value.token) == (e.code, e.response, e.token)
        return compare(inputs, region, bad_input="leave_out", **options)
    return compare(inputs, region, **options)


def both_torch(inputs, region, **options):
    lent = {n: torch.as_tensor(x) for n, x in inputs.items()}
    return cppo.policy_loss(**lent, region=region, executor="torch", **options)


# --- Layouts, bad input, devices ---

RULES = [r.gspo(epsilon_low=0.1, epsilon_high=0.1), r.fipo(half_life=4), r.minpro(), r.ctpo(), r.m2po(), r.m2po_mask(),
         r.clip_cov(share=0.1), r.kl_cov(share=0.1), r.entropy_top(), r.vmpo(), r.mean_over_kept(r.opsm(0.01)),
         cppo.fixed_cppo(0.1, 0.02) + r.penalty(r.kl_k3(), 0.1),
         r.objective(cppo.calibrated_cppo(0.05), r.score_form(r.ratio))]


@pytest.mark.parametrize("region", RULES, ids=str)
def test_packed_is_padded(region):
    inputs = batch_of(9)
    lengths = np.array([5, 0, 37, 12, 1, 20])
    inside = np.arange(37) < lengths[:, None]
    cuts = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]))
    padded = both_torch({**inputs, "response_mask": inputs["response_mask"] & inside}, region, outputs=WANTED)
    packed = both_torch({n: x[inside] for n, x in inputs.items()}, region, outputs=WANTED, cu_seqlens=cuts)
    for name in WANTED:
        assert torch.equal(getattr(packed[2], name), getattr(padded[2], name)[torch.from_numpy(inside)]), name
    compare({n: x[inside] for n, x in inputs.items()}, region, cu_seqlens=cuts)


@pytest.mark.parametrize("mode", ["leave_out", "exclude"])
@pytest.mark.parametrize("what", ["log_prob", "entropy", "reference_log_prob", "token_weight"])
def test_bad_input_of_rules(what, mode):
    inputs = batch_of(8)
    b, t = np.argwhere(inputs["response_mask"])[7]
    for wrong in (np.nan, -2000.0 if "log" in what else np.inf):
        inputs[what][b, t] = wrong
        for region in (r.entropy_top() + r.penalty(r.kl_k3(), 0.1), r.gspo()):
            compare(inputs, region, bad_input=mode)


@pytest.mark.parametrize("mode", ["reject", "leave_out", "exclude", "propagate"])
def test_a_term_beyond_the_grid(mode):
    """The response is left out in each mode; only under "reject" is that an error."""
    inputs = batch_of(3)
    b, t = np.argwhere(inputs["response_mask"])[4]
    inputs["entropy"][b, t] = 3000.0
    region = r.objective(r.score_form(r.response(r.mean(r.entropy))))
    if mode == "reject":
        for executor in ("seq", "torch"):
            with pytest.raises(cppo.Error) as e:
                cppo.policy_loss(**{n: torch.as_tensor(x) for n, x in inputs.items()}, region=region, executor=executor)
            assert (e.value.code, e.value.response, e.value.token) == (cppo.StatusCode.fold_out_of_range, b, t)
        return
    compare(inputs, region, bad_input=mode)
    assert both_torch(inputs, region, bad_input=mode)[1].rejected_responses == 1


@pytest.mark.parametrize("mode", ["reject", "leave_out", "exclude", "propagate"])
def test_a_report_on_a_device_refuses_what_a_call_on_the_host_refuses(mode):
    from cppo import _torch
    words = torch.zeros(_torch.REPORT_COUNT, device="meta")
    _, report = _torch._returned(torch.zeros(()), words, {}, cppo.Options(bad_input=mode), None, None)
    assert report._refuses == (mode == "reject")


HALF_LIVES = [1, 2, 3, 5, 16, 64, 1024]


@pytest.mark.parametrize("half_life", HALF_LIVES)
@pytest.mark.parametrize("positions", ["own_length", "padded_column"])
@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_halving_sums_of_lent_numbers(half_life, positions, layout):
    """To the bit where 2^{j/h} is exact, else but for the last bits of that power."""
    if (positions, layout) == ("padded_column", "packed"):
        return
    random = np.random.default_rng(half_life)
    for size in (1e-9, 1e-3, 3.0):  # below 0 what is left of a block far behind is -1 of the grid, never nothing
        inputs = batch_of(7, np.float64, 5, 151)
        valid = inputs["response_mask"]
        valid &= (random.random(valid.shape) > 0.3) & (np.arange(151) >= np.array([0, 3, 17, 0, 70])[:, None])
        inputs["reference_log_prob"] = np.where(valid, -size * random.random(valid.shape), np.nan)
        options = {"positions": positions}
        if layout == "packed":
            options["cu_seqlens"] = torch.arange(0, 5 * 151 + 1, 151)
            inputs = {n: x.ravel() for n, x in inputs.items()}
        region = r.objective(r.value_form(r.from_(r.halving_sum(r.reference_log_prob, half_life))))
        (_, _, ours), (_, _, theirs) = both(inputs, region, **options)
        if half_life == 1:
            assert torch.equal(theirs.loss, ours.loss)
        else:
            torch.testing.assert_close(theirs.loss, ours.loss, rtol=1e-15, atol=0.0)


def test_folds_of_lent_numbers_are_the_same_numbers():
    for dtype in (np.float32, np.float64):
        inputs = batch_of(13, dtype)
        for over in (r.before, r.upto, r.from_, r.response, r.batch):
            for statistic in (r.sum, r.mean, r.least, r.most, r.counted):
                (_, _, ours), (_, _, theirs) = both(inputs, r.objective(r.value_form(over(statistic(r.entropy)))))
                assert torch.equal(theirs.loss, ours.loss), (over, statistic)


def test_a_halving_sum_counts_the_columns_from_the_first_token_on():
    log_ratio = np.array([0.0, 0.5, 0.25, 0.0, 0.0, 0.75, 0.125, 0.5, 0.25, 0.0625])
    valid = np.array([0, 1, 1, 0, 0, 1, 1, 1, 1, 1], bool)
    log_q = np.full(10, -2.0)
    region = r.objective(r.value_form(r.from_(r.halving_sum(r.log_ratio, 3))))
    for positions in ("own_length", "padded_column"):
        place = np.arange(10) if positions == "padded_column" else valid.cumsum()
        wanted = [v * sum(log_ratio[k] * valid[k] * 2.0 ** -((place[k] - place[t]) / 3) for k in range(t, 10))
                  for t, v in enumerate(valid)]
        for executor in ("seq", "torch"):
            found = cppo.policy_loss(*(torch.from_numpy(x)[None] for x in (log_q + log_ratio, log_q, log_q, valid)),
                                     region=region, executor=executor, positions=positions, aggregate="token_sum",
                                     outputs=("loss",))[2].loss
            np.testing.assert_allclose(found[0], wanted, rtol=1e-9, atol=1e-10)


def test_a_batch_without_tokens():
    inputs = batch_of(2)
    inputs["response_mask"][:] = False
    for region in RULES:
        compare(inputs, region)
        compare({n: x[:0] for n, x in inputs.items()}, region)


def test_backward_and_compile():
    inputs = {n: torch.as_tensor(np.nan_to_num(x)) for n, x in batch_of(6).items()}
    for region in (RULES[0], RULES[6], RULES[12]):
        grads = []
        for executor in ("seq", "torch"):
            x = inputs["log_prob"].clone().requires_grad_()
            loss, _ = cppo.policy_loss(**{**inputs, "log_prob": x}, region=region, executor=executor)
            (2.0 * loss).backward()
            grads.append(x.grad)
        torch.testing.assert_close(grads[1], grads[0], rtol=1e-4, atol=1e-7)

        def step(log_prob):
            return cppo.policy_loss(**{**inputs, "log_prob": log_prob}, region=region, executor="torch")[0]
        traced = torch.compile(step, backend="aot_eager", fullgraph=True)
        assert traced(inputs["log_prob"]) == step(inputs["log_prob"])


def test_a_device_computes_rules_without_the_op():
    """The kernel of a device, given tensors of the host: a rule goes to PyTorch's operations."""
    from cppo import _torch
    inputs = {n: torch.as_tensor(x) for n, x in batch_of(6).items()}
    log_prob, names = inputs.pop("log_prob"), tuple(inputs)
    text = _torch.text_of(r.gspo().text, names, (), cppo.Options(executor="torch"), divided=False)
    found = _torch._device_kernel(log_prob, list(inputs.values()), r.gspo().tensor, text)
    assert torch.equal(found[0], both_torch({"log_prob": log_prob, **inputs}, r.gspo())[0])


def test_what_a_rule_leaves_out_on_a_device_is_raised_when_the_report_is_read():
    inputs = batch_of(3)
    inputs["entropy"][np.unravel_index(np.flatnonzero(inputs["response_mask"])[0], (6, 37))] = 3000.0
    region = r.objective(r.score_form(r.response(r.mean(r.entropy))))
    with pytest.raises(cppo.Error, match="folds a number that is NaN or beyond"):
        both_torch(inputs, region)
    report = both_torch(inputs, region, bad_input="leave_out")[1]
    assert report.rejected_responses == 1
    with pytest.raises(cppo.Error, match="a number that the rule folds is NaN or beyond .* in 1 responses on a device"):
        cppo.Report(report.words, None, refuses=True).loss


def test_what_is_not_known_is_named():
    from cppo import _composed_quantities as q
    from cppo._rule import Node
    with pytest.raises(cppo.Error, match="the region holds anything, which executor=\"torch\" does not know") as e:
        q.Seen.loss(None, Node("anything"))
    assert e.value.argument == "region"
