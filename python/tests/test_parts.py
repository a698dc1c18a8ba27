"""Parts and regions as values: names, operators, text, pickles, errors."""

from __future__ import annotations

import copy
import inspect
import pickle

import cppo
import pytest
from conftest import reordered
from cppo import _native, presets, rules
from hypothesis import given, reject, settings
from hypothesis import strategies as st

NAMES = {name: getattr(cppo, name) for name in cppo.__all__} | {"presets": presets}


def read_back(x):
    return eval(repr(x), dict(NAMES))


def fitting(make):
    """`make`, but a mask of more clauses and operators than a region holds is no example."""
    def made(*arguments):
        try:
            return make(*arguments)
        except cppo.Error as e:
            assert "at most 32 clauses" in e.message
            return reject()
    return made


numbers = st.floats(2.0**-126, 1000.0)
budgets = st.one_of(
    st.builds(cppo.fixed_budget, st.floats(0.0, 1.0)),
    st.builds(cppo.calibrated_budget, st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 3.0),
              st.floats(1.0, 3.0)))
clauses = st.one_of(
    st.sampled_from([cppo.keep_all, cppo.keep_none, cppo.toward_rollout]),
    st.builds(lambda a, b: cppo.ratio_within(min(a, b), max(a, b)), numbers, numbers),
    st.builds(cppo.divergence_within, numbers), st.builds(cppo.divergence_within, numbers, numbers),
    st.builds(cppo.response_max_within, numbers), st.builds(cppo.response_mean_within, numbers))
masks = st.recursive(clauses, lambda inner: st.one_of(
    st.builds(fitting(lambda a: ~a), inner), st.builds(fitting(lambda a, b: a & b), inner, inner),
    st.builds(fitting(lambda a, b: a | b), inner, inner)), max_leaves=6)
weights = st.one_of(st.just(cppo.uniform_weight), st.builds(cppo.linear_weight, st.floats(0.01, 1.0)),
                    st.builds(reordered, st.builds(cppo.linear_weight, st.floats(0.01, 1.0)), st.booleans(),
                              st.none() | st.integers(0, 2**64 - 1), st.booleans()))
divergences = st.sampled_from([x for x in NAMES.values() if isinstance(x, cppo.Divergence)])
regions = st.builds(cppo.trust_region, divergences, weights,
                    st.one_of(masks, st.builds(fitting(lambda m, d, b: m | cppo.prefix_budget(d, b)), masks, numbers,
                                               budgets)))


@given(regions)
@settings(deadline=None, max_examples=300)
def test_a_region_reads_back_from_each_of_its_texts(r):
    assert read_back(r) == r
    assert repr(read_back(r)) == repr(r)
    assert pickle.loads(pickle.dumps(r)) == r
    assert copy.deepcopy(r) == r and hash(copy.copy(r)) == hash(r)
    again = cppo.region(str(r))
    assert again == r and str(again) == str(r) and read_back(again) == r


@given(masks, masks, masks)
@settings(deadline=None)
def test_masks_bind_as_their_operators_say(a, b, c):
    """The structure that Python built is the one that the library reads, whatever the parentheses."""
    def text(m):
        return str(cppo.trust_region(cppo.binary_tv, cppo.uniform_weight, m))

    def inner(m):
        return text(m).removeprefix("trust_region(binary_tv, uniform_weight, ").removesuffix(")")
    combined = fitting(lambda: ((a & (b | c), "&"), ((a | b) & c, "&"), (a | (b | c), "|"), ((a & b) & c, "&")))()
    for mask, sign in combined:
        assert read_back(mask) == mask
        assert sign in inner(mask)
    whole = fitting(lambda: a & ~(b | c))()
    spelt = cppo.region(f"trust_region(binary_tv, uniform_weight, ({inner(a)}) & !(({inner(b)}) | ({inner(c)})))")
    assert text(whole) == str(spelt)


def test_every_name_of_the_library_is_here_with_its_parameters():
    made = zip(*(_native.names_of(f"cppo_part_{x}") for x in ("name", "kind", "parameters")))
    seen = set()
    for name, kind, parameters in made:
        if name in seen or name in rules.NAMES.forms:  # another form of a name; test_rules has rules
            continue
        seen.add(name)
        owner = presets if name.startswith("presets::") else cppo
        mine = getattr(owner, name.removeprefix("presets::"))
        if callable(mine):
            assert list(inspect.signature(mine).parameters) == list(filter(None, parameters.split(", "))), name
        else:
            assert type(mine).__name__.lower() == kind and parameters == "", name
    assert {n for n, x in NAMES.items() if isinstance(x, cppo.Divergence)} <= seen
    assert {n for n, x in NAMES.items() if isinstance(x, (cppo.Mask, cppo.Weight, cppo.Gate))} <= seen


def test_defaults_are_those_of_the_library():
    for name in ("unrestricted", "ppo", "dppo", "fixed_cppo", "calibrated_cppo", "trm_max", "trm_mean"):
        assert getattr(cppo, name)() == cppo.region(name), name
    for name in presets.__all__:
        assert getattr(presets, name)() == cppo.region(f"presets::{name}"), name
    wanted = cppo.region("trust_region(binary_tv, uniform_weight, prefix_budget(0.1, calibrated_budget(0.02)))")
    mine = cppo.prefix_budget(0.1, cppo.calibrated_budget(0.02))
    assert cppo.trust_region(cppo.binary_tv, cppo.uniform_weight, mine) == wanted


