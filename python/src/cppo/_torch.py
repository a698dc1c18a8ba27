"""The op `cppo::policy_loss` for PyTorch: schema, CPU kernel, fake kernel, gradient.

The schema is short, since what torch.library does in Python for a call grows with its arguments. Thresholds travel as
a tensor, so that a schedule compiles no graph anew; all else that a call is, as one text, which a graph may keep. On a
device the call is the library's that `_cuda` builds, or `_composed`.
"""

from __future__ import annotations

import ctypes
import functools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Union

import torch

from . import _composed, _cuda
from . import _native as c
from . import loss as _loss_module
from . import regions as _regions
from ._call import (DECIDES_ARITHMETIC, EXTRA_INPUTS, PER_TOKEN, Frame, Layout, Lent, Options, check_outputs, fields,
                    first_error_of, layout_of, pack_options)
from ._numpy import as_rows, states_of
from ._rule import rule_of
from .outputs import Outputs
from .report import COUNT as REPORT_COUNT
from .report import LOSS, Report

_DTYPES = {getattr(torch, name): number for name, number in c.DTYPES.items() if hasattr(torch, name)}
_PLAIN = (torch.Tensor, torch.nn.Parameter)
_OTHERS = ("cu_seqlens", "carries", "totals", "folds")

LIBRARY = torch.library.Library("cppo", "DEF")
LIBRARY.define("policy_loss(Tensor log_prob, Tensor[] inputs, Tensor numbers, str call) "
               "-> (Tensor loss, Tensor gradient, Tensor report, Tensor[] outputs)",
               tags=torch.Tag.pt2_compliant_tag)
_op = torch.ops.cppo.policy_loss.default

Results = tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[torch.Tensor]]
Written = tuple[torch.Tensor, torch.Tensor, Sequence[torch.Tensor]]
"""What a call writes: losses of tokens or anything, gradient, outputs."""
_Words = ctypes.c_double * REPORT_COUNT
_LARGEST: float = torch.finfo(torch.float32).max


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
    values: list[Any] = [kind(x) for kind, x in zip(kinds, options.split(","))]
    o = Options(*values)
    return Call(region, tuple(inputs.split(",")[:-1]), wanted, o.aggregate == PER_TOKEN, o)


@functools.lru_cache(1024)
def _call(region: str, inputs: tuple[str, ...], outputs: tuple[str, ...], o: Options, divided: bool) -> Call:
    """The same as `_call_of(text_of(...))`."""
    return _call_of(text_of(region, inputs, outputs, o, divided))


_region_of = functools.lru_cache(1024)(c.parse_region)


def lend_tensor(x: torch.Tensor, name: str, device: str = "cpu") -> Lent:
    """The tensor's memory, which must lie where it is read."""
    if x.device.type != device:
        reader = "the host" if device == "cpu" else device
        raise c.Error(f"{name} lies on {x.device}, but is read by {reader}: pass {name}.to({device!r})",
                      c.StatusCode.not_host_memory if device == "cpu" else c.StatusCode.not_device_memory, name)
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


def _fields(name: str, number: int, x: torch.Tensor, at: Layout, device: str) -> list[int]:
    """The members of a `cppo_lent`, at once where the tensor has the batch's shape [B, T]."""
    dtype = _DTYPES.get(x.dtype)
    there = x.is_cpu if device == "cpu" else x.is_cuda
    if dtype is not None and there and x.shape == (at.responses, at.width):
        return [number, 0, x.data_ptr(), dtype, 2, at.responses, at.width, *x.stride()]
    return [*fields(name, number, lend_tensor(x, name, device), at)]


def _list_fields(x: torch.Tensor, name: str, device: str) -> tuple[int, ...]:
    t = lend_tensor(x, name, device)
    return c.INPUTS[name], 0, t.address, t.dtype, 2, *t.shape, *t.stride


def _sums_address(x: torch.Tensor | None, name: str, pieces: int) -> int:
    if x is None:
        return 0
    if x.dtype != torch.int64 or tuple(x.shape) != (pieces, c.SUMS_WORDS) or not x.is_contiguous():
        raise c.Error(f"{name} must be int64, dense and of shape [{pieces}, {c.SUMS_WORDS}]: one row for each piece",
                      c.StatusCode.carry_mismatch, "carries")
    return int(x.data_ptr())


