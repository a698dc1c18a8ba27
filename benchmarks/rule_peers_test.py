#!/usr/bin/env python3
"""Holds rule_peers.py against the reference vectors in tests/conformance. Exit status 77: there is no PyTorch here."""

import sys

try:
    import torch
except ImportError:
    print("skipped: `import torch` does not work here; ./run bench --torch installs it for the benchmarks")
    sys.exit(77)

import json

import rule_peers
from rule_peers import NamedRule, Tokens
from torch_peers_test import VECTORS, differences, offsets, tensor

CPPO_FILES = ("cppo_small", "cppo_packed", "cppo_padded_own_length", "cppo_variants", "cppo_long", "language_model")
DIVERGENCE_OF = {"given": "precomputed", "binary_tv": "binary_tv", "binary_kl": "binary_kl"}
METHODS = {"trm_max": "trm_max", "trm_avg": "trm_mean", "ppo_mask": "ppo", "dppo_mask": "dppo"}
# The library's name: the vectors' name.
DIVERGENCES = {"binary_tv": "binary_tv", "binary_kl": "binary_kl", "binary_kl_reverse": "binary_kl_reverse", "k1": "k1",
               "k2": "k2", "k3": "k3", "top_k_tv": "tv_topk_plus_sampled", "top_k_kl": "kl_topk_plus_sampled",
               "top_k_tv_replace_last": "tv_topk_replace_last", "top_k_kl_replace_last": "kl_topk_replace_last",
               "top_k_tv_list": "tv_topk", "top_k_kl_list": "kl_topk"}


def cases(names):
    for name in names:
        for case in json.loads((VECTORS / f"{name}.json").read_text()):
            yield f"{name}/{case['name']}", case


def lent(case):
    """The case's tokens, flat."""
    inputs = case["inputs"]
    n = len(inputs["logp_new"])
    valid = torch.tensor(case["response_mask"]).bool() if "response_mask" in case else torch.ones(n, dtype=torch.bool)
    tokens = Tokens(tensor(inputs["logp_new"]), tensor(inputs["logp_old"]),
                    tensor(inputs.get("advantages", [0.0] * n)), valid)
    return tokens._replace(divergence=tensor(inputs["divergence"])) if "divergence" in inputs else tokens


def each(tokens, change):
    return Tokens(*(None if x is None else change(x) for x in tokens))


# ---- divergences ------------------------------------------------------------------------------------------------


def wrong_divergences(case):
    inputs, k = case["inputs"], case["params"].get("k")
    tokens = lent(case)
    if k is not None:
        row = lambda key: tensor(inputs[key]).reshape(-1, k)
        tokens = tokens._replace(sampled=torch.tensor(inputs["sampled_id"]),
                                 ids=torch.tensor(inputs["topk_ids"]).reshape(-1, k),
                                 list_log_prob=row("topk_logp_new"), list_rollout=row("topk_logp_old"))
    for ours, theirs in DIVERGENCES.items():
        if theirs in case["expected"]:
            got = rule_peers.DIVERGENCES[ours](tokens).double()
            want = torch.tensor([float(x) for x in case["expected"][theirs]], dtype=torch.float64)
            allowed = (1e-5 if "kl" in ours else 2e-6) + 2e-6 * want.abs()
            yield ours, int(((got - want).abs() > allowed).sum())


# ---- rules ------------------------------------------------------------------------------------------------------


def rule_of(case):
    """The rule of a CPPO case; None: no rule has such parameters."""
    p = case["params"]
    regular = p["horizon"] == "own" and p["quantile_scale"] == 1 and p["log_ratio_clamp"] == 20
    soft = p["gate"] == "soft"
    if not regular or p["divergence"] not in DIVERGENCE_OF or (soft and not p["prefix_budget"]):
        return None
    region = "cppo" + "_calibrated" * p["calibrate"] + "_soft" * soft if p["prefix_budget"] else "cppo_no_budget"
    w_min = p["w_min"] if p["position_weight"] == "linear" else 1.0
    return NamedRule(region, DIVERGENCE_OF[p["divergence"]], p["delta"], p["delta_b"], w_min, p["quantile"],
                     p["ceiling"])


