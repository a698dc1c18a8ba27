"""Many machines: responses cut over ranks, means over all ranks, one report. On `torch.distributed`.

Each rank holds pieces of responses. Mask, gradient and counts are the bits of the uncut batch, whichever rank holds
which piece, calibrated budgets included:

>>> cuts = cppo.distributed.zig_zag(length, ranks, rank)     # [(place in the response, slice)]
>>> loss, report = cppo.distributed.policy_loss(log_prob, rollout_log_prob, advantage, cu_seqlens=cu_seqlens,
...                                             region=region, response_of=[0, 0], order_of=[k for k, _ in cuts])
>>> (loss * cppo.distributed.averaging_factor()).backward()  # DDP and FSDP average gradients

The arithmetic is that of `cppo.pieces`; here is what goes between ranks, as collectives that gloo and nccl have:

| call | what a rank sends | when |
|---|---|---|
| `all_gather` | 24 bytes: how many pieces, which call | always |
| `all_gather` | 80 bytes a piece: response, place, totals | always |
| `all_gather` | 4 bytes a token of a cut response (8 in double) | budget calibrated, response below `gather_below` |
| `all_reduce` × 3 (6 in double) | at most 8192 bytes a response: a histogram of D | calibrated, the longer ones |
| `all_reduce` | 8 bytes a response: what follows the quantile | as above |
| `all_gather` | 64 bytes a piece: its sums | always |
| `all_gather` | 24 bytes, then the states of each exchange | `fold_states` |
| `all_gather` | 8 bytes, then for each level 8 more and the states | `reward_states` |
| `all_reduce` × 2 | 560 and 104 bytes: the report | `policy_loss`, `global_report` |

A gather is padded to the rank that sends most. D of a response whose pieces lie on one rank goes nowhere. Where a rank
fails, all ranks raise: none waits for it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist

from . import _native as c
from ._call import PER_TOKEN
from .advantage_call import added_reward_states, levels_known, text_of
from .advantages import Rule
from .folds import MicroBatch, added_folds, check_alike, exchanged
from .loss import policy_loss as _policy_loss
from .pieces import (Divergences, PieceBatch, PiecePlan, Reading, Words, _ordered, add_carries, add_totals,
                     resolve_totals)
from .regions import Region
from .report import FIELDS, COUNT, Report, new_words

__all__ = ["Counts", "averaging_factor", "contiguous", "fold_states", "global_counts", "global_report", "plan_pieces",
           "policy_loss", "reward_states", "zig_zag"]

GATHER_BELOW = 16384
"""From so many tokens on, a quantile is found by histograms of the bits of D, and D stays where it is."""
_DIGIT = 11
_CALIBRATED = re.compile(r"calibrated_budget\([^,(){}]+(?:, (?:\{|quantile=)([^,}]+))?")
"""A calibrated budget and its quantile, which the text of a region with parts of one's own writes by its name."""
_USUAL_QUANTILE = 0.9

Group = Optional[Any]
"""A process group; None is the default group, as in `torch.distributed`."""
Array = npt.NDArray[Any]
Cut = list[tuple[int, slice]]


class Counts(NamedTuple):
    """What means divide by. Counts of micro-batches and ranks add up."""

    tokens: int
    responses: int
    """Those that have a token."""

    def normalizer(self, aggregate: str) -> int:
        """What `policy_loss` takes as `normalizer`."""
        count = self.tokens if aggregate == "token_mean" else 1 if aggregate == "token_sum" else self.responses
        return max(int(count), 1)


def _all_gather(into: torch.Tensor, mine: torch.Tensor, group: Group) -> None:
    gather = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor  # renamed in torch 2.13
    gather(into, mine, group=group)