def _folds_address(x: torch.Tensor | None) -> tuple[int, int]:
    """Where the states of folds lie, and how many words they have."""
    if x is None:
        return 0, 0
    if x.dtype != torch.int64 or x.dim() != 1 or x.numel() == 0 or not x.is_contiguous() or not x.is_cpu:
        raise c.Error("folds must be what fold_states returns: int64, dense, of shape [words], on the host",
                      c.StatusCode.states_mismatch, "folds")
    return x.data_ptr(), x.numel()


class Given(NamedTuple):
    """A call's tensors by name, and the layout."""

    inputs: dict[str, torch.Tensor]
    cu_seqlens: Union[torch.Tensor, None]
    carries: Union[torch.Tensor, None]
    totals: Union[torch.Tensor, None]
    folds: Union[torch.Tensor, None]


def _pieces(given: Given, pieces: int) -> tuple[int, ...]:
    """Where carries, totals and states of folds lie, and how many words those have."""
    return (_sums_address(given.carries, "carries", pieces), _sums_address(given.totals, "totals", pieces),
            *_folds_address(given.folds))


def _given(call: Call, inputs: Sequence[torch.Tensor]) -> Given:
    named: dict[str, torch.Tensor] = dict(zip(call.inputs, inputs))
    cu_seqlens, *pieces = (named.pop(name, None) for name in _OTHERS)
    return Given(named, None if cu_seqlens is None else cu_seqlens.contiguous(), *pieces)


def frame_of(call: Call, log_prob: torch.Tensor, given: Given, results: Written, device: str,
             report: int) -> tuple[Frame, Layout]:
    """The structures of a call, which lend tensors that lie on `device`. `report`: where it is written."""
    cuts = given.cu_seqlens
    at = layout_of(log_prob.shape, None if cuts is None else lend_tensor(cuts, "cu_seqlens", device),
                   call.options.with_capacity)
    flat = _fields("log_prob", 1, log_prob, at, device)
    top_k = 0
    for name, x in given.inputs.items():
        number = c.INPUTS[name]
        if name.startswith("top_k"):
            top_k = x.shape[-1]
            flat += _list_fields(x, name, device)
        else:
            flat += _fields(name, number, x, at, device)
    loss, gradient, outputs = results
    written = _fields("gradient", c.OUTPUT_IDS["gradient"], gradient, at, device)
    if call.per_token:
        written += _fields("loss", c.OUTPUT_IDS["loss"], loss, at, device)
    for name, x in zip(call.outputs, outputs):
        written += _fields(name, c.OUTPUT_IDS[name], x, at, device)
    return Frame(at, top_k, flat, written, report), at


def _run_library(call: Call, log_prob: torch.Tensor, given: Given, region: bytes, written: Written,
                 report: int) -> None:
    """The call by the library. `report`: where its report goes."""
    frame, at = frame_of(call, log_prob, given, written, "cpu", report)
    whole = given.carries is None and given.totals is None and given.folds is None
    pieces = () if whole else _pieces(given, at.responses)
    frame.policy_loss(region, pack_options(call.options, *pieces), first_error_of(call.options.bad_input))


def _loss_of(words: int, kind: torch.dtype) -> float:
    """The loss of a report, infinite where its type cannot hold it: PyTorch would refuse the number."""
    loss: float = c.LIB.cppo_measure(words, LOSS)
    if abs(loss) > _LARGEST and kind != torch.float64:
        return math.copysign(math.inf, loss)
    return loss


def _on_host(call: Call, log_prob: torch.Tensor, given: Given, numbers: tuple[float, ...]) -> Results:
    """The results of the library."""
    loss, gradient, report, outputs = results = _new(call, log_prob)
    words = report.data_ptr()
    _run_library(call, log_prob, given, _region_of(call.region, numbers), (loss, gradient, outputs), words)
    if not call.per_token:
        loss.fill_(_loss_of(words, loss.dtype))
    return results


def _by_library(call: Call) -> Call:
    """The same call on the host."""
    return call._replace(options=call.options._replace(executor="seq"))


