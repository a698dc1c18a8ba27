"""Shards of the vocabulary for PyTorch: what is found in the logits of this rank, and log-probs of what all have found,
with the gradient of the logits of this rank."""

from __future__ import annotations

from typing import Any

import torch

from . import _composed_logits as composed
from . import _rows
from ._rows import How, Rows
from ._torch_logits import (_NO_SECOND, Found, Maybe, _by_library, _check, _dense, _may_write_over, _new, _slopes,
                            _tensor, _write_gradient, named)
from .logits import LogProbs, in_torch


def _here(x: Maybe) -> Maybe:
    """What has a number for each slot, on the host."""
    return None if x is None else x.detach().cpu()


def find_logits(logits: torch.Tensor, shard: tuple[int, int], token_id: Any, top_k_ids: Any, response_mask: Any,
                cu_seqlens: Any, largest_count: int, how: How) -> torch.Tensor:
    """The words of `cppo.find_logits`."""
    ids, lists, mask, cuts = (_tensor(x, logits) for x in (token_id, top_k_ids, response_mask, cu_seqlens))
    inputs = {"token_id": ids, "response_mask": mask, "top_k_ids": lists}
    _check(logits, {**inputs, "cu_seqlens": cuts})
    if not _by_library(logits, how):
        assert ids is not None
        at = composed.slots_of(logits.detach(), how, mask, cuts)
        words, bad = composed.find(at, ids, lists, shard, largest_count)
        if not logits.is_cpu or not bad.any():
            return words
        how = how._replace(executor="seq")  # which says what is bad
    rows = Rows(logits.detach(), how, _dense(cuts), shard=shard)
    return torch.from_numpy(_rows.find(rows, inputs, largest_count))


class _OfFound(torch.autograd.Function):
    """Log-probs of what was found. Forward reads no logits, backward those of this rank."""

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, token_id: torch.Tensor, top_k_ids: Maybe, response_mask: Maybe,
                cu_seqlens: Maybe, words: Any, shard: tuple[int, int], entropy: bool, largest_count: int,
                in_double: bool, in_place: bool, how: How) -> Found:
        k = 0 if top_k_ids is None else top_k_ids.shape[-1]
        slots = tuple(logits.shape[:-1])
        found = _new(torch.empty((*slots, 0), device="cpu"), k, entropy, largest_count, in_double)
        wanted = named(found, top_k_ids, entropy, largest_count)
        inputs = {"token_id": _here(token_id), "response_mask": _here(response_mask), "top_k_ids": _here(top_k_ids)}
        rows = _rows.of_any_shard(slots, how, shard[1], _dense(_here(cu_seqlens)))
        _rows.log_probs_of(words, rows, inputs, wanted._asdict())
        if not logits.is_cpu:
            found = tuple(x.to(logits.device) for x in found)
        _, listed, log_sum_exp, h, largest_id, largest_log_prob = found
        ctx.mark_non_differentiable(listed, log_sum_exp, largest_id, largest_log_prob)
        ctx.set_materialize_grads(False)
        ctx.how, ctx.shard, ctx.with_entropy, ctx.in_place = how, shard, entropy, in_place
        ctx.save_for_backward(logits, token_id, log_sum_exp, response_mask, cu_seqlens, h)
        return found

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        slopes, gradient = _slopes(ctx, grads), None
        if torch.is_grad_enabled():
            raise RuntimeError(_NO_SECOND)
        if slopes is not None:
            logits, token_id, log_sum_exp, response_mask, cu_seqlens, entropy = ctx.saved_tensors
            gradient = logits.detach() if ctx.in_place else logits.new_empty(logits.shape)
            _write_gradient(gradient, logits.detach(), token_id, slopes[0], log_sum_exp, response_mask, cu_seqlens,
                            None if slopes[1] is None else entropy, slopes[1], ctx.how, ctx.shard)
            if ctx.in_place:
                torch.autograd.graph.increment_version(logits)  # who else saved them is told
        return (gradient, *[None] * 11)


def log_probs_of_found(logits: torch.Tensor, words: Any, shard: tuple[int, int], inputs: tuple[Any, Any, Any, Any],
                       entropy: bool, largest_count: int, dtype: str, gradient_in_place: bool, how: How) -> LogProbs:
    """As `FoundLogits.log_probs`."""
    ids, lists, mask, cuts = (_tensor(x, logits) for x in inputs)
    _check(logits, {"token_id": ids, "top_k_ids": lists, "response_mask": mask, "cu_seqlens": cuts})
    in_place = gradient_in_place and _may_write_over(logits)
    found: Found = _OfFound.apply(logits, ids, lists, mask, cuts, words, shard, entropy, largest_count,
                                  dtype == "float64", in_place, how)
    return named(found, lists, entropy, largest_count)


in_torch.update(find_logits=torch.compiler.disable(find_logits),
                log_probs_of_found=torch.compiler.disable(log_probs_of_found))
