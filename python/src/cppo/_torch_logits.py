"""The ops `cppo::log_probs`, `cppo::logits_gradient` and `cppo::full_divergences` for PyTorch: schemas, kernels, fake
kernels, gradients. On a device they are PyTorch's own operations: `_composed_logits`."""

from __future__ import annotations

from typing import Any, Optional

import torch

from . import _composed_logits as composed
from . import _native as c
from . import _rows
from ._rows import How, Rows
from ._torch import LIBRARY
from .logits import FullDivergences, LogProbs, in_torch, run_divergences

Maybe = Optional[torch.Tensor]
Found = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
"""The members of `LogProbs`; a tensor of no element for what was not asked for."""

_HOW = "float temperature, str executor, int threads, bool with_capacity"
LIBRARY.define("log_probs(Tensor logits, Tensor token_id, Tensor? top_k_ids, Tensor? response_mask, "
               "Tensor? cu_seqlens, bool entropy, int largest_count, bool in_double, " + _HOW + ") -> ("
               "Tensor log_prob, Tensor listed_log_prob, Tensor log_sum_exp, Tensor entropy, Tensor largest_id, "
               "Tensor largest_log_prob)", tags=torch.Tag.pt2_compliant_tag)
LIBRARY.define("logits_gradient(Tensor logits, Tensor token_id, Tensor slope, Tensor log_sum_exp, "
               "Tensor? response_mask, Tensor? cu_seqlens, Tensor? entropy, Tensor? entropy_slopes, int first_id, "
               "int vocabulary, " + _HOW + ") -> Tensor", tags=torch.Tag.pt2_compliant_tag)
LIBRARY.define("full_divergences(Tensor logits, Tensor log_sum_exp, Tensor mu, Tensor? rollout_log_sum_exp, "
               "float rollout_temperature, Tensor? response_mask, bool tv, bool kl, " + _HOW + ") -> (Tensor, Tensor)",
               tags=torch.Tag.pt2_compliant_tag)
_log_probs = torch.ops.cppo.log_probs.default
_gradient = torch.ops.cppo.logits_gradient.default
_divergences = torch.ops.cppo.full_divergences.default

_NO_SECOND = ("cppo.log_probs has no second derivative: call backward() or grad() without create_graph, or detach the "
              "gradient")


def _check(logits: torch.Tensor, others: dict[str, Maybe]) -> None:
    """Raises `Error` unless all lie on one device."""
    for name, x in others.items():
        if x is not None and x.device != logits.device:
            raise c.Error(f"{name} lies on {x.device}, but logits on {logits.device}: pass both on one device",
                          c.StatusCode.not_device_memory, name)


def _by_library(logits: torch.Tensor, how: How) -> bool:
    return logits.is_cpu and how.executor != "torch"


def _new(logits: torch.Tensor, k: int, entropy: bool, largest_count: int, in_double: bool) -> Found:
    """Room for what is found."""
    slots, kind = logits.shape[:-1], torch.float64 if in_double else torch.float32

    def new(wanted: bool, dtype: torch.dtype, *last: int) -> torch.Tensor:
        return logits.new_empty((*slots, *last) if wanted else (0,), dtype=dtype)
    return (new(True, kind), new(k > 0, kind, k), new(True, torch.float64), new(entropy, kind),
            new(largest_count > 0, torch.int64, largest_count), new(largest_count > 0, kind, largest_count))


def _log_probs_kernel(logits: torch.Tensor, token_id: torch.Tensor, top_k_ids: Maybe, response_mask: Maybe,
                      cu_seqlens: Maybe, entropy: bool, largest_count: int, in_double: bool, temperature: float,
                      executor: str, threads: int, with_capacity: bool) -> Found:
    how = How(temperature, executor, threads, with_capacity)
    _check(logits, {"token_id": token_id, "top_k_ids": top_k_ids, "response_mask": response_mask,
                    "cu_seqlens": cu_seqlens})
    k = 0 if top_k_ids is None else top_k_ids.shape[-1]
    found = _new(logits, k, entropy, largest_count, in_double)
    if not _by_library(logits, how):
        at = composed.slots_of(logits, how, response_mask, cu_seqlens)
        bad = composed.log_probs(at, token_id, top_k_ids, found)
        if not logits.is_cpu or not bad.any():
            return found
        how = how._replace(executor="seq")  # which says what is bad
    wanted = LogProbs(found[0], found[1] if k > 0 else None, found[2], found[3] if entropy else None,
                      found[4] if largest_count != 0 else None, found[5] if largest_count != 0 else None)
    inputs = {"token_id": token_id, "response_mask": response_mask, "top_k_ids": top_k_ids}
    _rows.run("cppo_log_probs", Rows(logits, how, _dense(cu_seqlens)), inputs, wanted._asdict())
    return found


