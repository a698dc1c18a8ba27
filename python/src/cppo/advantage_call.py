"""`compute_advantage`: from rewards to advantages, and states of micro-batches and ranks."""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from . import _native as c
from ._call import Frame, Layout, Lent
from ._numpy import as_array, lend, lend_any, whole_words
from .advantages import Mask, Quantity, Rule, WholeRule, rule_bytes

PER_RESPONSE = ("group_id", "bootstrap_value")
"""The inputs that have one number a response, whatever the rule."""

REALS = ("reward", "value", "bootstrap_value", "advantage")
"""The inputs that are numbers; whole ones and bools become float64."""

STATES_HEAD = 3
"""Words of states before the ids of the groups: the level, the states of a group, and the number of groups."""

Words = npt.NDArray[np.int64]


def rule_of(rule: Rule) -> bytes:
    """The bytes of the `cppo_advantage_rule`. Raises where there is none."""
    if isinstance(rule, str):
        return rule_bytes(rule)
    if not isinstance(rule, (Quantity, Mask, WholeRule)):
        raise TypeError(f"rule must be a rule, such as cppo.advantages.grpo(), or its text, not {rule!r}")
    return rule.c_rule


def text_of(rule: Rule) -> str:
    """The text of a rule: the same for all that are equal, unless no text of one form makes them."""
    canonical = c.advantage_text(rule_of(rule))
    return canonical or (rule if isinstance(rule, str) else f"{rule.text} {rule.numbers}")


class _Responses:
    """What was lent of the responses, as arrays or tensors of the host that stay alive."""

    def __init__(self, given: Mapping[str, Any], cu_seqlens: Any) -> None:
        self.device = next((x.device for x in given.values() if hasattr(x, "__torch_function__")), None)
        found = {name: _on_host(as_array(x)) for name, x in given.items() if x is not None}
        self.in_double = any(_kind(found[n]) == "float64" for n in ("reward", "advantage") if n in found)
        self.arrays = {name: _readable(x, name) for name, x in found.items()}
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
        width = next((s[1] for name, s in shapes.items() if len(s) == 2 and s[1] != 1 and name not in PER_RESPONSE), 1)
        return Layout(rows, width, rows * width)

    def _packed(self, offsets: npt.NDArray[Any]) -> Layout:
        if offsets.ndim != 1 or offsets.shape[0] < 1:
            raise c.Error(f"cu_seqlens must have shape [B + 1], not {list(offsets.shape)}",
                          c.StatusCode.extent_mismatch, "cu_seqlens")
        t = lend(offsets, "cu_seqlens")
        n = offsets.shape[0]
        slots = max(int(offsets[-1]), 0) if offsets.dtype.kind in "iu" else 0  # the library says what is wrong
        return Layout(n - 1, 0, slots, (t.address, t.dtype, 1, n, 0, t.stride[0], 0))

    def demand_tokens(self, made: bytes, per_token: bool = False) -> None:
        """Raises `Error` where tokens count and nothing says how many slots a response has."""
        reads_tokens = c.LIB.cppo_advantage_reads(made) >> c.INPUTS["response_mask"] & 1
        known = self.offsets is not None or any(_has_slots(name, t.shape) for name, t in self.lent.items())
        if (reads_tokens or per_token) and not known:
            raise c.Error("the tokens of a response count here, and nothing says how many slots there are: pass "
                          "response_mask, [B, T], or cu_seqlens", c.StatusCode.not_in_response_batch, "response_mask")

    def fields(self, name: str) -> tuple[int, ...]:
        """The members of a `cppo_lent`. What has one number a response, [B] or [B, 1], says so where the input may be
        either."""
        t, may_be_either = self.lent[name], name not in (*PER_RESPONSE, "value")
        shape, stride = t.shape, t.stride
        if len(shape) == 2 and shape[1] == 1 and (name in PER_RESPONSE or self.at.width != 1):
            shape, stride = shape[:1], stride[:1]
        slot_each = self.offsets is not None and self.at.responses == self.at.slots
        alone = shape == (self.at.responses,) and not slot_each
        return lent_fields(c.INPUTS[name], t._replace(shape=shape, stride=stride), may_be_either and alone)

    def new(self, per_token: bool, kind: str) -> Any:
        """An array or tensor for the result."""
        shape: tuple[int, ...] = (self.at.responses,)
        if per_token:
            shape = (self.at.slots,) if self.offsets is not None else (self.at.responses, self.at.width)
        try:
            if self.device is None:
                return np.empty(shape, kind)
            import torch
            return torch.empty(shape, dtype=getattr(torch, kind), device="cpu")
        except (MemoryError, RuntimeError, ValueError):
            raise c.Error(f"there is no memory for a result of shape {list(shape)}: check cu_seqlens, or pass fewer "
                          "responses", c.StatusCode.no_memory, "cu_seqlens") from None

    def result(self, x: Any) -> Any:
        """The result where the inputs lie."""
        return x if self.device is None else x.to(self.device)

    def frame(self, outputs: Mapping[str, Any] | None = None, per_response: bool = False) -> Frame:
        """The structures of a call. `per_response`: the advantage is one number a response."""
        inputs: list[int] = []
        for name in self.lent:
            inputs += self.fields(name)
        flat: list[int] = []
        for name, x in (outputs or {}).items():
            flat += lent_fields(c.ADVANTAGE_OUTPUTS[name], lend_any(x, name), per_response and name == "advantage")
        return Frame(self.at, 0, inputs, flat, 0)


