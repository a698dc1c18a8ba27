"""From logits [B, T, V] to log-probs, to a loss whose gradient is that of the logits, and to divergences of the whole
vocabulary. Rows of slots that are no tokens are never read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import _entropy_bonus, _rows
from . import _native as c
from . import loss as _loss
from ._call import DECIDES_ARITHMETIC, PER_TOKEN
from ._numpy import as_array, lend
from ._rows import How, Rows
from .loss import TopK
from .outputs import Outputs
from .regions import Region

in_torch: dict[str, Callable[..., Any]] = {}
"""The calls on tensors of PyTorch by name; set by `_torch_logits`."""


class LogProbs(NamedTuple):
    """What `log_probs` finds, of the shape of the slots; lists have one extent more. What was not asked for is None.
    Excluded slots hold 0, and id -1. `log_prob` and `entropy` have a gradient; all else is constant to it."""

    log_prob: Any
    """log π of the sampled id, nats."""
    listed_log_prob: Any
    """log π of the ids of `top_k_ids`; −inf where an entry is empty. For divergences: no gradient."""
    log_sum_exp: Any
    """The log of the sum of exp(x / T) over the row, float64: what `logits_gradient` and `full_divergences` read."""
    entropy: Any
    """H of the row, nats."""
    largest_id: Any
    """The ids of the largest logits, largest first, of equals lower ids first; -1 past the last that has a
    probability."""
    largest_log_prob: Any
    """log π of them."""


class FullDivergences(NamedTuple):
    """Divergences over the whole vocabulary, float32, of the shape of the slots; None where not asked for."""

    tv: Any
    """½ Σ |π − μ|."""
    kl: Any
    """KL(μ‖π), nats; saturates at 1000."""


def _is_tensor(x: Any) -> bool:
    """True for a tensor of PyTorch. Arrays of JAX are refused."""
    if not _loss.tensor_types and "torch" in sys.modules:
        from . import _torch  # noqa: F401
    if isinstance(x, _loss.tensor_types):
        return True
    if type(x).__module__.startswith("jax"):
        raise c.Error("logits are an array of JAX, which calls on logits do not take: pass log-probs to policy_loss, "
                      "or an array of NumPy", c.StatusCode.executor_unavailable, "logits")
    return False


def shaped(x: Any) -> Any:
    """An array or a tensor as it is, a list as an array."""
    return x if x is None or hasattr(x, "shape") else np.asarray(x)


def check_asked(how: How, dtype: str = "float32", largest_count: int = 0, lists: Any = None) -> None:
    """Raises `Error` for options that fit no call, whatever its rows are."""
    if how.executor not in ("torch", *c.EXECUTORS):
        raise c.Error(f"executor must be simd, seq or torch, not {how.executor!r}", argument="options")
    if not 2.0**-20 <= how.temperature <= 2.0**20:
        raise c.Error(f"temperature is {how.temperature}, but must be in [2^-20, 2^20]: for sampling at 0 there is no "
                      "softmax", argument="logits")
    if not 0 <= how.threads <= 4096:
        raise c.Error(f"threads is {how.threads}, but must be 0 to 4096", argument="options")
    if dtype not in ("float32", "float64"):
        raise c.Error(f"dtype must be \"float32\" or \"float64\", not {dtype!r}", argument="options")
    if largest_count < 0:
        raise c.Error(f"largest_count is {largest_count}, but must be 0 or more", argument="options")
    if lists is not None and 0 in lists.shape[-1:]:
        raise c.Error("top_k_ids list no id: leave them out", c.StatusCode.extent_mismatch, "top_k")


def log_probs(logits: Any, token_id: Any, *, top_k_ids: Any = None, response_mask: Any = None, cu_seqlens: Any = None,
              temperature: float = 1.0, entropy: bool = False, largest_count: int = 0, dtype: str = "float32",
              gradient_in_place: bool = False, executor: str = "simd", threads: int = 1,
              with_capacity: bool = False) -> LogProbs:
    """log π of the sampled ids and of listed ones, log-sum-exp, entropy and the largest logits, in one pass.

        log π(a) = x_a / T − log Σ_v exp(x_v / T),   H = −Σ_v π(v) log π(v)

    Backward is one pass too, from `log_prob` and `entropy` to the gradient of the logits, in their type: it holds no
    second array of their size. Tensors on a device, and `executor="torch"`, are computed by PyTorch's own operations,
    a few rows at a time; see `docs/logits.md`.

    Args:
        logits: float32, bfloat16 or float16, [B, T, V] or [N, V], read as they lie: the ids of a row side by side, rows
            anyhow, as `logits[:, :-1]` has them, but no row for several slots, as `expand` makes it.
        token_id: the sampled id of each slot, [B, T] or [N].
        top_k_ids: ids whose log-probs are asked for, [B, T, K] or [N, K]; entries below 0 are empty.
        response_mask: 1 or True for a token, 0 for a slot whose row is not read; without it every slot is a token.
        cu_seqlens: offsets of packed responses, as in `policy_loss`, where errors shall name response and token.
        temperature: T.
        entropy: True asks for it.
        largest_count: how many of the largest logits are listed.
        dtype: of log_prob, listed_log_prob and entropy: "float32" or "float64". What is written is within 2e-6 of the
            exact number before it is rounded.
        gradient_in_place: backward writes the gradient over the logits, so that it takes no memory. Say so only where
            nothing else reads them: not for a leaf. torch.compile plans memory itself, and does not read this.
        executor: "simd"; "seq": the same bits, slower; "torch".
        threads: 0: as many as the machine has. The bits are the same.
        with_capacity: packed slots may be more than `cu_seqlens` covers.

    Raises:
        Error: with the argument, the place and the remedy; also for a logit of NaN or +inf, an id outside of the
            vocabulary and a sampled id whose logit is −inf, at a token. On a device such a token's numbers are NaN.
    """
    how = How(temperature, executor, threads, with_capacity)
    logits, top_k_ids = shaped(logits), shaped(top_k_ids)
    _rows.check_shape(tuple(logits.shape))
    check_asked(how, dtype, largest_count, top_k_ids)
    if _is_tensor(logits):
        call = in_torch["log_probs"]
        found: LogProbs = call(logits, token_id, top_k_ids, response_mask, cu_seqlens, entropy, largest_count, dtype,
                               gradient_in_place, how)
        return found
    return _log_probs(np.asarray(logits), token_id, top_k_ids, response_mask, cu_seqlens, entropy, largest_count, dtype,
                      how)


def _log_probs(logits: Any, token_id: Any, top_k_ids: Any, response_mask: Any, cu_seqlens: Any, entropy: bool,
               largest_count: int, dtype: str, how: How) -> LogProbs:
    ids = _array(top_k_ids)
    found = new_log_probs(logits.shape[:-1], ids, entropy, largest_count, dtype)
    inputs = {"token_id": as_array(token_id), "response_mask": _array(response_mask), "top_k_ids": ids}
    _rows.run("cppo_log_probs", Rows(logits, how, _array(cu_seqlens)), inputs, found._asdict())
    return found


def new_log_probs(slots: tuple[int, ...], top_k_ids: Any, entropy: bool, largest_count: int, dtype: str) -> LogProbs:
    """Room for what is found."""
    def new(wanted: bool, kind: str, *last: int) -> Any:
        return np.empty((*slots, *last), kind) if wanted else None
    k = 0 if top_k_ids is None else top_k_ids.shape[-1]
    return LogProbs(new(True, dtype), new(top_k_ids is not None, dtype, k), new(True, "float64"), new(entropy, dtype),
                    new(largest_count > 0, "int64", largest_count), new(largest_count > 0, dtype, largest_count))


def _array(x: Any) -> Any:
    return None if x is None else as_array(x)


def logits_gradient(logits: Any, token_id: Any, slope: Any, log_sum_exp: Any, *, response_mask: Any = None,
                    cu_seqlens: Any = None, temperature: float = 1.0, entropy: Any = None,
                    entropy_slope: Any = 0.0, first_id: int = 0, vocabulary: int = 0, out: Any = None,
                    executor: str = "simd", threads: int = 1, with_capacity: bool = False) -> Any:
    """The gradient of the logits, from that of the log-probs of the sampled ids: what backward of `log_probs` does.

        ∂loss/∂x_v = slope (1{v = y} − π(v)) / T − entropy_slope π(v) (log π(v) + H) / T

    Rows of excluded slots and of tokens without a slope are +0, and their logits are not read.

    Args:
        logits, token_id, response_mask, cu_seqlens, temperature, executor, threads, with_capacity: as `log_probs`.
        slope: ∂loss/∂log π(y), of the shape of the slots: the output `gradient` of `policy_loss`.
        log_sum_exp: as `log_probs` gives it.
        entropy: H of each row, where it has a slope.
        entropy_slope: ∂loss/∂H: a number for all tokens, or one each.
        first_id, vocabulary: of a shard of the vocabulary, the id of its first column and how many ids there are;
            log_sum_exp and entropy are those of all of them. By default the logits are those of all ids.
        out: where it is written: an array or tensor of float32, bfloat16 or float16 of the shape of the logits, or the
            logits themselves. By default a new one of their type.

    Returns:
        The gradient.
    """
    how = How(temperature, executor, threads, with_capacity)
    logits, entropy_slope = shaped(logits), shaped(entropy_slope)
    _rows.check_shape(tuple(logits.shape))
    check_asked(how)
    each = hasattr(entropy_slope, "shape") and len(entropy_slope.shape) > 0
    slopes = (entropy_slope if each else None, 0.0 if each else float(entropy_slope))
    shard = (first_id, vocabulary)
    if shard != (0, 0):
        _rows.check_shard(shard, logits.shape[-1])
    if _is_tensor(logits):
        return in_torch["logits_gradient"](logits, token_id, slope, log_sum_exp, response_mask, cu_seqlens, entropy,
                                           *slopes, shard, out, how)
    x = np.asarray(logits)
    if out is not None:
        _rows.check_written(out, x)
    gradient = np.empty(x.shape, x.dtype) if out is None else out
    numbers = {"slope": as_array(slope), "log_sum_exp": as_array(log_sum_exp), "entropy": _array(entropy),
               "entropy_slopes": _array(slopes[0])}
    inputs = {"token_id": as_array(token_id), "response_mask": _array(response_mask), **numbers}
    cuts = _array(cu_seqlens)
    _rows.run("cppo_logits_gradient", Rows(x, how, cuts, shard=shard), inputs, {},
              gradient=Rows(gradient, how, cuts, "logits_gradient"), entropy_slope=slopes[1])
    return gradient


def full_divergences(logits: Any, log_sum_exp: Any, *, rollout_logits: Any = None, rollout_log_sum_exp: Any = None,
                     rollout_log_probs: Any = None, response_mask: Any = None, temperature: float = 1.0,
                     rollout_temperature: float = 1.0, tv: bool = True, kl: bool = False, executor: str = "simd",
                     threads: int = 1) -> FullDivergences:
    """TV and KL(μ‖π) over the whole vocabulary at each token, in one pass over both rows; without a gradient. What is
    returned is lent to `policy_loss` as `divergence_values`, for a region with `precomputed`.

    Args:
        logits, log_sum_exp: of π: the logits, and what `log_probs` gives for them.
        rollout_logits, rollout_log_sum_exp: the same of μ, over the same ids.
        rollout_log_probs: in their place, log μ of all ids, of the shape of the logits.
        response_mask, temperature, executor, threads: as `log_probs`.
        rollout_temperature: T of μ's logits.
        tv, kl: what is asked for.
    """
    how = How(temperature, executor, threads)
    logits, rollout_logits, rollout_log_probs = shaped(logits), shaped(rollout_logits), shaped(rollout_log_probs)
    check_asked(how)
    check_asked(how._replace(temperature=rollout_temperature))
    if (rollout_logits is None) == (rollout_log_probs is None):
        raise c.Error("pass one of rollout_logits, with rollout_log_sum_exp, and rollout_log_probs",
                      c.StatusCode.bad_parameter, "logits")
    if rollout_log_probs is not None and (rollout_log_sum_exp is not None or rollout_temperature != 1.0):
        raise c.Error("rollout_log_probs are log μ as it is: leave rollout_log_sum_exp and rollout_temperature out",
                      c.StatusCode.bad_parameter, "logits")
    if rollout_logits is not None and rollout_log_sum_exp is None:
        raise c.Error("rollout_log_sum_exp is missing: pass what log_probs gives for rollout_logits",
                      c.StatusCode.null_buffer, "logits")
    other = rollout_logits if rollout_log_probs is None else rollout_log_probs
    of = "rollout_logits" if rollout_log_probs is None else "rollout_log_probs"
    for name, x in (("logits", logits), (of, other)):
        _rows.check_shape(tuple(x.shape), name)
    of_mu = (rollout_logits is not None, other, rollout_log_sum_exp, how._replace(temperature=rollout_temperature))
    if _is_tensor(logits):
        found: FullDivergences = in_torch["full_divergences"](logits, log_sum_exp, of_mu, response_mask, tv, kl, how)
        return found
    x = np.asarray(logits)
    made = FullDivergences(*(np.empty(x.shape[:-1], np.float32) if wanted else None for wanted in (tv, kl)))
    run_divergences(x, as_array(log_sum_exp), of_mu, _array(response_mask), made._asdict(), how)
    return made


def run_divergences(logits: Any, log_sum_exp: Any, of_mu: tuple[bool, Any, Any, How], response_mask: Any,
                    outputs: Mapping[str, Any], how: How) -> None:
    """The call on arrays, or on tensors of the host. `of_mu`: if these are logits, they or log-probs, the log-sum-exp,
    and their temperature."""
    are_logits, x, total, its = of_mu
    name = "rollout_logits" if are_logits else "rollout_log_probs"
    if tuple(x.shape) != tuple(logits.shape):
        raise c.Error(f"{name} have shape {list(x.shape)}, but must have that of logits, {list(logits.shape)}",
                      c.StatusCode.extent_mismatch, "logits")
    mine, other = Rows(logits, how), Rows(as_array(x), its, name=name)
    inputs = {"log_sum_exp": log_sum_exp, "rollout_log_sum_exp": None if total is None else as_array(total),
              "response_mask": response_mask}
    _rows.run("cppo_full_divergences", mine, inputs, outputs, (other, None) if are_logits else (None, other))


def policy_loss_from_logits(logits: Any, token_id: Any, rollout_log_prob: Any, advantage: Any,
                            response_mask: Any = None, *, region: Region, rollout_top_k: Any = None,
                            temperature: float = 1.0, gradient_in_place: bool = False, entropy: Any = None,
                            entropy_bonus: float = 0.0, outputs: Any = None, executor: str = "simd", threads: int = 1,
                            cu_seqlens: Any = None, with_capacity: bool = False, **options: Any) -> Any:
    """`policy_loss` from the logits of π: backward gives ∂loss/∂logits.

    It is `log_probs`, `policy_loss` and backward of both: one pass over the logits, and one over the rows of tokens
    that have a slope. Masked tokens have none: their row of the gradient is 0. D, listed log-probs and the log-sum-exp
    are constant to the gradient.

    Args:
        logits, token_id, temperature, gradient_in_place: as `log_probs`.
        rollout_log_prob, advantage, response_mask, region, cu_seqlens, threads, with_capacity: as `policy_loss`.
        rollout_top_k: (ids, log μ of them), both [B, T, K] or [N, K], as the engine gives them, for Top-K divergences.
        entropy: by default that of the logits, where the region reads it.
        entropy_bonus: c: each valid token, kept or masked, has c H taken from its loss, with H the entropy of its row,
            scaled as the aggregation says. Loss, report and gradient hold it.
        executor: as `policy_loss`.
        outputs: as `policy_loss`; also "log_prob" and "entropy", those of the logits, for charts; for NumPy also
            "logits_gradient", ∂loss/∂logits.
        **options: all others of `policy_loss`.

    Returns:
        (loss, report), or (loss, report, outputs).
    """
    rows = "torch" if executor in ("torch", "cuda") else executor
    wanted, gradient = _gradient_of(outputs, _is_tensor(logits))
    out = outputs["logits_gradient"] if gradient and isinstance(outputs, Mapping) else None
    if out is not None:
        _rows.check_written(out, np.asarray(logits))
    lists = {} if rollout_top_k is None else {f"rollout_top_k[{i}]": x for i, x in enumerate(rollout_top_k)}
    _check_apart(outputs, {
        "logits": logits, "token_id": token_id, "rollout_log_prob": rollout_log_prob, "advantage": advantage,
        "response_mask": response_mask, "entropy": entropy, "cu_seqlens": cu_seqlens, **lists, **options})
    all_found: list[LogProbs] = []

    def find(**asked: Any) -> LogProbs:
        all_found.append(log_probs(logits, token_id, response_mask=response_mask, cu_seqlens=cu_seqlens,
                                   temperature=temperature, gradient_in_place=gradient_in_place, executor=rows,
                                   threads=threads, with_capacity=with_capacity, **asked))
        return all_found[0]
    loss, report, more, bonus = loss_of(
        find, rollout_log_prob, advantage, response_mask, region=region, token_id=token_id,
        rollout_top_k=rollout_top_k, entropy=entropy, entropy_bonus=entropy_bonus, outputs=wanted, executor=executor,
        threads=threads, cu_seqlens=cu_seqlens, with_capacity=with_capacity, **options)
    if not gradient:
        return (loss, report) if more is None else (loss, report, more)
    slopes = {} if bonus is None else {"entropy": all_found[0].entropy, "entropy_slope": bonus.slope}
    more.logits_gradient = logits_gradient(
        logits, token_id, more.gradient, all_found[0].log_sum_exp, response_mask=response_mask,
        cu_seqlens=cu_seqlens, temperature=temperature, out=out, executor=rows, threads=threads,
        with_capacity=with_capacity, **slopes)
    return loss, report, _asked_for(more, outputs)


def loss_of(find: Callable[..., LogProbs], rollout_log_prob: Any, advantage: Any, response_mask: Any, *,
            region: Region, token_id: Any, rollout_top_k: Any, entropy: Any, entropy_bonus: float, outputs: Any,
            **options: Any) -> tuple[Any, Any, Any, _entropy_bonus.Bonus | None]:
    """`policy_loss` of what `find(top_k_ids, entropy, dtype)` finds: loss, report, outputs if there are any, and the
    bonus if there is one."""
    coefficient = _entropy_bonus.check(entropy_bonus)
    lists = None if rollout_top_k is None else tuple(shaped(x) for x in rollout_top_k)
    if lists is not None and len(lists) != 2:
        raise c.Error(f"rollout_top_k must be (ids, rollout_log_probs), not {len(lists)} things: log π of the ids "
                      "comes out of the logits", c.StatusCode.bad_parameter, "top_k")
    for name in ("top_k", "token_id"):
        if name in options:
            raise c.Error(f"{name} is no option here: pass rollout_top_k", argument="options")
    dtype = _dtype_of({"rollout_log_prob": rollout_log_prob, **options,
                       "top_k_rollout_log_probs": None if lists is None else lists[1]})
    reads_entropy = "entropy" in region.reads and entropy is None
    exact = find(top_k_ids=None if lists is None else lists[0], dtype="float64" if coefficient else dtype,
                 entropy=reads_entropy or coefficient != 0.0 or "entropy" in (outputs or ()))
    found = _rounded(exact, dtype) if coefficient else exact
    top_k = None if lists is None else TopK(lists[0], found.listed_log_prob, lists[1])
    if reads_entropy:
        entropy = _held(found.entropy)
    loss, report, *more = _loss.policy_loss(
        found.log_prob, rollout_log_prob, advantage, response_mask, region=region, token_id=token_id, top_k=top_k,
        entropy=entropy, outputs=_of_policy_loss(outputs, found, coefficient != 0.0), **options)
    bonus = None
    if coefficient:
        bonus = _entropy_bonus.bonus_of(coefficient, more[0].decision, options.get("cu_seqlens"), options)
        loss = _with_bonus(loss, report, more[0], exact.entropy, bonus, options.get("aggregate") == PER_TOKEN)
    return loss, report, None if outputs is None else _with_slots(more[0], found, outputs), bonus


OF_LOGITS = ("log_prob", "entropy")
"""The outputs of calls on logits that are found in them."""


def _held(x: Any) -> Any:
    """Constant to the gradient."""
    return x.detach() if _is_tensor(x) else x


def _rounded(found: LogProbs, dtype: str) -> LogProbs:
    """What was found in double, as it is found in another type: rounded once."""
    def to(x: Any) -> Any:
        if x is None or isinstance(x, np.ndarray):
            return None if x is None else x.astype(dtype)
        return x.to(getattr(sys.modules["torch"], dtype))
    return found if dtype == "float64" else found._replace(
        log_prob=to(found.log_prob), listed_log_prob=to(found.listed_log_prob), entropy=to(found.entropy))


def _of_policy_loss(outputs: Any, found: LogProbs, decides: bool) -> Any:
    """The outputs that `policy_loss` is asked for. Raises `Error` for arrays that what was found does not fit into."""
    more = ("decision",) if decides and "decision" not in (outputs or ()) else ()
    if not isinstance(outputs, Mapping):
        return more or None if outputs is None else (*(n for n in outputs if n not in OF_LOGITS), *more)
    for name in OF_LOGITS:
        if (x := outputs.get(name)) is None:
            continue
        lend(x, name, written=True)
        if x.shape != found.log_prob.shape or x.dtype.kind != "f":
            raise c.Error(f"{name} is an array {list(x.shape)} of {x.dtype}, but must be one of floats of shape "
                          f"{list(found.log_prob.shape)}", c.StatusCode.extent_mismatch, name)
    return {**{n: x for n, x in outputs.items() if n not in OF_LOGITS}, **dict.fromkeys(more)}


_SEARCH: Any = 1000  # steps after which memory counts as shared


def _check_apart(outputs: Any, inputs: Mapping[str, Any]) -> None:
    """Raises `Error` where an array for what is found in the logits shares memory with an input or another output."""
    if not isinstance(outputs, Mapping):
        return
    for name in OF_LOGITS:
        others = [*inputs.items(), *((n, x) for n, x in outputs.items() if n != name)]
        for other, x in others if isinstance(outputs.get(name), np.ndarray) else ():
            if isinstance(x, np.ndarray) and np.may_share_memory(outputs[name], x, max_work=_SEARCH):
                raise c.Error(f"output {name} and {other} share memory: pass an array of its own",
                              c.StatusCode.output_overlap, name)


def _with_bonus(loss: Any, report: Any, out: Outputs, entropy: Any, bonus: _entropy_bonus.Bonus,
                per_token: bool) -> Any:
    """The loss with the bonus, which report and token losses have added."""
    report.with_loss(bonus.of_report(_held(entropy)))
    added = bonus.of_tokens(entropy)
    if isinstance(added, np.ndarray):
        if out.loss is not None:
            out.loss += added
        elif per_token:
            loss += added
        return loss if per_token else report.loss
    if out.loss is not None:
        out.loss = out.loss + _held(added).to(out.loss.dtype)
    return loss + (added if per_token else added.sum()).to(loss.dtype)


def _with_slots(out: Outputs, found: LogProbs, outputs: Any) -> Outputs:
    """The outputs that were asked for, what was found among them."""
    if "decision" not in outputs:
        out.decision = None
    for name in OF_LOGITS:
        if name in outputs:
            x, into = _held(getattr(found, name)), outputs[name] if isinstance(outputs, Mapping) else None
            if into is not None:
                into[...] = x
            setattr(out, name, x if into is None else into)
    return out


def _gradient_of(outputs: Any, tensors: bool) -> tuple[Any, bool]:
    """The outputs of `policy_loss`, and if the gradient of logits is to be written beside them."""
    if outputs is None or "logits_gradient" not in outputs:
        return outputs, False
    if tensors:
        raise c.Error("logits_gradient is no output for tensors: loss.backward() gives it", argument="options")
    if isinstance(outputs, Mapping):
        return {"gradient": None, **{n: x for n, x in outputs.items() if n != "logits_gradient"}}, True
    return ("gradient", *(n for n in outputs if n not in ("gradient", "logits_gradient"))), True


def _asked_for(found: Outputs, outputs: Sequence[str]) -> Outputs:
    if "gradient" not in outputs:
        found.gradient = None
    return found


def _dtype_of(given: Mapping[str, Any]) -> str:
    """The arithmetic of the call: double if one of these is."""
    kinds = (getattr(given.get(name), "dtype", None) for name in DECIDES_ARITHMETIC)
    return "float64" if any(str(kind).endswith("float64") for kind in kinds) else "float32"
