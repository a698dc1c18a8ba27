"""The op `cppo::policy_loss` for PyTorch: schema, CPU kernel, fake kernel, gradient.

The schema is short, since what torch.library does in Python for a call grows with its arguments. Thresholds travel as
a tensor, so that a schedule compiles no graph anew; all else that a call is, as one text, which a graph may keep.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional, Union

import torch

from . import _native as c
from . import loss as _loss_module
from . import regions as _regions
from ._call import (EXTRA_INPUTS, PER_TOKEN, Frame, Lent, Options, check_outputs, fields, first_error_of, layout_of,
                    pack_options)
from .outputs import Outputs
from .report import COUNT as REPORT_COUNT
from .report import LOSS, Report

_DTYPES = {getattr(torch, name): number for name, number in c.DTYPES.items() if hasattr(torch, name)}
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
    return (f"{region}\n{names}\n{o.aggregate},{1.0 if divided else 0.0!r},{o.horizon},"
            f"{o.bad_input},{o.positions},{o.surrogate},{o.log_ratio_clamp!r},{o.ratio_cap!r},"
            f"{o.log_prob_tolerance!r},{o.log_prob_floor!r},{o.executor},{o.threads},{o.with_capacity:d}")


def _flag(digit: str) -> bool:
    return digit == "1"


@functools.lru_cache(1024)
def _call_of(text: str) -> Call:
    region, inputs, outputs, options = text.split("\n")
    wanted = tuple(outputs.split(",")[:-1])
    check_outputs(wanted)
    kinds = (str, float, int, str, str, str, float, float, float, float, str, int, _flag)
    o = Options(*(kind(x) for kind, x in zip(kinds, options.split(","))))  # type: ignore[arg-type]
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
    kind, shape, device = _result_type(log_prob), log_prob.shape, log_prob.device
    loss = torch.empty(shape if call.per_token else (), dtype=kind, device=device)
    gradient = torch.empty(shape, dtype=kind, device=device)
    report = torch.empty(REPORT_COUNT, dtype=torch.float64, device=device)
    return loss, gradient, report, [torch.empty(shape, dtype=_output_type(n, log_prob), device=device)
                                    for n in call.outputs]


def _list_fields(x: torch.Tensor, name: str) -> tuple[int, ...]:
    t = lend_tensor(x, name)
    return c.INPUTS[name], 0, t.address, t.dtype, 2, *t.shape, *t.stride


def _sums_address(x: torch.Tensor | None, name: str, pieces: int) -> int:
    if x is None:
        return 0
    if x.dtype != torch.int64 or tuple(x.shape) != (pieces, c.SUMS_WORDS) or not x.is_contiguous():
        raise c.Error(f"{name} must be int64, dense and of shape [{pieces}, {c.SUMS_WORDS}]: one row for each piece",
                      c.StatusCode.carry_mismatch, "carries")
    return x.data_ptr()


def _kernel(log_prob: torch.Tensor, inputs: list[torch.Tensor], numbers: torch.Tensor, text: str) -> Results:
    """The call on the host."""
    call = _call_of(text)
    given = dict(zip(call.inputs, inputs))
    others: list[Optional[torch.Tensor]] = [given.pop(name, None) for name in _OTHERS]
    cu_seqlens, carries, totals = others
    if cu_seqlens is not None:
        cu_seqlens = cu_seqlens.contiguous()
    at = layout_of(log_prob.shape, None if cu_seqlens is None else lend_tensor(cu_seqlens, "cu_seqlens"),
                   call.options.with_capacity)
    flat = [*fields("log_prob", 1, lend_tensor(log_prob, "log_prob"), at)]
    top_k = 0
    for name, x in given.items():
        if name.startswith("top_k"):
            top_k = x.shape[-1]
            flat += _list_fields(x, name)
        else:
            flat += fields(name, c.INPUTS[name], lend_tensor(x, name), at)
    results = loss, gradient, report, outputs = _new(call, log_prob)
    written = [*fields("gradient", 65, lend_tensor(gradient, "gradient"), at)]
    for name, x in (*zip(call.outputs, outputs), *((("loss", loss),) if call.per_token else ())):
        written += fields(name, c.OUTPUT_IDS[name], lend_tensor(x, name), at)
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
    def forward(log_prob: torch.Tensor, inputs: list[torch.Tensor], numbers: torch.Tensor, text: str) -> Any:
        with torch._C._AutoDispatchBelowAutograd():
            loss, gradient, report, outputs = _op(log_prob, inputs, numbers, text)
        return loss, gradient, report, *outputs

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        _, *constant = output
        ctx.mark_non_differentiable(*constant)
        ctx.save_for_backward(constant[0], inputs[0])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, grad_loss: torch.Tensor | None, *_: Any) -> Any:
        if grad_loss is None:
            return None, None, None, None
        gradient, log_prob = ctx.saved_tensors
        product = _Gradient.apply if torch.is_grad_enabled() else _Gradient.forward
        return product(log_prob, gradient, grad_loss), None, None, None


def _autograd(log_prob: torch.Tensor, inputs: list[torch.Tensor], numbers: torch.Tensor, text: str) -> Results:
    if torch.is_grad_enabled() and log_prob.requires_grad:
        loss, gradient, report, *outputs = _Loss.apply(log_prob, inputs, numbers, text)
        return loss, gradient, report, outputs
    with torch._C._AutoDispatchBelowAutograd():
        return _op(log_prob, inputs, numbers, text)


LIBRARY.impl("policy_loss", _kernel, "CPU")
LIBRARY.impl("policy_loss", _autograd, "Autograd")
torch.library.register_fake("cppo::policy_loss", _fake, lib=LIBRARY)


def _numbers_tensor(numbers: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def policy_loss(log_prob: torch.Tensor, extra: Sequence[Any], cu_seqlens: Any, region: _regions.Region, o: Options,
                pieces: Sequence[Any], wanted: Sequence[str] | None,
                normalizer: Union[float, torch.Tensor, None]) -> Any:
    """As `cppo.policy_loss`. `extra`: as EXTRA_INPUTS; `pieces`: carries and totals."""
    names, inputs = [], []
    for name, x in (*zip(EXTRA_INPUTS, extra), *zip(_OTHERS, (cu_seqlens, *pieces))):
        if x is not None:
            names.append(name)
            inputs.append(x.reshape(-1, x.shape[-1]) if name.startswith("top_k") else x)
    asked = tuple(wanted or ())
    text = text_of(region.text, names, asked, o, normalizer is not None)
    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        loss, _, words, *outputs = _Loss.apply(log_prob, inputs, region.tensor, text)
    else:
        loss, _, words, outputs = _op(log_prob, inputs, region.tensor, text)
    if normalizer is not None:
        loss = loss / normalizer
    report = Report(words, normalizer)
    return (loss, report) if wanted is None else (loss, report, Outputs(**dict(zip(asked, outputs))))


_regions.give_tensors(_numbers_tensor)
_loss_module.torch_policy_loss = policy_loss
