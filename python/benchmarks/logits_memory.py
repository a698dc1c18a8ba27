"""Peak memory of a loss and its backward pass from logits [1, N, V], beside the logits, in their own size; and seconds.

    python benchmarks/logits_memory.py [N]
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import cppo
import torch

VOCABULARY = 151_936
KINDS = ("log_softmax", "logsumexp", "cppo", "cppo in place", "cppo by PyTorch's operations")


def loss_of(kind: str, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The loss, by PyTorch in float32 as trainers compute it, or by cppo."""
    region, mu, advantage = cppo.unrestricted(), torch.full(y.shape, -12.0), torch.ones(1)
    if kind.startswith("cppo"):
        return cppo.policy_loss_from_logits(x, y, mu, advantage, region=region, gradient_in_place="in place" in kind,
                                            executor="torch" if "PyTorch" in kind else "simd")[0]
    x = x.float()
    if kind == "logsumexp":
        log_prob = x.gather(-1, y[..., None])[..., 0] - torch.logsumexp(x, -1)
    else:
        log_prob = torch.log_softmax(x, -1).gather(-1, y[..., None])[..., 0]
    return cppo.policy_loss(log_prob, mu, advantage, region=region)[0]


def measure(kind: str, dtype: str, rows: int) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x = torch.empty(1, rows, VOCABULARY, dtype=getattr(torch, dtype)).normal_(0.0, 2.0).requires_grad_()
    y = torch.randint(0, VOCABULARY, (1, rows))
    few = x.detach()[:, :1, :8].clone().requires_grad_()
    few_logits = few.view_as(few)
    torch.autograd.grad(loss_of(kind, few_logits, y[:, :1] % 8), few_logits)  # what a first call loads
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    logits = x.view_as(x)  # as the output of a model, no leaf
    torch.autograd.grad(loss_of(kind, logits, y), logits)
    taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / (x.numel() * x.element_size())
    print(f"{taken:5.2f} times the logits  {time.perf_counter() - began:5.2f} s  {dtype}, {kind}")


def main() -> None:
    if len(sys.argv) == 4:
        measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))
        return
    rows = sys.argv[1] if len(sys.argv) > 1 else "512"
    for dtype in ("float32", "bfloat16"):
        for kind in KINDS:
            subprocess.run([sys.executable, __file__, kind, dtype, rows], check=True)


if __name__ == "__main__":
    main()
