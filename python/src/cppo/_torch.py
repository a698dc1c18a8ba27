"""The op `cppo::policy_loss` for PyTorch: schema, CPU kernel, fake kernel, gradient.

The schema is short, since what torch.library does in Python for a call grows with its arguments. Thresholds travel as
a tensor, so that a schedule compiles no graph anew; all else that a call is, as one text, which a graph may keep.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Union

import torch

from . import _native as c
from . import loss as _loss_module
from . import regions as _regions
from ._call import (EXTRA_INPUTS, PER_TOKEN, Frame, Layout, Lent, Options, check_outputs, fields, first_error_of,
                    layout_of, pack_options)
from .outputs import Outputs
from .report import COUNT as REPORT_COUNT
from .report import LOSS, Report

_DTYPES = {getattr(torch, name): number for name, number in c.DTYPES.items() if hasattr(torch, name)}
_PLAIN = (torch.Tensor, torch.nn.Parameter)
_FIRST_LIST = c.INPUTS["top_k_ids"]
_OTHERS = ("cu_seqlens", "carries", "totals")

LIBRARY = torch.library.Library("cppo", "DEF")
LIBRARY.define("policy_loss(Tensor log_prob, Tensor[] inputs, Tensor numbers, str call) "
               "-> (Tensor loss, Tensor gradient, Tensor report, Tensor[] outputs)",
               tags=torch.Tag.pt2_compliant_tag)
_op = torch.ops.cppo.policy_loss.default

Results = tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[torch.Tensor]]


class Call(NamedTuple):
    """What the op's text says."""

    region: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    per_token: bool
    options: Options


def text_of(region: str, inputs: Sequence[str], outputs: Sequence[str], o: Options, divided: bool) -> str:
    """The op's text. `divided`: the caller divides the loss, the call does not. Dynamo traces it: no str.join."""
    names = ""
    for name in inputs:
        names += name + ","
    names += "\n"
    for name in outputs:
        names += name + ","
    return (f"{region}\n{names}\n{o.aggregate},{'1.0' if divided else '0.0'},{o.horizon},"
            f"{o.bad_input},{o.positions},{o.surrogate},{o.log_ratio_clamp},{o.ratio_cap},"
            f"{o.log_prob_tolerance},{o.log_prob_floor},{o.executor},{o.threads},{o.with_capacity:d}")


def _real(text: str) -> float | None:
    return None if text == "None" else float(text)


def _flag(digit: str) -> bool:
    return digit == "1"


@functools.lru_cache(1024)
def _call_of(text: str) -> Call:
    region, inputs, outputs, options = text.split("\n")
    wanted = tuple(outputs.split(",")[:-1])
    check_outputs(wanted)
    kinds: tuple[Callable[[str], Any], ...] = (str, float, int, str, str, str, _real, _real, _real, _real, str, int,
                                               _flag)
    o = Options(*(kind(x) for kind, x in zip(kinds, options.split(","))))
    return Call(region, tuple(inputs.split(",")[:-1]), wanted, o.aggregate == PER_TOKEN, o)


_region_of = functools.lru_cache(1024)(c.parse_region)


def lend_tensor(x: torch.Tensor, name: str) -> Lent:
    """The tensor's memory, on the host."""
    if not x.is_cpu:
        raise c.Error(f"{name} lies on {x.device}, but is read by the host: pass {name}.cpu()",
                      c.StatusCode.not_host_memory, name)
    number = _DTYPES.get(x.dtype)
    if number is None:
        raise c.Error(f"{name} has dtype {x.dtype}, but must have one of {', '.join(c.DTYPES)}: convert it",
                      c.StatusCode.element_type_mismatch, name)
    return Lent(x.data_ptr(), number, tuple(x.shape), x.stride())


def _result_type(log_prob: torch.Tensor) -> torch.dtype:
    """Of loss and gradient: a half type would lose a gradient that autocast's scaler is to save."""
    return torch.float64 if log_prob.dtype == torch.float64 else torch.float32


def _output_type(name: str, log_prob: torch.Tensor) -> torch.dtype:
    return {"mask": torch.bool, "decision": torch.uint8}.get(name, _result_type(log_prob))


