"""What the trainers' tests share."""

from __future__ import annotations

import os
import sys
import types

import pytest
import torch


def step_over(*packages):
    """Makes packages importable without what their `__init__` imports, as CUDA kernels and engines."""
    for name in packages:
        parent, _, last = name.rpartition(".")
        places = sys.modules[parent].__path__ if parent else [p for p in sys.path if os.path.isdir(p)]
        folder = next((os.path.join(p, last) for p in places if os.path.isdir(os.path.join(p, last))), None)
        if folder is None:
            pytest.skip(f"{name} is not installed: ./run test-trainers installs it", allow_module_level=True)
        package = types.ModuleType(name)
        package.__path__ = [folder]
        sys.modules[name] = package


def random_batch(responses, width, seed=0):
    """log π with its gradient on, log μ, advantage [B, T], and the response mask, as floats."""
    torch.manual_seed(seed)
    mu = -torch.rand(responses, width) * 3
    pi = (mu + 0.4 * torch.randn(responses, width)).clamp(max=0).requires_grad_()
    advantage = torch.randn(responses, 1).expand(responses, width).contiguous()
    lengths = torch.randint(2, width + 1, (responses,))
    lengths[0] = width
    return pi, mu, advantage, (torch.arange(width) < lengths[:, None]).float()


def loss_and_gradient(pi, call):
    """What `call` gives first, and ∂/∂π of it."""
    pi.grad = None
    result = call()
    result[0].backward()
    return result[0].item(), pi.grad.clone(), result[1:]
