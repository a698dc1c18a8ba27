"""Which clause of a mask refuses how many tokens: `count_clauses`. A report counts by kind of clause."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

from . import _native as c
from ._call import first_error_of
from .pieces import Reading


class ClauseCount(NamedTuple):
    """What one clause of a mask does to a batch."""

    text: str
    """The C++ expression that makes it."""
    kind: str
    """Under which kind a report counts it: "toward", "ratio", "divergence", "budget", "response" or "other"."""
    refused: int
    """Tokens that it speaks against: where it is false, or under a negation true."""
    decided: int
    """Masked tokens that would be kept if it alone were of another mind."""


class _Count(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_char_p), ("refused", ctypes.c_int64), ("decided", ctypes.c_int64)]


def count_clauses(log_prob: Any, rollout_log_prob: Any, advantage: Any, response_mask: Any = None,
                  **call: Any) -> list[ClauseCount]:
    """What each clause of the region's mask does to a batch of whole responses, in the order in which they are written.

    Takes what `policy_loss` takes, but for scaling and outputs; the tensors lie on the host. Raises what that raises;
    where that leaves something out and goes on, as under `bad_input="leave_out"`, the rest is counted. Costs a call for
    each clause, and one.
    """
    read = Reading(log_prob, rollout_log_prob, advantage, response_mask, **call)
    region, room = read.region.c_region, 0
    while c.LIB.cppo_clause_text(region, room, None, 0) >= 0:
        room += 1
    counts = (_Count * room)()
    c.LIB.cppo_count_clauses(read.frame.batch, region, read.options, counts, room, read.frame.status)
    code = c.STATUS.unpack_from(read.frame.memory, read.frame.status_at)[0]
    read.frame.raise_if(code, first_error_of(read.bad_input))
    return [ClauseCount(c.clause_text(region, i), x.kind.decode(), x.refused, x.decided)
            for i, x in enumerate(counts)]
