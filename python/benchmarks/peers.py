"""Forward and backward of `policy_loss` beside the same rule in PyTorch, eager and under torch.compile.

    python benchmarks/peers.py [--shapes 64x8192,8x1024] [--repeats 15] [--seconds 4]

One thread, processor time, all in turns in one process; a ratio is the median of the ratios inside a round. The peers
are benchmarks/torch_peers.py of the checkout. All give the gradient of log π and the mask.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"

import cppo
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks"))
import torch_peers
from interleave import interleave

SPREAD = 0.029  # of log π − log μ, as in ./run bench
RULES = {"fixed": (cppo.fixed_cppo(), torch_peers.Rule(delta_b=0.015)),
         "calibrated": (cppo.calibrated_cppo(), torch_peers.Rule(delta_b=0.020, calibrated=True))}


def batch_of(rows: int, width: int) -> tuple[torch.Tensor, ...]:
    """log π, log μ, advantage and response mask; all slots are tokens."""
    random = torch.Generator().manual_seed(1)
    log_q = 0.5 * torch.rand(rows, width, generator=random).clamp(min=1e-6).log()
    log_p = (log_q + SPREAD * torch.randn(rows, width, generator=random)).clamp(max=0.0)
    advantage = torch.randn(rows, width, generator=random)
    return log_p, log_q, advantage, torch.ones(rows, width, dtype=torch.bool)


def ours(region: cppo.Region, log_p: torch.Tensor, *rest: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What torch_peers.step_padded does, by the package."""
    leaf = log_p.detach().requires_grad_()
    loss, _, out = cppo.policy_loss(leaf, *rest, region=region, outputs=("mask",))
    (gradient,) = torch.autograd.grad(loss, leaf)
    return gradient, out.mask


def steps_of(rule: str, batch: tuple[torch.Tensor, ...]) -> dict[str, object]:
    """The contenders."""
    region, theirs = RULES[rule]
    n = batch[0].numel()
    torch._dynamo.reset()
    compiled = torch.compile(torch_peers.loss_padded, dynamic=False)
    return {"cppo": lambda: ours(region, *batch),
            "eager": lambda: torch_peers.step_padded(*batch, theirs, n),
            "compile": lambda: torch_peers.step_padded(*batch, theirs, n, loss=compiled)}


def row_of(rows: int, width: int, rule: str, arguments: argparse.Namespace) -> str:
    """A line of the table."""
    steps = steps_of(rule, batch_of(rows, width))
    results = {name: step() for name, step in steps.items()}
    different = max(int((mask != results["cppo"][1]).sum()) for _, mask in results.values())
    samples = interleave(steps, lambda: None, 1000.0, arguments, clock=time.thread_time_ns)["samples"]
    us = {name: statistics.median(s) for name, s in samples.items()}
    times = {name: statistics.median(a / b for a, b in zip(samples[name], samples["cppo"]))
             for name in ("eager", "compile")}
    return (f"| {rows} × {width}, {rule} | {us['cppo']:.0f} | {us['eager']:.0f} | {us['compile']:.0f} | "
            f"{times['eager']:.1f} | {times['compile']:.1f} | {different} |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shapes", default="64x8192,8x1024")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=4.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| | cppo, µs | eager, µs | torch.compile, µs | eager / cppo | compile / cppo | other masks |")
    print("|---|---|---|---|---|---|---|")
    for shape in arguments.shapes.split(","):
        for rule in RULES:
            print(row_of(*map(int, shape.split("x")), rule, arguments), flush=True)
    print(f"\nPyTorch {torch.__version__}, {cppo.instruction_set}, one thread, processor time")


if __name__ == "__main__":
    main()
