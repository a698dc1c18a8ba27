"""Microseconds of a call on 16 tokens, forward and backward, beside what PyTorch takes for the smallest graph.

    python benchmarks/overhead.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import cppo
import numpy as np
import torch


def median_us(calls: dict[str, Callable[[], object]], rounds: int = 40, each: int = 200) -> dict[str, float]:
    """The median over rounds of each call, the calls in turn, in processor time."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            begin = time.thread_time()
            for _ in range(each):
                call()
            times[name].append((time.thread_time() - begin) / each * 1e6)
    return {name: statistics.median(t) for name, t in times.items()}


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    mu = -torch.rand(2, 8)
    pi = (mu + 0.1 * torch.randn(2, 8)).clamp(max=0.0).requires_grad_()
    advantage, valid = torch.randn(2), torch.ones(2, 8, dtype=torch.bool)
    region = cppo.fixed_cppo()
    arrays = [x.detach().numpy() for x in (pi, mu, advantage, valid)]
    gradient = np.empty((2, 8), np.float32)

    def forward(**options: object) -> torch.Tensor:
        return cppo.policy_loss(pi, mu, advantage, valid, region=region, **options)[0]

    calls: dict[str, Callable[[], object]] = {
        "torch: (x * 2).sum(), forward and backward": lambda: torch.autograd.backward((pi * 2).sum()),
        "policy_loss, forward and backward": lambda: torch.autograd.backward(forward()),
        "policy_loss with a normalizer, forward and backward": lambda: torch.autograd.backward(
            forward(normalizer=16.0)),
        "policy_loss, forward": forward,
        "policy_loss on NumPy arrays, with the gradient": lambda: cppo.policy_loss(
            *arrays, region=region, outputs={"gradient": gradient}),
        "a region with new thresholds": lambda: cppo.fixed_cppo(delta=0.1),
    }
    for name, us in median_us(calls).items():
        print(f"{us:7.1f} us  {name}")


if __name__ == "__main__":
    main()
