"""What a call writes for each token."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any


class Decision(enum.IntEnum):
    """What became of a token, and by which clause."""

    excluded = 0
    """No token of the response, or rejected input: nothing was computed."""
    kept = 1
    kept_toward = 2
    """Moves π back toward μ, kept whatever its size."""
    masked_ratio = 3
    masked_divergence = 4
    masked_budget = 5
    """w_t D_t ≤ δ, but its prefix is over the budget. [Eq. 8]"""
    masked_response = 6
    masked_other = 7


@dataclasses.dataclass
class Outputs:
    """The outputs that were asked for, in the shape of log_prob; the others are None. Excluded slots hold 0."""

    loss: Any = None
    """Token losses, scaled as the loss is."""
    gradient: Any = None
    """∂loss/∂log π."""
    mask: Any = None
    """True if the token is kept: M_t."""
    gate: Any = None
    """The factor on the token's loss: M_t, or g(x_t) under a soft gate."""
    divergence: Any = None
    """D_t."""
    weight: Any = None
    """w_t."""
    weighted_divergence: Any = None
    """Z_t = w_t D_t."""
    prefix_drift: Any = None
    """S_{t−1}."""
    prefix_weight: Any = None
    """W_{t−1}."""
    threshold: Any = None
    """c_t. [Eq. 8]"""
    excess: Any = None
    """x_t of the mask; 0 for tokens kept because they move toward μ. [Eq. 19]"""
    decision: Any = None
    """Which clause decided, as `Decision`."""
    log_prob: Any = None
    """Calls on logits: log π of the sampled ids, as the region reads it."""
    entropy: Any = None
    """Calls on logits: H of each row, nats."""
    logits_gradient: Any = None
    """`policy_loss_from_logits` of arrays: ∂loss/∂logits."""


TRACE = ("divergence", "weight", "weighted_divergence", "prefix_drift", "prefix_weight", "threshold", "excess",
         "decision")
"""The outputs that say how each decision came about. A call that writes one runs at the speed of `seq`."""
