"""Calls of the C library on rows of logits, of arrays or of tensors on the host."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from . import _native as c
from ._call import Frame, Layout, Lent, fields, layout_of
from ._numpy import check_lists, lend, lend_any

LISTS = ("top_k_ids", "listed_log_prob", "largest_id", "largest_log_prob")
"""What has a list for each slot: [slots, k]."""

FOUND_HEADS = 6
"""Words of what is found in a shard before those of its shards and tokens."""

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

    def __init__(self, x: Any, how: How, cu_seqlens: Any = None, name: str = "logits",
                 shard: tuple[int, int] = (0, 0)) -> None:
        """`shard`: the id of the first column, and how many ids the whole vocabulary has; (0, 0): this is all of it."""
        check_shape(tuple(x.shape), name)
        cuts = np.ascontiguousarray(cu_seqlens) if isinstance(cu_seqlens, np.ndarray) else cu_seqlens
        self.x, self.cuts, self.how, self.shard = x, cuts, how, shard  # what was lent stays alive
        self.slots = tuple(x.shape[:-1])
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
        return _packed(c.LOGITS, *self.tensor(k), self.how.temperature, *self.shard)


def _span(t: Lent) -> tuple[int, int]:
    """The first byte and the one behind the last."""
    size = SIZES[t.dtype]
    far = [(n - 1) * step * size for n, step in zip(t.shape, t.stride)]
    return t.address + sum(min(x, 0) for x in far), t.address + sum(max(x, 0) for x in far) + size


def _firsts(t: Lent) -> np.ndarray[Any, Any]:
    """The addresses of all rows."""
    at = np.array([t.address])
    for n, step in zip(t.shape[:-1], t.stride):
        at = np.add.outer(at, np.arange(n) * step * SIZES[t.dtype])
    return at.ravel()


def _apart(a: Lent, b: Lent) -> bool:
    """True if two tensors whose ids lie side by side share no memory."""
    (first, last), (its, end) = _span(a), _span(b)
    if last <= its or end <= first:
        return True
    at = np.concatenate([_firsts(a), _firsts(b)])
    sizes = np.repeat([x.shape[-1] * SIZES[x.dtype] for x in (a, b)], [len(_firsts(a)), len(_firsts(b))])
    order = np.argsort(at, kind="stable")
    return bool((np.diff(at[order]) >= sizes[order][:-1]).all())


def _lent_anywhere(x: Any, name: str, written: bool) -> Lent:
    """The memory of an array, or of a tensor on its device."""
    if isinstance(x, np.ndarray):
        return lend(x, name, written)
    from ._torch import lend_tensor
    return lend_tensor(x, name, x.device.type)


def check_written(out: Any, logits: Any) -> None:
    """Raises `Error` unless the gradient of logits can be written here: memory of its own, or that of the logits."""
    if tuple(out.shape) != tuple(logits.shape):
        raise c.Error(f"out has shape {list(out.shape)}, but must have that of the logits, {list(logits.shape)}",
                      c.StatusCode.extent_mismatch, "logits")
    lent, its = _lent_anywhere(out, "out", True), _lent_anywhere(logits, "logits", False)
    if lent.dtype not in (c.DTYPES["float32"], c.DTYPES["float16"], c.DTYPES["bfloat16"]):
        raise c.Error(f"out has dtype {out.dtype}, but must be float32, float16 or bfloat16",
                      c.StatusCode.element_type_mismatch, "logits")
    if 0 in lent.shape:
        return
    steps, reach = sorted((abs(step), n) for n, step in zip(lent.shape, lent.stride) if n > 1), 0
    for step, n in steps:
        if step <= reach:
            raise c.Error("the gradient would be written to memory that overlaps itself, as that of expand(): pass a "
                          "contiguous copy", c.StatusCode.output_overlap, "logits")
        reach += step * (n - 1)
    same = (lent.address, lent.dtype) == (its.address, its.dtype) and lent.stride == its.stride
    by_rows = lent.shape[-1] == 1 or lent.stride[-1] == its.stride[-1] == 1
    if not same and not (_apart(lent, its) if by_rows else _span(lent)[1] <= _span(its)[0]
                         or _span(its)[1] <= _span(lent)[0]):
        raise c.Error("out and logits share memory, but are not the same: pass memory of its own, or the logits",
                      c.StatusCode.output_overlap, "logits")


@contextlib.contextmanager
def _numbered(response: int | None) -> Iterator[None]:
    """Errors of a call on one response name that one; and of slopes, which are a gradient to the library, slopes."""
    try:
        yield
    except c.Error as e:
        if e.message.startswith("gradient has "):
            raise c.Error("slope" + e.message.removeprefix("gradient"), e.code, "slope") from None
        if response is None or e.response != 0:
            raise
        message = e.message.replace(" response 0,", f" response {response},", 1)
        raise c.Error(message, e.code, e.argument, response, e.token, e.count) from None


def run(function: str, logits: Rows, inputs: Mapping[str, Any], outputs: Mapping[str, Any],
        others: Sequence[Rows | None] = (), gradient: Rows | None = None, entropy_slope: float = 0.0) -> None:
    """Calls a function of the library on all rows. What is None is left out. Outputs have the shape of the slots, or
    [..., k] and are dense; they are written, and so are the rows of `gradient`. `others`: more rows to read. Raises
    `Error`, before any row of `gradient` is written."""
    inputs, options = _given(inputs), _options(logits.how, entropy_slope)
    rows = [x for x in (logits, *others, gradient) if x is not None]
    if len({len(x.blocks) for x in rows}) > 1:
        for x in rows:
            x.take_apart()
    top_k, read = _lent_of(inputs, c.INPUTS, logits)
    _, written = _lent_of(outputs, c.ROW_OUTPUTS, logits)

    def call(k: int, to: Sequence[int] = ()) -> None:
        block = logits.blocks[k]
        flat = [n for x in read for n in x[k]]
        frame = Frame(block.at, top_k, flat, [*(n for x in written for n in x[k]), *to], 0)
        more = [None if o is None else o.structure(k) for o in others]
        with _numbered(block.response):
            frame.raise_if(getattr(c.LIB, function)(frame.batch, logits.structure(k), *more, frame.outputs, options,
                                                    frame.status))
    if gradient is None:
        for k in range(len(logits.blocks)):
            call(k)
        return
    if len(logits.blocks) > 1 and not _surely_valid(inputs, logits.shard[1] or logits.blocks[0].shape[1]):
        room = np.empty(logits.blocks[0].shape, np.float32)  # a response that is refused is so before any is written
        to = c.ROW_OUTPUTS["logits_gradient"], 0, *Rows(room, logits.how).tensor(0)
        for k in range(len(logits.blocks)):
            call(k, to)
    for k in range(len(logits.blocks)):
        call(k, (c.ROW_OUTPUTS["logits_gradient"], 0, *gradient.tensor(k)))


def _given(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that are not None, lists with their slots at one distance."""
    return {name: _dense_lists(x) if name in LISTS else x for name, x in inputs.items() if x is not None}