class _Link:
    """The collectives of a group, on arrays. Without a process group there is one rank."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.ranks, self.rank, self.device = 1, 0, torch.device("cpu")
        if dist.is_available() and dist.is_initialized():
            self.ranks, self.rank = dist.get_world_size(group), dist.get_rank(group)
            if "cpu:" not in str(dist.get_backend_config(group)):
                self.device = torch.device("cuda", torch.cuda.current_device())

    def gather(self, rows: Array, counts: Sequence[int]) -> list[Array]:
        """The rows of each rank; `counts`: how many each has."""
        if self.ranks == 1:
            return [rows]
        most = max(counts)
        if most == 0:
            return [rows[:0]] * self.ranks
        sent = np.zeros((most, *rows.shape[1:]), rows.dtype)
        sent[:len(rows)] = rows
        mine = torch.from_numpy(sent).to(self.device)
        everyones = torch.empty((self.ranks * most, *rows.shape[1:]), dtype=mine.dtype, device=self.device)
        _all_gather(everyones, mine, group=self.group)
        split: Array = everyones.cpu().numpy().reshape(self.ranks, *sent.shape)
        return [x[:n] for x, n in zip(split, counts)]

    def reduce(self, x: Array, op: Any) -> Array:
        """The values of all ranks, put together one by one."""
        if self.ranks == 1:
            return x
        t = torch.from_numpy(x).to(self.device)
        dist.all_reduce(t, op=op, group=self.group)
        reduced: Array = t.cpu().numpy()
        return reduced


def contiguous(length: int, ranks: int, rank: int) -> Cut:
    """A response of `length` slots in `ranks` pieces: that of `rank`, as [(place, slice)]."""
    return [(rank, slice(length * rank // ranks, length * (rank + 1) // ranks))]


def zig_zag(length: int, ranks: int, rank: int) -> Cut:
    """A response in 2 · `ranks` pieces, of which a rank has one from either end, as ring attention wants."""
    return [contiguous(length, 2 * ranks, k)[0] for k in (rank, 2 * ranks - 1 - rank)]


def averaging_factor(group: Group = None, micro_batches: int = 1) -> int:
    """The factor on a loss whose gradients are averaged: over the ranks of `group`, as DDP and FSDP do, and over
    `micro_batches`, if the trainer divides each loss by their number."""
    return _Link(group).ranks * micro_batches


def global_counts(*response_masks: Any, tokens: int = 0, responses: int = 0, group: Group = None) -> Counts:
    """The counts of all ranks, for `normalizer`: those of this rank's masks [B, T], one for each micro-batch, and what
    `tokens` and `responses` add. A response cut over ranks is counted by one of them. One `all_reduce` of 16 bytes."""
    for m in response_masks:
        valid = torch.as_tensor(m) != 0
        tokens, responses = tokens + int(valid.sum()), responses + int(valid.any(-1).sum())
    both = _Link(group).reduce(np.array([tokens, responses], np.int64), dist.ReduceOp.SUM)
    return Counts(int(both[0]), int(both[1]))


# --- The report of all ranks ---

_RULES = np.array([c.LIB.cppo_report_rule(i) for i in range(COUNT)])
_ADDED, _LARGEST, _SMALLEST, _EQUAL = (np.flatnonzero(_RULES == rule) for rule in range(4))
_KNOWN, _NORMALIZER = FIELDS["known"][0], FIELDS["normalizer"][0]
_OF_TOKENS = FIELDS["max_divergence"]
_OF_RESPONSES = FIELDS["min_delta_b"] + FIELDS["max_delta_b"]


def _extremes(words: Array, failed: bool) -> Array:
    """What is put together by the maximum: maxima, minima below 0, and of what is equal both. Left out are numbers that
    the part has not; the last one says whether a rank failed."""
    most, least = words.copy(), -words
    absent: list[int] = [*(_OF_TOKENS if words[FIELDS["tokens"][0]] == 0 else ()),
              *(_OF_RESPONSES if words[FIELDS["responses"][0]] == 0 else ()),
              *(_EQUAL.tolist() if words[_KNOWN] == 0 else ())]
    most[absent] = least[absent] = -np.inf
    unequal = np.isnan(words)
    most[unequal] = least[unequal] = np.inf
    return np.concatenate([most[_LARGEST], least[_SMALLEST], most[_EQUAL], least[_EQUAL], [float(failed)]])


def _reduced(words: Array, link: _Link, failure: Exception | None = None) -> Array:
    """The words of the report of all ranks. Raises on all of them if one has failed."""
    whole = new_words()
    extremes = link.reduce(_extremes(words, failure is not None), dist.ReduceOp.MAX)
    if extremes[-1] > 0:
        raise failure or _elsewhere("policy_loss")
    whole[_ADDED] = link.reduce(words[_ADDED], dist.ReduceOp.SUM)
    ends = np.cumsum([len(_LARGEST), len(_SMALLEST), len(_EQUAL)])
    largest, smallest, most, least = np.split(extremes[:-1], ends)
    whole[_LARGEST] = np.where(largest == -np.inf, 0.0, largest)
    whole[_SMALLEST] = np.where(smallest == -np.inf, 0.0, -smallest)
    whole[_EQUAL] = np.where(most == -np.inf, 0.0, most)
    if np.any((most != -least) & (most > -np.inf)):
        whole[_EQUAL] = 0.0
        whole[_KNOWN], whole[_NORMALIZER] = 1.0, np.nan
    return whole


def global_report(report: Report, group: Group = None) -> Report:
    """The report of all ranks, on each of them. Counts and extremes are exact; sums of reals are rounded in the order
    in which the backend adds. With micro-batches, add up their reports first: `cppo.total`."""
    return Report(_reduced(report.words, _Link(group)))


# --- A plan for pieces on many ranks ---

class _Pieces(NamedTuple):
    """All pieces of all ranks: rank, response, place and totals of each."""

    rank: Array
    response: Array
    place: Array
    totals: Words
    members: dict[int, list[int]]
    """The pieces of each response, in order."""

    def tokens(self, response: int) -> int:
        return int(self.totals[self.members[response], 0].sum())

    def cut(self) -> list[int]:
        """The responses that lie on several ranks."""
        return [r for r, parts in self.members.items() if len(set(self.rank[parts].tolist())) > 1]


def _elsewhere(what: str, argument: str = "carries") -> c.Error:
    return c.Error(f"{what} failed on another rank, so that there is no result on this one: that rank's error says why",
                   c.StatusCode.carry_mismatch, argument)


def _attempt(work: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """What `work` returns, or why it did not: the other ranks must hear of it before it is raised."""
    try:
        return work(), None
    except Exception as e:
        return None, e


def _agreed(what: str, mine: Reading | None, failure: Exception | None, link: _Link) -> list[int]:
    """How many responses, or pieces of them, each rank has; raises on all ranks if one has failed, or makes another
    call."""
    head = np.array([[-1, 0, 0]], np.int64)
    if mine is not None:
        called = mine.region.expression.encode() + mine.options
        head[0] = mine.batch.at.responses, mine.batch.in_double, zlib.crc32(called)
    heads = np.concatenate(link.gather(head, [1] * link.ranks))
    if (heads[:, 0] < 0).any():
        raise failure or _elsewhere(what)
    if np.ptp(heads[:, 1]):
        raise c.Error(f"rank {np.argmax(heads[:, 1])} of the group computes in double, others in float: pass log-probs "
                      "of one type on all ranks", c.StatusCode.bad_pieces, "log_prob")
    if np.ptp(heads[:, 2]):
        raise c.Error("ranks of the group have different regions or options: pass the same on all ranks",
                      c.StatusCode.bad_pieces, "region")
    return [int(n) for n in heads[:, 0]]


def _everyones(response_of: Sequence[int], order_of: Sequence[int], totals: Words, counts: list[int],
               link: _Link) -> _Pieces:
    own = np.column_stack([np.asarray(response_of, np.int64).reshape(-1), np.asarray(order_of, np.int64).reshape(-1),
                           totals])
    rows = np.concatenate(link.gather(own, counts))
    members = _ordered(rows[:, 0].tolist(), rows[:, 1].tolist(), len(rows))
    return _Pieces(np.repeat(np.arange(link.ranks), counts), rows[:, 0], rows[:, 1], rows[:, 2:], members)


def _gathered(all_pieces: _Pieces, responses: Iterable[int], own: dict[int, Divergences], kind: Any,
              link: _Link) -> dict[int, Divergences]:
    """D of these responses, from all ranks. `own`: D of this rank's pieces, by piece."""
    wanted = set(responses)
    chosen = [[b for b in np.flatnonzero(all_pieces.rank == rank).tolist() if all_pieces.response[b] in wanted]
              for rank in range(link.ranks)]
    lengths = all_pieces.totals[:, 0]
    mine = np.concatenate([np.empty(0, kind), *(own[b] for b in chosen[link.rank])])
    rows = link.gather(mine, [int(lengths[parts].sum()) for parts in chosen])
    found: dict[int, list[Divergences]] = {r: [np.empty(0, kind)] for r in wanted}
    for parts, d in zip(chosen, rows):
        for b, piece in zip(parts, np.split(d, np.cumsum(lengths[parts])[:-1])):
            found[int(all_pieces.response[b])].append(piece)
    return {r: np.concatenate(parts) for r, parts in found.items()}


