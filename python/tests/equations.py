"""Binary-TV CPPO in float64, written from the paper's equations token by token; shares nothing with the package."""

from __future__ import annotations

import math

import numpy as np


def quantile(values, q):
    """The interpolated order statistic at position q (n - 1)."""
    v = sorted(values)
    at = q * (len(v) - 1)
    low = math.floor(at)
    high = min(low + 1, len(v) - 1)
    return v[low] + (at - low) * (v[high] - v[low])


def response(log_p, log_q, advantage, delta, delta_b, w_min, calibrated=False):
    """Mask, loss and gradient of each token of a response, unscaled, and how near each decision was."""
    n = len(log_p)
    d = [abs(math.exp(p) - math.exp(q)) for p, q in zip(log_p, log_q)]
    if calibrated:
        delta_b = min(2 * delta_b, max(delta_b, quantile(d, 0.9)))
    drift = total_weight = 0.0
    mask, loss, margin = [], [], []
    for t in range(1, n + 1):
        w = 1.0 if n == 1 else 1.0 - (1.0 - w_min) * (t - 1) / (n - 1)
        z = w * d[t - 1]
        c = min(delta, delta + delta_b * total_weight - drift)
        ratio = math.exp(min(max(log_p[t - 1] - log_q[t - 1], -20.0), 20.0))
        toward = advantage[t - 1] * (log_p[t - 1] - log_q[t - 1]) <= 0.0
        mask.append(toward or z <= c)
        loss.append(-ratio * advantage[t - 1] if mask[-1] else 0.0)
        margin.append(1.0 if toward else abs(z - c))
        drift += z
        total_weight += w
    return mask, loss, margin


def batch(log_p, log_q, advantage, valid, **parameters):
    """`response` for each row of [B, T]; token-mean loss and its gradient."""
    shape = np.shape(log_p)
    mask, loss, margin = np.zeros(shape, bool), np.zeros(shape), np.ones(shape)
    for b in range(shape[0]):
        at = np.flatnonzero(valid[b])
        if at.size:
            rows = [np.asarray(x, np.float64)[b, at].tolist() for x in (log_p, log_q, advantage)]
            mask[b, at], loss[b, at], margin[b, at] = response(*rows, **parameters)
    count = max(int(np.sum(valid)), 1)
    return mask, loss.sum() / count, loss / count, margin
