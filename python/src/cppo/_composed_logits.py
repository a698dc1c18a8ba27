"""Calls on rows of logits in PyTorch's own operations, on any device, a few rows at a time: nothing of the size of the
logits is held beside them and their gradient. Nothing waits for a device: a row that has no log-probs gives NaN."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Optional

import torch

from . import _native as c
from ._numpy import check_lists
from ._rows import How, check_shape

CHUNK = 1 << 22
"""Logits that are worked on at a time on the host; on a device 8 times as many, where a start costs more."""


class Slots(NamedTuple):
    """Rows of logits and which of them belong to tokens."""

    logits: torch.Tensor
    active: torch.Tensor
    """[N], bool."""
    valid: torch.Tensor
    """[N], False where the response mask is neither 0 nor 1."""
    how: How


def slots_of(logits: torch.Tensor, how: How, response_mask: Optional[torch.Tensor],
             cu_seqlens: Optional[torch.Tensor]) -> Slots:
    """The rows of a call. Raises `Error` for shapes and types that fit no call."""
    check_shape(tuple(logits.shape))
    if logits.shape[-1] == 0:
        raise c.Error("logits have no column: pass those of 1 id or more", c.StatusCode.bad_parameter, "logits")
    if how.executor not in ("torch", *c.EXECUTORS):
        raise c.Error(f"executor must be simd, seq or torch, not {how.executor!r}: logits on a device are read by "
                      "PyTorch's operations", argument="options")
    if logits.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        raise c.Error(f"logits have dtype {logits.dtype}, but must be float32, float16 or bfloat16: convert them",
                      c.StatusCode.element_type_mismatch, "logits")
    if not 2.0**-20 <= how.temperature <= 2.0**20:
        raise c.Error(f"temperature is {how.temperature}, but must be in [2^-20, 2^20]", argument="logits")
    slots = logits.shape[:-1]
    n = slots.numel()
    active = torch.ones(n, dtype=torch.bool, device=logits.device)
    valid = active
    if response_mask is not None:
        mask = _of_slots(response_mask, slots, cu_seqlens)
        active, valid = mask != 0, (mask == 0) | (mask == 1)
    if cu_seqlens is not None:
        active = active & _covered(cu_seqlens, slots, how.with_capacity)
    return Slots(logits, active, valid, how)


def _covered(cuts: torch.Tensor, slots: torch.Size, with_capacity: bool) -> torch.Tensor:
    """Which slots packed responses cover, [N]. What offsets say is checked on the host alone: nothing waits for a
    device."""
    n = slots.numel()
    if len(slots) == 2 and slots[0] != 1:
        raise c.Error(f"logits must have shape [N, V] where cu_seqlens is given, not {[*slots, 'V']}",
                      c.StatusCode.bad_tensor, "logits")
    if cuts.dim() != 1 or cuts.shape[0] < 1:
        raise c.Error(f"cu_seqlens must have shape [B + 1], not {list(cuts.shape)}", c.StatusCode.extent_mismatch,
                      "cu_seqlens")
    if cuts.dtype not in (torch.int32, torch.int64):
        raise c.Error(f"cu_seqlens is of {cuts.dtype}, but must be int32 or int64: convert it",
                      c.StatusCode.element_type_mismatch, "cu_seqlens")
    if cuts.is_cpu and type(cuts) is torch.Tensor and not torch.compiler.is_compiling():
        rising = bool((cuts[1:] >= cuts[:-1]).all()) and int(cuts[0]) >= 0
        first, last = int(cuts[0]), int(cuts[-1])
        if not rising or last > n or not with_capacity and (first != 0 or last != n):
            raise c.Error(f"cu_seqlens must rise from 0 to {n}, the number of slots: with_capacity=True lets them "
                          "cover fewer", c.StatusCode.bad_offsets, "cu_seqlens")
    at = torch.arange(n, device=cuts.device)
    return (at >= cuts[0]) & (at < cuts[-1])


def tokens_of(mask: Optional[torch.Tensor], slots: torch.Size, cu_seqlens: Optional[torch.Tensor],
              with_capacity: bool) -> Optional[torch.Tensor]:
    """A response mask of the shape of the slots, 0 where no response covers one; None: every slot is a token."""
    if mask is not None:
        mask = _of_slots(mask, slots, cu_seqlens)
    if cu_seqlens is not None:
        covered = _covered(cu_seqlens, slots, with_capacity)
        mask = covered if mask is None else torch.where(covered, mask, torch.zeros_like(mask))
    return None if mask is None else mask.reshape(slots)


def _of_slots(mask: torch.Tensor, slots: torch.Size, cu_seqlens: Optional[torch.Tensor]) -> torch.Tensor:
    """A response mask with an element for each slot, [N]."""
    n = slots.numel()
    if cu_seqlens is not None and mask.dim() == 1 and mask.shape[0] == cu_seqlens.shape[0] - 1 != n:
        of = torch.searchsorted(cu_seqlens[1:].contiguous(), torch.arange(n, device=mask.device), right=True)
        return mask[of.clamp(max=mask.shape[0] - 1)]
    if mask.dim() == 1 and len(slots) == 2 and mask.shape[0] == slots[0]:
        mask = mask[:, None]
    if mask.dim() == len(slots) and all(m in (1, n) for m, n in zip(mask.shape, slots)):
        mask = mask.expand(slots)
    return _flat(mask if mask.dim() else mask.expand(slots), slots, "response_mask")


def _flat(x: torch.Tensor, slots: torch.Size, name: str) -> torch.Tensor:
    """What has an element for each slot, [N]. Raises `Error` where it has not."""
    if x.shape != slots:
        raise c.Error(f"{name} has shape {list(x.shape)}, but must have that of the slots, {list(slots)}",
                      c.StatusCode.extent_mismatch, name)
    return x.reshape(-1)


def check_integers(x: torch.Tensor, name: str) -> None:
    """Raises `Error` unless these may be ids."""
    if x.dtype == torch.bool or x.is_floating_point():
        raise c.Error(f"{name} is of {x.dtype}, but must be an integer: convert it",
                      c.StatusCode.element_type_mismatch, name)


def _ids(x: torch.Tensor, slots: torch.Size, name: str, lists: bool = False) -> torch.Tensor:
    """Ids, [N, k]; k is 1 where they are no lists."""
    check_integers(x, name)
    if lists:
        check_lists(x, slots, name)
        return x.reshape(-1, x.shape[-1])
    return _flat(x, slots, name)[:, None]


def _blocks(*rows: torch.Tensor) -> Iterator[tuple[slice, tuple[torch.Tensor, ...]]]:
    """Some rows at a time of tensors [B, T, V] or [N, V], as views [n, V], and which slots they are."""
    v = rows[0].shape[-1]
    try:
        whole = [tuple(x.view(-1, v) for x in rows)]
    except RuntimeError:  # not all have their rows at one distance
        whole = list(zip(*rows))
    step, first = max(1, (CHUNK if rows[0].is_cpu else 8 * CHUNK) // max(v, 1)), 0
    for views in whole:
        n = views[0].shape[0]
        for k in range(0, n, step):
            last = min(n, k + step)
            yield slice(first + k, first + last), tuple(x[k:last] for x in views)
        first += n


def _gathered(x: torch.Tensor, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The logits of ids [n, k] as doubles, and which ids are columns."""
    inside = (ids >= 0) & (ids < x.shape[-1])
    return x.gather(1, ids.long().clamp(0, x.shape[-1] - 1)).double(), inside


