#!/usr/bin/env python3
"""Runs the step in libtorch, and makes it again with the op of the Python package: loss and gradient must be equal.

usage: compare.py CONSUMER
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import cppo
import torch


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "step.pt"
        subprocess.run([sys.argv[1], path], check=True)
        step = torch.load(path, weights_only=False)  # libtorch writes a list of tensors as code of its own
    log_prob, rollout_log_prob, advantage, response_mask, loss, gradient = step
    mine = log_prob.clone().requires_grad_()
    again, report = cppo.policy_loss(mine, rollout_log_prob, advantage, response_mask,
                                     region=cppo.fixed_cppo(delta=0.02, delta_b=0.002))
    again.backward()
    print(report, f"loss {loss.item()} and {again.item()}")
    assert 0 < report.kept < report.tokens, "a step that masks nothing, or everything, shows nothing"
    assert torch.equal(loss, again.detach()), "the loss differs"
    assert torch.equal(gradient, mine.grad), "the gradient differs"


if __name__ == "__main__":
    main()
