# pyright: strict
"""A user's file that names all of the package, for type checkers: test_types.py."""

from __future__ import annotations

from typing import Any

import cppo
import numpy as np
from cppo import advantages, audit, distributed, parity, presets, rules, theory

Numbers = np.ndarray[Any, np.dtype[np.float64]]


def divergences() -> list[cppo.Divergence]:
    return [cppo.no_divergence, cppo.binary_tv, cppo.binary_kl, cppo.binary_kl_reverse, cppo.top_k_tv, cppo.top_k_kl,
            cppo.top_k_tv_replace_last, cppo.top_k_kl_replace_last, cppo.top_k_tv_list, cppo.top_k_kl_list, cppo.k1,
            cppo.k2, cppo.k3, cppo.precomputed]


def mask() -> cppo.Mask:
    budgets: list[cppo.Budget] = [cppo.fixed_budget(0.02), cppo.calibrated_budget(0.02, quantile=0.8)]
    clauses = [cppo.keep_all, cppo.keep_none, cppo.ratio_within(0.8, 1.2), cppo.response_max_within(0.1),
               cppo.response_mean_within(0.1), cppo.divergence_within(0.1)]
    both = cppo.toward_rollout | cppo.divergence_within(0.1) & cppo.prefix_budget(0.1, budgets[0])
    return cppo.all_of(~both, cppo.any_of(*clauses), cppo.none_of(*clauses), cppo.prefix_budget(0.1, 0.02))


def regions() -> list[cppo.Region]:
    weights: list[cppo.Weight] = [cppo.uniform_weight, cppo.permuted(cppo.linear_weight(0.8), 7),
                                   cppo.reversed(cppo.linear_weight(0.8))]
    gates: list[cppo.Gate] = [cppo.hard_gate, cppo.reciprocal_gate]
    made = cppo.trust_region(cppo.binary_tv, weights[0], mask())
    named = [cppo.unrestricted(), cppo.ppo(epsilon=0.2), cppo.dppo(delta=0.1), cppo.fixed_cppo(delta=0.1),
             cppo.calibrated_cppo(delta=0.1), cppo.trm_max(0.1), cppo.trm_mean(0.1), presets.dense_base(),
             presets.dense_post_trained(), presets.moe_base(), cppo.region("ppo")]
    return [*named, cppo.softened(made, gates[0]), cppo.reporting(cppo.ppo(), cppo.k1), made.with_numbers(0.1)]


def own_parts() -> cppo.Region:
    flat: cppo.OwnPart = cppo.compile("struct flat { ... };")
    region = cppo.trust_region(flat(), cppo.uniform_weight, cppo.keep_all)
    compared: int = cppo.check_region(region, batches=4)
    print(flat.name, flat.members, compared)
    return region


def of_the_field() -> cppo.Region:
    loss: rules.Loss = rules.clipped(0.8, 1.28, rules.exp(rules.response(rules.mean(rules.log_ratio))))
    region: cppo.Region = rules.objective(cppo.fixed_cppo(), loss) + rules.penalty(rules.kl_k3(), 0.001)
    return region


def step(log_prob: Numbers, rollout_log_prob: Numbers, advantage: Numbers) -> dict[str, float]:
    top_k = cppo.TopK(np.zeros((1, 2, 3), np.int32), np.zeros((1, 2, 3)), np.zeros((1, 2, 3)))
    report: cppo.Report
    out: cppo.Outputs
    loss, report, out = cppo.policy_loss(log_prob, rollout_log_prob, advantage, region=regions()[0], top_k=top_k,
                                         outputs=("mask", *cppo.TRACE), aggregate="token_mean")
    decisions: list[bool] = [d == cppo.Decision.kept for d in out.decision]
    findings: list[cppo.Finding] = cppo.diagnose(log_prob, rollout_log_prob, advantage)
    clauses: list[cppo.ClauseCount] = cppo.count_clauses(log_prob, rollout_log_prob, advantage, region=cppo.ppo())
    code: parity.Code = parity.code("verl_cppo")
    print(clauses[0].refused, code.region, code.options)
    print(loss, report.kept + 1, report.masked_fraction + 0.5, decisions, [f.sentence for f in findings])
    return cppo.total([report, report]).metrics(names="trl")


def from_logits(logits: np.ndarray[Any, np.dtype[np.float32]], token_id: Numbers, advantage: Numbers) -> Any:
    mu: cppo.LogProbs = cppo.log_probs(logits, token_id, largest_count=20, entropy=True)
    far: cppo.FullDivergences = cppo.full_divergences(logits, mu.log_sum_exp, rollout_logits=logits,
                                                      rollout_log_sum_exp=mu.log_sum_exp, kl=True)
    print(far.tv + far.kl, cppo.logits_gradient(logits, token_id, advantage, mu.log_sum_exp, entropy=mu.entropy,
                                                entropy_slope=0.01))
    return cppo.policy_loss_from_logits(logits, token_id, mu.log_prob, advantage, region=cppo.ppo(), entropy_bonus=0.01,
                                        rollout_top_k=(mu.largest_id, mu.largest_log_prob), temperature=0.7)