def test_equal_regions_are_equal_however_they_were_made():
    parts = cppo.trust_region(cppo.binary_tv, cppo.linear_weight(0.8), cppo.toward_rollout | (
        cppo.divergence_within(0.15) & cppo.prefix_budget(0.15, 0.015)))
    from_json = cppo.region('{"fixed_cppo": {"delta": 0.15}}')
    assert parts == cppo.fixed_cppo() == presets.dense_post_trained() == from_json
    assert len({parts, cppo.fixed_cppo(), from_json, cppo.fixed_cppo(delta=0.2)}) == 2
    assert parts != "fixed_cppo()" and cppo.binary_tv != cppo.binary_kl
    assert cppo.region("fixed_cppo($0)", [0.2]) == cppo.fixed_cppo(0.2)


def test_thresholds_change_and_the_text_does_not():
    a, b = cppo.fixed_cppo(delta=0.1), cppo.fixed_cppo(delta=0.2, delta_b=0.01)
    assert a.text == b.text and a != b
    assert a.with_numbers(0.2, 0.01, 0.8) == b
    with pytest.raises(ValueError, match="has 3 numbers, not 1"):
        a.with_numbers(0.2)
    with pytest.raises(cppo.Error, match="delta"):
        a.with_numbers(-1.0, 0.01, 0.8)


def test_what_a_region_prints():
    assert repr(cppo.ppo(epsilon_high=0.28)) == "ppo(epsilon=0.2, epsilon_high=0.28)"
    assert repr(presets.moe_base(cppo.top_k_tv)) == "presets.moe_base(divergence=top_k_tv)"
    rule = ~(cppo.toward_rollout & cppo.ratio_within(0.5, 2.0)) | cppo.keep_none
    assert repr(rule) == "~(toward_rollout & ratio_within(0.5, 2.0)) | keep_none"
    soft = cppo.softened(cppo.fixed_cppo())
    assert repr(soft).startswith("softened(fixed_cppo(") and read_back(soft) == soft
    charted = cppo.reporting(cppo.ppo(), cppo.binary_tv)
    assert read_back(charted) == charted and cppo.region(str(charted)) == charted
    assert cppo.fixed_cppo(divergence=cppo.top_k_tv).reads == ("token_id", "top_k_ids", "top_k_log_probs",
                                                               "top_k_rollout_log_probs")


def test_none_and_all_without_masks():
    assert cppo.all_of() == cppo.keep_all and cppo.any_of() == cppo.keep_none
    assert cppo.none_of(cppo.toward_rollout) == ~cppo.toward_rollout


def test_values_cannot_be_changed():
    for x in (cppo.fixed_cppo(), cppo.toward_rollout, cppo.binary_tv):
        with pytest.raises(AttributeError, match="cannot be changed"):
            x.numbers = ()
        with pytest.raises(AttributeError, match="cannot be changed"):
            del x.text


@pytest.mark.parametrize("wrong, message", [
    (lambda: cppo.linear_weight(1.5), "linear_weight.* is 1.5, but must be"),
    (lambda: cppo.fixed_cppo(delta=-1), "delta"),
    (lambda: cppo.divergence_within(float("nan")), "nan"),
    (lambda: cppo.prefix_budget(0.1, 0.1) & cppo.prefix_budget(0.2, 0.1), "at most one prefix_budget"),
    (lambda: cppo.region("trust_region(k1, uniform_weight, toward)"), "column 34: there is nothing named toward"),
    (lambda: cppo.region(""), "column 1"),
    (lambda: cppo.reporting(cppo.fixed_cppo(), cppo.binary_kl), "this region has a divergence"),
    (lambda: cppo.permuted(cppo.uniform_weight, -1), "whole number|number"),
    (lambda: cppo.permuted(cppo.reversed(cppo.permuted(cppo.uniform_weight, 1)), 2), "a weight is shuffled once"),
])
def test_errors_say_what_is_wrong(wrong, message):
    with pytest.raises(cppo.Error, match=message) as e:
        wrong()
    assert e.value.message == str(e.value)
    assert pickle.loads(pickle.dumps(e.value)).message == e.value.message


def test_errors_of_parts_do_not_name_columns_of_a_text_that_nobody_wrote():
    with pytest.raises(cppo.Error) as e:
        cppo.fixed_cppo(w_min=2.0)
    assert "column" not in e.value.message


@pytest.mark.parametrize("wrong, message", [
    (lambda: cppo.trust_region(cppo.binary_tv, cppo.toward_rollout, cppo.keep_all), "takes a weight"),
    (lambda: cppo.fixed_cppo(divergence=cppo.uniform_weight), "takes a divergence"),
    (lambda: cppo.softened(cppo.toward_rollout), "takes a region"),
    (lambda: cppo.divergence_within("0.1"), "must be a number"),
    (lambda: bool(cppo.toward_rollout and cppo.keep_all), "neither true nor false"),
    (lambda: cppo.toward_rollout & 3, "unsupported operand"),
    (lambda: cppo.permuted(cppo.uniform_weight, 0.5), "whole number"),
    (lambda: cppo.reversed(cppo.toward_rollout), "reversed takes a weight"),
])
def test_wrong_kinds_are_type_errors(wrong, message):
    with pytest.raises(TypeError, match=message):
        wrong()


def test_too_many_clauses_are_refused():
    with pytest.raises(cppo.Error, match="at most"):
        cppo.any_of(*[cppo.divergence_within(0.1)] * 140)