def _largest(x: torch.Tensor, m: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The m largest logits of each row and their ids: of equals the lower id first, -1 where there is none."""
    v = x.shape[-1]
    bits = (x + 0.0).contiguous().view(torch.int32).long()  # + 0.0: -0 is 0
    key = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits) * (1 << 31) - torch.arange(v, device=x.device)
    ids = key.topk(min(m, v), dim=-1).indices
    found = x.gather(1, ids).double()
    ids = ids.masked_fill(found == -torch.inf, -1)
    short = m - ids.shape[-1]
    pad = torch.nn.functional.pad
    return pad(found, (0, short), value=-torch.inf), pad(ids, (0, short), value=-1)


def log_probs(at: Slots, token_id: torch.Tensor, top_k_ids: Optional[torch.Tensor],
              found: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Writes what `_torch_logits` has room for. Returns where a token has bad input, [N]."""
    log_prob, listed, log_sum_exp, entropy, largest_id, largest = found
    slots = at.logits.shape[:-1]
    ids = _ids(token_id, slots, "token_id")
    lists = None if top_k_ids is None else _ids(top_k_ids, slots, "top_k_ids", lists=True)
    bad = at.active & ~at.valid
    t = at.how.temperature

    def put(into: torch.Tensor, rows: slice, x: torch.Tensor, ok: torch.Tensor, none: float = 0.0) -> None:
        token = at.active[rows]
        last = [1] * (x.dim() - 1)
        if x.is_floating_point():
            x = x.masked_fill(~ok.view(-1, *last), torch.nan)
        into.view(-1, *x.shape[1:])[rows] = x.masked_fill(~token.view(-1, *last), none).to(into.dtype)
    for rows, (raw,) in _blocks(at.logits):
        x = raw.float()
        top = x.amax(-1, keepdim=True)
        z = (x - top) / t
        e = z.exp()
        rest = e.sum(-1, keepdim=True, dtype=torch.float64) - 1.0
        log_total, top = rest.log1p(), top.double()
        sampled, inside = _gathered(raw, ids[rows])
        ok = (top.isfinite() & rest.isfinite() & inside & (sampled > -torch.inf))[:, 0]
        if lists is not None:
            of_lists, columns = _gathered(raw, lists[rows])
            ok = ok & (columns | (lists[rows] < 0)).all(-1)
            of_lists = of_lists.masked_fill(lists[rows] < 0, -torch.inf)
            put(listed, rows, (of_lists - top) / t - log_total, ok)
        put(log_prob, rows, ((sampled - top) / t - log_total)[:, 0], ok)
        put(log_sum_exp, rows, (top / t + log_total)[:, 0], ok)
        if entropy.numel():
            moment = e.mul_(z.clamp_(min=-1e4)).sum(-1, keepdim=True, dtype=torch.float64)
            put(entropy, rows, (log_total - moment / (1.0 + rest))[:, 0], ok)
        if largest.numel():
            those, its = _largest(x, largest.shape[-1])
            put(largest, rows, (those - top) / t - log_total, ok)
            put(largest_id, rows, its, ok, -1)
        bad[rows] |= at.active[rows] & ~ok
    return bad


def _sums(x: torch.Tensor, top: torch.Tensor, at: torch.Tensor, t: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The four words of `cppo_find_logits` for each row: its largest logit, the id of it, the sum of the other terms
    and their moment; and where there is no such sum, [n]. `top` is -inf in a row of -inf alone."""
    z = torch.where(top == -torch.inf, -torch.inf, (x - top.float()) / t)
    e = z.exp()
    rest = e.sum(-1, keepdim=True, dtype=torch.float64) - (top > -torch.inf).double()
    moment = e.mul_(z.clamp_(min=-1e4)).sum(-1, keepdim=True, dtype=torch.float64)
    words = [n.view(torch.int64) for n in (top, rest, moment)]
    return torch.cat([words[0], at, *words[1:]], -1), ~(rest.isfinite() & (top < torch.inf))[:, 0]


def find(at: Slots, token_id: torch.Tensor, top_k_ids: Optional[torch.Tensor], shard: tuple[int, int],
         largest_count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The words that `cppo_find_logits` writes of the logits of a shard, and where a token has bad logits, [N]. The
    tokens are counted, which waits for a device."""
    slots, (first, vocabulary), v = at.logits.shape[:-1], shard, at.logits.shape[-1]
    ids = _ids(token_id, slots, "token_id")
    k, m = 0 if top_k_ids is None else top_k_ids.shape[-1], min(largest_count, vocabulary)
    if top_k_ids is not None:
        ids = torch.cat([ids, _ids(top_k_ids, slots, "top_k_ids", lists=True)], -1)
    sums = ids.new_empty((len(ids), 4), dtype=torch.int64)
    largest_ids = sums.new_empty((len(ids), m))
    floats = sums.new_empty((len(ids), 1 + k + m), dtype=torch.float32)
    bad = torch.zeros_like(at.active)
    for rows, (raw,) in _blocks(at.logits):
        those, its = _largest(raw.float(), max(m, 1))
        its = torch.where(its >= 0, its + first, its)
        sums[rows], none = _sums(raw.float(), those[:, :1] + 0.0, its[:, :1], at.how.temperature)
        asked, inside = _gathered(raw, ids[rows] - first)
        largest_ids[rows] = its[:, :m]
        floats[rows] = torch.cat([asked.masked_fill(~inside, -torch.inf), those[:, :m]], -1).float()
        bad[rows] = at.active[rows] & none
    token = at.active.nonzero()[:, 0]
    bits, = struct.unpack("q", struct.pack("d", at.how.temperature))
    heads = sums.new_tensor([bits, vocabulary, k, m, token.shape[0], 1, first, v])
    numbers = torch.cat([floats[token, :1 + k].reshape(-1), floats[token, 1 + k:].reshape(-1)])
    even = torch.nn.functional.pad(numbers, (0, numbers.shape[0] % 2)).view(torch.int64)
    return torch.cat([heads, sums[token].reshape(-1), largest_ids[token].reshape(-1), even]), bad


def write_gradient(at: Slots, token_id: torch.Tensor, slope: torch.Tensor, log_sum_exp: torch.Tensor,
                   entropy: Optional[torch.Tensor], entropy_slopes: Optional[torch.Tensor], out: torch.Tensor,
                   shard: tuple[int, int] = (0, 0)) -> None:
    """Writes slope (1{v = y} − π(v)) / T − entropy_slope π(v) (log π(v) + H) / T, which may be over the logits. The row
    of a token that has no log-prob is NaN. `shard`: the id of the first column, and how many ids there are; (0, 0):
    these are all."""
    slots, t = at.logits.shape[:-1], at.how.temperature

    def numbers(x: torch.Tensor, name: str) -> torch.Tensor:
        return _flat(x.detach(), slots, name)[:, None].double()
    slopes, total, ids = numbers(slope, "slope"), numbers(log_sum_exp, "log_sum_exp"), _ids(token_id, slots, "token_id")
    of_entropy = None if entropy_slopes is None else numbers(entropy_slopes, "entropy_slopes")
    if of_entropy is not None and entropy is None:
        raise c.Error("entropy is missing, but has a slope: pass what log_probs gives for it",
                      c.StatusCode.null_buffer, "entropy")
    h = None if of_entropy is None or entropy is None else numbers(entropy, "entropy")
    known = (ids >= 0) & (ids < (shard[1] or at.logits.shape[-1]))
    ids = ids.long() - shard[0]
    for rows, (raw, into) in _blocks(at.logits, out):
        logit, inside = _gathered(raw, ids[rows])
        y = ids[rows].clamp(0, raw.shape[-1] - 1)
        centre = (total[rows] * t).float()
        lost = centre.double() / t - total[rows]
        z = (raw.float() - centre) / t
        sampled = logit / t - total[rows]
        share = lost.exp() / t
        factor = -slopes[rows] * share
        of_sampled = slopes[rows] * -sampled.expm1()
        moves = slopes[rows] != 0.0
        g = z.exp()
        if h is not None and of_entropy is not None:
            by = of_entropy[rows]
            of_sampled = of_sampled - by * sampled.exp() * (sampled + h[rows])
            factor = factor - by * share * (h[rows] + lost)
            moves = moves | (by != 0.0)
            g = g * ((-by * share).float() * z.clamp_(min=-1e4) + factor.float())
        else:
            g = g.mul_(factor.float())
        bad = ~known[rows] | (inside & (logit == -torch.inf)) | ~at.valid[rows, None]
        of_sampled = torch.where(inside, of_sampled / t, g.gather(1, y).double())  # others' ids leave the row as it is
        g = g.scatter_(1, y, of_sampled.float()).masked_fill_(bad, torch.nan)
        g = g.masked_fill_(~(moves & at.active[rows, None]), 0.0)
        into.copy_(g)


def write_divergences(pi: Slots, log_sum_exp: torch.Tensor, mu: Slots, rollout_log_sum_exp: Optional[torch.Tensor],
                      outputs: Mapping[str, Optional[torch.Tensor]]) -> None:
    """Writes TV and KL(μ‖π) over all ids. Without `rollout_log_sum_exp`, μ's rows are log-probs."""
    slots = pi.logits.shape[:-1]
    if mu.logits.shape != pi.logits.shape:
        raise c.Error(f"rollout_logits have shape {list(mu.logits.shape)}, but must have that of logits, "
                      f"{list(pi.logits.shape)}", c.StatusCode.extent_mismatch, "logits")
    total = _flat(log_sum_exp, slots, "log_sum_exp")[:, None].double()
    its = torch.zeros_like(total)
    if rollout_log_sum_exp is not None:
        its = _flat(rollout_log_sum_exp, slots, "rollout_log_sum_exp")[:, None].double()

    def log_p(x: torch.Tensor, of: torch.Tensor, t: float) -> torch.Tensor:
        centre = (of * t).float()
        return (x.float() - centre) / t + (centre.double() / t - of).float()
    for rows, (x, y) in _blocks(pi.logits, mu.logits):
        log_pi = log_p(x, total[rows], pi.how.temperature)
        log_mu = log_p(y, its[rows], mu.how.temperature)
        q, token = log_mu.exp(), pi.active[rows]
        tv, kl = outputs["tv"], outputs["kl"]
        if tv is not None:
            d = 0.5 * (log_pi.exp() - q).abs().sum(-1, dtype=torch.float64)
            tv.view(-1)[rows] = d.clamp(max=1.0).masked_fill(~token, 0.0).float()
        if kl is not None:
            terms = q * (log_mu.clamp(min=-1e4) - log_pi)
            terms = terms.masked_fill_(q == 0.0, 0.0).sum(-1, dtype=torch.float64)
            kl.view(-1)[rows] = terms.clamp(0.0, 1000.0).masked_fill(~token, 0.0).float()
