#!/usr/bin/env python3
"""Holds torch_peers.py against the reference vectors in tests/conformance. Exit status 77: there is no PyTorch here."""

import json
import sys
from pathlib import Path

try:
    import torch
except ImportError:
    print("skipped: `import torch` does not work here; ./run bench --torch installs it for the benchmarks")
    sys.exit(77)

import torch_peers

VECTORS = Path(__file__).resolve().parents[1] / "tests" / "conformance" / "vectors"
FILES = ("cppo_small", "cppo_packed", "cppo_padded_own_length", "cppo_variants", "cppo_long", "language_model")
WANTED = {"method": "cppo", "horizon": "own", "gate": "hard", "divergence": "binary_tv", "position_weight": "linear",
          "prefix_budget": True, "quantile": 0.9, "quantile_scale": 1, "log_ratio_clamp": 20}


def cases():
    for name in FILES:
        for case in json.loads((VECTORS / f"{name}.json").read_text()):
            if all(case["params"].get(key) == value for key, value in WANTED.items()):
                yield f"{name}/{case['name']}", case


def tensor(values):
    return torch.tensor([float(x) for x in values], dtype=torch.float32)


def offsets(lengths):
    ends = [0]
    for n in lengths:
        ends.append(ends[-1] + n)
    return ends


def runs(case):
    """Each function that can take the case: its name, gradient and mask."""
    p = case["params"]
    rule = torch_peers.Rule(p["delta"], p["delta_b"], p["w_min"], p["calibrate"], p["quantile"], p["ceiling"])
    lent = [tensor(case["inputs"][key]) for key in ("logp_new", "logp_old", "advantages")]
    if case["layout"] == "padded":
        shape = tuple(case["shape"])
        valid = torch.tensor(case["response_mask"]).reshape(shape)
        yield "step_padded", *torch_peers.step_padded(*(x.reshape(shape) for x in lent), valid, rule, 1.0)
    elif "response_mask" not in case:
        for step in (torch_peers.step_packed, torch_peers.step_packed_as_padded):
            yield step.__name__, *step(*lent, offsets(case["lengths"]), rule, 1.0)


def differences(case, gradient, mask):
    expected = case["expected"]
    compared = [i for i in range(mask.numel()) if i not in set(case.get("skip", []))]
    want = torch.tensor([float(x) for x in expected["mask"]])
    yield "mask", int((mask.flatten()[compared] != (want[compared] != 0)).sum())
    if case["params"].get("loss_form") == "ratio" and case["params"]["ratio_cap"] is None:
        want = torch.tensor([float(x) for x in expected["grad_logp"]], dtype=torch.float64)[compared]
        got = gradient.flatten()[compared].double()
        yield "gradient", int(((got - want).abs() > 1e-20 + 2e-5 * want.abs()).sum())


def quantiles_agree():
    """quantile_of_rows on random rows with holes against torch.nanquantile: masks are too coarse to tell."""
    torch.manual_seed(1)
    values, valid = torch.rand(64, 50), torch.rand(64, 50) < 0.7
    valid[0], valid[1, 1:] = True, False
    valid[1, 0] = True
    ours = torch_peers.quantile_of_rows(values, valid, valid.sum(-1, keepdim=True).float(), 0.9)
    theirs = values.masked_fill(~valid, torch.nan).nanquantile(0.9, dim=-1, keepdim=True)
    return torch.allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def main():
    if not quantiles_agree():
        print("quantile_of_rows differs from torch.nanquantile")
        return 1
    compared, wrong = {}, 0
    for name, case in cases():
        for step, gradient, mask in runs(case):
            compared[step] = compared.get(step, 0) + 1
            for what, count in differences(case, gradient, mask):
                if count > 0:
                    wrong += 1
                    print(f"{step}: {name}: {count} tokens with another {what}")
    print(", ".join(f"{step}: {n} cases" for step, n in compared.items()))
    covered = all(compared.get(step, 0) > 0 for step in ("step_padded", "step_packed", "step_packed_as_padded"))
    return 1 if wrong or not covered else 0


if __name__ == "__main__":
    sys.exit(main())
