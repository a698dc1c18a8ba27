"""Calls on NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from . import _native as c
from ._call import (DECIDES_ARITHMETIC, EXTRA_INPUTS, PER_TOKEN, Frame, Layout, Lent, Options, check_outputs, fields,
                    first_error_of, layout_of, pack_options)
from .outputs import Outputs
from .regions import Region
from .report import Report, new_words

Array = npt.NDArray[Any]
Wanted = Union[Sequence[str], Mapping[str, Union[Array, None]]]


def lend(x: Array, name: str, written: bool = False) -> Lent:
    """The array's memory. Raises `Error` where it is written and read-only."""
    if written and not (isinstance(x, np.ndarray) and x.flags.writeable):
        raise c.Error(f"{name} is written, but is read-only, or no array: pass an array of your own",
                      c.StatusCode.bad_tensor, name)
    number = c.DTYPES.get(x.dtype.name)
    if number is None or not x.dtype.isnative:
        raise c.Error(f"{name} has dtype {x.dtype}, but must have one of {', '.join(c.DTYPES)}, in the machine's byte "
                      "order: convert it", c.StatusCode.element_type_mismatch, name)
    size = x.dtype.itemsize
    if any(s % size for s in x.strides):
        raise c.Error(f"{name} has a stride of no whole number of elements: pass a copy", c.StatusCode.misaligned, name)
    return Lent(x.ctypes.data, number, x.shape, tuple(s // size for s in x.strides))


class Batch:
    """What was lent, as arrays or tensors that stay alive."""

    def __init__(self, log_prob: Any, extra: Sequence[Any], cu_seqlens: Any, with_capacity: bool = False) -> None:
        given = {"log_prob": log_prob, **{n: x for n, x in zip(EXTRA_INPUTS, extra) if x is not None}}
        self.arrays = {name: as_array(x) for name, x in given.items()}
        self.top_k = 0
        for name in ("top_k_ids", "top_k_log_probs", "top_k_rollout_log_probs"):
            if name in self.arrays:
                self.arrays[name], self.top_k = as_rows(self.arrays[name], self.arrays["log_prob"].shape, name)
        self.lent = {name: lend_any(x, name) for name, x in self.arrays.items()}
        self.offsets = None if cu_seqlens is None else np.ascontiguousarray(as_array(cu_seqlens))
        offsets = None if self.offsets is None else lend(self.offsets, "cu_seqlens")
        self.at: Layout = layout_of(self.lent["log_prob"].shape, offsets, with_capacity)
        self.in_double = any(self.lent[n].dtype == c.DTYPES["float64"] for n in DECIDES_ARITHMETIC if n in self.lent)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of log_prob, which is that of the outputs."""
        return self.lent["log_prob"].shape

    def inputs(self) -> list[int]:
        """The members of each `cppo_lent`."""
        flat: list[int] = []
        for name, t in self.lent.items():
            flat += list_fields(name, t) if name.startswith("top_k") else fields(name, c.INPUTS[name], t, self.at)
        return flat

    def frame(self, outputs: Sequence[int] = (), report: int = 0) -> Frame:
        """The structures of a call."""
        return Frame(self.at, self.top_k, self.inputs(), list(outputs), report)

    def outputs(self, wanted: Mapping[str, Array | None]) -> tuple[dict[str, Array], list[int]]:
        """The arrays of the outputs, new ones where none is given, and the members of each `cppo_lent`."""
        arrays: dict[str, Array] = {}
        flat: list[int] = []
        check_outputs(wanted)
        for name, lent in wanted.items():
            arrays[name] = np.empty(self.shape, output_type(name, self.in_double)) if lent is None else lent
            flat += fields(name, c.OUTPUT_IDS[name], lend(arrays[name], name, written=True), self.at)
        return arrays, flat


def as_array(x: Any) -> Any:
    """A tensor of PyTorch as it is, anything else as an array."""
    return x.detach() if hasattr(x, "__torch_function__") else np.asarray(x)


def as_rows(x: Any, slots: Sequence[int], name: str) -> tuple[Any, int]:
    """Top-K lists as [slots, K], and K."""
    if len(x.shape) > 2:
        check_lists(x, slots, name)
    k = int(x.shape[-1]) if len(x.shape) > 1 else 1
    return (x if len(x.shape) == 2 else x.reshape(-1, k)), k


def lend_any(x: Any, name: str) -> Lent:
    """The memory of an array, or of a tensor of PyTorch on the host."""
    if isinstance(x, np.ndarray):
        return lend(x, name)
    from ._torch import lend_tensor
    return lend_tensor(x, name)


def check_lists(x: Any, slots: Sequence[int], name: str = "top_k_ids") -> None:
    """Raises `Error` unless these are lists of ids, or their log-probs, for each slot."""
    if len(x.shape) != len(slots) + 1 or tuple(x.shape[:-1]) != tuple(slots):
        raise c.Error(f"{name} has shape {list(x.shape)}, but must have that of the slots and one extent more, "
                      f"[{', '.join(map(str, (*slots, 'K')))}]", c.StatusCode.extent_mismatch, "top_k")


def list_fields(name: str, t: Lent) -> tuple[int, ...]:
    """The members of a `cppo_lent` of Top-K lists, [slots, K]."""
    return (c.INPUTS[name], 0, t.address, t.dtype, 2, *t.shape, *t.stride)


def output_type(name: str, in_double: bool) -> str:
    """The type of an output that the caller has no array for."""
    return {"mask": "bool", "decision": "uint8"}.get(name, "float64" if in_double else "float32")


def whole_words(values: Any, name: str) -> npt.NDArray[np.int64]:
    """Sums or states as whole numbers, dense. Raises `Error` for what is rounded on its way, as floats are."""
    words = np.asarray(values)
    if words.size and words.dtype.kind not in "iu":
        raise c.Error(f"{name} have dtype {words.dtype}, but must be whole numbers, as the library made them",
                      c.StatusCode.element_type_mismatch, name)
    return np.ascontiguousarray(words, np.int64)


def words_of(values: Any, name: str, pieces: int) -> npt.NDArray[np.int64]:
    """Carries or totals as whole numbers [pieces, 8]."""
    words = whole_words(values, name)
    if words.shape != (pieces, c.SUMS_WORDS):
        raise c.Error(f"{name} must have shape [{pieces}, {c.SUMS_WORDS}], one row for each piece, not "
                      f"{list(words.shape)}", c.StatusCode.carry_mismatch, "carries")
    return words


def states_of(folds: Any) -> npt.NDArray[np.int64]:
    """States of folds as whole numbers [words]."""
    words = whole_words(folds, "folds")
    if words.ndim != 1 or words.size == 0:
        raise c.Error(f"folds must be what fold_states returns, of shape [words], not {list(words.shape)}",
                      c.StatusCode.states_mismatch, "folds")
    return words


def policy_loss(log_prob: Any, extra: Sequence[Any], cu_seqlens: Any, region: Region, o: Options, pieces: Sequence[Any],
                wanted: Wanted | None) -> Any:
    """As `cppo.policy_loss`. `extra`: as EXTRA_INPUTS; `pieces`: carries, totals and states of folds."""
    batch = Batch(log_prob, extra, cu_seqlens, o.with_capacity)
    asked = dict.fromkeys(wanted or ()) if not isinstance(wanted, Mapping) else dict(wanted)
    per_token = o.aggregate == PER_TOKEN
    if per_token:
        asked.setdefault("loss")
    arrays, flat = batch.outputs(asked)
    words = new_words()
    carries, totals, folds = pieces
    sums = [None if p is None else words_of(p, n, batch.at.responses)
            for n, p in (("carries", carries), ("totals", totals))]
    states = None if folds is None else states_of(folds)
    frame = batch.frame(flat, words.ctypes.data)
    options = pack_options(o, *(0 if s is None else s.ctypes.data for s in (*sums, states)),
                           0 if states is None else states.size)
    frame.policy_loss(region.c_region, options, first_error_of(o.bad_input))
    report = Report(words)
    loss = arrays["loss"] if per_token else report.loss
    return (loss, report) if wanted is None else (loss, report, Outputs(**arrays))
