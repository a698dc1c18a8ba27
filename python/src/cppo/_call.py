"""A call on the C library: options, tensors and outputs as the bytes that it reads."""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Optional

from . import _native as c

EXTRA_INPUTS = ("rollout_log_prob", "advantage", "response_mask", "divergence_values", "token_weight", "token_id",
                "top_k_ids", "top_k_log_probs", "top_k_rollout_log_probs", "entropy", "reference_log_prob")
"""The inputs beside log_prob, in the order in which they travel."""

REPEATING = ("advantage", "response_mask", "token_weight")
"""The inputs that may have one value for a whole response."""

DECIDES_ARITHMETIC = ("log_prob", "rollout_log_prob", "divergence_values", "top_k_log_probs",
                      "top_k_rollout_log_probs", "reference_log_prob")
"""The inputs of which one in double makes the call compute in double."""

PER_TOKEN = "none"
"""The aggregation that leaves the losses of tokens as they are."""


class Options(NamedTuple):
    """The options of a call, as `policy_loss` takes them. Of a number that is None the library's default holds."""

    aggregate: str = "token_mean"
    normalizer: float = 0.0
    horizon: int = 0
    bad_input: str = "reject"
    positions: str = "own_length"
    surrogate: str = "ratio"
    log_ratio_clamp: Optional[float] = None
    ratio_cap: Optional[float] = None
    log_prob_tolerance: Optional[float] = None
    log_prob_floor: Optional[float] = None
    executor: str = "simd"
    threads: int = 1
    with_capacity: bool = False


class Lent(NamedTuple):
    """A tensor in memory. Strides count elements."""

    address: int
    dtype: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class Layout(NamedTuple):
    """How the slots lie: `responses` rows of `width`, or packed into `slots` if there are offsets."""

    responses: int
    width: int
    slots: int
    cu_seqlens: tuple[int, ...] = c.NOT_LENT
    capacity: int = 0


_CHOICES = {"aggregate": (*c.AGGREGATES, PER_TOKEN), "bad_input": (*c.BAD_INPUT, "leave_out"),
            "positions": c.POSITIONS, "surrogate": c.SURROGATES, "executor": c.EXECUTORS}


def _number_of(name: str, value: str) -> int:
    if value not in _CHOICES[name]:
        raise c.Error(f"{name} must be one of {', '.join(_CHOICES[name])}, not {value!r}", argument="options")
    return _CHOICES[name].index(value)


def reals_of(o: Options) -> list[float]:
    """log_ratio_clamp, ratio_cap, log_prob_tolerance and log_prob_floor, the defaults where they are None."""
    return [d if x is None else x for x, d in zip(o[6:10], c.DEFAULT_OPTIONS[7:11])]


@functools.lru_cache(512)
def pack_options(o: Options, carries: int = 0, totals: int = 0, folds: int = 0, fold_words: int = 0) -> bytes:
    """The bytes of a `cppo_options`. `carries`, `totals` and `folds` are addresses."""
    aggregate, bad_input = _number_of("aggregate", o.aggregate), _number_of("bad_input", o.bad_input)
    aggregate = 0 if o.aggregate == PER_TOKEN else aggregate
    bad_input = 0 if o.bad_input == "leave_out" else bad_input
    reals = reals_of(o)
    try:
        return c.OPTIONS.pack(
            c.OPTIONS.size, aggregate, bad_input, _number_of("positions", o.positions),
            _number_of("surrogate", o.surrogate), o.horizon, o.normalizer, *reals, _number_of("executor", o.executor),
            o.threads, carries, totals, folds, fold_words, 0.0)
    except struct.error as e:
        raise c.Error(f"an option is no number, or too large for one: {e}", argument="options") from None


def layout_of(shape: Sequence[int], cu_seqlens: Lent | None, with_capacity: bool = False) -> Layout:
    """The layout that log_prob has: [B, T], [T] for one response, or [N] with offsets [B + 1]."""
    if cu_seqlens is None:
        if len(shape) not in (1, 2):
            raise c.Error(f"log_prob must have shape [B, T], or [T] for one response, not {list(shape)}",
                          c.StatusCode.bad_tensor, "log_prob")
        responses, width = shape if len(shape) == 2 else (1, shape[0])
        return Layout(responses, width, responses * width)
    if len(shape) != 1 and not (len(shape) == 2 and shape[0] == 1):
        raise c.Error(f"log_prob must have shape [N] where cu_seqlens is given, not {list(shape)}",
                      c.StatusCode.bad_tensor, "log_prob")
    if len(cu_seqlens.shape) != 1 or cu_seqlens.shape[0] < 1:
        raise c.Error(f"cu_seqlens must have shape [B + 1], not {list(cu_seqlens.shape)}",
                      c.StatusCode.extent_mismatch, "cu_seqlens")
    n, (step,) = cu_seqlens.shape[0], cu_seqlens.stride
    offsets = (cu_seqlens.address, cu_seqlens.dtype, 1, n, 0, step, 0)
    return Layout(n - 1, 0, shape[-1], offsets, shape[-1] if with_capacity else 0)