def _on_host(x: Any) -> Any:
    """A tensor of a device is copied: a batch has few responses."""
    return x.cpu() if hasattr(x, "__torch_function__") and x.device.type != "cpu" else x


def _kind(x: Any) -> str:
    """The name of an element's type, as NumPy has it."""
    return str(x.dtype).removeprefix("torch.")


def _readable(x: Any, name: str) -> Any:
    """The input as the library reads it."""
    kind = _kind(x)
    if name == "group_id" and getattr(x.dtype, "kind", "") in tuple("OSUT"):
        raise c.Error(f"group_id has dtype {kind}, but must be integers: pass np.unique(uid, return_inverse=True)[1]",
                      c.StatusCode.element_type_mismatch, name)
    if name in REALS and kind.startswith(("int", "uint", "bool")):
        return x.double() if hasattr(x, "__torch_function__") else x.astype(np.float64)
    return x


def _has_slots(name: str, shape: tuple[int, ...]) -> bool:
    """True if an input of that shape says how many slots a response has: [B, 1] may be one number a response."""
    return len(shape) == 2 and (name in ("response_mask", "value") or name in ("reward", "advantage") and shape[1] != 1)


def lent_fields(number: int, t: Lent, per_response: bool) -> tuple[int, ...]:
    """The members of a `cppo_lent`."""
    if len(t.shape) == 2:
        return (number, per_response, t.address, t.dtype, 2, *t.shape, *t.stride)
    return number, per_response, t.address, t.dtype, 1, t.shape[0], 0, t.stride[0], 0


def _options(executor: str, threads: int, known: Words | None) -> bytes:
    if executor not in c.EXECUTORS:
        raise c.Error(f"executor must be one of {', '.join(c.EXECUTORS)}, not {executor!r}", argument="options")
    address, size = (0, 0) if known is None else (known.ctypes.data, known.size)
    try:
        return c.ADVANTAGE_OPTIONS.pack(c.ADVANTAGE_OPTIONS.size, c.EXECUTORS.index(executor), threads, address, size,
                                        0, 0)
    except struct.error:
        raise c.Error(f"threads must be a whole number from 0 to 4096, not {threads!r}", argument="options") from None


def _words(known: Any) -> Words | None:
    return None if known is None else whole_words(_on_host(as_array(known)), "known").reshape(-1)


def _kind_of(responses: _Responses, is_mask: bool) -> str:
    """The type of the result: that of the rewards where they are float32 or float64."""
    return "bool" if is_mask else "float64" if responses.in_double else "float32"


def compute_advantage(reward: Any = None, *, rule: Rule, group_id: Any = None, response_mask: Any = None,
                      value: Any = None, bootstrap_value: Any = None, advantage: Any = None, cu_seqlens: Any = None,
                      per_token: bool = False, returns: bool = False, known: Any = None, executor: str = "simd",
                      threads: int = 1) -> Any:
    """Turns rewards into advantages, for `policy_loss`.

    Arrays of NumPy and tensors of PyTorch go in as they are; no gradient flows. The computation is in double, on the
    host: what lies on a device is copied there, and the result is copied back.

    Args:
        reward: R, one number a response, [B]; for `gae` one a token, [B, T] or packed [N], or [B] for one at the last
            token. Whole numbers and bools are taken as float64.
        rule: as `cppo.advantages.grpo()`, or its text, "grpo(1e-6)".
        group_id: one integer a response, [B]: the responses to one prompt have the same, wherever they lie. Of names,
            as verl's uids, np.unique(uid, return_inverse=True)[1].
        response_mask: 1 or True for a token, else 0, [B, T] or packed [N]; without it every slot is a token.
        value, bootstrap_value: for `gae`: V of the state before each token, [B, T]; V after the last one, [B].
        advantage: an advantage computed elsewhere, for `whitened(advantage)`.
        cu_seqlens: int32 or int64 [B + 1]: where each packed response begins, and the last one ends.
        per_token: writes the number of a response at each of its tokens, [B, T] or [N], 0 elsewhere. A rule that
            differs from token to token does so anyway.
        returns: for `gae`: returns (advantage, A + V) too.
        known: states of all levels over all micro-batches and ranks, from `reward_states`. Not beside `returns`.
        executor: "simd" or "seq": the same bits.
        threads: they share the responses; 0: as many as the machine has. The bits are the same.

    Returns:
        [B], or with a number for each token [B, T] or [N]: bool for a mask, float64 if the rewards are, else float32.

    Raises:
        Error: with the argument, the place and the remedy.
    """
    made = rule_of(rule)
    given = {"reward": reward, "group_id": group_id, "response_mask": response_mask, "value": value,
             "bootstrap_value": bootstrap_value, "advantage": advantage}
    responses = _Responses({name: x for name, x in given.items() if x is not None}, cu_seqlens)
    responses.demand_tokens(made, per_token)
    writes = c.LIB.cppo_advantage_writes(made)
    per_token = per_token or bool(writes & 1)
    outputs = {"advantage": responses.new(per_token, _kind_of(responses, bool(writes & 2)))}
    if returns:
        outputs["returns"] = responses.new(True, _kind_of(responses, False))
    frame, states = responses.frame(outputs, not per_token), _words(known)
    options = _options(executor, threads, states)
    code = c.LIB.cppo_compute_advantage(frame.batch, made, frame.outputs, options, frame.status)
    frame.raise_if(code, states="known")
    results = tuple(responses.result(x) for x in outputs.values())
    return results if returns else results[0]


