"""The ops `cppo::log_probs_from_head` and `cppo::head_gradients` for PyTorch: the logits of a linear head a slab at a
time. The products of matrices are PyTorch's; what is found of a slab, and its gradient, are of `_torch_logits`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from . import _composed_logits as composed
from . import _native as c
from ._numpy import check_lists
from ._rows import How
from ._torch import LIBRARY
from ._torch_logits import (Found, Maybe, _keep_nothing, _log_probs, _new, _slopes, _tensor, _write_gradient, named)
from .logits import LogProbs, in_torch

Head = tuple[torch.Tensor, torch.Tensor, Maybe]
"""Hidden states [N, H], weight [V, H], bias [V]."""

Gradients = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Of hidden states, weight and bias; a tensor of no element for what was not asked for."""

SLAB = 1 << 26
"""Logits of a slab, unless its rows are given."""

PRODUCT = 1 << 24
"""Numbers of a product in a half type that are added to its sum in float32 at a time."""

_HOW = "float temperature, str executor, int threads"
LIBRARY.define("log_probs_from_head(Tensor hidden, Tensor weight, Tensor? bias, Tensor token_id, Tensor? top_k_ids, "
               "Tensor? response_mask, bool entropy, int largest_count, bool in_double, int slab_rows, " + _HOW +
               ") -> (Tensor log_prob, Tensor listed_log_prob, Tensor log_sum_exp, Tensor entropy, Tensor largest_id, "
               "Tensor largest_log_prob)", tags=torch.Tag.pt2_compliant_tag)
LIBRARY.define("head_gradients(Tensor hidden, Tensor weight, Tensor? bias, Tensor token_id, Tensor slope, "
               "Tensor log_sum_exp, Tensor? response_mask, Tensor? entropy, Tensor? entropy_slopes, bool of_hidden, "
               "bool of_weight, bool of_bias, int slab_rows, " + _HOW + ") -> (Tensor, Tensor, Tensor)",
               tags=torch.Tag.pt2_compliant_tag)
_found = torch.ops.cppo.log_probs_from_head.default
_gradients = torch.ops.cppo.head_gradients.default

_NO_SECOND = ("cppo.log_probs_from_head has no second derivative: call backward() or grad() without create_graph, or "
              "detach the gradient")


def _check(head: Head, slots: tuple[int, ...], others: dict[str, Maybe]) -> None:
    """Raises `Error` unless the head and what lies beside its rows fit together."""
    hidden, weight, bias = head
    if weight.dim() != 2 or weight.shape[1] != hidden.shape[-1]:
        raise c.Error(f"weight has shape {list(weight.shape)}, but hidden states of {hidden.shape[-1]} numbers need "
                      f"[V, {hidden.shape[-1]}], as torch.nn.Linear has it", c.StatusCode.extent_mismatch, "logits")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise c.Error(f"bias has shape {list(bias.shape)}, but must have [{weight.shape[0]}]",
                      c.StatusCode.extent_mismatch, "logits")
    for name, x in {"weight": weight, "bias": bias}.items():
        if x is not None and x.dtype != hidden.dtype:
            raise c.Error(f"{name} has dtype {x.dtype}, but hidden {hidden.dtype}: convert one of them",
                          c.StatusCode.element_type_mismatch, "logits")
    if hidden.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        raise c.Error(f"hidden has dtype {hidden.dtype}, but must be float32, float16 or bfloat16: convert it",
                      c.StatusCode.element_type_mismatch, "logits")
    for name, x in {"weight": weight, "bias": bias, **others}.items():
        if x is not None and x.device != hidden.device:
            raise c.Error(f"{name} lies on {x.device}, but hidden on {hidden.device}: pass both on one device",
                          c.StatusCode.not_device_memory, name)
    for name, x in others.items():
        if x is None:
            continue
        if name in ("token_id", "top_k_ids"):
            composed.check_integers(x, name)
        if name == "top_k_ids":
            check_lists(x, slots)
        elif x.shape != slots:
            raise c.Error(f"{name} has shape {list(x.shape)}, but must have that of the slots, {list(slots)}",
                          c.StatusCode.extent_mismatch, name)


