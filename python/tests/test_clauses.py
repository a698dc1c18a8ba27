"""`count_clauses`, against the conditions written in NumPy."""

from __future__ import annotations

import cppo
import numpy as np
import pytest
from conftest import make_batch
from cppo import rules as r


def expected(clauses, mask, valid):
    """(refused, decided) of each clause. `clauses`: what each says; `mask`: of what they say; negated ones as they
    are, with what they speak for."""
    kept = mask([says for says, _ in clauses])
    found = []
    for k, (says, speaks_for) in enumerate(clauses):
        turned = [np.full_like(says, speaks_for) if i == k else x for i, (x, _) in enumerate(clauses)]
        against = valid & (says != speaks_for)
        found.append((int(against.sum()), int((against & ~kept & mask(turned)).sum())))
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("executor", ["simd", "seq"])
def test_counts_are_those_of_the_conditions(dtype, executor):
    log_p, log_q, advantage, valid = make_batch(9, 41, 5, dtype)
    mask = (cppo.toward_rollout | cppo.ratio_within(0.9, 1.1)) & ~r.at_least(r.log_ratio, 0.4) & r.between(
        r.log_prob, -2.0, r.below(-0.125))
    region = cppo.trust_region(cppo.no_divergence, cppo.uniform_weight, mask)
    found = cppo.count_clauses(log_p, log_q, advantage, valid, region=region, executor=executor)
    assert [c.text for c in found] == ["toward_rollout", "ratio_within(0.9, 1.1)", "at_least(log_ratio, 0.4)",
                                       "at_least(log_prob, -2)", "at_most(log_prob, below(-0.125))"]
    assert [c.kind for c in found] == ["toward", "ratio", "other", "other", "other"]
    d = np.nan_to_num(log_p - log_q)
    clauses = [(np.nan_to_num(advantage) * d <= 0, True), ((np.exp(d) >= 0.9) & (np.exp(d) <= 1.1), True),
               (d >= 0.4, False), (np.nan_to_num(log_p) >= -2.0, True), (np.nan_to_num(log_p) < -0.125, True)]
    wanted = expected(clauses, lambda c: (c[0] | c[1]) & ~c[2] & c[3] & c[4], valid)
    assert [(c.refused, c.decided) for c in found] == wanted
    assert all(refused > decided > 0 for refused, decided in wanted[:2])


def test_folds_budgets_and_responses_are_clauses_too():
    batch = make_batch(9, 41, 7, np.float64)
    text = ("objective(trust_region(binary_tv, linear_weight(0.8), toward_rollout | divergence_within(0.1) & "
            "prefix_budget(0.1, 0.01) & at_most(response(mean(log_ratio)), 0.05) & response_max_within(0.3)), "
            "clipped(0.8, 1.2))")
    found = cppo.count_clauses(*batch, region=cppo.region(text))
    assert [(c.text, c.kind) for c in found] == [
        ("toward_rollout", "toward"), ("divergence_within(0.1)", "divergence"), ("prefix_budget(0.1, 0.01)", "budget"),
        ("at_most(response(mean(log_ratio)), 0.05)", "response"), ("response_max_within(0.3)", "response")]
    report = cppo.policy_loss(*batch, region=cppo.region(text))[1]
    assert found[0].decided == report.masked  # each masked token moves away: were it toward, it would be kept
    alone = cppo.policy_loss(*batch, region=cppo.trust_region(cppo.binary_tv, cppo.linear_weight(0.8),
                                                              cppo.divergence_within(0.1)))[1]
    assert found[1].refused == alone.masked
    assert len(cppo.count_clauses(*batch, region=cppo.fixed_cppo())) == 3


def test_what_cannot_be_counted_is_said(twin):
    batch = make_batch(4, 9, 1)
    with pytest.raises(cppo.Error, match="a part that its user wrote: count its clauses by count_clauses in C\\+\\+"):
        cppo.count_clauses(*batch, region=twin(0.1, 0.02))
    with pytest.raises(cppo.Error, match="entropy"):
        cppo.count_clauses(*batch, region=r.entropy_top())
    bad = [x.copy() for x in batch]
    b, t = np.argwhere(batch[3])[0]
    bad[0][b, t] = np.nan
    with pytest.raises(cppo.Error, match=f"log_prob at response {b}, token {t} is nan"):
        cppo.count_clauses(*bad, region=cppo.ppo())


def test_what_is_left_out_is_not_counted():
    batch = make_batch(7, 23, 3, np.float64)
    b, t = np.argwhere(batch[3])[5]
    batch[0][b, t] = np.nan
    region = cppo.fixed_cppo(0.05, 0.01)
    with pytest.raises(cppo.Error, match=f"log_prob at response {b}, token {t} is nan"):
        cppo.count_clauses(*batch, region=region)
    for mode in ("leave_out", "exclude"):
        found = cppo.count_clauses(*batch, region=region, bad_input=mode)
        report = cppo.policy_loss(*batch, region=region, bad_input=mode)[1]
        assert found[0].decided == report.masked > 0  # were it toward, each masked token would be kept
    valid = batch[3].copy()
    valid[b] = False
    alone = cppo.count_clauses(*batch[:3], valid, region=region)
    assert alone == cppo.count_clauses(*batch, region=region, bad_input="leave_out")
    assert cppo.count_clauses(*batch, region=region, bad_input="propagate")


def test_as_many_clauses_as_a_rule_holds():
    region = cppo.any_of(*[cppo.ratio_within(0.9, 1.1 + 0.01 * k) for k in range(14)])
    region = cppo.trust_region(cppo.no_divergence, cppo.uniform_weight, region)
    assert len(cppo.count_clauses(*make_batch(3, 9, 1), region=region)) == 14


def test_what_is_no_argument_is_named():
    batch = make_batch(3, 9, 1)
    for wrong, said in (({"region": "ppo"}, "region must be a region, .* not 'ppo'"),
                        ({"region": cppo.ppo(), "outputs": ("mask",)}, "outputs has no place here"),
                        ({"region": cppo.ppo(), "normalise": 2}, "normalise has no place here")):
        with pytest.raises(TypeError, match=said):
            cppo.count_clauses(*batch, **wrong)


def test_kinds_are_those_of_the_library(header):
    """The words stand in three places, once for each value of the library's enumeration."""
    import pathlib
    import re
    values = re.search(r"enum class clause [^{]*\{ ([^}]*) \}", header("cppo/core/types.hpp"))[1].split(", ")
    interface = re.search(r"under which kind a report counts it: ([^;]*);", header("cppo.h"))[1]
    page = pathlib.Path(cppo.count_clauses.__code__.co_filename).read_text()
    assert re.findall(r'"(\w+)"', interface) == values
    assert re.findall(r'"(\w+)"', re.search(r"Under which kind a report counts it: (.*)", page)[1]) == values