def padded_runs(case, rule):
    """As a padded batch: name, gradient, and mask or gate, in the order of the case's tokens."""
    tokens = lent(case)
    if case["layout"] == "padded":
        gradient, kept = rule_peers.step(each(tokens, lambda x: x.reshape(case["shape"])), rule, 1.0)
        return gradient.flatten(), kept.flatten() * tokens.valid
    batch, slots = rule_peers.padded(tokens, torch.tensor(case["lengths"]))
    gradient, kept = rule_peers.step(batch, rule, 1.0)
    return gradient.flatten()[slots], kept.flatten()[slots] * tokens.valid


def packed_runs(case, rule):
    begin = torch.tensor(offsets(case["lengths"])[:-1])
    length = torch.tensor(case["lengths"])
    return rule_peers.packed_step(lent(case), begin.repeat_interleave(length), length.repeat_interleave(length), rule,
                                  1.0)


def runs(case, rule):
    yield "step", rule, *padded_runs(case, rule)
    if rule.region == "cppo" and case["layout"] == "packed" and "response_mask" not in case:
        yield "packed_step", rule, *packed_runs(case, rule)


def wrong_tokens(case, rule, gradient, kept):
    """What differs: under a gate the gradient alone, since the vectors' mask is the hard one."""
    for what, count in differences(case, gradient, kept > 0):
        if what == "gradient" or not rule.soft:
            yield what, count


def sequence_rules():
    for name, case in cases(("sequence_masks", "baselines")):
        p = case["params"]
        if p["method"] not in METHODS or p.get("eps_low") != p.get("eps_high"):
            continue
        rule = NamedRule(METHODS[p["method"]], DIVERGENCE_OF[p.get("divergence", "binary_tv")],
                         p.get("delta", p.get("eps_low")))
        yield name, case, rule


def same_by_construction():
    """Regions that no vector has, by those that they are made of."""
    torch.manual_seed(1)
    mu = -torch.rand(8, 40)
    tokens = Tokens((mu + 0.3 * torch.randn(8, 40)).clamp(max=0.0), mu, torch.randn(8, 40),
                    torch.ones(8, 40, dtype=torch.bool), shuffled_weight=torch.linspace(1.0, 0.8, 40))
    of = lambda region, **other: rule_peers.share(tokens, NamedRule(region, **other))
    yield "cppo_no_weight", torch.equal(of("cppo_no_weight"), of("cppo", w_min=1.0))
    yield "cppo_shuffled", torch.equal(of("cppo_shuffled"), of("cppo"))
    yield "unrestricted", bool(of("unrestricted").all())
    ratio = (tokens.log_prob - mu).double().exp()
    keeps = (tokens.advantage * (ratio - 1) <= 0) | ((ratio - 1).abs() <= 0.3)
    yield "ppo", torch.equal(of("ppo", delta=0.3), keeps)


def main():
    compared, wrong = {}, []
    for name, case in cases(("divergence",)):
        for what, count in wrong_divergences(case):
            compared[what] = compared.get(what, 0) + 1
            wrong += [f"{name}: {count} tokens with another {what}"] * (count > 0)
    every = [(name, case, rule_of(case)) for name, case in cases(CPPO_FILES)] + list(sequence_rules())
    for name, case, rule in every:
        for step, rule, gradient, kept in runs(case, rule) if rule is not None else ():
            key = f"{step} {rule.region} {rule.divergence}"
            compared[key] = compared.get(key, 0) + 1
            for what, count in wrong_tokens(case, rule, gradient, kept):
                wrong += [f"{step}: {name}: {count} tokens with another {what}"] * (count > 0)
    for name, same in same_by_construction():
        compared[name] = 1
        wrong += [] if same else [f"{name} is not what it is made of"]
    print("\n".join(wrong))
    print(", ".join(f"{what}: {n}" for what, n in compared.items()))
    missing = [name for name in rule_peers.DIVERGENCES if not any(name in key for key in compared)]
    missing += [name for name in ("cppo_soft", "cppo_calibrated_soft", "cppo_no_budget", "trm_max", "trm_mean", "dppo",
                                  "packed_step cppo binary_tv") if not any(name in key for key in compared)]
    print(f"not compared: {', '.join(missing)}" if missing else "all compared")
    return 1 if wrong or missing else 0


if __name__ == "__main__":
    sys.exit(main())