def fields(name: str, number: int, t: Lent, at: Layout) -> tuple[int, ...]:
    """The members of a `cppo_lent`: the tensor in the batch's layout, repeated along T where it may be."""
    shape, stride = t.shape, t.stride
    per_response = 0
    if at.cu_seqlens[0]:
        if shape == (1, at.slots):
            shape, stride = shape[1:], stride[1:]
        if name in REPEATING and len(shape) == 1 and shape[0] == at.responses != at.slots:
            per_response = 1
    elif name in REPEATING and shape != (at.responses, at.width):
        shape, stride = _repeated(shape, stride, at)
    elif len(shape) == 1 and at.responses == 1:
        shape, stride = (1, *shape), (0, *stride)
    if len(shape) == 2:
        return (number, per_response, t.address, t.dtype, 2, *shape, *stride)
    if len(shape) != 1:
        raise c.Error(f"{name} must have the shape of log_prob, not {list(shape)}", c.StatusCode.bad_tensor, name)
    return number, per_response, t.address, t.dtype, 1, shape[0], 0, stride[0], 0


def _repeated(shape: tuple[int, ...], stride: tuple[int, ...], at: Layout) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """One value for each response, [B] or [B, 1], or one for all of them, as [B, T] without a copy."""
    whole = (at.responses, at.width)
    if shape in ((), (1,)) and (at.responses == 1 or shape == ()):
        return whole, (0, 0)
    if shape == (at.responses,):
        return whole, (stride[0], 0)
    if len(shape) == 1 and at.responses == 1:
        return (1, *shape), (0, *stride)
    if len(shape) == 2 and shape[1] == 1 and shape[0] in (1, at.responses):
        return whole, (stride[0] if shape[0] > 1 else 0, 0)
    return shape, stride


@functools.lru_cache(256)
def _frame(inputs: int, outputs: int) -> tuple[struct.Struct, int, int]:
    """Batch, outputs, status and tensors one after the other: how to write them; where status and tensors begin."""
    status = c.BATCH.size + c.OUTPUTS.size
    tensors = status + c.STATUS.size
    text = c.BATCH.format + c.OUTPUTS.format[1:] + f"{c.STATUS.size}x" + c.LENT * (inputs + outputs)
    return struct.Struct(text), status, tensors


class Frame:
    """A call's structures in memory. The tensors whose addresses they hold must outlive it."""

    __slots__ = ("memory", "batch", "outputs", "status", "status_at")

    def __init__(self, at: Layout, top_k: int, inputs: list[int], outputs: list[int], report: int) -> None:
        """`inputs` and `outputs`: the members of each `cppo_lent`, one after the other."""
        n, m = len(inputs) // 9, len(outputs) // 9
        form, self.status_at, tensors = _frame(n, m)
        self.memory = ctypes.create_string_buffer(form.size)
        self.batch = ctypes.addressof(self.memory)
        self.outputs = self.batch + c.BATCH.size
        self.status = self.batch + self.status_at
        first = self.batch + tensors
        form.pack_into(self.memory, 0, c.BATCH.size, at.responses, at.width, *at.cu_seqlens, at.capacity, top_k, first,
                       n, c.OUTPUTS.size, first + n * c.LENT_SIZE, m, report, *inputs, *outputs)

    def raise_if(self, code: int, first_error: int = 64, states: str = "folds") -> None:
        """Raises what the status says, unless it is no error. `states`: as for `error_of`."""
        if code >= first_error:
            raise c.error_of(self.memory.raw, self.status_at, states)

    def policy_loss(self, region: bytes, options: bytes, first_error: int) -> None:
        """Runs the call."""
        code = c.LIB.cppo_policy_loss(self.batch, region, self.outputs, options, self.status)
        if code >= first_error:
            self.raise_if(code, first_error)


def refuse_pieces(pieces: Sequence[object], why: str) -> None:
    """Raises `Error`, which names what was passed of carries, totals and folds, unless nothing was."""
    for name, x in zip(("carries", "totals", "folds"), pieces):
        if x is not None:
            raise c.Error(f"{name} {why}", c.StatusCode.executor_unavailable, name)


def check_outputs(names: Iterable[str]) -> None:
    """Raises `Error` unless each name is that of an output."""
    for name in names:
        if name not in c.OUTPUT_IDS:
            raise c.Error(f"there is no output {name!r}: there are {', '.join(c.OUTPUT_IDS)}")


def first_error_of(bad_input: str) -> int:
    """The smallest code that is an exception."""
    return 96 if bad_input == "leave_out" else 64
