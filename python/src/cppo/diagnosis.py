"""What no check of single values can find: `diagnose`."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple, Optional

from . import _native as c
from ._call import Options, first_error_of, pack_options
from ._numpy import Batch
from .regions import Region, unrestricted


class Finding(NamedTuple):
    """Something that is wrong with a batch."""

    name: str
    sentence: str
    """What it means and what to do."""
    tokens: int
    """How many tokens it explains."""


class _Finding(ctypes.Structure):
    _fields_ = [("id", ctypes.c_int64), ("tokens", ctypes.c_int64), ("name", ctypes.c_char_p),
                ("sentence", ctypes.c_char_p)]


_ROOM = 64


def diagnose(log_prob: Any, rollout_log_prob: Any, advantage: Any, response_mask: Any = None, *,
             region: Optional[Region] = None, cu_seqlens: Any = None, token_weight: Any = None,
             divergence_values: Any = None, token_id: Any = None, top_k: Any = None, entropy: Any = None,
             reference_log_prob: Any = None, **options: Any) -> list[Finding]:
    """What is wrong with a batch, the finding that explains most tokens first.

    Log-probs that are missing, shifted by one token, renormalised by top-p, replaced by the trainer's own, or in each
    other's place; a mean ratio too far above 1; rows and columns exchanged. With a region also an input that it lacks,
    and a threshold that its divergence never reaches. Arguments are those of `policy_loss`, and wrong ones are errors.
    """
    lists = (None, None, None) if top_k is None else top_k
    extra = (rollout_log_prob, advantage, response_mask, divergence_values, token_weight, token_id, *lists,
             entropy, reference_log_prob)
    o = Options(**options)
    batch = Batch(log_prob, extra, cu_seqlens, o.with_capacity)
    found = (_Finding * _ROOM)()
    frame = batch.frame()  # its memory must outlive the call
    packed = pack_options(o)
    n = c.LIB.cppo_diagnose(frame.batch, None if region is None else region.c_region, packed, found, _ROOM)
    if n < 0:  # a call with the same arguments says why
        frame.policy_loss((region or unrestricted()).c_region, packed, first_error_of("leave_out"))
        raise c.Error("the batch cannot be looked at: please report it", c.StatusCode.failed)
    return [Finding(f.name.decode(), f.sentence.decode(), f.tokens) for f in found[:n]]
