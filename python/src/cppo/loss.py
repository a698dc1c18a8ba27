"""`policy_loss`: masks, weighs and differentiates a batch."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from . import _numpy
from ._call import Options
from .regions import Region

tensor_types: tuple[type, ...] = ()
"""Set by `_torch`. The tracers of older releases of PyTorch know of a tensor no more than its type."""


def torch_policy_loss(*call: Any) -> Any:
    """Set by `_torch`, which is loaded with the first region or call once there is PyTorch."""
    raise RuntimeError("cppo: its part for PyTorch is not loaded")


class TopK(NamedTuple):
    """The K tokens that each slot lists, of shape [B, T, K] or [N, K]."""

    ids: Any
    """Integers; -1 marks an entry that is not used."""
    log_probs: Any
    """log π of the listed tokens, nats."""
    rollout_log_probs: Any
    """log μ of the listed tokens, nats."""


def policy_loss(log_prob: Any, rollout_log_prob: Any, advantage: Any, response_mask: Any = None, *, region: Region,
                cu_seqlens: Any = None, token_weight: Any = None, divergence_values: Any = None, token_id: Any = None,
                top_k: Any = None, entropy: Any = None, reference_log_prob: Any = None, aggregate: str = "token_mean",
                normalizer: Any = None, horizon: int = 0,
                bad_input: str = "reject", positions: str = "own_length", surrogate: str = "ratio",
                log_ratio_clamp: float | None = None, ratio_cap: float | None = None,
                log_prob_tolerance: float | None = None, log_prob_floor: float | None = None, carries: Any = None,
                totals: Any = None, folds: Any = None, executor: str = "simd", threads: int = 1,
                with_capacity: bool = False, outputs: Any = None) -> Any:
    """Masks, weighs and differentiates a batch. [Eq. 8-11, Algorithm 1]

    Tensors of PyTorch and arrays of JAX give a loss with a gradient; what else NumPy reads gives a float. Nothing is
    copied, whatever its strides, but for Top-K lists [B, T, K] that are no view of [B T, K]. All is computed in double
    if a log-prob or a divergence is double, else in float.

    Args:
        log_prob: log π(y_t), nats, [B, T], or [T] for one response, or packed [N] with `cu_seqlens`.
        rollout_log_prob: log μ(y_t), nats, same shape.
        advantage: Â_t, same shape; or one for each response, [B] or [B, 1].
        response_mask: 1 or True for a token the policy generated, else 0; without it every slot is a token.
        region: as `fixed_cppo()`.
        cu_seqlens: int32 or int64 [B + 1]: where each packed response begins, and the last one ends.
        token_weight: constant factor on each token's loss.
        divergence_values: D_t for a region with `precomputed`.
        token_id, top_k: the sampled id, and `TopK(ids, log_probs, rollout_log_probs)`, for Top-K divergences.
        entropy, reference_log_prob: of each token, nats, for rules that read them: `entropy_top()`, `kl_k3()`.
        aggregate: "token_sum", "token_mean", "seq_mean_token_sum", "seq_mean_token_mean",
            "seq_mean_token_sum_norm", or "none": the losses of tokens, unscaled. (C++ has token_sum as its default.)
        normalizer: the divisor of the aggregation, where it is known for all micro-batches and ranks. A tensor is not
            read: nothing waits for a device.
        horizon: T of "fixed_horizon", and the divisor of "seq_mean_token_sum_norm".
        bad_input: what NaN and the like do: "reject" raises; "leave_out" leaves out their response, and the report
            counts it; "exclude" leaves out the token; "propagate" writes NaN.
        positions: what t and T are: "own_length", "fixed_horizon" or "padded_column".
        surrogate: "ratio", or "reinforce" for −M sg(ρ) Â log π.
        log_ratio_clamp: ρ = exp(clamp(log ρ, −c, c)); 0 switches it off. Default 20.
        ratio_cap: ρ is at most this; 0, the default, switches it off.
        log_prob_tolerance: log-probs up to this much above 0 are accepted. Default 0.
        log_prob_floor: finite log-probs below it are bad input. Default −1000.
        carries, totals: of a response in pieces, as `plan_pieces` makes them.
        folds: of a rule that reads the whole batch, where the call is one of its micro-batches: what `fold_states`
            returns. Give `normalizer` too, and the options that the `MicroBatch` got: bad_input, positions and horizon,
            surrogate, log_ratio_clamp and ratio_cap, log_prob_tolerance and log_prob_floor. States do not say under
            which they were made, so that the call cannot compare.
        executor: "simd", or "seq": the same bits, slower; "torch": PyTorch's own operations, on any device. Tensors on
            a GPU go to the op for CUDA, or to "torch" with a warning where it cannot be built, and under a rule with
            comparisons, folds or a loss of its own; "cuda" insists on it.
        threads: 0: as many as the machine has. The bits are the same.
        with_capacity: packed buffers may have more slots than `cu_seqlens` covers; what is written there is 0.
        outputs: names of what else to return, as ("mask", "gate"); see `Outputs`. For NumPy it may be a dictionary
            from names to arrays that are written.

    Returns:
        (loss, report), or (loss, report, outputs) if outputs were asked for.

    Raises:
        Error: with the argument, the place and the remedy.
    """
    lists = (None, None, None) if top_k is None else top_k
    extra = (rollout_log_prob, advantage, response_mask, divergence_values, token_weight, token_id, *lists,
             entropy, reference_log_prob)
    options = Options(aggregate, 0.0, horizon, bad_input, positions, surrogate, log_ratio_clamp, ratio_cap,
                      log_prob_tolerance, log_prob_floor, executor, threads, with_capacity)
    pieces = (carries, totals, folds)
    if not tensor_types and "torch" in sys.modules:
        from . import _torch  # noqa: F401
    if not isinstance(log_prob, tensor_types):
        if type(log_prob).__module__.startswith("jax"):
            from . import jax
            return jax.policy_loss(log_prob, extra, cu_seqlens, region, options, pieces, outputs, normalizer)
        scaled = options if normalizer is None else options._replace(normalizer=float(normalizer))
        return _numpy.policy_loss(log_prob, extra, cu_seqlens, region, scaled, pieces, outputs)
    return torch_policy_loss(log_prob, extra, cu_seqlens, region, options, pieces, outputs, normalizer)
