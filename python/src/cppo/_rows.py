"""Calls of the C library on rows of logits, of arrays or of tensors on the host."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from . import _native as c
from ._call import Frame, Layout, Lent, fields, layout_of
from ._numpy import lend_any

LISTS = ("top_k_ids", "listed_log_prob", "largest_id", "largest_log_prob")
"""What has a list for each slot: [slots, k]."""

SIZES = {number: 2 if name.endswith("16") else np.dtype(name).itemsize for name, number in c.DTYPES.items()}
"""Bytes of an element."""


class How(NamedTuple):
    """How rows are read."""

    temperature: float = 1.0
    executor: str = "simd"
    threads: int = 1
    with_capacity: bool = False


class Block(NamedTuple):
    """Rows at one distance: [slots, V], all of a call or those of one response."""

    address: int
    shape: tuple[int, int]
    row_stride: int
    at: Layout
    response: Optional[int]
    """Which one they are; None: all."""


def check_shape(shape: tuple[int, ...], name: str = "logits") -> None:
    """Raises `Error` unless the shape is one of logits."""
    if len(shape) not in (2, 3):
        raise c.Error(f"{name} must have shape [B, T, V] or [N, V], not {list(shape)}", c.StatusCode.bad_tensor,
                      "logits")


def _rows_of(t: Lent, cuts: Lent | None, with_capacity: bool, apart: bool) -> list[Block]:
    """The rows of logits [B, T, V] or [N, V]: together where they lie at one distance, else response by response, as
    all do if `apart`."""
    *slots, v = t.shape
    if cuts is not None and len(slots) == 2 and slots[0] != 1:
        raise c.Error(f"logits must have shape [N, V] where cu_seqlens is given, not {list(t.shape)}",
                      c.StatusCode.bad_tensor, "logits")
    *far, step, ids = t.stride
    if 0 in t.shape:  # NumPy's strides of nothing mean nothing
        far, step, ids = [slots[-1] * v for _ in far], v, 1
    if ids != 1 and v > 1:
        raise c.Error("logits must have the ids of a row side by side (stride 1): pass a contiguous copy",
                      c.StatusCode.extent_mismatch, "logits")
    if len(slots) == 2 and slots[1] == 1:
        step = far[0]
    together = len(slots) == 1 or slots[0] <= 1 or slots[1] <= 1 or far[0] == slots[1] * step
    if len(slots) == 1 or (together and not apart):
        at = layout_of(slots, cuts, with_capacity)
        return [Block(t.address, (at.slots, v), step, at, None)]
    size = SIZES[t.dtype]
    one = Layout(1, slots[1], slots[1])
    return [Block(t.address + b * far[0] * size, (slots[1], v), step, one, b) for b in range(slots[0])]


def _packed(structure: struct.Struct, *members: Any) -> bytes:
    """The bytes of a structure that begins with its size."""
    try:
        return structure.pack(structure.size, *members)
    except struct.error as e:
        raise c.Error(f"an option is no number, or too large for one: {e}", argument="options") from None


class Rows:
    """Logits, or their gradient, that were lent: an array or a tensor, with all that says how they lie."""

    def __init__(self, x: Any, how: How, cu_seqlens: Any = None, name: str = "logits") -> None:
        check_shape(tuple(x.shape), name)
        cuts = np.ascontiguousarray(cu_seqlens) if isinstance(cu_seqlens, np.ndarray) else cu_seqlens
        self.x, self.cuts, self.how = x, cuts, how  # what was lent stays alive
        self._lent = lend_any(x, name)
        self._offsets = None if cuts is None else lend_any(cuts, "cu_seqlens")
        self.dtype = self._lent.dtype
        self.blocks = self._blocks(apart=False)

    def _blocks(self, apart: bool) -> list[Block]:
        return _rows_of(self._lent, self._offsets, self.how.with_capacity, apart)

    def take_apart(self) -> None:
        """Makes blocks of the responses."""
        self.blocks = self._blocks(apart=True)

    def tensor(self, k: int) -> tuple[int, ...]:
        """The members of a `cppo_tensor` for block k."""
        block = self.blocks[k]
        return (block.address, self.dtype, 2, *block.shape, block.row_stride, 1)

    def structure(self, k: int) -> bytes:
        """The bytes of a `cppo_logits` for block k."""
        return _packed(c.LOGITS, *self.tensor(k), self.how.temperature, 0, 0)


def _fields(name: str, number: int, x: Any, at: Layout) -> tuple[int, ...]:
    t = lend_any(x, name)
    if name not in LISTS:
        return fields(name, number, t, at)
    return number, 0, t.address, t.dtype, 2, *t.shape, *t.stride


def _part(name: str, x: Any, response: int | None) -> Any:
    """What belongs to a response, lists as [slots, k]."""
    if response is not None and len(x.shape) > 0:
        x = x[response:response + 1]
    return x.reshape(-1, x.shape[-1]) if name in LISTS and len(x.shape) != 2 else x


@contextlib.contextmanager
def _numbered(response: int | None) -> Iterator[None]:
    """Errors of a call on one response name that one."""
    try:
        yield
    except c.Error as e:
        if response is None or e.response != 0:
            raise
        message = e.message.replace(" response 0,", f" response {response},", 1)
        raise c.Error(message, e.code, e.argument, response, e.token, e.count) from None


def run(function: str, logits: Rows, inputs: Mapping[str, Any], outputs: Mapping[str, Any],
        others: Sequence[Rows | None] = (), gradient: Rows | None = None, entropy_slope: float = 0.0) -> None:
    """Calls a function of the library on all rows. What is None is left out. Outputs have the shape of the slots, or
    [..., k] and are dense; they are written, and so are the rows of `gradient`. `others`: more rows to read. Raises
    `Error`."""
    how = logits.how
    if how.executor not in c.EXECUTORS:
        raise c.Error(f"executor must be simd or seq, or torch for tensors, not {how.executor!r}", argument="options")
    options = _packed(c.LOGIT_OPTIONS, c.EXECUTORS.index(how.executor), how.threads, entropy_slope)
    rows = [x for x in (logits, *others, gradient) if x is not None]
    if len({len(x.blocks) for x in rows}) > 1:
        for x in rows:
            x.take_apart()
    for k, block in enumerate(logits.blocks):
        top_k, kept, flat = _lent_of(inputs, c.INPUTS, block)
        _, its, written = _lent_of(outputs, c.ROW_OUTPUTS, block)
        if gradient is not None:
            written += c.ROW_OUTPUTS["logits_gradient"], 0, *gradient.tensor(k)
        frame = Frame(block.at, top_k, flat, written, 0)
        more = [None if o is None else o.structure(k) for o in others]
        with _numbered(block.response):
            frame.raise_if(getattr(c.LIB, function)(frame.batch, logits.structure(k), *more, frame.outputs, options,
                                                    frame.status))
        del kept, its  # until here the call reads and writes them


def _lent_of(given: Mapping[str, Any], ids: Mapping[str, int], block: Block) -> tuple[int, list[Any], list[int]]:
    """How many ids are listed, what must stay alive, and the members of each `cppo_lent` of a block."""
    top_k = 0
    kept: list[Any] = []
    flat: list[int] = []
    for name, x in given.items():
        if x is None:
            continue
        part = _part(name, x, block.response)
        top_k = part.shape[-1] if name == "top_k_ids" else top_k
        kept.append(part)
        flat += _fields(name, ids[name], part, block.at)
    return top_k, kept, flat