@functools.lru_cache(512)
def _check(call: Call, numbers: tuple[float, ...], kinds: tuple[tuple[torch.dtype, int], ...], packed: bool) -> None:
    """Raises what the library says of a call with these options and types: it is asked with a batch of no response.
    `kinds`: dtype and last extent of log_prob and of the inputs."""
    (kind, _), *others = kinds
    shape = (0,) if packed else (0, 1)
    log_prob = torch.empty(shape, dtype=kind, device="cpu")
    inputs = {name: torch.empty((0, last) if name.startswith("top_k") else shape, dtype=its, device="cpu")
              for name, (its, last) in zip(call.inputs, others)}
    cuts = inputs.pop("cu_seqlens", None)
    cuts = None if cuts is None else torch.zeros(1, dtype=cuts.dtype, device="cpu")
    _on_host(_by_library(call), log_prob, Given(inputs, cuts, None, None, None), numbers)


def _in_torch(call: Call, log_prob: torch.Tensor, inputs: Sequence[torch.Tensor],
              numbers: tuple[float, ...]) -> Results:
    """The call by PyTorch's own operations, where the tensors lie."""
    given = _given(call, inputs)
    for name, x in zip(call.inputs, inputs):
        if x.device != log_prob.device:
            raise c.Error(f"{name} lies on {x.device}, but log_prob on {log_prob.device}: pass both on one device",
                          c.StatusCode.not_device_memory, name)
        if name in ("carries", "totals", "folds"):
            raise c.Error(f"{name} are read by the library alone: pass tensors on the host and executor=\"simd\"",
                          c.StatusCode.executor_unavailable, name)
    kinds = tuple((x.dtype, x.shape[-1] if x.dim() else 1) for x in (log_prob, *inputs))
    _check(call, numbers, kinds, given.cu_seqlens is not None)
    lists = {"gradient": _result_type(log_prob), **{n: _output_type(n, log_prob) for n in call.outputs}}
    if call.per_token:
        lists.setdefault("loss", _result_type(log_prob))
    found = _composed.call_of(call.options, _region_of(call.region, numbers), log_prob, given.inputs,
                              given.cu_seqlens, lists)
    if found is None:
        _on_host(_by_library(call), log_prob, given, numbers)
        raise RuntimeError("the library takes what PyTorch's operations refuse: please report it")
    lists = {n: x.reshape(log_prob.shape) for n, x in found.written.items()}
    outputs = [lists[n] for n in call.outputs]
    loss = lists["loss"] if call.per_token else found.loss.to(_result_type(log_prob))
    return loss, lists["gradient"], found.report, outputs


def _kernel(log_prob: torch.Tensor, inputs: list[torch.Tensor], numbers: torch.Tensor, text: str) -> Results:
    """The call on the host."""
    call = _call_of(text)
    if call.options.executor == "torch":
        return _in_torch(call, log_prob, inputs, tuple(numbers.tolist()))
    return _on_host(call, log_prob, _given(call, inputs), tuple(numbers.tolist()))


@functools.lru_cache(None)
def _warn_of(device: str, why: str) -> None:
    """Says once that a device is not used as it could be."""
    warnings.warn(f"cppo: tensors on {device} are computed by PyTorch's own operations, which takes several times as "
                  f"long: {why}. executor=\"torch\" is this without the warning.", RuntimeWarning, stacklevel=2)


def _device_kernel(log_prob: torch.Tensor, inputs: list[torch.Tensor], numbers: torch.Tensor, text: str) -> Results:
    """The call on a device."""
    call = _call_of(text)
    executor = call.options.executor
    doubles = [n for n, x in zip(("log_prob", *call.inputs), (log_prob, *inputs))
               if n in DECIDES_ARITHMETIC and x.dtype == torch.float64]
    numbers_ = tuple(numbers.tolist())
    library, why = None, f"the library has nothing for {log_prob.device.type}"
    if doubles:
        why = f"the op for CUDA computes in float, but {doubles[0]} is double"
    elif log_prob.is_cuda and rule_of(_region_of(call.region, numbers_)).is_rule:
        why = "the op for CUDA has no comparisons, folds and losses of rules"
    elif executor != "torch" and log_prob.is_cuda:
        library, why = _cuda.library()
    if library is not None:
        region = _region_of(call.region, numbers_)
        loss, gradient, _, outputs = _new(call, log_prob)
        report = _cuda.run(library, call, log_prob, _given(call, inputs), region, (loss, gradient, outputs))
        _cuda.fill_loss(call, loss, report)
        return loss, gradient, report, outputs
    if executor == "cuda":
        raise c.Error(f"executor=\"cuda\" cannot take this call: {why}", c.StatusCode.executor_unavailable, "options")
    if executor != "torch" and not doubles:
        _warn_of(log_prob.device.type, why)
    return _in_torch(call, log_prob, inputs, numbers_)


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
    def backward(ctx: Any, *grads: Any) -> Any:
        grad_loss = grads[0]
        if grad_loss is None:
            return None, None, None, None
        gradient, log_prob = ctx.saved_tensors
        product = _Gradient.apply if torch.is_grad_enabled() else _Gradient.forward
        return product(log_prob, gradient, grad_loss), None, None, None