def sum_rewards(reward: Any = None, *, rule: Rule, known: Any = None, group_id: Any = None, response_mask: Any = None,
                advantage: Any = None, cu_seqlens: Any = None, executor: str = "simd", threads: int = 1) -> Words:
    """The states of the next level of a rule's folds over this micro-batch: the level after those that are known.

    >>> known = None
    >>> for level in range(rule.levels):
    ...     sums = functools.reduce(cppo.add_reward_states, [cppo.sum_rewards(r, rule=rule, known=known, group_id=g)
    ...                                                      for r, g in micro_batches])
    ...     known = cppo.add_reward_states(known, sums)
    >>> cppo.compute_advantage(r, rule=rule, group_id=g, known=known)

    This is what `reward_states` does, and `cppo.distributed.reward_states` where there are ranks. States are whole
    numbers, which may be sent. The advantages have the bits of one batch. Arguments are as for `compute_advantage`.
    """
    made = rule_of(rule)
    given = {"reward": reward, "group_id": group_id, "response_mask": response_mask, "advantage": advantage}
    responses = _Responses({name: x for name, x in given.items() if x is not None}, cu_seqlens)
    responses.demand_tokens(made)
    room = c.LIB.cppo_reward_words(made, responses.at.responses)
    words, written = np.empty(room, np.int64), ctypes.c_int64()
    frame, states = responses.frame(), _words(known)
    code = c.LIB.cppo_sum_rewards(frame.batch, made, _options(executor, threads, states), words.ctypes.data, room,
                                  ctypes.addressof(written), frame.status)
    frame.raise_if(code, states="known")
    return words[:written.value].copy()


def add_reward_states(a: Any, b: Any) -> Words:
    """The states of two micro-batches or ranks together, or those of the levels that are known and of the next one.

    None is the states of nothing. Any order gives the same bits. States that do not belong together become some that no
    call accepts.
    """
    first, second = (np.empty(0, np.int64) if x is None else _words(x) for x in (a, b))
    assert first is not None and second is not None
    into = np.empty(first.size + second.size + STATES_HEAD, np.int64)
    n = c.LIB.cppo_reward_states_add(first.ctypes.data, first.size, second.ctypes.data, second.size,
                                     into.ctypes.data, into.size)
    if not 0 <= n <= into.size:
        raise MemoryError("cppo: there is no memory for the states")
    return into[:n].copy()


def added_reward_states(states: Sequence[Any]) -> Words:
    """The states of all of these together. Raises `Error` where they do not belong together."""
    both = functools.reduce(add_reward_states, states, np.empty(0, np.int64))
    if both.size and both[0] < 0:
        raise c.Error("states of rewards do not belong together: make all of them under one rule, each level from the "
                      "same known states", c.StatusCode.states_mismatch, "known")
    return both


def levels_known(micro_batches: Sequence[Mapping[str, Any]], rule: Rule,
                 of_all: Callable[[Callable[[], Words]], Words]) -> Optional[Words]:
    """The states of all levels. `of_all`: those of all ranks at one level, of a function that makes this rank's."""
    known: Optional[Words] = None

    def own() -> Words:
        return added_reward_states([sum_rewards(**m, rule=rule, known=known) for m in micro_batches])

    for _ in range(int(c.LIB.cppo_advantage_levels(rule_of(rule)))):
        known = added_reward_states([known, of_all(own)])
    return known


def reward_states(micro_batches: Sequence[Mapping[str, Any]], *, rule: Rule) -> Optional[Words]:
    """What `compute_advantage` takes as `known` for each of these micro-batches, which together are the batch.

    None: the rule has no fold, and nothing is to be shared.

    >>> parts = [{"reward": r, "group_id": g} for r, g in batches]
    >>> known = cppo.reward_states(parts, rule="grpo")
    >>> advantages = [cppo.compute_advantage(**part, rule="grpo", known=known) for part in parts]

    Args:
        micro_batches: the arguments of `sum_rewards` for each.
        rule: as `compute_advantage` takes it.
    """
    return levels_known(micro_batches, rule, lambda own: own())