class _Slabs:
    """The rows that are worked on, some at a time, in memory for the logits of so many."""

    def __init__(self, head: Head, rows: Maybe, slab_rows: int) -> None:
        self.hidden, weight, self.bias = head
        self.slots = self.hidden.shape[:-1]
        self.transposed, self.vocabulary = weight.t(), weight.shape[0]
        self.rows = rows
        self.step = slab_rows if slab_rows > 0 else max(1, SLAB // max(self.vocabulary, 1))
        self.slab: Maybe = None

    def __iter__(self) -> Iterator[Any]:
        """Index of some rows: a slice, or their numbers."""
        n = self.slots.numel() if self.rows is None else self.rows.shape[0]
        for first in range(0, n, self.step):
            last = min(n, first + self.step)
            yield slice(first, last) if self.rows is None else self.rows[first:last]

    def _states(self, rows: Any) -> torch.Tensor:
        """The hidden states of these rows: a copy of these alone, however they lie."""
        if self.hidden.dim() == 2:
            return self.hidden[rows]
        if isinstance(rows, slice):
            rows = torch.arange(rows.start, rows.stop, device=self.hidden.device)
        return self.hidden[rows // self.slots[1], rows % self.slots[1]]

    def logits(self, rows: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """The hidden states of these rows, and their logits, which the next ones overwrite."""
        h = self._states(rows)
        if self.slab is None:
            self.slab = h.new_empty(h.shape[0], self.vocabulary)
        out = self.slab[:h.shape[0]]
        if self.bias is None:
            return h, torch.mm(h, self.transposed, out=out)
        return h, torch.addmm(self.bias, h, self.transposed, out=out)


def _numbered(wanted: Maybe) -> Maybe:
    """The numbers of the rows of [slots] that are not 0; None: all."""
    return None if wanted is None else wanted.flatten().nonzero()[:, 0]


def _of(x: torch.Tensor, slots: torch.Size) -> torch.Tensor:
    """One row for each slot."""
    return x.reshape(-1, *x.shape[len(slots):])


def _maybe_of(x: Maybe, slots: torch.Size) -> Maybe:
    return None if x is None else _of(x, slots)


def _at(x: Maybe, rows: Any) -> Maybe:
    return None if x is None else x[rows]


@contextlib.contextmanager
def _named(rows: Any, slots: torch.Size, of: str) -> Iterator[None]:
    """Errors of a slab name the token in the batch. Products are not those of autocast, which converts at will."""
    try:
        with torch.autocast(of, enabled=False):
            yield
    except c.Error as e:
        if e.token is None:
            raise
        i = rows.start + e.token if isinstance(rows, slice) else int(rows[e.token])
        b, t = divmod(i, slots[-1]) if len(slots) > 1 else (0, i)
        message = e.message.replace(f" response {e.response}, token {e.token}", f" response {b}, token {t}", 1)
        raise c.Error(message, e.code, e.argument, b, t, e.count) from None


def _found_kernel(hidden: torch.Tensor, weight: torch.Tensor, bias: Maybe, token_id: torch.Tensor, top_k_ids: Maybe,
                  response_mask: Maybe, entropy: bool, largest_count: int, in_double: bool, slab_rows: int,
                  temperature: float, executor: str, threads: int) -> Found:
    slots, head = hidden.shape[:-1], (hidden, weight, bias)
    _check(head, slots, {"token_id": token_id, "top_k_ids": top_k_ids, "response_mask": response_mask})
    how = How(temperature, "torch" if executor == "torch" or not hidden.is_cpu else executor, threads)
    all_found = _new(hidden, 0 if top_k_ids is None else top_k_ids.shape[-1], entropy, largest_count, in_double)
    for x, excluded in zip(all_found, (0, 0, 0, 0, -1, 0)):
        x.fill_(excluded)
    ids, lists, mask = _of(token_id, slots), _maybe_of(top_k_ids, slots), _maybe_of(response_mask, slots)
    flat = [_of(x, slots) if x.numel() else None for x in all_found]
    slabs = _Slabs(head, _numbered(response_mask), slab_rows)
    for rows in slabs:
        with _named(rows, slots, hidden.device.type):
            _, x = slabs.logits(rows)
            found = _log_probs(x, ids[rows], _at(lists, rows), _at(mask, rows), None, entropy, largest_count,
                               in_double, *how)
        for to, those in zip(flat, found):
            if to is not None:
                to[rows] = those
    return all_found


def _found_fake(hidden: torch.Tensor, weight: torch.Tensor, bias: Maybe, token_id: torch.Tensor, top_k_ids: Maybe,
                response_mask: Maybe, entropy: bool, largest_count: int, in_double: bool, *_: Any) -> Found:
    return _new(hidden, 0 if top_k_ids is None else top_k_ids.shape[-1], entropy, largest_count, in_double)


def _gradients_kernel(hidden: torch.Tensor, weight: torch.Tensor, bias: Maybe, token_id: torch.Tensor,
                      slope: torch.Tensor, log_sum_exp: torch.Tensor, response_mask: Maybe, entropy: Maybe,
                      entropy_slopes: Maybe, of_hidden: bool, of_weight: bool, of_bias: bool, slab_rows: int,
                      temperature: float, executor: str, threads: int) -> Gradients:
    slots, how = hidden.shape[:-1], How(temperature, executor, threads)
    _check((hidden, weight, bias), slots, {
        "token_id": token_id, "slope": slope, "log_sum_exp": log_sum_exp, "response_mask": response_mask,
        "entropy": entropy, "entropy_slopes": entropy_slopes})
    to_hidden = hidden.new_zeros(hidden.shape if of_hidden else (0,))
    sums = [weight.new_zeros(shape if wanted else (0,), dtype=torch.float32)
            for shape, wanted in ((weight.shape, of_weight), (weight.shape[:1], of_bias))]
    moves = slope != 0 if entropy_slopes is None else (slope != 0) | (entropy_slopes != 0)
    if response_mask is not None:
        moves = moves & (response_mask != 0)
    ids, of, total = (_of(x, slots) for x in (token_id, slope, log_sum_exp))
    h, each = _maybe_of(entropy, slots), _maybe_of(entropy_slopes, slots)
    slabs = _Slabs((hidden, weight, bias), _numbered(moves), slab_rows)
    into = to_hidden.view(-1, hidden.shape[-1]) if of_hidden else to_hidden
    for rows in slabs:
        with _named(rows, slots, hidden.device.type):
            states, x = slabs.logits(rows)
            _write_gradient(x, x, ids[rows], of[rows], total[rows], None, None, _at(h, rows), _at(each, rows), how)
            if of_hidden:
                into[rows] = torch.mm(x, weight)
            if of_weight:
                _add(sums[0], x.t(), states)
            if of_bias:
                sums[1] += x.sum(0, dtype=torch.float32)
    return to_hidden, sums[0].to(weight.dtype), sums[1].to(weight.dtype)


def _add(to: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> None:
    """Adds a b: for float32 in float32, else a product that is rounded to their type, some rows of it at a time."""
    if a.dtype == torch.float32:
        to.addmm_(a, b)
        return
    step = max(1, PRODUCT // max(b.shape[1], 1))
    for first in range(0, a.shape[0], step):
        to[first:first + step] += torch.mm(a[first:first + step], b)


def _gradients_fake(hidden: torch.Tensor, weight: torch.Tensor, bias: Maybe, token_id: torch.Tensor,
                    slope: torch.Tensor, log_sum_exp: torch.Tensor, response_mask: Maybe, entropy: Maybe,
                    entropy_slopes: Maybe, of_hidden: bool, of_weight: bool, of_bias: bool, *_: Any) -> Gradients:
    return (hidden.new_empty(hidden.shape if of_hidden else (0,)),
            weight.new_empty(weight.shape if of_weight else (0,)),
            weight.new_empty(weight.shape[:1] if of_bias else (0,)))


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Found) -> None:
    """Saves what backward reads, and says what has no gradient."""
    hidden, weight, bias, token_id, _, response_mask, with_entropy, *_ = inputs
    log_prob, listed, log_sum_exp, entropy, largest_id, largest_log_prob = output
    ctx.mark_non_differentiable(listed, log_sum_exp, largest_id, largest_log_prob)
    ctx.set_materialize_grads(False)
    ctx.how, ctx.with_entropy = inputs[-4:], with_entropy
    ctx.save_for_backward(hidden, weight, bias, token_id, log_sum_exp, response_mask, entropy)


def _backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
    slopes = _slopes(ctx, grads)
    if slopes is None:
        return (None,) * 13
    hidden, weight, bias, token_id, log_sum_exp, response_mask, entropy = ctx.saved_tensors
    wanted = ctx.needs_input_grad[:3]
    call = _GradientsOfTransforms.apply if torch._C._are_functorch_transforms_active() else _gradients
    found = call(hidden, weight, bias, token_id, slopes[0], log_sum_exp, response_mask,
                 None if slopes[1] is None else entropy, slopes[1], *wanted, *ctx.how)
    return (*(x if asked else None for x, asked in zip(found, wanted)), *[None] * 10)


def _refuse_second(ctx: Any, *_: Any) -> Any:
    raise RuntimeError(_NO_SECOND)


class _OfTransforms(torch.autograd.Function):
    """The same for the transforms of torch.func, which know no op of the kind that torch.library makes."""

    @staticmethod
    def forward(*inputs: Any) -> Found:
        found: Found = _found(*inputs)
        return found

    setup_context = staticmethod(_keep)
    backward = staticmethod(_backward)


class _GradientsOfTransforms(torch.autograd.Function):
    """The same of the gradients."""

    @staticmethod
    def forward(*inputs: Any) -> Gradients:
        found: Gradients = _gradients(*inputs)
        return found

    setup_context = staticmethod(_keep_nothing)
    backward = staticmethod(_refuse_second)


for _name, _kernel, _fake in (("log_probs_from_head", _found_kernel, _found_fake),
                              ("head_gradients", _gradients_kernel, _gradients_fake)):
    for _key in ("CPU", "CUDA", "XPU"):
        LIBRARY.impl(_name, _kernel, _key)
    torch.library.register_fake(f"cppo::{_name}", _fake, lib=LIBRARY)
torch.library.register_autograd("cppo::log_probs_from_head", _backward, setup_context=_keep, lib=LIBRARY)
torch.library.register_autograd("cppo::head_gradients", _refuse_second, setup_context=_keep_nothing, lib=LIBRARY)


@contextlib.contextmanager
def _packed(cuts: Maybe) -> Iterator[None]:
    """Errors name response and token of packed responses."""
    try:
        yield
    except c.Error as e:
        if cuts is None or e.token < 0:
            raise
        b = int(torch.searchsorted(cuts.contiguous(), e.token, right=True)) - 1
        t = e.token - int(cuts[b])
        message = e.message.replace(f" response {e.response}, token {e.token}", f" response {b}, token {t}", 1)
        raise c.Error(message, e.code, e.argument, b, t, e.count) from None


def log_probs_from_head(head: tuple[torch.Tensor, Any, Any], token_id: Any, top_k_ids: Any, response_mask: Any,
                        cu_seqlens: Any, entropy: bool, largest_count: int, dtype: str, slab_rows: int,
                        how: How) -> LogProbs:
    """As `cppo.log_probs_from_head`."""
    hidden = head[0]
    weight, bias, ids, lists, mask, cuts = (_tensor(x, hidden) for x in (
        *head[1:], token_id, top_k_ids, response_mask, cu_seqlens))
    mask = composed.tokens_of(mask, hidden.shape[:-1], cuts, how.with_capacity)
    call = _found
    if torch._C._are_functorch_transforms_active() and not torch.compiler.is_compiling():
        call = _OfTransforms.apply
    given = (hidden, weight, bias, ids, lists, mask, entropy, largest_count, dtype == "float64", slab_rows, *how[:3])
    if torch.compiler.is_compiling():
        return named(call(*given), lists, entropy, largest_count)
    with _packed(cuts):
        return named(call(*given), lists, entropy, largest_count)


in_torch["log_probs_from_head"] = log_probs_from_head
