#!/usr/bin/env python3
"""Holds field_peers.py against the reference vectors in tests/conformance. Exit status 77: there is no PyTorch here."""

import sys

try:
    import torch
except ImportError:
    print("skipped: `import torch` does not work here; ./run bench --torch installs it for the benchmarks")
    sys.exit(77)

import json
import math

import field_peers
from field_peers import Tokens
from torch_peers_test import VECTORS, tensor

FILES = ("systems_surrogates", "systems_responses", "systems_scans", "systems_batch")
CLIP = {"eps_low": "epsilon_low", "eps_high": "epsilon_high", "dual_clip": "dual_clip"}
FIPO = {name: name for name in ("half_life", "weight_low", "weight_high", "safe_ratio", "veto")}
# A method of the vectors: the rule, what the parameters of the vectors are called by it, and what else they must be.
METHODS = {
    "ppo_clip": ("ppo_clip", CLIP, {}),
    "tr_ppo": ("tr_ppo", {"delta": "delta"}, {"divergence": "binary_kl"}),
    "truly_ppo": ("truly_ppo", {name: name for name in ("delta", "alpha", "likelihood")}, {}),
    "cispo": ("cispo", {"low": "low", "high": "high"}, {}),
    "sapo": ("sapo", {"tau_pos": "tau_positive", "tau_neg": "tau_negative"}, {}),
    "dro": ("dro", {"beta": "beta"}, {}),
    "gspo": ("gspo", {"eps_low": "epsilon_low", "eps_high": "epsilon_high", "exponent_cap": "cap"}, {}),
    "gmpo": ("gmpo", {"log_low": "log_low", "log_high": "log_high"}, {}),
    "vespo": ("vespo", {"k_pos": "k_positive", "k_neg": "k_negative", "lambda_pos": "lambda_positive",
                        "lambda_neg": "lambda_negative"}, {}),
    "opsm": ("opsm", {**CLIP, "delta": "delta"}, {}),
    "minpro": ("minpro", {"low": "low", "high": "high"}, {}),
    "ctpo": ("ctpo", {name: name for name in ("low", "high", "dual_clip", "power")},
             {"mean": False, "band": "log_power", "exponent_cap": 10.0}),
    "fipo": ("fipo", {**CLIP, **FIPO}, {"distance": "tokens"}),
    "entropy_top": ("entropy_top", {**CLIP, "fraction": "share"}, {"rule": "count"}),
    "kl_cov": ("kl_cov", {"ratio": "share", "coefficient": "beta"}, {}),
    "clip_cov": ("clip_cov", {**CLIP, "ratio": "share", "low": "low", "high": "high"}, {}),
    "m2po_clip": ("m2po", {"budget": "budget", "floor_low": "floor_low", "floor_high": "floor_high"}, {}),
    "m2po_mask": ("m2po_mask", {"threshold": "threshold"}, {}),
}
QUANTILE = ("entropy_top_quantile", {**CLIP, "fraction": "share"}, {"rule": "quantile"})
NO_BOUND = {"low": 0.0, "high": math.inf, "dual_clip": math.inf}


def rules_of(params):
    """The rules that a case is about, with their options."""
    known = [METHODS[params["method"]]] if params["method"] in METHODS else []
    for rule, names, more in known + ([QUANTILE] if params["method"] == "entropy_top" else []):
        if all(params.get(key) == value for key, value in more.items()):
            given = lambda key: NO_BOUND[key] if params.get(key) is None else params[key]
            yield rule, {names[key]: given(key) for key in names if key in params or key in NO_BOUND}


def padded(case):
    """The case as a padded batch whose slots without a token hold small numbers, and the slots of its own."""
    if case["layout"] == "padded":
        shape = tuple(case["shape"])
        slots = torch.arange(shape[0] * shape[1]).reshape(shape)
        own = torch.ones(shape, dtype=torch.bool)
    else:
        lengths = torch.tensor(case["lengths"])
        own = torch.arange(max(int(lengths.max()), 1)) < lengths[:, None]
        slots = torch.zeros(own.shape, dtype=torch.long)
        slots[own] = torch.arange(int(lengths.sum()))
    valid = own
    if "response_mask" in case:
        valid = own & torch.tensor(case["response_mask"]).bool()[slots]
    lent = lambda key: torch.where(valid, tensor(case["inputs"][key])[slots], -0.5) if key in case["inputs"] else None
    advantage = lent("advantages") if "advantages" in case["inputs"] else torch.ones(valid.shape)
    return Tokens(lent("logp_new"), lent("logp_old"), advantage, valid, lent("entropy"), lent("logp_ref")), slots