def _at_once(call: Call, log_prob: torch.Tensor, inputs: Sequence[torch.Tensor], region: bytes) -> tuple[Any, ...]:
    """Loss, gradient, report and outputs by the library; no tensor is made that nobody may want to see."""
    kind, shape = _result_type(log_prob), log_prob.shape
    gradient = log_prob.new_empty(shape, dtype=kind)
    outputs = [log_prob.new_empty(shape, dtype=_output_type(n, log_prob)) for n in call.outputs]
    loss = log_prob.new_empty(shape, dtype=kind) if call.per_token else gradient
    report = _Words()
    words = ctypes.addressof(report)
    _run_library(call, log_prob, _given(call, inputs), region, (loss, gradient, outputs), words)
    if not call.per_token:
        loss = log_prob.new_full((), _loss_of(words, kind), dtype=kind)
    return loss, gradient, report, outputs


class _PlainLoss(torch.autograd.Function):
    """The same without the dispatcher, whose two turns take as long as the call on a small batch. `others` receives
    what has no gradient: autograd would take its time over each. So it would over a division: `divisor`, if any, is a
    constant."""

    @staticmethod
    def forward(ctx: Any, log_prob: torch.Tensor, inputs: list[torch.Tensor], call: Call, region: _regions.Region,
                divisor: Union[float, torch.Tensor, None], others: list[Any]) -> torch.Tensor:
        if call.options.executor == "torch":
            loss, gradient, report, outputs = _in_torch(call, log_prob, inputs, region.numbers)
        else:
            loss, gradient, report, outputs = _at_once(call, log_prob, inputs, region.c_region)
        tensors = [divisor] if isinstance(divisor, torch.Tensor) else []  # autograd sees if it is changed in place
        ctx.save_for_backward(gradient, log_prob, *tensors)
        ctx.set_materialize_grads(False)
        ctx.divisor = None if tensors else divisor
        others += report, *outputs
        return loss if divisor is None else loss / divisor

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        grad_loss = grads[0]
        if grad_loss is None:
            return None, None, None, None, None, None
        gradient, log_prob, *tensors = ctx.saved_tensors
        divisor = tensors[0] if tensors else ctx.divisor
        if divisor is not None:
            grad_loss = grad_loss / divisor
        product = _Gradient.apply if torch.is_grad_enabled() else _Gradient.forward
        return product(log_prob, gradient, grad_loss), None, None, None, None, None


_apply_plain = getattr(super(torch.autograd.Function, _PlainLoss), "apply")
"""`_PlainLoss.apply` without what it does for the transforms of torch.func, in Python, on every call."""


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
for _key in ("CUDA", "XPU"):
    LIBRARY.impl("policy_loss", _device_kernel, _key)
LIBRARY.impl("policy_loss", _autograd, "Autograd")
torch.library.register_fake("cppo::policy_loss", _fake, lib=LIBRARY)


def _is_plain(log_prob: torch.Tensor, inputs: list[torch.Tensor]) -> bool:
    """True if nobody wants to see the op: no mode, tracer or transform, no tensor of another class or on a device."""
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return False
    if torch._C._len_torch_dispatch_stack() or torch._C._len_torch_function_stack() or torch._C._is_tracing():
        return False
    return log_prob.is_cpu and type(log_prob) in _PLAIN and all(type(x) in _PLAIN for x in inputs)