def _options(how: How, entropy_slope: float = 0.0) -> bytes:
    """The bytes of a `cppo_logit_options`."""
    if how.executor not in c.EXECUTORS:
        raise c.Error(f"executor must be simd or seq, or torch for tensors, not {how.executor!r}", argument="options")
    return _packed(c.LOGIT_OPTIONS, c.EXECUTORS.index(how.executor), how.threads, entropy_slope)


def check_shard(shard: tuple[int, int], v: int) -> None:
    """Raises `Error` unless v columns from the first id on lie in the vocabulary."""
    first, vocabulary = shard
    if not 0 <= first <= vocabulary - v:
        raise c.Error(f"first_id is {first}, but must be 0 to {vocabulary - v}: {v} columns are to lie in a vocabulary "
                      f"of {vocabulary} ids", argument="logits")


def find(logits: Rows, inputs: Mapping[str, Any], largest_count: int) -> np.ndarray[Any, Any]:
    """What `cppo_find_logits` finds in all rows, as words."""
    inputs, options = _given(inputs), _options(logits.how)
    top_k, read = _lent_of(inputs, c.INPUTS, logits)
    m = min(largest_count, logits.shard[1])

    def found_in(k: int) -> np.ndarray[Any, Any]:
        block = logits.blocks[k]
        frame = Frame(block.at, top_k, [n for x in read for n in x[k]], [], 0)
        words = np.empty(max(c.LIB.cppo_found_words(block.shape[0], top_k, m, 1), 1), np.int64)
        size = np.zeros(1, np.int64)
        with _numbered(block.response):
            frame.raise_if(c.LIB.cppo_find_logits(frame.batch, logits.structure(k), largest_count, words.ctypes.data,
                                                  words.size, size.ctypes.data, options, frame.status))
        return words[:size[0]].copy()
    all_found = [found_in(k) for k in range(len(logits.blocks))]
    return all_found[0] if len(all_found) == 1 else _one_after_the_other(all_found)