def _dense(x: Maybe) -> Maybe:
    return None if x is None else x.contiguous()


def _log_probs_fake(logits: torch.Tensor, token_id: torch.Tensor, top_k_ids: Maybe, response_mask: Maybe,
                    cu_seqlens: Maybe, entropy: bool, largest_count: int, in_double: bool, *_: Any) -> Found:
    return _new(logits, 0 if top_k_ids is None else top_k_ids.shape[-1], entropy, largest_count, in_double)


def _write_gradient(out: torch.Tensor, logits: torch.Tensor, token_id: torch.Tensor, slope: torch.Tensor,
                    log_sum_exp: torch.Tensor, response_mask: Maybe, cu_seqlens: Maybe, entropy: Maybe,
                    entropy_slopes: Maybe, how: How, shard: tuple[int, int] = (0, 0)) -> None:
    """Writes the gradient, which may be the memory of the logits. `shard`: as of `Rows`."""
    numbers = {"slope": slope, "log_sum_exp": log_sum_exp, "entropy": entropy, "entropy_slopes": entropy_slopes}
    _check(logits, {"token_id": token_id, "response_mask": response_mask, "cu_seqlens": cu_seqlens,
                    "logits_gradient": out, **numbers})
    if not _by_library(logits, how):
        at = composed.slots_of(logits, how, response_mask, cu_seqlens)
        composed.write_gradient(at, token_id, slope, log_sum_exp, entropy, entropy_slopes, out, shard)
        return
    inputs = {"token_id": token_id, "response_mask": response_mask,
              **{name: _dense(x) for name, x in numbers.items()}}
    cuts = _dense(cu_seqlens)
    _rows.run("cppo_logits_gradient", Rows(logits, how, cuts, shard=shard), inputs, {},
              gradient=Rows(out, how, cuts, "logits_gradient"))


def _gradient_kernel(logits: torch.Tensor, token_id: torch.Tensor, slope: torch.Tensor, log_sum_exp: torch.Tensor,
                     response_mask: Maybe, cu_seqlens: Maybe, entropy: Maybe, entropy_slopes: Maybe, first_id: int,
                     vocabulary: int, temperature: float, executor: str, threads: int,
                     with_capacity: bool) -> torch.Tensor:
    out = logits.new_empty(logits.shape)
    _write_gradient(out, logits, token_id, slope, log_sum_exp, response_mask, cu_seqlens, entropy, entropy_slopes,
                    How(temperature, executor, threads, with_capacity), (first_id, vocabulary))
    return out


def _gradient_fake(logits: torch.Tensor, *_: Any) -> torch.Tensor:
    return logits.new_empty(logits.shape)


def _divergences_kernel(logits: torch.Tensor, log_sum_exp: torch.Tensor, mu: torch.Tensor, rollout_log_sum_exp: Maybe,
                        rollout_temperature: float, response_mask: Maybe, tv: bool, kl: bool, temperature: float,
                        executor: str, threads: int, with_capacity: bool) -> tuple[torch.Tensor, torch.Tensor]:
    how = How(temperature, executor, threads, with_capacity)
    _check(logits, {"log_sum_exp": log_sum_exp, "rollout_logits": mu, "rollout_log_sum_exp": rollout_log_sum_exp,
                    "response_mask": response_mask})
    found = _divergences_fake(logits, log_sum_exp, mu, rollout_log_sum_exp, rollout_temperature, response_mask, tv, kl)
    written = {"tv": found[0] if tv else None, "kl": found[1] if kl else None}
    its = how._replace(temperature=rollout_temperature)
    if _by_library(logits, how):
        of_mu = (rollout_log_sum_exp is not None, mu, _dense(rollout_log_sum_exp), its)
        run_divergences(logits, _dense(log_sum_exp), of_mu, response_mask, written, how)
    else:
        composed.write_divergences(composed.slots_of(logits, how, response_mask, None), log_sum_exp,
                                   composed.slots_of(mu, its, response_mask, None), rollout_log_sum_exp, written)
    return found