def _numbers_tensor(numbers: tuple[float, ...]) -> torch.Tensor:
    """A region's numbers. How many they are is no size of a batch, even where it is equal: nothing must tie them."""
    tensor = torch.tensor(numbers, dtype=torch.float64, device="cpu")
    setattr(tensor, "_dynamo_static_indices", {0})  # what torch._dynamo.mark_static does, without importing all of it
    return tensor


def policy_loss(log_prob: torch.Tensor, extra: Sequence[Any], cu_seqlens: Any, region: _regions.Region, o: Options,
                pieces: Sequence[Any], wanted: Sequence[str] | None,
                normalizer: Union[float, torch.Tensor, None]) -> Any:
    """As `cppo.policy_loss`. `extra`: as EXTRA_INPUTS; `pieces`: carries, totals and states of folds."""
    names, inputs = [], []
    if pieces[2] is not None and not isinstance(pieces[2], torch.Tensor):
        traced = torch.compiler.is_compiling()  # where an array of NumPy has no dtype to check
        pieces = *pieces[:2], torch.from_numpy(pieces[2] if traced else states_of(pieces[2]))
    for name, x in (*zip(EXTRA_INPUTS, extra), *zip(_OTHERS, (cu_seqlens, *pieces))):
        if x is not None:
            names.append(name)
            inputs.append(as_rows(x, log_prob.shape, name)[0] if name.startswith("top_k") else x)
    own = ("gradient", "loss") if o.aggregate == PER_TOKEN else ("gradient",)  # the op has them anyway
    asked = tuple(n for n in wanted or () if n not in own)
    keeps = wanted is not None and "gradient" in wanted
    gradient = None
    if _is_plain(log_prob, inputs) and not keeps:
        others: list[Any] = []
        learned = isinstance(normalizer, torch.Tensor) and normalizer.requires_grad
        loss = _apply_plain(log_prob, inputs, _call(region.text, tuple(names), asked, o, normalizer is not None),
                            region, None if learned else normalizer, others)
        if learned:
            loss = loss / normalizer
        lists = _divided(dict(zip(asked, others[1:])), normalizer)
        if isinstance(normalizer, _PLAIN) and normalizer.is_cpu and normalizer.numel() == 1:
            normalizer = float(normalizer.detach())  # what the report says must not change with it
        return _returned(loss, others[0], lists, o, wanted, normalizer)
    text = text_of(region.text, names, asked, o, normalizer is not None)
    if torch.compiler.is_compiling():
        loss, gradient, words, outputs = _op(log_prob, inputs, region.tensor, text)
    elif torch._C._are_functorch_transforms_active():
        loss, gradient, words, *outputs = _LossOfTransforms.apply(log_prob, inputs, region.tensor, text)
    else:
        loss, gradient, words, outputs = _op(log_prob, inputs, region.tensor, text)
    lists = dict(zip(asked, outputs))
    if keeps:
        lists["gradient"] = gradient
    if normalizer is not None:
        loss = loss / normalizer
    return _returned(loss, words, _divided(lists, normalizer), o, wanted, normalizer)


def _divided(lists: dict[str, Any], normalizer: Union[float, torch.Tensor, None]) -> dict[str, Any]:
    """The outputs, which the call has not divided."""
    if normalizer is not None:
        lists.update({n: lists[n] / normalizer for n in ("gradient", "loss") if n in lists})
    return lists


def _returned(loss: torch.Tensor, words: Any, lists: dict[str, Any], o: Options, wanted: Sequence[str] | None,
              normalizer: Union[float, torch.Tensor, None]) -> Any:
    """What `policy_loss` returns. `lists`: the outputs."""
    on_device = isinstance(words, torch.Tensor) and not words.is_cpu
    report = Report(words, normalizer, on_device and o.bad_input == "reject")
    if wanted is None:
        return loss, report
    if "loss" in wanted:
        lists.setdefault("loss", loss.detach())
    return loss, report, Outputs(**lists)


_regions.give_tensors(_numbers_tensor)
_loss_module.torch_policy_loss = policy_loss
_loss_module.tensor_types = (torch.Tensor,)
from . import _torch_head, _torch_shards  # noqa: E402, F401  # their ops, and those of _torch_logits, are of LIBRARY