def _one_after_the_other(found: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """The words of all tokens, from those of each response. All are of one shard."""
    parts: list[tuple[np.ndarray[Any, Any], ...]] = []
    for words in found:
        _, _, k, m, n, s = (int(x) for x in words[:FOUND_HEADS])
        sums, ids = FOUND_HEADS + 2 * s, FOUND_HEADS + 2 * s + 4 * n
        floats, cut = words[ids + n * m:].view(np.float32), n * (1 + k)
        parts.append((words[sums:ids], words[ids:ids + n * m], floats[:cut], floats[cut:cut + n * m]))
    whole = [np.concatenate(x) for x in zip(*parts)]
    floats = np.concatenate(whole[2:])
    floats = np.append(floats, np.zeros(floats.size % 2, np.float32))
    heads = found[0][:FOUND_HEADS + 2].copy()
    heads[4] = sum(int(words[4]) for words in found)
    return np.concatenate([heads, *whole[:2], floats.view(np.int64)])


def of_any_shard(slots: tuple[int, ...], how: How, vocabulary: int, cu_seqlens: Any) -> Rows:
    """Rows of one id each, which are not read."""
    return Rows(np.zeros((*slots, 1), np.float32), how, cu_seqlens, shard=(0, vocabulary))


def check_found(words: np.ndarray[Any, Any]) -> None:
    """Raises `Error` unless these may be the words of all ids of a vocabulary."""
    if len(words) > FOUND_HEADS + 1:
        _, vocabulary, k, m, n, s = (int(x) for x in words[:FOUND_HEADS])
        right = s == 1 and words.size == c.LIB.cppo_found_words(n, k, m, 1)
        t = words[:1].view(np.float64)[0]
        if right and (words[6], words[7]) == (0, vocabulary) and vocabulary > 0 and 2.0**-20 <= t <= 2.0**20:
            return
    log_probs_of(words[:0], of_any_shard((0, 0), How(), 1, None), {}, {})  # is refused, in the library's words


def log_probs_of(words: np.ndarray[Any, Any], logits: Rows, inputs: Mapping[str, Any],
                 outputs: Mapping[str, Any]) -> None:
    """Writes the log-probs of what was found. The logits are not read, and lie at one distance."""
    top_k, read = _lent_of(_given(inputs), c.INPUTS, logits)
    _, written = _lent_of(outputs, c.ROW_OUTPUTS, logits)
    frame = Frame(logits.blocks[0].at, top_k, [n for x in read for n in x[0]], [n for x in written for n in x[0]], 0)
    frame.raise_if(c.LIB.cppo_log_probs_of_found(frame.batch, logits.structure(0), words.ctypes.data, words.size,
                                                 frame.outputs, frame.status))


def _surely_valid(inputs: Mapping[str, Any], v: int) -> bool:
    """True if no input holds what may be refused, at excluded slots too."""
    bounds = {"token_id": (0, v - 1), "entropy": (0, 1e30)}

    def holds(name: str, x: Any) -> bool:
        least, most = bounds.get(name, (-1e30, 1e30))
        fine = (x == 0) | (x == 1) if name == "response_mask" else (x >= least) & (x <= most)
        return bool(fine.all())
    return all(holds(name, x) for name, x in inputs.items())


def _dense_lists(x: Any) -> Any:
    """Lists whose slots lie at one distance."""
    if len(x.shape) != 3:
        return x
    return np.ascontiguousarray(x) if isinstance(x, np.ndarray) else x.contiguous()


def _lent_of(given: Mapping[str, Any], ids: Mapping[str, int], rows: Rows) -> tuple[int, list[list[tuple[int, ...]]]]:
    """How many ids are listed, and the members of each `cppo_lent` of each block."""
    top_k = 0
    flat: list[list[tuple[int, ...]]] = []
    for name, x in given.items():
        if x is None:
            continue
        if name in LISTS:
            check_lists(x, rows.slots, name)
            top_k = x.shape[-1] if name == "top_k_ids" else top_k
            flat.append(_of_lists(ids[name], lend_any(x, name), rows))
        else:
            flat.append(_of_slots(name, ids[name], lend_any(x, name), rows))
    return top_k, flat


def _of_slots(name: str, number: int, t: Lent, rows: Rows) -> list[tuple[int, ...]]:
    """The members of a `cppo_lent` for each block, of an input that was lent for all slots."""
    if rows.blocks[0].response is None:
        return [fields(name, number, t, rows.blocks[0].at)]
    at = Layout(rows.slots[0], rows.slots[1], rows.slots[0] * rows.slots[1])
    _, per, address, dtype, rank, *its = fields(name, number, t, at)
    if rank != 2 or tuple(its[:2]) != rows.slots:
        raise c.Error(f"{name} has shape {list(t.shape)}, but must have that of the slots, {list(rows.slots)}",
                      c.StatusCode.extent_mismatch, name)
    far, step = its[2:]
    return [(number, per, address + b * far * SIZES[dtype], dtype, 2, 1, rows.slots[1], far, step)
            for b in range(rows.slots[0])]


def _of_lists(number: int, t: Lent, rows: Rows) -> list[tuple[int, ...]]:
    """The same of lists."""
    *far, step, each = t.stride
    n, k = t.shape[-2:]
    if rows.blocks[0].response is None:
        return [(number, 0, t.address, t.dtype, 2, rows.blocks[0].at.slots, k, step, each)]
    return [(number, 0, t.address + b * far[0] * SIZES[t.dtype], t.dtype, 2, n, k, step, each)
            for b in range(rows.slots[0])]
