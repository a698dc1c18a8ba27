#!/usr/bin/env python3
"""The PyTorch code of torch_peers.py on a CUDA device, eager and compiled: medians, in microseconds, of loss and
gradient; then log-probs from logits and their gradient, as trainers write them.

    torch_rows.py [--shapes 64x8192,...] [--logits 2048x151936,...] [--no-compile]

What `bench` and `bench_logits` print for the same shapes on the same card is what it stands beside.
"""

import argparse
import statistics
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import torch_peers  # noqa: E402

RULES = {"fixed": torch_peers.Rule(delta_b=0.015), "calibrated": torch_peers.Rule(delta_b=0.020, calibrated=True)}
ROUNDS = 15


def problem(responses, width):
    torch.manual_seed(1)
    rollout = -0.01 - 3.0 * torch.rand(responses, width, device="cuda") ** 2
    log_prob = (rollout + 0.1 * (torch.rand_like(rollout) - 0.5)).clamp(max=0.0)
    advantage = torch.where(torch.arange(responses, device="cuda") % 2 == 0, 1.0, -0.7)
    advantage = advantage[:, None].expand(responses, width).contiguous()
    return log_prob, rollout, advantage, torch.ones_like(rollout, dtype=torch.bool)


def median(step):
    for _ in range(3):
        step()
    times = []
    for _ in range(ROUNDS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        step()
        end.record()
        end.synchronize()
        times.append(1000.0 * start.elapsed_time(end))
    return statistics.median(times)


def log_probs(logits, ids):
    total = torch.logsumexp(logits.float(), dim=-1)
    return logits.gather(-1, ids[:, None])[:, 0].float() - total


def log_probs_and_entropy(logits, ids):
    log_p = torch.log_softmax(logits.float(), dim=-1)
    return log_p.gather(-1, ids[:, None])[:, 0], -(log_p.exp() * log_p).sum(-1)


def logits_gradient(logits, ids, slope):
    leaf = logits.detach().requires_grad_()
    log_probs(leaf, ids).backward(slope)
    return leaf.grad


def logit_rows(shape, compiles):
    """Times from logits; the gradient's hold its forward pass."""
    rows, width = map(int, shape.split("x"))
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(1)
        logits = (2.0 * torch.randn(rows, width, device="cuda")).to(dtype)
        ids, slope = torch.zeros(rows, dtype=torch.int64, device="cuda"), torch.randn(rows, device="cuda")
        for function, more in ((log_probs, ()), (log_probs_and_entropy, ()), (logits_gradient, (slope,))):
            for how in ("eager", "compiled") if compiles else ("eager",):
                step = torch.compile(function) if how == "compiled" else function
                grad = torch.enable_grad() if function is logits_gradient else torch.no_grad()
                with grad:
                    us = median(lambda step=step, more=more: step(logits, ids, *more))
                print(f"{function.__name__:<22} {dtype} {shape:<12} {how:<9} {us:10.2f} us", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default="64x8192,8x32768,2048x8192")
    parser.add_argument("--logits", default="2048x151936,4096x32000,2048x50257")
    parser.add_argument("--no-compile", action="store_true")
    args = parser.parse_args()
    print(f"PyTorch {torch.__version__} on {torch.cuda.get_device_name()}")
    for shape in args.shapes.split(","):
        log_prob, rollout, advantage, valid = problem(*map(int, shape.split("x")))
        for name, rule in RULES.items():
            for how in ("eager",) if args.no_compile else ("eager", "compiled"):
                loss = torch_peers.loss_padded if how == "eager" else torch.compile(torch_peers.loss_padded)

                def step(loss=loss, rule=rule):
                    torch_peers.step_padded(log_prob, rollout, advantage, valid, rule, 1.0, loss)

                print(f"{name:<11} {shape:<12} {how:<9} {median(step):10.2f} us", flush=True)
    for shape in args.logits.split(","):
        logit_rows(shape, not args.no_compile)


if __name__ == "__main__":
    main()