def advantages_differ(tokens):
    """True if a response has several: GMPO's peer is for one."""
    spread = torch.where(tokens.valid, tokens.advantage, -torch.inf).amax(-1) - torch.where(
        tokens.valid, tokens.advantage, torch.inf).amin(-1)
    return bool((spread > 0).any())


def gradient_of(rule, tokens, options):
    """The gradient of the sum over tokens (over responses for GMPO), and the tokens kept."""
    count, responses = int(tokens.valid.sum()), int(tokens.valid.any(-1).sum())
    if rule in ("gspo", "gmpo"):
        gradient, kept = field_peers.step(tokens, max(responses, 1), field_peers.RULES[rule], **options)
        return gradient * max(responses, 1) * (field_peers.lengths(tokens.valid) if rule == "gspo" else 1), kept
    gradient, kept = field_peers.step(tokens, max(count, 1), field_peers.RULES[rule], **options)
    return gradient * max(count, 1), kept


def differences(case, tokens, slots, gradient, kept):
    skipped = torch.zeros(int(slots.max()) + 1, dtype=torch.bool)
    skipped[case.get("skip", [])] = True
    compared = tokens.valid & ~skipped[slots]
    if "grad_logp" in case["expected"]:
        want = torch.tensor([float(x) for x in case["expected"]["grad_logp"]], dtype=torch.float64)[slots]
        near = (gradient.double() - want).abs() <= 2e-6 + 5e-5 * want.abs()
        yield "gradient", int((compared & ~near).sum())
    if "mask" in case["expected"] and kept is not None:
        want = torch.tensor([float(x) for x in case["expected"]["mask"]])[slots] != 0
        yield "mask", int((compared & (kept != want)).sum())


def same_by_construction():
    """What no vector has, by what it is made of."""
    torch.manual_seed(1)
    mu = -torch.rand(8, 300)
    t = Tokens(mu + 0.3 * torch.randn(8, 300), mu, torch.randn(8, 300), torch.rand(8, 300) < 0.9,
               reference=mu + 0.1 * torch.randn(8, 300))
    gradient = lambda rule, **options: field_peers.step(t, 1, rule, **options)[0]
    kl = gradient(lambda t, n: field_peers.Loss(
        field_peers.total(torch.expm1(t.reference - t.log_prob) - (t.reference - t.log_prob), t.valid, n)))
    yield "ppo_clip + kl_k3", torch.allclose(gradient(field_peers.ppo_clip_kl, beta=0.5),
                                             gradient(field_peers.ppo_clip) + 0.5 * kl, atol=1e-5)
    d, h = field_peers.log_ratio(t), 32.0
    whole = torch.ones_like(t.valid)
    pairs = field_peers.future_of_pairs(d, whole, field_peers.decay_matrix(d.shape[-1], h))
    yield "future_of_pairs", torch.allclose(field_peers.future(d, whole, h), pairs, atol=1e-5)


def main():
    compared, wrong = {}, []
    for file in FILES:
        for case in json.loads((VECTORS / f"{file}.json").read_text()):
            tokens, slots = padded(case)
            for rule, options in rules_of(case["params"]):
                if not tokens.valid.any() or (rule == "gmpo" and advantages_differ(tokens)):
                    continue
                compared[rule] = compared.get(rule, 0) + 1
                found = differences(case, tokens, slots, *gradient_of(rule, tokens, options))
                wrong += [f"{rule}: {case['name']}: {n} tokens with another {what}" for what, n in found if n > 0]
    for name, same in same_by_construction():
        compared[name] = 1
        wrong += [] if same else [f"{name} is not what it is made of"]
    print("\n".join(wrong))
    print(", ".join(f"{rule}: {n}" for rule, n in compared.items()))
    missing = set(field_peers.RULES) - set(compared)
    print(f"not compared: {', '.join(sorted(missing))}" if missing else "all compared")
    return 1 if wrong or missing else 0


if __name__ == "__main__":
    sys.exit(main())
