"""What several tests share."""

from __future__ import annotations

import numpy as np
import pytest


def make_batch(responses, width, seed=0, dtype=np.float32, holes=True):
    """log π, log μ, advantage and response mask of a random batch; slots that are no tokens hold NaN."""
    random = np.random.default_rng(seed)
    log_q = -random.exponential(1.0, (responses, width))
    log_p = np.minimum(log_q + random.normal(0.0, 0.3, log_q.shape), 0.0)
    advantage = random.normal(0.0, 1.0, (responses, 1)).repeat(width, 1)
    lengths = random.integers(0, width + 1, responses)
    valid = np.arange(width) < lengths[:, None]
    if holes:
        valid &= random.random(valid.shape) > 0.1
    for x in (log_p, log_q, advantage):
        x[~valid] = np.nan
    return log_p.astype(dtype), log_q.astype(dtype), advantage.astype(dtype), valid


@pytest.fixture
def small():
    return make_batch(5, 23, seed=3)


@pytest.fixture
def header():
    """Reads a header: the package's own, or that of the checkout where the package runs from its sources."""
    import pathlib

    import cppo
    inside = pathlib.Path(cppo.__file__).parent / "include"
    root = pathlib.Path(__file__).resolve().parents[2]

    def read(name):
        for folder in (inside, root / "include", root / "c_api" / "include"):
            if (folder / name).exists():
                return (folder / name).read_text()
        raise FileNotFoundError(name)
    return read