def _keys(d: Divergences) -> Array:
    """Whole numbers in the order of the numbers d."""
    bits = (d + d.dtype.type(0)).view(f"u{d.itemsize}")  # + 0: never -0
    top = bits.dtype.type(1 << (8 * d.itemsize - 1))
    keys: Array = np.where(bits & top, ~bits, bits | top)
    return keys


def _numbers(keys: Array, kind: Any) -> Divergences:
    top = keys.dtype.type(1 << (8 * keys.itemsize - 1))
    numbers: Divergences = np.where(keys & top, keys ^ top, ~keys).view(kind)
    return numbers


def _place(q: float, tokens: int) -> int:
    """Between this order statistic, from 0, and the next one the q-quantile lies."""
    return min(int(min(max(q, 0.0), 1.0) * float(tokens - 1)), tokens - 1)


def _order_statistics(local: list[Divergences], places: Array, kind: Any,
                      link: _Link) -> tuple[Divergences, Divergences]:
    """Of each response the order statistic `places`, and the next one, D being spread over the ranks of the group.

    Exact: a radix search over the bits of D, 11 at a time, by histograms that are added up.
    """
    keys = [_keys(d) for d in local]
    left, width, n = keys, 8 * np.dtype(kind).itemsize, len(local)
    found, below, equal = np.zeros(n, np.uint64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    while width > 0:
        bits = min(_DIGIT, width)
        width -= bits
        digits = [(k >> k.dtype.type(width)) & k.dtype.type((1 << bits) - 1) for k in left]
        counts = np.array([np.bincount(x.astype(np.int64), minlength=1 << bits) for x in digits], np.int32)
        upto = np.cumsum(link.reduce(counts, dist.ReduceOp.SUM), axis=1, dtype=np.int64)
        digit = np.array([np.searchsorted(u, r - b, "right") for u, r, b in zip(upto, places, below)])
        before = np.where(digit > 0, upto[np.arange(n), digit - 1], 0)
        equal = upto[np.arange(n), digit] - before
        below, found = below + before, (found << np.uint64(bits)) | digit.astype(np.uint64)
        left = [k[x == x.dtype.type(y)] for k, x, y in zip(left, digits, digit)]
    at = found.astype(keys[0].dtype)
    above = [k[k > a] for k, a in zip(keys, at)]
    least = [float(_numbers(k.min(keepdims=True), kind)[0]) if k.size else np.inf for k in above]
    following = link.reduce(np.array(least), dist.ReduceOp.MIN).astype(kind)
    value = _numbers(at, kind)
    return value, np.where(places + 1 < below + equal, value, following)


def _searched(all_pieces: _Pieces, responses: list[int], own: dict[int, Divergences], kind: Any, q: float,
              link: _Link) -> dict[int, Divergences]:
    """For each response, values that have the quantile of D and their number, made of two order statistics."""
    if not responses:
        return {}
    local = [np.concatenate([np.empty(0, kind), *(own[b] for b in all_pieces.members[r] if b in own)])
             for r in responses]
    tokens = [all_pieces.tokens(r) for r in responses]
    places = np.array([_place(q, n) for n in tokens])
    values, following = _order_statistics(local, places, kind, link)
    return {r: np.repeat(np.array([a, b], kind), [k + 1, n - k - 1])
            for r, a, b, k, n in zip(responses, values, following, places, tokens)}


def _divergences(all_pieces: _Pieces, own: dict[int, Divergences], region: Region, kind: Any, gather_below: int,
                 link: _Link) -> dict[int, Divergences]:
    """What `resolve_totals` takes for each of this rank's responses."""
    if not c.LIB.cppo_region_calibrates(region.c_region):
        return {}
    calibrated = _CALIBRATED.search(region.expression)
    cut = all_pieces.cut()
    long = [r for r in cut if calibrated and all_pieces.tokens(r) >= max(gather_below, 1)]
    short = [r for r in cut if r not in long]  # a budget of one's own may ask for any quantile
    found = {r: np.concatenate([own[b] for b in parts]) for r, parts in all_pieces.members.items()
             if r not in set(cut) and parts[0] in own}
    found.update(_gathered(all_pieces, short, own, kind, link))
    quantile = float(calibrated[1] or _USUAL_QUANTILE) if calibrated else 0.0
    found.update(_searched(all_pieces, long, own, kind, quantile, link))
    return found


def _plan(make: Callable[[], PieceBatch], response_of: Sequence[int], order_of: Sequence[int], gather_below: int,
          link: _Link) -> PiecePlan:
    def first() -> tuple[PieceBatch, Words, list[Divergences]]:
        pieces = make()
        _ordered(response_of, order_of, pieces.pieces)
        return pieces, *pieces.summarize()

    done, failure = _attempt(first)
    counts = _agreed("plan_pieces", done[0] if done else None, failure, link)
    pieces, totals, d = done
    everyone = _everyones(response_of, order_of, totals, counts, link)
    mine = np.flatnonzero(everyone.rank == link.rank)
    kind = np.float64 if pieces.batch.in_double else np.float32
    values = _divergences(everyone, dict(zip(mine.tolist(), d)), pieces.region, kind, gather_below, link)

    def second() -> tuple[Words, Words]:
        whole, before = _resolved(everyone, mine, pieces.region, values)
        return whole, pieces.sum(whole, before)

    done, failure = _attempt(second)
    whole, sums = done or (totals, np.full_like(totals, -1))
    all_sums = np.concatenate(link.gather(sums, counts))
    if (all_sums[:, 0] < 0).any():
        raise failure or _elsewhere("plan_pieces")
    return PiecePlan(_carries(everyone, mine, all_sums), whole)


def _resolved(everyone: _Pieces, mine: Array, region: Region,
              values: dict[int, Divergences]) -> tuple[Words, list[int]]:
    """Of each of this rank's pieces the totals of its response, and the tokens before it."""
    totals, before = np.zeros((len(everyone.rank), c.SUMS_WORDS), np.int64), np.zeros(len(everyone.rank), np.int64)
    for r in set(everyone.response[mine].tolist()):
        parts = everyone.members[r]
        whole = everyone.totals[parts[0]]
        for b in parts[1:]:
            whole = add_totals(whole, everyone.totals[b])
        lengths = everyone.totals[parts, 0]
        before[parts] = np.cumsum(lengths) - lengths
        totals[parts] = resolve_totals(region, whole, values.get(r, ()))
    return totals[mine], before[mine].tolist()


def _carries(everyone: _Pieces, mine: Array, sums: Words) -> Words:
    """The sums of everything before each of this rank's pieces."""
    carries = np.zeros_like(sums)
    for r in set(everyone.response[mine].tolist()):
        parts = everyone.members[r]
        for b, previous in zip(parts[1:], parts):
            carries[b] = add_carries(carries[previous], sums[previous])
    return carries[mine]


def plan_pieces(pieces: PieceBatch, response_of: Sequence[int], order_of: Sequence[int], *, group: Group = None,
                gather_below: int = GATHER_BELOW) -> PiecePlan:
    """Carries and totals of this rank's pieces, for `cppo.policy_loss`; the others are on other ranks of `group`.

    Every rank of the group calls it, one that has no piece included.

    Args:
        pieces: this rank's pieces, any number of any responses.
        response_of: the response that each belongs to: a number that is the same on all ranks.
        order_of: its place in that response; only their order counts.
        gather_below: calibrated budgets: responses of fewer tokens have their D gathered; of longer ones the quantile
            is found by histograms. The bits are the same.
    """
    return _plan(lambda: pieces, response_of, order_of, gather_below, _Link(group))


def fold_states(batches: Sequence[MicroBatch], group: Group = None) -> Optional[Words]:
    """As `cppo.fold_states`, over the micro-batches of all ranks of `group`: what each of them takes as `folds`.

    Every rank of the group calls it with the same region; one that has no response passes an empty micro-batch.
    """
    link = _Link(group)
    _, failure = _attempt(lambda: check_alike(batches))
    _agreed("fold_states", None if failure else batches[0], failure, link)

    def of_all(make: Callable[[], Words], words: int) -> Words:
        sums, failed = _attempt(make)
        mine = np.full(words, -1, np.int64) if sums is None else sums
        everyones = np.concatenate(link.gather(mine[np.newaxis], [1] * link.ranks))
        if (everyones[:, 0] < 0).any():
            raise failed or _elsewhere("fold_states", "folds")
        return added_folds(list(everyones))
    return exchanged(batches, of_all)


def reward_states(micro_batches: Sequence[Mapping[str, Any]], *, rule: Rule, group: Group = None) -> Optional[Words]:
    """As `cppo.reward_states`, over the micro-batches of all ranks of `group`: what each of them takes as `known`.

    Every rank of the group calls it with the same rule; one that has no response passes an empty list.
    """
    link = _Link(group)
    made, failure = _attempt(lambda: text_of(rule).encode())
    heads = np.concatenate(link.gather(np.array([[-1 if failure else zlib.crc32(made)]], np.int64), [1] * link.ranks))
    if (heads < 0).any():
        raise failure or _elsewhere("reward_states", "known")
    if np.ptp(heads):
        raise c.Error("ranks of the group have different rules: pass the same on all ranks",
                      c.StatusCode.states_mismatch, "rule")

    def of_all(own: Callable[[], Words]) -> Words:
        sums, failed = _attempt(own)
        mine = np.zeros(0, np.int64) if sums is None else sums
        head = np.array([[-1 if failed else mine.size]], np.int64)
        sizes = np.concatenate(link.gather(head, [1] * link.ranks))[:, 0]
        if (sizes < 0).any():
            raise failed or _elsewhere("reward_states", "known")
        return added_reward_states(link.gather(mine, sizes.tolist()))
    return levels_known(micro_batches, rule, of_all)


def policy_loss(log_prob: Any, rollout_log_prob: Any, advantage: Any, response_mask: Any = None, *, region: Region,
                response_of: Sequence[int], order_of: Sequence[int], pieces_group: Group = None,
                loss_group: Group = None, gather_below: int = GATHER_BELOW, aggregate: str = "token_mean",
                normalizer: Any = None, outputs: Any = None, **inputs: Any) -> Any:
    """This rank's part of the loss of all ranks, and the report of all ranks.

    The parts add up to the loss: where gradients are averaged, multiply by `averaging_factor`. Takes what
    `cppo.policy_loss` takes. Every rank of both groups calls it.

    Args:
        response_of, order_of, gather_below: as `plan_pieces`.
        pieces_group: the ranks that hold pieces of each other's responses: the context-parallel group.
        loss_group: the ranks whose parts add up to the loss, and whose reports are put together.
        aggregate: over all tokens or responses of `loss_group`.
        normalizer: the divisor, where it is another, as for several micro-batches: `global_counts`.

    Returns:
        (loss, report), or (loss, report, outputs).
    """
    def call() -> Any:
        reading = {k: v for k, v in inputs.items() if k not in ("executor", "threads")}
        plan = _plan(lambda: PieceBatch(log_prob, rollout_log_prob, advantage, response_mask, region=region, **reading),
                     response_of, order_of, gather_below, _Link(pieces_group))
        carries, totals = (torch.from_numpy(x) for x in plan)
        return _policy_loss(log_prob, rollout_log_prob, advantage, response_mask, region=region, aggregate=aggregate,
                            normalizer=1.0, carries=carries, totals=totals, outputs=outputs, **inputs)

    done, failure = _attempt(call)
    words = _reduced(new_words() if done is None else done[1].words, _Link(loss_group), failure)
    assert done is not None  # else that has raised
    counts = Counts(int(words[FIELDS["tokens"][0]]), int(words[FIELDS["responses"][0]]))
    if normalizer is None and aggregate != PER_TOKEN:
        normalizer = counts.normalizer(aggregate)
    loss = done[0] if normalizer is None else done[0] / normalizer
    report = Report(words, normalizer)
    return (loss, report) if outputs is None else (loss, report, done[2])
