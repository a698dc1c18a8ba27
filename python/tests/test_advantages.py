"""Advantages: every name of the list, operators, vectors, plain NumPy definitions, micro-batches, PyTorch, errors."""

from __future__ import annotations

import functools
import inspect
import json
import pathlib
import pickle
import re

import cppo
import numpy as np
import pytest
from cppo import advantages as a

FILE = pathlib.Path(__file__).resolve().parents[2] / "tests" / "conformance" / "vectors" / "systems_advantages.json"
CASES = json.loads(FILE.read_text()) if FILE.exists() else []
FORMS = {"unbiased_plus_epsilon": a.unbiased_plus, "population_floor_epsilon": a.population_floor}
NAMES = {n: getattr(cppo, n) for n in cppo.__all__} | {n: getattr(a, n) for n in dir(a)}


def argument(parameter):
    values = {"mask": a.at_least(a.reward, 1), "statistic": a.mean(a.reward), "form": a.unbiased_plus,
              "q": a.reward, "weights": a.response_length, "gamma": 0.5, "lambda": 0.25}
    return values.get(parameter, 1.5)


@pytest.mark.parametrize("name", [n for n in dir(a) if n.islower() and not n.endswith("_of")])
def test_every_name_of_the_list_makes_what_it_says(name):
    thing = getattr(a, name)
    for form in a.NAMES.forms[name]:
        if not form.parameters:
            assert type(thing) is a.NAMES.kinds[form.kind]
            continue
        given = {p: argument(p) for p in form.parameters}
        made = thing(**{f"{p}_" if p == "lambda" else p: x for p, x in given.items()})
        assert type(made) is a.NAMES.kinds[form.kind]
        assert type(thing(*given.values())) is type(made)
        assert form.kind in inspect.getdoc(thing)
        assert pickle.loads(pickle.dumps(made)) == made
        assert eval(repr(made), dict(NAMES)) == made


def test_every_rule_of_the_headers_has_its_name_here(header):
    text = header("cppo/advantage/rules.hpp").rpartition("}  // namespace detail")[2]
    made = re.findall(r"^constexpr auto (\w+)\(", text, re.M)
    assert {"grpo", "dr_grpo", "rloo", "overlong", "reinforce_pp"} <= set(made)
    assert [name for name in made if name not in dir(a)] == []


def test_operators_are_those_of_the_library():
    right = a.at_least(a.reward, a.above(0))
    own = (1 - a.group(a.count(right)) / a.group(a.count(a.keep_all))) * (a.reward - a.group(a.mean(a.reward)))
    assert own.expression == ("(1 - group(sum(where(at_least(reward, above(0)), 1, 0))) / group(sum(where(keep_all, 1, "
                              "0)))) * (reward - group(mean(reward)))")
    assert type(own) is a.Quantity and type(2 / -own) is a.Quantity
    assert type(right & ~cppo.keep_none) is a.Mask and type(cppo.keep_all | right) is a.Mask
    assert (right | ~a.dynamic_sampling()).reads == ("reward", "group_id")
    assert a.all_of(right, a.at_most(a.reward, 5)).expression == "at_least(reward, above(0)) & at_most(reward, 5)"
    assert (a.grpo().levels, a.dr_grpo().levels, a.gae().levels) == (2, 1, 0)
    assert a.gae(lambda_=0.5).expression == "gae(1, 0.5)" and repr(a.gae(lambda_=0.5)) == "gae(lambda_=0.5)"
    assert a.whitened(a.advantage).reads == ("advantage", "response_mask")
    assert a.gae().reads == ("response_mask", "reward", "value", "bootstrap_value")


def rule_of(p):
    """The rule of a vector's parameters."""
    numbers = {k: v for k, v in p.items() if k not in ("method", "variance")}
    form = {"form": FORMS[p["variance"]]} if "variance" in p else {}
    return getattr(a, p["method"])(**numbers, **form)