def _divergences_fake(logits: torch.Tensor, log_sum_exp: torch.Tensor, mu: torch.Tensor, rollout_log_sum_exp: Maybe,
                      rollout_temperature: float, response_mask: Maybe, tv: bool, kl: bool,
                      *_: Any) -> tuple[torch.Tensor, torch.Tensor]:
    slots = logits.shape[:-1]
    first, second = (logits.new_empty(slots if wanted else (0,), dtype=torch.float32) for wanted in (tv, kl))
    return first, second


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Found) -> None:
    """Saves what backward reads, and says what has no gradient."""
    logits, token_id, _, response_mask, cu_seqlens, with_entropy, *_ = inputs
    log_prob, listed, log_sum_exp, entropy, largest_id, largest_log_prob = output
    ctx.mark_non_differentiable(listed, log_sum_exp, largest_id, largest_log_prob)
    ctx.set_materialize_grads(False)
    ctx.how, ctx.with_entropy = How(*inputs[-4:]), with_entropy
    ctx.save_for_backward(logits, token_id, log_sum_exp, response_mask, cu_seqlens, entropy)


def _slopes(ctx: Any, grads: tuple[Any, ...]) -> Optional[tuple[torch.Tensor, Maybe]]:
    """The slopes of log-prob and entropy; None if there are none."""
    of_log_prob, _, _, of_entropy, *_ = grads
    if not ctx.with_entropy:
        of_entropy = None
    if of_log_prob is None and of_entropy is None:
        return None
    return torch.zeros_like(of_entropy) if of_log_prob is None else of_log_prob, of_entropy


def _backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
    slopes, gradient = _slopes(ctx, grads), None
    if slopes is not None:
        logits, token_id, log_sum_exp, response_mask, cu_seqlens, entropy = ctx.saved_tensors
        call = _GradientOfTransforms.apply if torch._C._are_functorch_transforms_active() else _gradient
        gradient = call(logits, token_id, slopes[0], log_sum_exp, response_mask, cu_seqlens,
                        None if slopes[1] is None else entropy, slopes[1], 0, 0, *ctx.how)
    return (gradient, *[None] * 11)


def _refuse_second(ctx: Any, *_: Any) -> Any:
    raise RuntimeError(_NO_SECOND)


def _keep_nothing(ctx: Any, inputs: Any, output: Any) -> None:
    pass


class _OfTransforms(torch.autograd.Function):
    """The same for the transforms of torch.func, which know no op of the kind that torch.library makes."""

    @staticmethod
    def forward(*inputs: Any) -> Found:
        found: Found = _log_probs(*inputs)
        return found

    setup_context = staticmethod(_keep)
    backward = staticmethod(_backward)


class _GradientOfTransforms(torch.autograd.Function):
    """The same of the gradient."""

    @staticmethod
    def forward(*inputs: Any) -> torch.Tensor:
        gradient: torch.Tensor = _gradient(*inputs)
        return gradient

    setup_context = staticmethod(_keep_nothing)
    backward = staticmethod(_refuse_second)


