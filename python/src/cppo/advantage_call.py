"""`compute_advantage`: from rewards to advantages, and states of micro-batches and ranks."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _native as c
from ._call import Frame, Layout, Lent
from ._numpy import as_array, lend, lend_any
from .advantages import Mask, Quantity, Rule, WholeRule, rule_bytes

PER_RESPONSE = ("group_id", "bootstrap_value")
"""The inputs that have one number a response, whatever the rule."""

STATES_HEAD = 3
"""Words of states before the ids of the groups: the level, the states of a group, and the number of groups."""

Words = npt.NDArray[np.int64]


def _c_rule(rule: Rule) -> bytes:
    if isinstance(rule, str):
        return rule_bytes(rule)
    if not isinstance(rule, (Quantity, Mask, WholeRule)):
        raise TypeError(f"rule must be a rule, such as cppo.advantages.grpo(), or its text, not {rule!r}")
    return rule.c_rule


class _Responses:
    """What was lent of the responses, as arrays or tensors of the host that stay alive."""

    def __init__(self, given: Mapping[str, Any], cu_seqlens: Any) -> None:
        self.device = next((x.device for x in given.values() if hasattr(x, "__torch_function__")), None)
        self.arrays = {name: _on_host(as_array(x)) for name, x in given.items() if x is not None}
        self.offsets = None if cu_seqlens is None else np.ascontiguousarray(_on_host(as_array(cu_seqlens)))
        self.lent = {name: lend_any(x, name) for name, x in self.arrays.items()}
        self.at = self._padded() if self.offsets is None else self._packed(self.offsets)

    def _padded(self) -> Layout:
        shapes = {name: t.shape for name, t in self.lent.items()}
        for name, shape in shapes.items():
            if len(shape) not in (1, 2):
                raise c.Error(f"{name} must have shape [B, T], or [B] for one number a response, not {list(shape)}",
                              c.StatusCode.bad_tensor, name)
        if not shapes:
            raise c.Error("there is nothing to compute from: pass reward", c.StatusCode.not_in_response_batch, "reward")
        rows = next(iter(shapes.values()))[0]
        widths = [s[1] for s in shapes.values() if len(s) == 2 and s[1] != 1]
        width = widths[0] if widths else 1
        return Layout(rows, width, rows * width)

    def _packed(self, offsets: npt.NDArray[Any]) -> Layout:
        if offsets.ndim != 1 or offsets.shape[0] < 1:
            raise c.Error(f"cu_seqlens must have shape [B + 1], not {list(offsets.shape)}",
                          c.StatusCode.extent_mismatch, "cu_seqlens")
        t = lend(offsets, "cu_seqlens")
        n = offsets.shape[0]
        return Layout(n - 1, 0, int(offsets[-1]), (t.address, t.dtype, 1, n, 0, t.stride[0], 0))

    def demand_tokens(self, made: bytes, per_token: bool = False) -> None:
        """Raises `Error` where tokens count and nothing says how many slots a response has."""
        reads_tokens = c.LIB.cppo_advantage_reads(made) >> c.INPUTS["response_mask"] & 1
        known = self.offsets is not None or any(
            len(t.shape) == 2 and (name != "reward" or t.shape[1] != 1) for name, t in self.lent.items())
        if (reads_tokens or per_token) and not known:
            raise c.Error("the tokens of a response count here, and nothing says how many slots there are: pass "
                          "response_mask, [B, T], or cu_seqlens", c.StatusCode.not_in_response_batch, "response_mask")

    def fields(self, name: str) -> tuple[int, ...]:
        """The members of a `cppo_lent`."""
        return lent_fields(c.INPUTS[name], self.lent[name], self.at, name not in (*PER_RESPONSE, "value"))

    def new(self, per_token: bool, kind: str) -> Any:
        """An array or tensor for the result."""
        shape: tuple[int, ...] = (self.at.responses,)
        if per_token:
            shape = (self.at.slots,) if self.offsets is not None else (self.at.responses, self.at.width)
        if self.device is None:
            return np.empty(shape, kind)
        import torch
        return torch.empty(shape, dtype=getattr(torch, kind))

    def result(self, x: Any) -> Any:
        """The result where the inputs lie."""
        return x if self.device is None else x.to(self.device)

    def frame(self, outputs: Mapping[str, Any] | None = None) -> Frame:
        """The structures of a call."""
        inputs: list[int] = []
        for name in self.lent:
            inputs += self.fields(name)
        flat: list[int] = []
        for name, x in (outputs or {}).items():
            flat += lent_fields(c.ADVANTAGE_OUTPUTS[name], lend_any(x, name), self.at, name == "advantage")
        return Frame(self.at, 0, inputs, flat, 0)


def _on_host(x: Any) -> Any:
    """A tensor of a device is copied: a batch has few responses."""
    return x.cpu() if hasattr(x, "__torch_function__") and x.device.type != "cpu" else x


def lent_fields(number: int, t: Lent, at: Layout, may_repeat: bool) -> tuple[int, ...]:
    """The members of a `cppo_lent`. One number a response, [B] or [B, 1], says so where the input may be either."""
    shape, stride = t.shape, t.stride
    if len(shape) == 2 and shape[1] == 1 != at.width:
        shape, stride = shape[:1], stride[:1]
    alone = len(shape) == 1 and shape[0] == at.responses and (not at.cu_seqlens[0] or at.responses != at.slots)
    per_response = int(may_repeat and alone)
    if len(shape) == 2:
        return (number, per_response, t.address, t.dtype, 2, *shape, *stride)
    return number, per_response, t.address, t.dtype, 1, shape[0], 0, stride[0], 0


def _options(executor: str, threads: int, known: Words | None) -> bytes:
    if executor not in c.EXECUTORS:
        raise c.Error(f"executor must be one of {', '.join(c.EXECUTORS)}, not {executor!r}", argument="options")
    address, size = (0, 0) if known is None else (known.ctypes.data, known.size)
    return c.ADVANTAGE_OPTIONS.pack(c.ADVANTAGE_OPTIONS.size, c.EXECUTORS.index(executor), threads, address, size, 0, 0)


def _words(known: Any) -> Words | None:
    return None if known is None else np.ascontiguousarray(_on_host(as_array(known)), np.int64).reshape(-1)


def _kind_of(responses: _Responses, is_mask: bool) -> str:
    """The type of the result: that of the rewards where they are float32 or float64."""
    if is_mask:
        return "bool"
    source = next((responses.lent[n] for n in ("reward", "advantage") if n in responses.lent), None)
    return "float64" if source is not None and source.dtype == c.DTYPES["float64"] else "float32"


def compute_advantage(reward: Any = None, *, rule: Rule, group_id: Any = None, response_mask: Any = None,
                      value: Any = None, bootstrap_value: Any = None, advantage: Any = None, cu_seqlens: Any = None,
                      per_token: bool = False, returns: bool = False, known: Any = None, executor: str = "simd",
                      threads: int = 1) -> Any:
    """Turns rewards into advantages, for `policy_loss`.

    Arrays of NumPy and tensors of PyTorch go in as they are; no gradient flows. The computation is in double, on the
    host: what lies on a device is copied there, and the result is copied back.

    Args:
        reward: R, one number a response, [B]; for `gae` one a token, [B, T], or [B] for one at the last token.
        rule: as `cppo.advantages.grpo()`, or its text, "grpo(1e-6)".
        group_id: one integer a response, [B]: the responses to one prompt have the same, wherever they lie.
        response_mask: 1 or True for a token, else 0, [B, T] or packed [N]; without it every slot is a token.
        value, bootstrap_value: for `gae`: V of the state before each token, [B, T]; V after the last one, [B].
        advantage: an advantage computed elsewhere, for `whitened(advantage)`.
        cu_seqlens: int32 or int64 [B + 1]: where each packed response begins, and the last one ends.
        per_token: writes the number of a response at each of its tokens, [B, T] or [N], 0 elsewhere. A rule that
            differs from token to token does so anyway.
        returns: for `gae`: returns (advantage, A + V) too.
        known: states of all levels over all micro-batches and ranks, from `sum_rewards`.
        executor: "simd" or "seq": the same bits.
        threads: they share the responses. The bits are the same.

    Returns:
        [B], or with a number for each token [B, T] or [N]: bool for a mask, float64 if the rewards are, else float32.

    Raises:
        Error: with the argument, the place and the remedy.
    """
    made = _c_rule(rule)
    given = {"reward": reward, "group_id": group_id, "response_mask": response_mask, "value": value,
             "bootstrap_value": bootstrap_value, "advantage": advantage}
    responses = _Responses({name: x for name, x in given.items() if x is not None}, cu_seqlens)
    responses.demand_tokens(made, per_token)
    writes = c.LIB.cppo_advantage_writes(made)
    outputs = {"advantage": responses.new(per_token or bool(writes & 1), _kind_of(responses, bool(writes & 2)))}
    if returns:
        outputs["returns"] = responses.new(True, _kind_of(responses, False))
    frame, states = responses.frame(outputs), _words(known)
    options = _options(executor, threads, states)
    frame.raise_if(c.LIB.cppo_compute_advantage(frame.batch, made, frame.outputs, options, frame.status))
    results = tuple(responses.result(x) for x in outputs.values())
    return results if returns else results[0]


def sum_rewards(reward: Any = None, *, rule: Rule, known: Any = None, group_id: Any = None, response_mask: Any = None,
                advantage: Any = None, cu_seqlens: Any = None, executor: str = "simd", threads: int = 1) -> Words:
    """The states of the next level of a rule's folds over this micro-batch: the level after those that are known.

    >>> known = None
    >>> for level in range(rule.levels):
    ...     sums = functools.reduce(cppo.combine, [cppo.sum_rewards(r, rule=rule, known=known, group_id=g)
    ...                                            for r, g in micro_batches])
    ...     known = cppo.combine(known, sums)  # over ranks: gather the words, and combine all of them first
    >>> cppo.compute_advantage(r, rule=rule, group_id=g, known=known)

    States are whole numbers, which may be sent to other ranks. The advantages have the bits of one batch. Arguments are
    as for `compute_advantage`.
    """
    made = _c_rule(rule)
    given = {"reward": reward, "group_id": group_id, "response_mask": response_mask, "advantage": advantage}
    responses = _Responses({name: x for name, x in given.items() if x is not None}, cu_seqlens)
    responses.demand_tokens(made)
    room = c.LIB.cppo_advantage_states_room(made, responses.at.responses)
    words, written = np.empty(room, np.int64), ctypes.c_int64()
    frame, states = responses.frame(), _words(known)
    code = c.LIB.cppo_sum_rewards(frame.batch, made, _options(executor, threads, states), words.ctypes.data, room,
                                  ctypes.addressof(written), frame.status)
    frame.raise_if(code)
    return words[:written.value].copy()


def combine(a: Any, b: Any) -> Words:
    """The states of two micro-batches or ranks together, or those of the levels that are known and of the next one.

    None is the states of nothing. Any order gives the same bits. States that do not belong together become some that no
    call accepts.
    """
    first, second = (np.empty(0, np.int64) if x is None else _words(x) for x in (a, b))
    assert first is not None and second is not None
    into = np.empty(first.size + second.size + STATES_HEAD, np.int64)
    n = c.LIB.cppo_advantage_states_add(first.ctypes.data, first.size, second.ctypes.data, second.size,
                                        into.ctypes.data, into.size)
    if not 0 <= n <= into.size:
        raise MemoryError("cppo: there is no memory for the states")
    return into[:n].copy()