def from_shards(low: Numbers, high: Numbers, token_id: Numbers) -> cppo.LogProbs:
    found: list[cppo.FoundLogits] = [cppo.find_logits(low, token_id, first_id=0, vocabulary=20),
                                     cppo.find_logits(high, token_id, first_id=10, vocabulary=20)]
    whole = cppo.combine(*(cppo.FoundLogits(f.words) for f in found))
    ids: int = whole.vocabulary + whole.tokens + len(whole.shards)
    print(whole.temperature + 0.5, ids)
    return whole.log_probs(low, token_id, first_id=0, entropy=True)


def from_head(hidden: Any, weight: Any, token_id: Numbers, advantage: Numbers) -> Any:
    mu: cppo.LogProbs = cppo.log_probs_from_head(hidden, weight, token_id, largest_count=20, slab_rows=64)
    return cppo.policy_loss_from_head(hidden, weight, token_id, mu.log_prob, advantage, region=cppo.ppo(),
                                      rollout_top_k=(mu.largest_id, mu.largest_log_prob))


def pieces(log_prob: Numbers, rollout_log_prob: Numbers, advantage: Numbers) -> cppo.PiecePlan:
    region = cppo.calibrated_cppo()
    batch = cppo.PieceBatch(log_prob, rollout_log_prob, advantage, region=region)
    totals, d = batch.summarize()
    whole = cppo.resolve_totals(region, cppo.add_totals(totals[0], totals[1]), d[0])
    sums = batch.sum(np.stack([whole, whole]), [0, int(totals[0][0])])
    print(cppo.add_carries(sums[0], sums[1]))
    return cppo.plan_pieces(batch, [0, 0], [0, 1])


def folds(log_prob: Numbers, rollout_log_prob: Numbers, advantage: Numbers) -> None:
    region: cppo.Region = rules.vmpo()
    parts = [cppo.MicroBatch(log_prob, rollout_log_prob, advantage, region=region)]
    states = cppo.fold_states(parts)
    if states is not None:
        print(cppo.add_folds(states, states), parts[0].exchanges, parts[0].words(1), parts[0].sum_folds(states))


def rewards(reward: Numbers, group_id: Numbers) -> Any:
    rule: advantages.Rule = advantages.grpo(1e-6)
    first = cppo.sum_rewards(reward, rule=rule, group_id=group_id)
    known = cppo.reward_states([{"reward": reward, "group_id": group_id}], rule=rule)
    everyones = distributed.reward_states([{"reward": reward, "group_id": group_id}], rule="grpo")
    print(cppo.add_reward_states(first, first).sum(), everyones)
    return cppo.compute_advantage(reward, rule=rule, group_id=group_id, known=known)


def ranks(log_prob: Any, rollout_log_prob: Any, advantage: Any) -> cppo.Report:
    cuts = [*distributed.zig_zag(64, 2, 0), *distributed.contiguous(64, 2, 0)]
    counts: distributed.Counts = distributed.global_counts(tokens=5, responses=1)
    loss, report = distributed.policy_loss(log_prob, rollout_log_prob, advantage, region=cppo.fixed_cppo(),
                                           response_of=[0] * 4, order_of=[k for k, _ in cuts])
    states = distributed.fold_states([cppo.MicroBatch(log_prob, rollout_log_prob, advantage, region=cppo.ppo())])
    batch = cppo.PieceBatch(log_prob, rollout_log_prob, advantage, region=cppo.ppo())
    plan: cppo.PiecePlan = distributed.plan_pieces(batch, [0], [0])
    print(loss * distributed.averaging_factor(), counts.normalizer("token_mean"), states, plan.carries)
    return distributed.global_report(report)


def bounds(log_prob: Numbers, rollout_log_prob: Numbers, advantage: Numbers) -> list[object]:
    w = theory.weights_of(cppo.linear_weight(0.8), 5)
    ell = theory.suffix_lengths(5)
    found: theory.Certificate = theory.certificate(log_prob, rollout_log_prob, advantage, region=cppo.ppo(),
                                                   measured=theory.MEASURED[0])
    return [
        found, theory.BOUNDS, theory.pairs_of_positions(5), theory.classical_residual(5, 0.1),
        theory.prefix_residual(5, 0.1, 0.1), theory.threshold_residual(5, 0.1, 0.1, 0.8),
        theory.implemented_residual(5, 0.1, 0.1, 0.1), theory.terminal_residual(5, 0.1, 0.1),
        theory.pinsker_marginal_residual(5, 0.1), theory.mixed_residual(5, 0.1, 0.1), theory.coupling_residual(5, 0.1),
        theory.suffix_sums(ell), theory.suffix_escapes(ell), theory.suffix_adaptive(5, 0.1),
        theory.profile_residual(ell, ell), theory.ratio_falls(ell, w),
        theory.tail_ratio_falls(cppo.linear_weight(0.8), 5), theory.prefix_budget_residual(ell, w, 0.1),
        theory.terminal_budget_residual(ell, w, 0.1)]


def looked_at(path: str) -> str:
    found: audit.Result = audit.audit(path, regions=[cppo.ppo()])
    condition: type[audit.Condition] = audit.Condition
    try:
        return f"{found} {condition} {audit.SCHEMA}"
    except (audit.InputError, cppo.Error) as e:
        missing = isinstance(e, cppo.Error) and e.code == cppo.StatusCode.missing_input
        return f"{e} {missing}"


def options() -> str:
    o: cppo.Options = cppo.Options(aggregate="token_sum")
    return f"{o} {cppo.instruction_set} {cppo.__version__}"