@pytest.mark.skipif(not CASES, reason="the vectors are in the checkout alone")
@pytest.mark.parametrize("executor", ["seq", "simd"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_a_vector(case, executor):
    (name, wanted), = case["expected"].items()
    mask = np.array(case["response_mask"], np.uint8).reshape(case["shape"])
    found = cppo.compute_advantage(np.array(case["inputs"]["rewards"]), rule=rule_of(case["params"]),
                                   group_id=np.array(case["group"]), response_mask=mask, executor=executor, threads=2)
    wanted = np.array([float(x) for x in wanted]).reshape(found.shape)
    tolerance = 0.0 if case.get("exact") else case.get("tol", {}).get(name, 1e-12)
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def drawn(seed, responses=24, width=7):
    """Rewards, prompts and tokens, each response with one token or more."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, width + 1, responses)
    return (random.normal(0.0, 2.0, responses), random.integers(0, 6, responses),
            (np.arange(width) < lengths[:, None]).astype(np.int64))


def over_groups(f, rewards, groups):
    """What f(rewards of a group) gives for each of them, in place."""
    out = np.empty_like(rewards)
    for g in np.unique(groups):
        out[groups == g] = f(rewards[groups == g])
    return out


def whiten(x, mask, unbiased):
    tokens = x[mask == 1]
    variance = np.var(tokens, ddof=1) + 1e-8 if unbiased else max(np.var(tokens), 1e-8)
    return np.where(mask == 1, (x - tokens.mean()) / np.sqrt(variance), 0.0)


def alone(r):
    return r.size == 1


DEFINITIONS = {
    "grpo(1e-4)": lambda r, g, m: over_groups(
        lambda x: x / (1 + 1e-4) if alone(x) else (x - x.mean()) / (x.std(ddof=1) + 1e-4), r, g),
    "dr_grpo": lambda r, g, m: over_groups(lambda x: x if alone(x) else x - x.mean(), r, g),
    "rloo": lambda r, g, m: over_groups(
        lambda x: x if alone(x) else x - (x.sum() - x) / (x.size - 1), r, g),
    "overlong(5, 2, 0.5)": lambda r, g, m: r + 0.5 * np.clip((5 - 2 - m.sum(1)) / 2, -1, 0),
    "reinforce_pp(0.9)": lambda r, g, m: whiten(
        r[:, None] * 0.9 ** (m.sum(1)[:, None] - np.cumsum(m, 1, dtype=float)), m, False),
    "reinforce_pp_baseline(form = unbiased_plus)": lambda r, g, m: whiten(
        over_groups(lambda x: x if alone(x) else x - x.mean(), r, g)[:, None] * np.ones(m.shape), m, True),
    "where(at_least(reward, above(1)), group(most(reward)), -batch(mean(reward)))": lambda r, g, m: np.where(
        r > 1, over_groups(lambda x: np.full_like(x, x.max()), r, g), -r.mean()),
}


@pytest.mark.parametrize("text", DEFINITIONS)
def test_a_rule_is_its_definition(text):
    for seed in range(20):
        r, g, m = drawn(seed)
        found = cppo.compute_advantage(r, rule=text, group_id=g, response_mask=m)
        np.testing.assert_allclose(found, DEFINITIONS[text](r, g, m), rtol=1e-9, atol=1e-9, err_msg=f"seed {seed}")


def test_gae_is_its_definition():
    for seed in range(10):
        random = np.random.default_rng(seed)
        _, _, m = drawn(seed)
        r, v, last = random.normal(size=m.shape), random.normal(size=m.shape), random.normal(size=len(m))
        wanted, targets = np.zeros(m.shape), np.zeros(m.shape)
        for b, row in enumerate(m):
            following, carried = last[b], 0.0
            for t in np.flatnonzero(row)[::-1]:
                carried = r[b, t] + 0.9 * following - v[b, t] + 0.9 * 0.8 * carried
                following = v[b, t]
                wanted[b, t], targets[b, t] = carried, carried + v[b, t]
        found, returns = cppo.compute_advantage(r, rule=a.gae(0.9, 0.8), response_mask=m, value=v, bootstrap_value=last,
                                                returns=True)
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(returns, targets, rtol=1e-12, atol=1e-12)


def of_all(f, x, groups):
    return np.full_like(x, f(x))


def others(x):
    return np.zeros_like(x) if alone(x) else np.clip((x.sum() - x) / (x.size - 1), x.min(), x.max())


STATISTICS = {
    "sum": np.sum, "mean": np.mean, "least": np.min, "most": np.max, "mean_of_others": others,
    "deviation": lambda x: 1.0 if alone(x) else x.std(ddof=1), "population_variance": np.var,
    "variance": lambda x: 0.0 if alone(x) else x.var(ddof=1)}


def drawn_rule(random, depth):
    """A rule, and the same as a function of rewards, groups and lengths in NumPy."""
    def inner():
        return drawn_rule(random, depth - 1)
    if depth == 0:
        c = float(random.normal())
        return [(a.reward, lambda r, g, n: r), (a.response_length, lambda r, g, n: n + 0.0),
                (c * a.reward, lambda r, g, n: c * r)][random.integers(3)]
    (p, f), (q, h), (u, k) = inner(), inner(), inner()
    name = list(STATISTICS)[random.integers(len(STATISTICS))]
    over, each = ((a.group, over_groups), (a.batch, of_all))[random.integers(2)]
    statistic = getattr(a, name)
    return [
        lambda: (p + q, lambda *x: f(*x) + h(*x)), lambda: (p - q, lambda *x: f(*x) - h(*x)),
        lambda: (p * q, lambda *x: f(*x) * h(*x)), lambda: (p / (1 + a.abs(q)), lambda *x: f(*x) / (1 + abs(h(*x)))),
        lambda: (-a.min(p, q), lambda *x: -np.minimum(f(*x), h(*x))),
        lambda: (a.max(p, 0.5), lambda *x: np.maximum(f(*x), 0.5)),
        lambda: (a.exp(a.clamped(p, -2, 2)), lambda *x: np.exp(np.clip(f(*x), -2, 2))),
        lambda: (a.where(a.at_least(p, 0.137) | ~a.at_most(u, a.below(2.5)), q, 3),
                 lambda *x: np.where((f(*x) >= 0.137) | (k(*x) >= 2.5), h(*x), 3)),
        lambda: (over(a.count(a.at_least(p, 0.137))),
                 lambda *x: each(lambda y: np.sum(y >= 0.137, dtype=float), f(*x), x[1])),
        lambda: (over(statistic(p)), lambda *x: each(STATISTICS[name], f(*x), x[1])),
        lambda: (over(statistic(p)) * q, lambda *x: each(STATISTICS[name], f(*x), x[1]) * h(*x)),
    ][random.integers(11)]()


def test_random_rules_are_what_numpy_computes_of_one_batch_and_of_two():
    random, compared = np.random.default_rng(7), 0
    for seed in range(100):
        r, g, m = drawn(seed)
        cut = int(random.integers(25))
        try:
            rule, f = drawn_rule(random, int(random.integers(1, 5)))
            found = cppo.compute_advantage(r, rule=rule, group_id=g, response_mask=m)
        except cppo.Error as e:
            assert e.code == cppo.StatusCode.folded_out_of_range or "too large" in e.message, rule
            continue
        wanted = f(r, g, m.sum(1))
        scale = 1 + np.abs(wanted).max()
        np.testing.assert_allclose(found / scale, wanted / scale, rtol=1e-6, atol=1e-6, err_msg=repr(rule))
        parts, known = (slice(0, cut), slice(cut, 24)), None
        for _ in range(rule.levels):
            sums = [cppo.sum_rewards(r[p], rule=rule, known=known, group_id=g[p], response_mask=m[p]) for p in parts]
            known = cppo.add_reward_states(known, cppo.add_reward_states(*sums))
        halves = [cppo.compute_advantage(r[p], rule=rule, group_id=g[p], response_mask=m[p], known=known)
                  for p in parts]
        assert np.concatenate(halves).tobytes() == found.tobytes(), rule
        assert cppo.compute_advantage(r, rule=rule.expression or rule, group_id=g,
                                      response_mask=m).tobytes() == found.tobytes(), rule
        compared += 1
    assert compared > 60


@pytest.mark.parametrize("text", ["grpo", "gpg", "reinforce_pp(0.9)", "dynamic_sampling", "opo"])
def test_micro_batches_on_ranks_have_the_bits_of_one_batch(text):
    r, g, m = drawn(5)
    rule = text
    whole = cppo.compute_advantage(r, rule=rule, group_id=g, response_mask=m)
    parts = [slice(0, 5), slice(5, 6), slice(6, 24)]
    known = None
    for _ in range(getattr(a, text.split("(")[0])().levels):
        sums = [cppo.sum_rewards(r[p], rule=rule, known=known, group_id=g[p], response_mask=m[p]) for p in parts]
        one, other = (functools.reduce(cppo.add_reward_states, x) for x in (sums, sums[::-1]))
        assert np.array_equal(one, other)
        known = cppo.add_reward_states(known, one)
    lent = [{"reward": r[p], "group_id": g[p], "response_mask": m[p]} for p in parts]
    assert np.array_equal(cppo.reward_states(lent, rule=rule), known)
    for p in parts:
        found = cppo.compute_advantage(r[p], rule=rule, group_id=g[p], response_mask=m[p], known=known)
        assert found.tobytes() == whole[p].tobytes()


def test_shapes_and_types():
    r, g, m = drawn(2)
    one = cppo.compute_advantage(r, rule=a.grpo(), group_id=g)
    assert one.shape == (24,) and one.dtype == np.float64
    each = cppo.compute_advantage(r[:, None], rule=a.grpo(), group_id=g, response_mask=m != 0, per_token=True)
    assert np.array_equal(each, one[:, None] * m)
    assert cppo.compute_advantage(r.astype(np.float32), rule="grpo", group_id=g).dtype == np.float32
    keeps = cppo.compute_advantage(r, rule=a.dynamic_sampling(), group_id=g)
    assert keeps.dtype == bool and keeps.shape == (24,)
    cuts = np.concatenate([[0], np.cumsum(m.sum(1))]).astype(np.int64)
    packed = cppo.compute_advantage(r, rule="reinforce_pp", cu_seqlens=cuts)
    assert np.array_equal(packed, cppo.compute_advantage(r, rule="reinforce_pp", response_mask=m)[m == 1])
    empty = cppo.compute_advantage(np.zeros(0), rule="grpo", group_id=np.zeros(0, np.int64))
    assert empty.shape == (0,)
    loss, _ = cppo.policy_loss(np.full(m.shape, -1.0), np.full(m.shape, -1.0), one, m, region=cppo.ppo())
    assert np.isclose(loss, -(one[:, None] * m).sum() / m.sum())


def test_tensors_of_pytorch():
    torch = pytest.importorskip("torch")
    r, g, m = drawn(3)
    wanted = cppo.compute_advantage(r, rule="reinforce_pp(0.9)", response_mask=m)
    found = cppo.compute_advantage(torch.tensor(r), rule="reinforce_pp(0.9)", response_mask=torch.tensor(m).bool())
    assert isinstance(found, torch.Tensor) and found.dtype == torch.float64
    assert np.array_equal(found.numpy(), wanted)
    turned = torch.tensor(np.stack([r, r], 1))[:, 0]  # a stride of two
    assert np.array_equal(cppo.compute_advantage(turned, rule="grpo", group_id=torch.tensor(g)).numpy(),
                          cppo.compute_advantage(r, rule="grpo", group_id=g))
    half = cppo.compute_advantage(torch.tensor(r).bfloat16(), rule="dr_grpo", group_id=g)
    assert half.dtype == torch.float32
    keeps = cppo.compute_advantage(torch.tensor(r), rule=a.dynamic_sampling(), group_id=g)
    assert keeps.dtype == torch.bool


def raises(match, *arguments, **options):
    with pytest.raises(cppo.Error, match=match) as caught:
        cppo.compute_advantage(*arguments, **options)
    return caught.value


def test_errors_name_the_place_and_the_remedy():
    r, g = np.array([1.0, np.nan]), np.array([0, 0])
    wrong = raises("reward", r, rule="grpo", group_id=g)
    assert (wrong.code, wrong.argument, wrong.response) == (cppo.StatusCode.reward_invalid, "reward", 1)
    assert raises("group_id", r, rule="grpo").code == cppo.StatusCode.not_in_response_batch
    assert raises("did you mean grpo", r, rule="grp").code == cppo.StatusCode.bad_text
    assert raises("no returns", r[:1], rule="grpo", group_id=g[:1], returns=True)
    assert raises("executor must be one of", r, rule="grpo", group_id=g, executor="cuda")
    assert raises("group_id", r, rule="grpo", group_id=np.array([0.0, 1.0])).argument == "group_id"
    known = cppo.sum_rewards(r[:1], rule="dr_grpo", group_id=g[:1])
    of_states = (cppo.StatusCode.states_mismatch, "known")
    wrong = raises("states", r[:1], rule="grpo", group_id=g[:1], known=known)
    assert (wrong.code, wrong.argument) == of_states
    wrong = raises("states", r[:1], rule="dr_grpo", group_id=g[:1], known=known[:-1])
    assert (wrong.code, wrong.argument) == of_states
    assert raises("known have dtype", r[:1], rule="dr_grpo", group_id=g[:1], known=known * 0.5).argument == "known"
    raises("pass reward", rule="grpo")
    for options in ({"rule": "overlong(4, 2)"}, {"rule": "reward", "per_token": True}):
        wrong = raises("pass response_mask", r[:1], **options)
        assert (wrong.code, wrong.argument) == (cppo.StatusCode.not_in_response_batch, "response_mask")
    with pytest.raises(cppo.Error, match="pass response_mask"):
        cppo.sum_rewards(r[:1], rule="batch(mean(response_length))")
    with pytest.raises(cppo.Error, match=r"^grpo: epsilon is -1.*0 or more"):
        a.grpo(-1)
    with pytest.raises(cppo.Error, match="ratio is known in a region"):
        a.group(a.mean(cppo.rules.ratio))
    with pytest.raises(cppo.Error, match="reward is known where advantages are computed"):
        cppo.rules.score_form(a.reward)
    with pytest.raises(TypeError, match="rule must be a rule, such as"):
        cppo.compute_advantage(r, rule=cppo.ppo())
    with pytest.raises(AttributeError):
        a.nothing_of_this_name


def test_packed_results_are_one_number_a_response_whatever_the_shapes():
    cuts = np.array([0, 0, 2])
    assert cppo.compute_advantage(np.array([1.0, 5.0]), rule="reward", cu_seqlens=cuts).tolist() == [1, 5]
    tokens = cppo.compute_advantage(np.array([1.0, 5.0]), rule="reward", cu_seqlens=cuts, per_token=True)
    assert tokens.tolist() == [5, 5]
    one_each, mask = np.array([0, 1, 2]), np.array([1, 0])
    call = {"rule": "reward", "cu_seqlens": one_each, "response_mask": mask}
    assert cppo.compute_advantage(np.array([1.0, 5.0]), **call).tolist() == [1, 5]
    assert cppo.compute_advantage(np.array([1.0, 5.0]), **call, per_token=True).tolist() == [1, 0]
    keeps = cppo.compute_advantage(np.array([1.0, 5.0]), rule="at_least(reward, 2)", cu_seqlens=cuts)
    assert keeps.tolist() == [False, True]


def test_one_number_a_response_does_not_say_how_many_slots_there_are():
    r, g, m = drawn(2)
    rule = "grpo(1e-6, overlong(4, 2))"
    wanted = cppo.compute_advantage(r, rule=rule, group_id=g, response_mask=m)
    for reward, group in ((r, g[:, None]), (r[:, None], g), (r[:, None], g[:, None])):
        assert raises("pass response_mask", reward, rule=rule, group_id=group).argument == "response_mask"
        found = cppo.compute_advantage(reward, rule=rule, group_id=group, response_mask=m)
        assert found.tobytes() == wanted.tobytes()
    raises("pass response_mask", rule="whitened(advantage)", advantage=r[:, None])
    raises("pass response_mask", r, rule=rule, group_id=g, bootstrap_value=r[:, None])
    short = cppo.compute_advantage(r[:, None], rule=rule, group_id=g[:, None], response_mask=m[:, :1])  # one slot
    assert short.tobytes() == cppo.compute_advantage(r, rule="grpo", group_id=g).tobytes()
    raises("group_id", r, rule="grpo", group_id=np.stack([g, g], 1))


def test_what_gae_alone_has_is_refused_beside_known_states():
    r, g, m = drawn(2)
    known = cppo.reward_states([{"reward": r, "group_id": g}], rule="dr_grpo")
    wrong = raises("known is lent beside returns", r, rule="dr_grpo", group_id=g, response_mask=m, known=known,
                   returns=True)
    assert wrong.code == cppo.StatusCode.bad_argument
    assert cppo.reward_states([{"reward": r}], rule="gae") is None


def test_offsets_are_checked_before_they_are_believed():
    r = np.array([1.0])
    for cuts, code in (([0, -1], "bad_offsets"), ([1, 1], "bad_offsets"), ([0.0, 1.0], "element_type_mismatch"),
                       ([0.0, np.nan], "element_type_mismatch"), ([0, 2**60], "no_memory")):
        wrong = raises("cu_seqlens", r, rule="reward", per_token=True, cu_seqlens=np.array(cuts))
        assert (wrong.code, wrong.argument) == (cppo.StatusCode[code], "cu_seqlens"), wrong
    wrong = raises("cu_seqlens", np.array([1.0, 2.0, 3.0]), rule="reward", cu_seqlens=np.array([0, 5, 2, 7]))
    assert wrong.code == cppo.StatusCode.bad_offsets


def test_whole_numbers_and_bools_are_rewards():
    g = np.array([0, 0, 1, 1])
    wanted = cppo.compute_advantage(np.array([1.0, 0.0, 1.0, 1.0], np.float32), rule="grpo", group_id=g)
    for given in (np.array([1, 0, 1, 1]), np.array([1, 0, 1, 1], np.uint8), np.array([True, False, True, True]),
                  [1, 0, 1, 1], [True, False, True, True]):
        found = cppo.compute_advantage(given, rule="grpo", group_id=g)
        assert found.dtype == np.float32 and found.tobytes() == wanted.tobytes()
    torch = pytest.importorskip("torch")
    for kind in (torch.int64, torch.bool, torch.uint8):
        found = cppo.compute_advantage(torch.tensor([1, 0, 1, 1]).to(kind), rule="grpo", group_id=torch.tensor(g))
        assert found.dtype == torch.float32 and found.numpy().tobytes() == wanted.tobytes()


def test_names_of_groups_are_refused_with_what_makes_numbers_of_them():
    uid = ["b", "a", "b"]
    r = np.array([1.0, 2.0, 3.0])
    for given in (uid, np.array(uid), np.array(uid, object), np.array(uid, "S1")):
        wrong = raises(r"np\.unique\(uid, return_inverse=True\)\[1\]", r, rule="grpo", group_id=given)
        assert (wrong.code, wrong.argument) == (cppo.StatusCode.element_type_mismatch, "group_id")
    found = cppo.compute_advantage(r, rule="dr_grpo", group_id=np.unique(uid, return_inverse=True)[1])
    assert found.tolist() == [-1, 2, 1]


def test_options_and_states_of_another_type_are_refused():
    r, g, _ = drawn(2)
    for threads in ("2", 2**40, None, 1.5):
        assert raises("threads must be a whole number", r, rule="grpo", group_id=g, threads=threads)
    raises("threads", r, rule="grpo", group_id=g, threads=-1)
    known = cppo.reward_states([{"reward": r, "group_id": g}], rule="grpo")
    all_threads = cppo.compute_advantage(r, rule="grpo", group_id=g, known=known, threads=0)
    assert all_threads.tobytes() == cppo.compute_advantage(r, rule="grpo", group_id=g).tobytes()
    assert raises("must be whole numbers", r, rule="grpo", group_id=g, known=known.astype(float)).code == (
        cppo.StatusCode.element_type_mismatch)
    with pytest.raises(cppo.Error, match="must be whole numbers"):
        cppo.add_reward_states(known.astype(np.float64), known)
    with pytest.raises(cppo.Error, match="do not belong together") as e:
        other = cppo.reward_states([{"reward": r}], rule="batch(mean(reward))")
        cppo.advantage_call.added_reward_states([known, other])
    assert e.value.argument == "known"
    damaged = known.copy()
    damaged[-5] = 2**63 - 1  # a sum from another rank
    assert cppo.add_reward_states(damaged, damaged)[0] == -1
    assert raises("states", r, rule="grpo", group_id=g, known=damaged).code == cppo.StatusCode.states_mismatch


def test_equal_rules_have_one_text_which_ranks_compare():
    from cppo.advantage_call import text_of
    assert text_of("grpo") == text_of("grpo(epsilon = 1e-6)") == text_of(cppo.advantages.grpo())
    assert text_of("grpo") != text_of("grpo(1e-4)") and text_of("gae") != text_of("gae(0.9, 0.9)")


def test_results_lie_on_the_host_whatever_the_default_device():
    torch = pytest.importorskip("torch")
    r, g, m = drawn(3)
    wanted = cppo.compute_advantage(r, rule="grpo", group_id=g)
    given = {"group_id": torch.tensor(g), "rule": "grpo"}
    reward = torch.tensor(r)
    torch.set_default_device("meta")
    try:
        found = cppo.compute_advantage(reward, **given)
    finally:
        torch.set_default_device(None)
    assert found.device.type == "cpu" and found.numpy().tobytes() == wanted.tobytes()
