#!/usr/bin/env python3
"""Measures the library against torch_peers.py on the same memory, in one process. One line of JSON for each row.

    torch_rows.py --library PATH [--repeats N] [--seconds S] [--shapes 64x8192,...] [--packed N] [--no-compile]
"""

import argparse
import json
import math
import os
import random

os.environ["OMP_NUM_THREADS"] = "1"

import torch

import bench_ctypes
import torch_peers
from bench_ctypes import Batch, Data, Outcome, Outputs, Parameters
from interleave import interleave

SPREAD = 0.029  # as in problem.hpp
RULES = {"fixed": torch_peers.Rule(delta_b=0.015), "calibrated": torch_peers.Rule(delta_b=0.020, calibrated=True)}


class Problem:
    """Tensors of n tokens, and cppo's calls on their memory."""

    def __init__(self, library, n, responses, width, cu_seqlens=None):
        self.library, self.n = library, n
        self.log_prob, self.rollout, self.advantage, self.gradient = (torch.zeros(n) for _ in range(4))
        self.valid, self.mask = torch.ones(n, dtype=torch.bool), torch.zeros(n, dtype=torch.bool)
        data = Data(self.log_prob.data_ptr(), self.rollout.data_ptr(), self.advantage.data_ptr())
        library.bench_fill(n, 1, SPREAD, data)
        self.offsets = None if cu_seqlens is None else torch.tensor(cu_seqlens, dtype=torch.int32)
        self.batch = Batch(responses, width, None if self.offsets is None else self.offsets.data_ptr(),
                           self.log_prob.data_ptr(), self.rollout.data_ptr(), self.advantage.data_ptr(),
                           self.valid.data_ptr() if self.offsets is None else None)

    def poison(self):
        self.gradient.fill_(torch.nan)
        self.mask.view(torch.uint8).fill_(0xA5)

    def cppo(self, name):
        rule = RULES[name]
        parameters = Parameters(rule.delta, rule.delta_b, rule.w_min, self.n)
        outputs = Outputs(self.gradient.data_ptr(), self.mask.data_ptr())
        which = bench_ctypes.CALIBRATED if rule.calibrated else bench_ctypes.FIXED
        if self.library.bench_policy_loss(which, 1, self.batch, parameters, outputs, Outcome()) != 0:
            raise RuntimeError("the call to cppo failed")
        return self.gradient, self.mask


def emit(row, timing):
    print(json.dumps({**row, "torch": torch.__version__, **timing}), flush=True)


def agreement(problem, steps, row):
    """Tokens that cppo and each peer decide differently, and the largest difference of gradients where they agree.

    A peer that does not run is reported and left out of `steps`."""
    result = {}
    for name, step in list(steps.items()):
        try:
            gradient, mask = (x.reshape(-1) for x in step())
        except Exception as error:  # torch.compile needs a compiler and Python's headers, and says so in many ways
            why = str(error).strip().splitlines() or [type(error).__name__]
            print(json.dumps({**row, "name": f"{row['name']}, {name}", "skipped": why[0]}), flush=True)
            del steps[name]
            continue
        ours, kept = problem.cppo(name.split()[-1])
        same = mask == kept
        error = (gradient - ours)[same].abs().max().item() * problem.n
        result[name] = {"other_masks": int((~same).sum()), "gradient_error": error}
    return result


def padded_row(library, rows, width, arguments):
    problem = Problem(library, rows * width, rows, width)
    lent = [x.view(rows, width) for x in (problem.log_prob, problem.rollout, problem.advantage, problem.valid)]
    torch._dynamo.reset()
    steps = {}
    for name, rule in RULES.items():
        steps[f"eager {name}"] = lambda rule=rule: torch_peers.step_padded(*lent, rule, problem.n)
    if not arguments.no_compile:
        for name, rule in RULES.items():
            loss = torch.compile(torch_peers.loss_padded, dynamic=False)
            steps[f"compile {name}"] = lambda rule=rule, loss=loss: torch_peers.step_padded(
                *lent, rule, problem.n, loss=loss)
    measure(problem, steps, {"suite": "torch", "name": f"{rows}x{width}"}, arguments)


def packed_row(library, responses, arguments):
    draw = random.Random(1)
    lengths = [round(math.exp(draw.uniform(math.log(64), math.log(16384)))) for _ in range(responses)]
    offsets = [0]
    for length in lengths:
        offsets.append(offsets[-1] + length)
    problem = Problem(library, offsets[-1], responses, 0, offsets)
    lent = (problem.log_prob, problem.rollout, problem.advantage, offsets)
    steps = {}
    for name, rule in RULES.items():
        steps[f"loop {name}"] = lambda rule=rule: torch_peers.step_packed(*lent, rule, problem.n)
        steps[f"as padded {name}"] = lambda rule=rule: torch_peers.step_packed_as_padded(*lent, rule, problem.n)
    measure(problem, steps, {"suite": "torch", "name": f"packed {responses}", "tokens": problem.n}, arguments)


def measure(problem, steps, row, arguments):
    compared = agreement(problem, steps, row)  # compiles as well
    contenders = {f"cppo {name}": lambda name=name: problem.cppo(name) for name in RULES}
    emit({**row, "tokens": problem.n, "agreement": compared},
         interleave({**contenders, **steps}, problem.poison, problem.n, arguments))


def quantile_rows(library, arguments, rows=128, n=8192):
    data = [torch.zeros(rows * n) for _ in range(3)]
    library.bench_fill(rows * n, 7, SPREAD, Data(*(x.data_ptr() for x in data)))
    d = (data[0].exp() - data[1].exp()).abs().view(rows, n)
    scratch, out = torch.zeros(n), torch.zeros(rows, dtype=torch.float64)

    for name, lo in (("inside", 0.02), ("above", 0.002), ("below", 0.2)):
        def cppo():
            library.bench_quantiles(bench_ctypes.CLAMPED_QUANTILE, d.data_ptr(), rows, n, 0.9, lo, 2 * lo,
                                    scratch.data_ptr(), out.data_ptr())

        contenders = {"clamped": cppo, "torch.quantile": lambda: torch.quantile(d, 0.9, dim=-1).clamp(lo, 2 * lo)}
        cppo()
        error = (out - contenders["torch.quantile"]()).abs().max().item()
        emit({"suite": "torch_quantile", "name": name, "T": n, "lo": lo, "error": error},
             interleave(contenders, lambda: None, rows * n, arguments))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", required=True)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--shapes", default="64x8192,512x1024,8x32768,512x8192")
    parser.add_argument("--packed", type=int, default=256)
    parser.add_argument("--no-compile", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    library = bench_ctypes.load(arguments.library)
    for shape in arguments.shapes.split(","):
        padded_row(library, *map(int, shape.split("x")), arguments)
    packed_row(library, arguments.packed, arguments)
    quantile_rows(library, arguments)


if __name__ == "__main__":
    main()
