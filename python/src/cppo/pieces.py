"""One response in pieces: context parallelism, streaming.

A batch of pieces is a batch whose "responses" are pieces of responses. Three passes give the mask and the gradient of
the uncut response, to the bit, whatever the cuts:

1. `PieceBatch.summarize`: each piece alone; `add_totals` adds those of a response up, `resolve_totals` calibrates its
   budget.
2. `PieceBatch.sum`: each piece alone, given the totals of its response and how many tokens come before it; an
   exclusive sum over the pieces in order, by `add_carries`, gives the carries.
3. `policy_loss` with `carries` and `totals`.

Carries and totals are arrays of 64-bit integers [pieces, 8], ready to be sent to other ranks; only column 0 is for
reading: a number of tokens. In one process `plan_pieces` does passes 1 and 2.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _native as c
from ._call import Options, pack_options
from ._numpy import Batch, words_of
from .regions import Region

Words = npt.NDArray[np.int64]
Divergences = npt.NDArray[Any]


class PiecePlan(NamedTuple):
    """What `policy_loss` takes as `carries` and `totals`: [pieces, 8] each."""

    carries: Words
    totals: Words


class Reading:
    """A batch, a region and options, for calls that only read. Takes what `policy_loss` takes, but for scaling and
    outputs."""

    def __init__(self, log_prob: Any, rollout_log_prob: Any, advantage: Any, response_mask: Any = None, *,
                 region: Region, cu_seqlens: Any = None, token_weight: Any = None, divergence_values: Any = None,
                 token_id: Any = None, top_k: Any = None, entropy: Any = None, reference_log_prob: Any = None,
                 **options: Any) -> None:
        lists = (None, None, None) if top_k is None else top_k
        extra = (rollout_log_prob, advantage, response_mask, divergence_values, token_weight, token_id, *lists,
                 entropy, reference_log_prob)
        for name in options:
            if name not in Options._fields:
                raise TypeError(f"{name} has no place here: a call that only reads takes what policy_loss takes, but "
                                "for scaling and outputs")
        if not isinstance(region, Region):
            raise TypeError(f"region must be a region, such as fixed_cppo(), not {region!r}")
        o = Options(**options)
        self.batch = Batch(log_prob, extra, cu_seqlens, o.with_capacity)
        self.region = region
        self.bad_input = o.bad_input
        self.options = pack_options(o)
        self.frame = self.batch.frame()


class PieceBatch(Reading):
    """A batch of pieces: what the passes over it read."""

    @property
    def pieces(self) -> int:
        """How many they are."""
        return self.batch.at.responses

    def slots(self) -> npt.NDArray[np.int64]:
        """How many slots each piece has; no more than the batch, where offsets are wrong."""
        if self.batch.offsets is None:
            return np.full(self.pieces, self.batch.at.width)
        return np.clip(np.diff(self.batch.offsets.astype(np.int64)), 0, self.batch.at.slots)

    def summarize(self) -> tuple[Words, list[Divergences]]:
        """Pass 1: the totals of each piece, [pieces, 8], and D of its valid tokens where a budget is calibrated."""
        totals = np.zeros((self.pieces, c.SUMS_WORDS), np.int64)
        kind = np.float64 if self.batch.in_double else np.float32
        divergences: list[Divergences] = []
        written = ctypes.c_int64()
        for b, room in enumerate(self.slots()):
            d = np.empty(room, kind)
            code = c.LIB.cppo_summarize_piece(self.frame.batch, self.region.c_region, b, self.options,
                                              totals[b].ctypes.data, d.ctypes.data, ctypes.addressof(written),
                                              self.frame.status)
            self.frame.raise_if(code)
            divergences.append(d[:written.value])
        return totals, divergences

    def sum(self, totals: Words, tokens_before: Sequence[int]) -> Words:
        """Pass 2: what each piece adds to the prefix of its response, [pieces, 8].

        `totals`: those of the response that each piece belongs to. `tokens_before`: its valid tokens before the piece.
        """
        whole = words_of(totals, "totals", self.pieces)
        sums = np.zeros((self.pieces, c.SUMS_WORDS), np.int64)
        for b in range(self.pieces):
            code = c.LIB.cppo_sum_piece(self.frame.batch, self.region.c_region, b, whole[b].ctypes.data,
                                        int(tokens_before[b]), self.options, sums[b].ctypes.data, self.frame.status)
            self.frame.raise_if(code)
        return sums


def _added(function: Callable[[int, int], None], a: Any, b: Any) -> Words:
    into, other = np.array(a, np.int64, order="C"), np.ascontiguousarray(b, np.int64)
    if into.shape != other.shape or into.shape[-1:] != (c.SUMS_WORDS,):
        raise c.Error(f"sums have shape [..., {c.SUMS_WORDS}] and are added to others of their shape, not "
                      f"{list(into.shape)} to {list(other.shape)}", c.StatusCode.carry_mismatch, "carries")
    for mine, theirs in zip(into.reshape(-1, c.SUMS_WORDS), other.reshape(-1, c.SUMS_WORDS)):
        function(mine.ctypes.data, theirs.ctypes.data)
    return into


def add_totals(a: Any, b: Any) -> Words:
    """The totals of two pieces of a response together, [8] or [..., 8]."""
    return _added(c.LIB.cppo_totals_add, a, b)


def add_carries(a: Any, b: Any) -> Words:
    """The sums of two pieces of a response together, [8] or [..., 8]."""
    return _added(c.LIB.cppo_prefix_add, a, b)


def resolve_totals(region: Region, totals: Any, divergences: Any = ()) -> Words:
    """The totals of a whole response with its δ_b, [8].

    `totals`: those of all its pieces, added. `divergences`: D of all its valid tokens in any order, float32 or float64
    as pass 1 wrote them, where the region calibrates its budget.
    """
    whole = np.array(totals, np.int64, order="C")
    d = np.array(divergences)
    if d.dtype not in (np.float32, np.float64):
        d = d.astype(np.float64)
    status = ctypes.create_string_buffer(c.STATUS.size)
    code = c.LIB.cppo_resolve_totals(region.c_region, whole.ctypes.data, d.ctypes.data, c.DTYPES[d.dtype.name],
                                     d.size, status)
    if code >= 64:
        raise c.error_of(status.raw)
    return whole


def _ordered(response_of: Sequence[int], order_of: Sequence[int], pieces: int) -> dict[int, list[int]]:
    """The pieces of each response, in order."""
    if len(response_of) != pieces or len(order_of) != pieces:
        raise c.Error(f"response_of and order_of must have {pieces} entries, one for each piece",
                      c.StatusCode.bad_pieces, "response_of")
    members: dict[int, list[int]] = {}
    for b in sorted(range(pieces), key=lambda b: order_of[b]):
        same = members.setdefault(int(response_of[b]), [])
        if same and order_of[same[-1]] == order_of[b]:
            raise c.Error(f"order_of gives two pieces of response {response_of[b]} the place {order_of[b]}: number the "
                          "pieces of a response apart", c.StatusCode.bad_pieces, "order_of", b)
        same.append(b)
    return members


def plan_pieces(pieces: PieceBatch, response_of: Sequence[int], order_of: Sequence[int]) -> PiecePlan:
    """Carries and totals of pieces that are all here.

    Args:
        pieces: the batch.
        response_of: the response that each piece belongs to, any whole number.
        order_of: its place in that response; only their order counts.
    """
    members = _ordered(response_of, order_of, pieces.pieces)
    own, divergences = pieces.summarize()
    totals, before = np.zeros_like(own), [0] * pieces.pieces
    for parts in members.values():
        whole = own[parts[0]]
        for b, previous in zip(parts[1:], parts):
            whole = add_totals(whole, own[b])
            before[b] = before[previous] + int(own[previous][0])
        totals[parts] = resolve_totals(pieces.region, whole, np.concatenate([divergences[b] for b in parts]))
    sums, carries = pieces.sum(totals, before), np.zeros_like(own)
    for parts in members.values():
        for b, previous in zip(parts[1:], parts):
            carries[b] = add_carries(carries[previous], sums[previous])
    return PiecePlan(carries, totals)
