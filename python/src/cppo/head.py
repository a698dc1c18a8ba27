"""From hidden states and a linear head to log-probs and to a loss, with the logits of some rows in memory at a time."""

from __future__ import annotations

from typing import Any

from . import _native as c
from . import _rows
from ._rows import How
from .logits import LogProbs, _is_tensor, check_asked, in_torch, loss_of, shaped
from .regions import Region


def log_probs_from_head(hidden: Any, weight: Any, token_id: Any, *, bias: Any = None, top_k_ids: Any = None,
                        response_mask: Any = None, temperature: float = 1.0, entropy: bool = False,
                        largest_count: int = 0, dtype: str = "float32", slab_rows: int = 0, executor: str = "simd",
                        threads: int = 1, cu_seqlens: Any = None, with_capacity: bool = False) -> LogProbs:
    """`log_probs` of the logits hidden · weightᵀ + bias, which are made a slab of rows at a time and never held at
    once. For tensors of PyTorch, whose products of matrices it uses.

    Only rows of tokens are multiplied. Backward multiplies the rows of tokens that have a slope once more, since their
    logits were not kept, and gives the gradients of hidden, weight and bias: three products for these rows where
    logits that are kept need two. Memory beside the arguments and their gradients: one slab of logits, the hidden
    states of its rows, and for a weight that is not float32 its gradient in float32 and up to 2²⁴ numbers of a product,
    which is rounded to the type of the weight before it is added. The numbers of the rows of tokens are counted, which
    waits for a device once forward and once backward, but forward not without a mask. Where all logits fit, make them
    and call `log_probs`: it saves that product. The numbers are those of `log_probs`, where PyTorch's product of a
    slab's rows gives the logits that its product of all rows gives.

    Args:
        hidden: hidden states, float32, bfloat16 or float16, [B, T, H] or [N, H]: row i belongs to slot i. Drop the last
            state of a response before, as logits are shifted against the ids that they predict.
        weight: [V, H], as `torch.nn.Linear` has it, of the same type.
        bias: [V], or None.
        token_id, top_k_ids, response_mask, temperature, entropy, largest_count, dtype, executor, threads, cu_seqlens,
            with_capacity: as `log_probs`.
        slab_rows: rows of a slab; 0: as many as hold 2²⁶ logits. More rows make products faster, up to some hundreds.

    Raises:
        Error: as `log_probs`; also where hidden, weight and bias do not fit together.
    """
    hidden = shaped(hidden)
    _check(hidden, slab_rows)
    how = How(temperature, executor, threads, with_capacity)
    top_k_ids = shaped(top_k_ids)
    check_asked(how, dtype, largest_count, top_k_ids)
    found: LogProbs = in_torch["log_probs_from_head"]((hidden, weight, bias), token_id, top_k_ids, response_mask,
                                                      cu_seqlens, entropy, largest_count, dtype, slab_rows, how)
    return found


def _check(hidden: Any, slab_rows: int) -> None:
    _rows.check_shape(tuple(hidden.shape), "hidden")
    if not _is_tensor(hidden):
        raise c.Error("hidden must be a tensor of PyTorch, whose products of matrices are used: elsewhere, make the "
                      "logits and call log_probs", c.StatusCode.executor_unavailable, "logits")
    if slab_rows < 0:
        raise c.Error(f"slab_rows is {slab_rows}, but must be 0 or more", argument="options")


def policy_loss_from_head(hidden: Any, weight: Any, token_id: Any, rollout_log_prob: Any, advantage: Any,
                          response_mask: Any = None, *, region: Region, bias: Any = None, rollout_top_k: Any = None,
                          temperature: float = 1.0, slab_rows: int = 0, entropy: Any = None,
                          entropy_bonus: float = 0.0, outputs: Any = None, executor: str = "simd", threads: int = 1,
                          cu_seqlens: Any = None, with_capacity: bool = False, **options: Any) -> Any:
    """`policy_loss` from the hidden states of π and its linear head: backward gives ∂loss/∂hidden, ∂loss/∂weight and
    ∂loss/∂bias. It is `log_probs_from_head`, `policy_loss` and backward of both.

    Args:
        hidden, weight, token_id, bias, temperature, slab_rows: as `log_probs_from_head`.
        rollout_log_prob, advantage, response_mask, region, threads, cu_seqlens, with_capacity: as `policy_loss`.
        rollout_top_k, entropy, entropy_bonus, outputs, executor: as `policy_loss_from_logits`.
        **options: all others of `policy_loss`.

    Returns:
        (loss, report), or (loss, report, outputs).
    """
    rows = "torch" if executor in ("torch", "cuda") else executor

    def find(**asked: Any) -> LogProbs:
        return log_probs_from_head(hidden, weight, token_id, bias=bias, response_mask=response_mask,
                                   temperature=temperature, slab_rows=slab_rows, executor=rows, threads=threads,
                                   cu_seqlens=cu_seqlens, with_capacity=with_capacity, **asked)
    loss, report, more, _ = loss_of(
        find, rollout_log_prob, advantage, response_mask, region=region, token_id=token_id, rollout_top_k=rollout_top_k,
        entropy=entropy, entropy_bonus=entropy_bonus, outputs=outputs, executor=executor, threads=threads,
        cu_seqlens=cu_seqlens, with_capacity=with_capacity, **options)
    return (loss, report) if more is None else (loss, report, more)