def _new(call: Call, log_prob: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """Room for the results: loss, gradient, report, outputs."""
    kind, shape, like = _result_type(log_prob), log_prob.shape, log_prob.new_empty
    loss = like(shape if call.per_token else (), dtype=kind)
    gradient = like(shape, dtype=kind)
    report = like(REPORT_COUNT, dtype=torch.float64)
    return loss, gradient, report, [like(shape, dtype=_output_type(n, log_prob)) for n in call.outputs]


def _fields(name: str, number: int, x: torch.Tensor, at: Layout) -> list[int]:
    """The members of a `cppo_lent`, at once where the tensor has the batch's shape [B, T]."""
    dtype = _DTYPES.get(x.dtype)
    if dtype is not None and x.is_cpu and x.shape == (at.responses, at.width):
        return [number, 0, x.data_ptr(), dtype, 2, at.responses, at.width, *x.stride()]
    return [*fields(name, number, lend_tensor(x, name), at)]


def _list_fields(x: torch.Tensor, name: str) -> tuple[int, ...]:
    t = lend_tensor(x, name)
    return c.INPUTS[name], 0, t.address, t.dtype, 2, *t.shape, *t.stride


def _sums_address(x: torch.Tensor | None, name: str, pieces: int) -> int:
    if x is None:
        return 0
    if x.dtype != torch.int64 or tuple(x.shape) != (pieces, c.SUMS_WORDS) or not x.is_contiguous():
        raise c.Error(f"{name} must be int64, dense and of shape [{pieces}, {c.SUMS_WORDS}]: one row for each piece",
                      c.StatusCode.carry_mismatch, "carries")
    return int(x.data_ptr())


def _kernel(log_prob: torch.Tensor, inputs: list[torch.Tensor], numbers: torch.Tensor, text: str) -> Results:
    """The call on the host."""
    call = _call_of(text)
    given: dict[str, Any] = dict(zip(call.inputs, inputs))
    cu_seqlens, carries, totals = (given.pop(name, None) for name in _OTHERS)
    if cu_seqlens is not None:
        cu_seqlens = cu_seqlens.contiguous()
    at = layout_of(log_prob.shape, None if cu_seqlens is None else lend_tensor(cu_seqlens, "cu_seqlens"),
                   call.options.with_capacity)
    flat = _fields("log_prob", 1, log_prob, at)
    top_k = 0
    for name, x in given.items():
        number = c.INPUTS[name]
        if number >= _FIRST_LIST:
            top_k = x.shape[-1]
            flat += _list_fields(x, name)
        else:
            flat += _fields(name, number, x, at)
    results = loss, gradient, report, outputs = _new(call, log_prob)
    written = _fields("gradient", c.OUTPUT_IDS["gradient"], gradient, at)
    also = [("loss", loss)] if call.per_token else []
    for name, x in (*also, *zip(call.outputs, outputs)):
        written += _fields(name, c.OUTPUT_IDS[name], x, at)
    words = report.data_ptr()
    options = pack_options(call.options, _sums_address(carries, "carries", at.responses),
                           _sums_address(totals, "totals", at.responses))
    region = _region_of(call.region, tuple(numbers.tolist()))
    Frame(at, top_k, flat, written, words).policy_loss(region, options, first_error_of(call.options.bad_input))
    if not call.per_token:
        loss.fill_(c.LIB.cppo_measure(words, LOSS))
    return results


def _fake(log_prob: torch.Tensor, inputs: list[torch.Tensor], numbers: torch.Tensor, text: str) -> Results:
    return _new(_call_of(text), log_prob)


class _Gradient(torch.autograd.Function):
    """The gradient of log_prob. It refuses to be differentiated, which would silently give 0."""

    @staticmethod
    def forward(log_prob: torch.Tensor, gradient: torch.Tensor, grad_loss: torch.Tensor) -> torch.Tensor:
        product = gradient * grad_loss
        return product if product.dtype == log_prob.dtype else product.to(log_prob.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        raise RuntimeError("cppo.policy_loss has no second derivative: call backward() or grad() without create_graph, "
                           "or detach the gradient")


class _Loss(torch.autograd.Function):
    """The gradient was computed with the loss; backward is one product. torch.library.register_autograd would do the
    same at one and a half times the cost of a call."""

    @staticmethod
    def forward(ctx: Any, log_prob: torch.Tensor, inputs: list[torch.Tensor], numbers: torch.Tensor,
                text: str) -> Any:
        with torch._C._AutoDispatchBelowAutograd():
            loss, gradient, report, outputs = _op(log_prob, inputs, numbers, text)
        _Loss.keep(ctx, log_prob, gradient, report, *outputs)
        return loss, gradient, report, *outputs

    @staticmethod
    def keep(ctx: Any, log_prob: torch.Tensor, gradient: torch.Tensor, *others: torch.Tensor) -> None:
        """Saves what backward reads."""
        ctx.mark_non_differentiable(gradient, *others)
        ctx.save_for_backward(gradient, log_prob)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, grad_loss: torch.Tensor | None, *_: Any) -> Any:
        if grad_loss is None:
            return None, None, None, None
        gradient, log_prob = ctx.saved_tensors
        product = _Gradient.apply if torch.is_grad_enabled() else _Gradient.forward
        return product(log_prob, gradient, grad_loss), None, None, None


class _PlainLoss(torch.autograd.Function):
    """The same without the dispatcher, whose two turns take as long as the call on a small batch. `others` receives
    what has no gradient: autograd would take its time over each."""

    @staticmethod
    def forward(ctx: Any, log_prob: torch.Tensor, inputs: list[torch.Tensor], numbers: torch.Tensor, text: str,
                others: list[torch.Tensor]) -> torch.Tensor:
        loss, gradient, report, outputs = _kernel(log_prob, inputs, numbers, text)
        ctx.save_for_backward(gradient, log_prob)
        ctx.set_materialize_grads(False)
        others += report, *outputs
        return loss

    @staticmethod
    def backward(ctx: Any, grad_loss: torch.Tensor | None) -> Any:
        return (*_Loss.backward(ctx, grad_loss), None)


class _LossOfTransforms(torch.autograd.Function):
    """The same for the transforms of torch.func, which take twice as long over a call."""

    @staticmethod
    def forward(log_prob: torch.Tensor, inputs: list[torch.Tensor], numbers: torch.Tensor, text: str) -> Any:
        loss, gradient, report, outputs = _op(log_prob, inputs, numbers, text)
        return loss, gradient, report, *outputs

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        _Loss.keep(ctx, inputs[0], *output[1:])

    backward = _Loss.backward


def _autograd(log_prob: torch.Tensor, inputs: list[torch.Tensor], numbers: torch.Tensor, text: str) -> Results:
    if torch.is_grad_enabled() and log_prob.requires_grad:
        loss, gradient, report, *outputs = _Loss.apply(log_prob, inputs, numbers, text)
        return loss, gradient, report, outputs
    with torch._C._AutoDispatchBelowAutograd():
        results: Results = _op(log_prob, inputs, numbers, text)
    return results


LIBRARY.impl("policy_loss", _kernel, "CPU")
LIBRARY.impl("policy_loss", _autograd, "Autograd")
torch.library.register_fake("cppo::policy_loss", _fake, lib=LIBRARY)


def _is_plain(log_prob: torch.Tensor, inputs: list[torch.Tensor]) -> bool:
    """True if nobody wants to see the op: no mode, no tracer, no tensor of another class or on a device."""
    if torch._C._len_torch_dispatch_stack() or torch._C._len_torch_function_stack() or torch.jit.is_tracing():
        return False
    return log_prob.is_cpu and type(log_prob) in _PLAIN and all(type(x) in _PLAIN for x in inputs)


def _numbers_tensor(numbers: tuple[float, ...]) -> torch.Tensor:
    """A region's numbers. How many they are is no size of a batch, even where it is equal: nothing must tie them."""
    tensor = torch.tensor(numbers, dtype=torch.float64)
    tensor._dynamo_static_indices = {0}  # what torch._dynamo.mark_static does, without importing all of it
    return tensor


def policy_loss(log_prob: torch.Tensor, extra: Sequence[Any], cu_seqlens: Any, region: _regions.Region, o: Options,
                pieces: Sequence[Any], wanted: Sequence[str] | None,
                normalizer: Union[float, torch.Tensor, None]) -> Any:
    """As `cppo.policy_loss`. `extra`: as EXTRA_INPUTS; `pieces`: carries and totals."""
    names, inputs = [], []
    for name, x in (*zip(EXTRA_INPUTS, extra), *zip(_OTHERS, (cu_seqlens, *pieces))):
        if x is not None:
            names.append(name)
            inputs.append(x.reshape(-1, x.shape[-1]) if name.startswith("top_k") else x)
    asked = tuple(n for n in wanted or () if n != "gradient")
    keeps = wanted is not None and "gradient" in wanted  # the op has it anyway
    text = text_of(region.text, names, asked, o, normalizer is not None)
    gradient = None
    if torch.compiler.is_compiling():
        loss, gradient, words, outputs = _op(log_prob, inputs, region.tensor, text)
    elif torch._C._are_functorch_transforms_active():
        loss, gradient, words, *outputs = _LossOfTransforms.apply(log_prob, inputs, region.tensor, text)
    elif _is_plain(log_prob, inputs) and not keeps:
        others: list[torch.Tensor] = []
        loss = _PlainLoss.apply(log_prob, inputs, region.tensor, text, others)
        words, *outputs = others
    else:
        loss, gradient, words, outputs = _op(log_prob, inputs, region.tensor, text)
    if normalizer is not None:
        loss = loss / normalizer
    report = Report(words, normalizer)
    if wanted is None:
        return loss, report
    kept = {"gradient": gradient if normalizer is None else gradient / normalizer} if keeps else {}
    return loss, report, Outputs(**dict(zip(asked, outputs)), **kept)


_regions.give_tensors(_numbers_tensor)
_loss_module.torch_policy_loss = policy_loss