class _InPlace(torch.autograd.Function):
    """The same, but the gradient is written over the logits."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Found:
        with torch._C._AutoDispatchBelowAutograd():
            found: Found = _log_probs(*inputs)
        _keep(ctx, inputs, found)
        return found

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        slopes, gradient = _slopes(ctx, grads), None
        if torch.is_grad_enabled():
            raise RuntimeError(_NO_SECOND)
        if slopes is not None:
            logits, token_id, log_sum_exp, response_mask, cu_seqlens, entropy = ctx.saved_tensors
            gradient = logits.detach()
            _write_gradient(gradient, gradient, token_id, slopes[0], log_sum_exp, response_mask, cu_seqlens,
                            None if slopes[1] is None else entropy, slopes[1], ctx.how)
            torch.autograd.graph.increment_version(logits)  # who else saved them is told
        return (gradient, *[None] * 11)


for _name, _kernel, _fake in (("log_probs", _log_probs_kernel, _log_probs_fake),
                              ("logits_gradient", _gradient_kernel, _gradient_fake),
                              ("full_divergences", _divergences_kernel, _divergences_fake)):
    for _key in ("CPU", "CUDA", "XPU"):
        LIBRARY.impl(_name, _kernel, _key)
    torch.library.register_fake(f"cppo::{_name}", _fake, lib=LIBRARY)
torch.library.register_autograd("cppo::log_probs", _backward, setup_context=_keep, lib=LIBRARY)
torch.library.register_autograd("cppo::logits_gradient", _refuse_second, setup_context=_keep_nothing, lib=LIBRARY)


def _tensor(x: Any, logits: torch.Tensor) -> Maybe:
    return x if x is None or isinstance(x, torch.Tensor) else torch.as_tensor(x, device=logits.device)


def _may_write_over(logits: torch.Tensor) -> bool:
    """True if backward may write over the logits here. Raises `Error` for a leaf, whose value is a parameter's."""
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return False
    if not torch.is_grad_enabled() or not logits.requires_grad:
        return False
    base = logits if logits._base is None else logits._base
    if logits.is_leaf or (base.is_leaf and base.requires_grad):
        raise c.Error("gradient_in_place writes over logits that are a leaf, whose values you keep, or a view of one: "
                      "pass the logits of a model, or leave it out", argument="options")
    _rows.check_written(logits, logits)
    return True


def log_probs(logits: torch.Tensor, token_id: Any, top_k_ids: Any, response_mask: Any, cu_seqlens: Any, entropy: bool,
              largest_count: int, dtype: str, gradient_in_place: bool, how: How) -> LogProbs:
    """As `cppo.log_probs`."""
    ids, lists, mask, cuts = (_tensor(x, logits) for x in (token_id, top_k_ids, response_mask, cu_seqlens))
    call = _InPlace.apply if gradient_in_place and _may_write_over(logits) else _log_probs
    if torch._C._are_functorch_transforms_active() and not torch.compiler.is_compiling():
        call = _OfTransforms.apply
    return named(call(logits, ids, lists, mask, cuts, entropy, largest_count, dtype == "float64", *how), lists, entropy,
                 largest_count)


def named(found: Found, lists: Maybe, entropy: bool, largest_count: int) -> LogProbs:
    """What an op has found; None for what was not asked for."""
    all_found = LogProbs(*found)
    return all_found._replace(listed_log_prob=None if lists is None else all_found.listed_log_prob,
                              entropy=all_found.entropy if entropy else None,
                              largest_id=all_found.largest_id if largest_count != 0 else None,
                              largest_log_prob=all_found.largest_log_prob if largest_count != 0 else None)


def logits_gradient(logits: torch.Tensor, token_id: Any, slope: Any, log_sum_exp: Any, response_mask: Any,
                    cu_seqlens: Any, entropy: Any, entropy_slopes: Any, entropy_slope: float, shard: tuple[int, int],
                    out: Maybe, how: How) -> torch.Tensor:
    """As `cppo.logits_gradient`."""
    ids, of, total, mask, cuts, h, each = (_tensor(x, logits) for x in (
        token_id, slope, log_sum_exp, response_mask, cu_seqlens, entropy, entropy_slopes))
    assert ids is not None and of is not None and total is not None
    if each is None and entropy_slope != 0.0:
        each = torch.full_like(of, entropy_slope, dtype=torch.float64)
    if out is None:
        made: torch.Tensor = _gradient(logits, ids, of, total, mask, cuts, h, each, *shard, *how)
        return made
    _rows.check_written(out, logits)
    with torch.no_grad():
        _write_gradient(out, logits, ids, of, total, mask, cuts, h, each, how, shard)
        torch.autograd.graph.increment_version(out)
    return out


def full_divergences(logits: torch.Tensor, log_sum_exp: Any, of_mu: tuple[bool, Any, Any, How], response_mask: Any,
                     tv: bool, kl: bool, how: How) -> FullDivergences:
    """As `cppo.full_divergences`."""
    _, x, its_total, its = of_mu
    total, mu, mask = (_tensor(t, logits) for t in (log_sum_exp, x, response_mask))
    given = (None if t is None else t.detach() for t in (logits, total, mu, _tensor(its_total, logits)))
    found = _divergences(*given, its.temperature, mask, tv, kl, *how)
    return FullDivergences(found[0] if tv else None, found[1] if kl else None)


in_torch.update(log_probs=log_probs, logits_gradient=logits_gradient, full_divergences=full_divergences)
