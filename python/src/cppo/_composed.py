"""The call in PyTorch's own operations, on any device: executor="torch".

For tensors on a device where the op for CUDA is not there, and to be read: it is Algorithm 1 in vectors. It is written
slot by slot over all responses, so that padded and packed batches are one case, and nothing on the way is read by the
host: a device is never waited for. Decisions are those of the library for the same numbers, since the sums that decide
are the same whole numbers; ratio and divergence may differ in their last bit, since the exponential is PyTorch's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

import torch

from . import _native as c
from ._call import DECIDES_ARITHMETIC, PER_TOKEN, Layout, Lent, Options, fields, layout_of, reals_of
from ._composed_divergences import LIMIT, divergence, k3_of
from ._composed_folds import Items, folded, term
from ._composed_quantities import Clause, Seen, limit, own_loss, shifted, signed
from ._composed_sums import Grid, Slots, Sums, mean_on_grid, number_on_grid, on_grid, sums_before
from ._rule import Rule, rule_of
from .outputs import Decision
from .report import FIELDS

_SCANNED = {"prefix_drift", "prefix_weight", "threshold", "excess"}
"""The outputs that need the sums before each token."""
_CLAUSE_DECISIONS = {"ratio": Decision.masked_ratio, "divergence": Decision.masked_divergence,
                     "budget": Decision.masked_budget, "response": Decision.masked_response}
_BINS = 20
_EVERY_BATCH = {"log_prob", "rollout_log_prob", "advantage", "response_mask"}


class Inspected(NamedTuple):
    """What slots hold. A propagated one is bad input that is decided all the same."""

    bad: torch.Tensor
    rejected: torch.Tensor
    """Of each response."""
    token: torch.Tensor
    propagated: torch.Tensor


def _out_of(x: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return ~((x >= low) & (x <= high))


def _bad_lists(given: Mapping[str, torch.Tensor], low: float, high: float) -> torch.Tensor:
    wrong = torch.zeros_like(given["top_k_ids"], dtype=torch.bool)
    for name in ("top_k_log_probs", "top_k_rollout_log_probs"):
        wrong = wrong | (_out_of(given[name], low, high) & (given[name] != -torch.inf))
    return (wrong & (given["top_k_ids"] >= 0)).any(-1)


def inspect(slots: Slots, o: Options) -> Inspected:
    """Finds the tokens, and what is bad input."""
    given, log_p = slots.given, slots.given["log_prob"]
    most = torch.finfo(log_p.dtype).max
    _, _, tolerance, floor = reals_of(o)
    low, high = max(min(floor, 0.0), -most), min(max(tolerance, 0.0), 1.0)
    wrong = _out_of(log_p, low, high) | _out_of(given["rollout_log_prob"], low, high)
    if "reference_log_prob" in given:
        wrong = wrong | _out_of(given["reference_log_prob"], low, high)
    for name, least in (("advantage", -most), ("token_weight", -most), ("divergence_values", 0.0), ("entropy", 0.0)):
        if name in given:
            wrong = wrong | _out_of(given[name], least, most)
    if "top_k_ids" in given:
        wrong = wrong | _bad_lists(given, low, high)
    active = slots.response < slots.responses
    if "response_mask" in given:
        mask = given["response_mask"]
        wrong = wrong | ((mask != 0) & (mask != 1))
        active = active & (mask != 0)
    bad = active & wrong
    some = Sums(bad.long(), slots).total() > 0
    rejected = some if o.bad_input in ("reject", "leave_out") else torch.zeros_like(some)
    token = active & ~rejected[slots.response]
    propagated = bad if o.bad_input == "propagate" else torch.zeros_like(bad)
    return Inspected(bad, rejected[:-1], token & (~bad | propagated), propagated)


def _network(x: torch.Tensor, n: torch.Tensor, half: torch.Tensor, seed: int) -> torch.Tensor:
    """A Feistel network of six rounds on words of 2 `half` bits."""
    low = (1 << half) - 1
    left, right = x >> half, x & low
    for k in range(1, 7):
        h = (right + signed(0x9e3779b97f4a7c15 * k + seed)) ^ (n * signed(0xd1b54a32d192ed03))
        h = (h ^ shifted(h, 30)) * signed(0xbf58476d1ce4e5b9)
        h = (h ^ shifted(h, 27)) * signed(0x94d049bb133111eb)
        left, right = right, left ^ ((h ^ shifted(h, 31)) & low)
    return (left << half) | right


def permuted(i: torch.Tensor, n: torch.Tensor, seed: int) -> torch.Tensor:
    """The library's permutation of {0, ..., n − 1}, which `seed` selects. It waits for the device."""
    half = torch.ones_like(n)
    for bits in range(1, 31):
        half = torch.where(n > 1 << (2 * bits), bits + 1, half)
    inside = (i >= 0) & (i < n) & (n > 1)
    x = _network(i, n, half, seed)
    while bool((open_ := inside & (x >= n)).any()):
        x = torch.where(open_, _network(x, n, half, seed), x)
    return torch.where(inside, x, i)


def backwards(i: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
    """{0, ..., n − 1} from its end. What lies outside stays as it is."""
    return torch.where((i >= 0) & (i < n), n - 1 - i, i)


class Tokens:
    """The tokens of a call with all that a mask may ask of one. Slots that are no tokens hold numbers that decide
    nothing."""

    def __init__(self, slots: Slots, what: Inspected, rule: Rule, o: Options, scans: bool) -> None:
        self.slots, self.what, self.rule, self.o = slots, what, rule, o
        known = what.token & ~what.propagated
        self.log_prob, self.rollout_log_prob = (torch.where(known, slots.given[n], -1.0)
                                                for n in ("log_prob", "rollout_log_prob"))
        self.advantage = torch.where(known, slots.given["advantage"], 0.0)
        self.given = {n: torch.where(known, x, 0) for n, x in slots.given.items()
                      if x.dim() == 1 and n not in _EVERY_BATCH}
        self.kind = self.log_prob.dtype
        self.log_ratio = self.log_prob - self.rollout_log_prob
        self.ratio = self.ratio_of(self.log_ratio)
        self.toward = (self.advantage == 0) | (torch.where(self.advantage < 0, -self.log_ratio, self.log_ratio) <= 0)
        d = divergence(rule.divergence, self.log_prob, self.rollout_log_prob, slots.given)
        self.divergence = torch.where(known, d, LIMIT * what.propagated)
        counted = Sums(what.token.long(), slots)
        self.length, self.rank = counted.total()[:-1], counted.before()
        self.own_length = counted.total()[slots.response]
        self.position, self.schedule_length = self._positions()
        self.weight = self._weights()
        self.weighted_divergence = torch.zeros_like(self.divergence)
        self._weigh()
        self.folds = self._folds()
        self.delta_b = self._budgets()
        if rule.budget or rule.soft or scans:
            self._scan()

    def _weigh(self) -> None:
        z = (self.weight * self.divergence).clamp(-LIMIT, LIMIT)
        self.weighted_divergence = torch.where(self.what.token, z, 0.0)

    def _folds(self) -> list[torch.Tensor]:
        """The values of the rule's folds. A response of which a term leaves the grid is left out."""
        found = [self.ratio] * len(self.rule.folds)
        for level in range(1, 1 + max((f.level for f in self.rule.folds), default=0)):
            seen = Seen(self, found, reals_of(self.o)[0])
            now = [(k, f) for k, f in enumerate(self.rule.folds) if f.level == level]
            terms = [term(f, seen.number(f.of).x.expand_as(self.ratio)) for _, f in now]
            for _, outside in terms:
                self._leave_out(outside & self.what.token)
            at = Items(self.slots, self.what.token, self.rank, self.o.positions == "padded_column")
            for (k, f), (x, _) in zip(now, terms):
                found[k] = folded(f, x, at)
        return found

    def _leave_out(self, outside: torch.Tensor) -> None:
        """Leaves out the responses that hold such a token."""
        beyond = Sums(outside.long(), self.slots).total() > 0
        token = self.what.token & ~beyond[self.slots.response]
        self.what = self.what._replace(rejected=self.what.rejected | beyond[:-1], token=token)
        self.length = torch.where(beyond[:-1], 0, self.length)
        self.own_length = torch.where(token, self.own_length, 0)
        self.weight = torch.where(token, self.weight, 0.0)
        self._weigh()

    def ratio_of(self, log_ratio: torch.Tensor) -> torch.Tensor:
        """ρ, which is never infinite."""
        small = torch.exp((-log_ratio.abs()).clamp(min=-86.5 if self.kind == torch.float32 else -700.0))
        return torch.where(log_ratio > 0, 1.0 / small, small)

    def _positions(self) -> tuple[torch.Tensor, torch.Tensor]:
        """t and T, as the weight sees them."""
        if self.o.positions == "padded_column":
            slot = torch.arange(self.rank.numel(), device=self.rank.device)
            return slot - self.slots.begin[self.slots.response] + 1, torch.full_like(self.rank, self.slots.width)
        fixed = self.o.positions == "fixed_horizon"
        return self.rank + 1, torch.full_like(self.rank, self.o.horizon) if fixed else self.own_length

    def _weights(self) -> torch.Tensor:
        before = self.position - 1
        if self.rule.shuffle_reversed:
            before = backwards(before, self.schedule_length)
        if self.rule.seed is not None:
            before = permuted(before, self.schedule_length, self.rule.seed)
        if self.rule.reversed:
            before = backwards(before, self.schedule_length)
        steps = (self.schedule_length - 1).clamp(min=1).double()
        slope = torch.full_like(steps, 1.0 - self.rule.w_min) / steps  # a number over a tensor is times its reciprocal
        slope = torch.where(self.schedule_length > 1, slope, 0.0).to(self.kind)
        return torch.where(self.what.token, 1.0 - slope * before.to(self.kind), 0.0)

    def _quantiles(self, q: float) -> torch.Tensor:
        """The interpolated q-quantile of D over each response, in double."""
        ordered, slot = torch.where(self.what.token, self.divergence, torch.inf).sort()
        ordered = ordered[self.slots.response[slot].sort(stable=True).indices].double()
        last = (self.length - 1).clamp(min=0)
        place = q * last.double()
        rank = torch.minimum(place.long(), last)
        first = self.slots.begin[:-1]
        end = max(ordered.numel() - 1, 0)
        if not ordered.numel():
            return place
        low, high = (ordered[(first + k).clamp(max=end)] for k in (rank, torch.minimum(rank + 1, last)))
        return torch.where(rank == last, low, low + (high - low) * (place - rank.double()))

    def _budgets(self) -> torch.Tensor:
        """δ_b of each response, in double."""
        b = self.rule.budget
        if b is None:
            return torch.zeros_like(self.length, dtype=torch.float64)
        floor = torch.full_like(self.length, b.delta_b, dtype=torch.float64)
        if b.quantile is None:
            return floor
        wanted = (b.scale * self._quantiles(b.quantile)).clamp(b.delta_b, b.delta_b * b.ceiling_factor)
        return torch.where(self.length > 0, wanted, floor).clamp(0.0, LIMIT)

    def _scan(self) -> None:
        """Finds the sums before each token."""
        allowance = self.weight * self.of_response(self.delta_b).to(self.kind)
        sums = [sums_before(x, self.slots) for x in (self.weighted_divergence, self.weight, allowance)]
        self.prefix_drift, self.prefix_weight, self.prefix_allowance = (s.value(self.kind) for s in sums)
        room = (sums[2] - sums[0]).plus(number_on_grid(self.rule.slack, self.log_prob))
        self.room = room.value(self.kind)
        self.within_budget = (room - on_grid(self.weighted_divergence)).at_least_zero()

    def of_response(self, x: torch.Tensor) -> torch.Tensor:
        """What belongs to the response of each slot; 0 where there is none."""
        return torch.cat([x, x.new_zeros(1)])[self.slots.response]

    def response_max(self) -> torch.Tensor:
        """The largest D of the response."""
        d = torch.where(self.what.token, self.divergence, -torch.inf)
        most = d.new_full((self.slots.responses + 1,), -torch.inf)
        return most.scatter_reduce(0, self.slots.response, d, "amax")[self.slots.response]

    def response_mean(self) -> torch.Tensor:
        """The mean of D over the response."""
        d = on_grid(torch.where(self.what.token, self.divergence, 0.0))
        sum_ = Grid(*(Sums(limb, self.slots).total()[:-1] for limb in d))
        return self.of_response(mean_on_grid(sum_, self.length.clamp(min=1)).to(self.kind))

    def response_clause(self, name: str, delta: float) -> Clause:
        """A clause on the largest D of the response, or on its mean."""
        if name == "response_max_within":
            most = self.response_max()
            return most <= delta, most / delta
        mean = self.response_mean()
        return mean <= number_on_grid(delta, mean).value(mean.dtype), mean / delta


class Verdict(NamedTuple):
    """What a mask finds of each slot."""

    kept: torch.Tensor
    excess: torch.Tensor
    """How far beyond the boundary."""
    clauses: Mapping[str, torch.Tensor]
    """By kind: kept by every clause that stands under no negation."""


def judge(t: Tokens) -> Verdict:
    """What the mask of a region finds."""
    seen = Seen(t, t.folds, hidden=t.rule.reports_only)
    kept, excess = seen.mask(t.rule.mask)
    return Verdict(kept & ~t.what.propagated, excess, seen.clauses)


def decide(v: Verdict) -> torch.Tensor:
    """The decision on each slot: where a masked token fails several clauses, the first kind counts."""
    code, open_ = torch.zeros_like(v.kept, dtype=torch.uint8), ~v.kept
    for kind, decision in _CLAUSE_DECISIONS.items():
        if kind in v.clauses:
            code = code.masked_fill(open_ & ~v.clauses[kind], decision)
            open_ = open_ & v.clauses[kind]
    code = code.masked_fill(open_, Decision.masked_other).masked_fill(v.kept, Decision.kept)
    toward = v.clauses.get("toward")
    return code if toward is None else code.masked_fill(v.kept & toward, Decision.kept_toward)


def threshold(t: Tokens) -> torch.Tensor:
    """c_t, given the room that the prefix leaves. [Eq. 8]"""
    c_t = t.room if t.rule.budget else torch.full_like(t.room, LIMIT)
    deltas = [n.numbers for n in t.rule.clauses("divergence_within") if n.counted != "other"]
    if len(deltas) != 1:
        return c_t
    (low, high), = deltas
    return torch.minimum(c_t, torch.full_like(c_t, low).where(t.advantage <= 0, high))


class Losses(NamedTuple):
    """Loss and gradient of each slot, and what a report counts of them."""

    loss: torch.Tensor
    gradient: torch.Tensor
    unscaled: torch.Tensor
    ratio: torch.Tensor
    log_ratio: torch.Tensor
    clamped: torch.Tensor
    capped: torch.Tensor
    teaches: torch.Tensor
    held: torch.Tensor
    """Kept, and the slope of a rule's own loss is 0."""


def differentiate(t: Tokens, gate: torch.Tensor, scale: torch.Tensor) -> Losses:
    """The surrogate. [Eq. 11]"""
    clamp, cap, *_ = reals_of(t.o)
    d = t.log_ratio.clamp(-clamp, clamp) if clamp > 0 else t.log_ratio
    clamped = d != t.log_ratio
    ratio = t.ratio_of(d)
    capped = ratio > cap if cap > 0 else torch.zeros_like(clamped)
    weight = t.given.get("token_weight")
    advantage = t.advantage if weight is None else t.advantage * torch.where(t.advantage != 0, weight, 1.0)
    held = torch.zeros_like(clamped)
    if t.rule.own_loss:
        (term_, slope), held = own_loss(Seen(t, t.folds, clamp, t.rule.reports_only), gate, weight)
        parts = (term_ * scale, slope * scale, term_)
    else:
        parts = _parts(t, gate, scale, advantage * torch.where(capped, cap, ratio), clamped | capped)
    loss, gradient, unscaled = (torch.where(t.what.propagated, torch.nan, x) for x in parts)
    return Losses(loss, gradient, unscaled, ratio, d, clamped, capped, advantage != 0, held)


def _parts(t: Tokens, gate: torch.Tensor, scale: torch.Tensor, value: torch.Tensor,
           constant: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Loss, gradient and unscaled loss under −A ρ M. `value`: A ρ; `constant`: where ρ is one."""
    live = gate > 0
    term_ = torch.where(live, -(value * gate), 0.0)
    scaled = term_ * scale
    if t.o.surrogate == "ratio":
        return scaled, torch.where(constant, 0.0, scaled), term_
    return (torch.where(live, scaled * t.log_prob, 0.0), scaled, torch.where(live, term_ * t.log_prob, 0.0))


def divisor_of(o: Options, tokens: torch.Tensor, responses: torch.Tensor) -> torch.Tensor:
    """What divides the sum of the losses, given the counts in double."""
    if o.normalizer != 0.0:
        return torch.full_like(tokens, o.normalizer)
    if o.aggregate in ("token_sum", PER_TOKEN):
        return torch.ones_like(tokens)
    return (tokens if o.aggregate == "token_mean" else responses).clamp(min=1.0)


def loss_of(report: torch.Tensor, o: Options) -> torch.Tensor:
    """The loss that a report's numbers come to, without reading them."""
    total, tokens, responses = (report[FIELDS[name][0]] for name in ("sum_loss", "tokens", "responses"))
    divisor = divisor_of(o, tokens, responses)
    return total / (divisor * o.horizon if o.aggregate == "seq_mean_token_sum_norm" else divisor)


def scale_of(t: Tokens) -> torch.Tensor:
    """The factor on each slot's loss."""
    divisor = divisor_of(t.o, t.length.sum().double(), (t.length > 0).sum().double())
    if t.o.aggregate == "seq_mean_token_mean":
        return (1.0 / (divisor * t.own_length.clamp(min=1).double())).to(t.kind)
    by = divisor * t.o.horizon if t.o.aggregate == "seq_mean_token_sum_norm" else divisor
    return (1.0 / by).to(t.kind)


class Decided(NamedTuple):
    """All that a call has found."""

    tokens: Tokens
    verdict: Verdict
    decision: torch.Tensor
    gate: torch.Tensor
    losses: Losses


def _counts(found: Decided) -> dict[str, torch.Tensor]:
    t, n = found.tokens, found.losses
    token, kept = t.what.token, found.verdict.kept & t.what.token
    masked = token & ~kept & n.teaches
    counted = {d.name: token & (found.decision == d) for d in Decision if d > Decision.kept}
    counted.update(
        kept=kept, clamped=token & n.clamped, capped=token & n.capped, tokens=token, teaching_tokens=token & n.teaches,
        teaching_kept=kept & n.teaches, teaching_toward=counted["kept_toward"] & n.teaches,
        masked_high=masked & ~t.toward & (t.advantage > 0), masked_low=masked & ~t.toward & (t.advantage < 0),
        held=kept & n.teaches & n.held,
        not_finite=token & ~t.what.propagated & ~(n.loss.isfinite() & n.gradient.isfinite()), bad_tokens=t.what.bad,
        rejected_responses=t.what.rejected, responses=t.length > 0)
    share = _BINS * (t.position - 1) // t.schedule_length.clamp(min=1)
    bins = torch.arange(_BINS, device=share.device)[:, None] == share.clamp(max=_BINS - 1)
    counted.update(position_tokens=bins & token, position_masked=bins & (token & ~kept))
    return {name: x.sum(-1) for name, x in counted.items()}


def _extremes(found: Decided) -> dict[str, torch.Tensor]:
    t, token = found.tokens, found.tokens.what.token

    def most(x: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
        """The largest of some numbers; 0 of none."""
        x = torch.cat([torch.where(where, x, -torch.inf), x.new_full((1,), -torch.inf)])
        return torch.where(where.any(), x.amax(), 0.0)
    counted = t.length > 0
    return {"max_divergence": most(t.divergence, token), "max_ratio": most(found.losses.ratio, token),
            "min_delta_b": -most(-t.delta_b, counted), "max_delta_b": most(t.delta_b, counted)}


def _sums(found: Decided) -> dict[str, torch.Tensor]:
    t, n = found.tokens, found.losses
    ratio, log_ratio = n.ratio.double(), n.log_ratio.double()
    k3 = torch.where(log_ratio.abs() <= 0.5, k3_of(log_ratio), ratio - 1.0 - log_ratio)
    per_token = t.o.aggregate == "seq_mean_token_mean"
    terms = {"loss": n.unscaled.double() / t.own_length.clamp(min=1) if per_token else n.unscaled,
             "divergence": t.divergence, "weighted_divergence": t.weighted_divergence, "gate": found.gate,
             "ratio": ratio, "k1": -log_ratio, "k3": k3}
    sums = {f"sum_{name}": torch.where(t.what.token, x.double(), 0.0).sum() for name, x in terms.items()}
    sums["sum_delta_b"] = torch.where(t.length > 0, t.delta_b, 0.0).sum()
    return sums


def _report(found: Decided, narrowed: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The numbers of a `cppo_report`."""
    o, like = found.tokens.o, found.tokens.delta_b
    aggregate = 0 if o.aggregate == PER_TOKEN else c.AGGREGATES.index(o.aggregate)
    by_horizon = o.horizon if o.aggregate == "seq_mean_token_sum_norm" else 0
    scaling = {"aggregate": aggregate, "known": 1, "horizon": by_horizon, "normalizer": o.normalizer}
    fields = {name: like.new_full((), x) for name, x in scaling.items()}
    fields.update(_counts(found), **_sums(found), **_extremes(found), **narrowed)
    return torch.cat([fields[name].double().reshape(-1) for name in FIELDS])


def _narrowed(written: Mapping[str, torch.Tensor], kinds: Mapping[str, torch.dtype]) -> dict[str, torch.Tensor]:
    """How many numbers outputs of fewer bits cannot hold."""
    none = next(iter(written.values())).new_zeros((), dtype=torch.int64)
    infinite, zero = none, none
    for name, x in written.items():
        if x.is_floating_point() and kinds[name] != x.dtype:
            stored = x.to(kinds[name])
            infinite = infinite + (x.isfinite() & stored.isinf()).sum()
            zero = zero + ((x != 0) & (stored == 0)).sum()
    return {"stored_infinite": infinite, "stored_zero": zero}


def _written(found: Decided, wanted: Sequence[str]) -> dict[str, torch.Tensor]:
    """The outputs; 0 where there is no token."""
    t, n = found.tokens, found.losses
    lists = {"loss": n.loss, "gradient": n.gradient, "mask": found.verdict.kept, "gate": found.gate,
             "divergence": t.divergence, "weight": t.weight, "weighted_divergence": t.weighted_divergence,
             "decision": found.decision}
    if _SCANNED & set(wanted):
        lists.update(prefix_drift=t.prefix_drift, prefix_weight=t.prefix_weight, threshold=threshold(t),
                     excess=found.verdict.excess)
    return {name: torch.where(t.what.token, lists[name], 0) for name in wanted}


def decide_all(slots: Slots, what: Inspected, rule: Rule, o: Options, wanted: Sequence[str]) -> Decided:
    """Algorithm 1, with what follows from its decisions."""
    t = Tokens(slots, what, rule, o, bool(_SCANNED & set(wanted)))
    v = judge(t)
    gate = v.kept.to(t.kind)
    if rule.soft:
        fading = torch.where(v.excess > 1, 1.0 / v.excess, 1.0)
        gate = torch.where(v.kept, 1.0, torch.where(v.excess < limit(gate), fading, 0.0))
        gate = torch.where(what.propagated, 0.0, gate)
    return Decided(t, v, decide(v), gate, differentiate(t, gate, scale_of(t)))


def slots_of(log_prob: torch.Tensor, lent: Mapping[str, torch.Tensor], cu_seqlens: Optional[torch.Tensor], o: Options,
             kind: torch.dtype) -> Slots:
    """The batch, one slot after the other."""
    at = layout_of(log_prob.shape, None if cu_seqlens is None else _lent(cu_seqlens), o.with_capacity)
    slot = torch.arange(at.slots, device=log_prob.device)
    if cu_seqlens is None:
        cuts = torch.arange(at.responses + 1, device=log_prob.device) * at.width
        response = slot // max(at.width, 1)
    else:
        cuts = cu_seqlens.long()
        response = torch.searchsorted(cuts, slot, right=True) - 1
        response = torch.where(response < 0, at.responses, response)
    given = {name: _column(name, x, at, response) for name, x in {"log_prob": log_prob, **lent}.items()}
    for name, x in given.items():
        if name != "response_mask":
            given[name] = x.to(kind) if x.is_floating_point() else x.long()
    return Slots(at.responses, at.width, response, cuts, torch.cat([cuts[1:], cuts[-1:]]), given)


def _lent(x: torch.Tensor) -> Lent:
    """The tensor's shape and strides; its address is of no use here."""
    return Lent(1, 0, tuple(x.shape), x.stride())


def _column(name: str, x: torch.Tensor, at: Layout, response: torch.Tensor) -> torch.Tensor:
    """An input slot by slot."""
    def of_shape(whole: tuple[int, ...], found: tuple[int, ...]) -> None:
        if found != whole:
            raise c.Error(f"{name} must have the shape {list(whole)}, not {list(x.shape)}",
                          c.StatusCode.extent_mismatch, name)
    if name.startswith("top_k"):
        of_shape((at.slots, x.shape[-1]), tuple(x.shape))
        return x
    _, each, _, _, rank, *extents = fields(name, 0, _lent(x), at)
    shape = tuple(extents[:rank])
    of_shape((at.responses,) if each else (at.slots,) if at.cu_seqlens[0] else (at.responses, at.width), shape)
    column = x.as_strided(shape, extents[2:2 + rank], x.storage_offset()).reshape(-1)
    return torch.cat([column, column.new_zeros(1)])[response] if each else column


class Results(NamedTuple):
    """What a call writes, slot by slot; the loss is that of the batch, in double."""

    loss: torch.Tensor
    written: Mapping[str, torch.Tensor]
    report: torch.Tensor
    rejected: torch.Tensor
    """Of each response."""


def policy_loss(slots: Slots, what: Inspected, rule: Rule, o: Options, kinds: Mapping[str, torch.dtype]) -> Results:
    """The call. `kinds`: the outputs that are wanted, and their types."""
    found = decide_all(slots, what, rule, o, tuple(kinds))
    written = _written(found, tuple(kinds))
    report = _report(found, _narrowed(written, kinds))
    lists = {name: x.to(kinds[name], copy=True) for name, x in written.items()}
    return Results(loss_of(report, o), lists, report, found.tokens.what.rejected)


def _acceptable(slots: Slots, what: Inspected, o: Options) -> bool:
    """False if the library refuses the call, as far as that can be asked without waiting for a device."""
    cuts = slots.begin
    if o.positions == "fixed_horizon" and bool((Sums(what.token.long(), slots).total() > o.horizon).any()):
        return False
    if not cuts.is_cpu:
        return True
    n = slots.response.numel()
    whole = o.with_capacity or (int(cuts[0]) == 0 and int(cuts[-1]) == n)
    in_order = whole and bool((cuts.diff() >= 0).all()) and bool(((cuts >= 0) & (cuts <= n)).all())
    return in_order and not (o.bad_input == "reject" and bool(what.bad.any()))


def call_of(o: Options, region: bytes, log_prob: torch.Tensor, lent: Mapping[str, torch.Tensor],
            cu_seqlens: Optional[torch.Tensor], kinds: Mapping[str, torch.dtype]) -> Optional[Results]:
    """The call on tensors. `kinds`: the outputs that are wanted, and their types. None if the library would refuse it:
    it says why."""
    in_double = any(x.dtype == torch.float64 for n, x in {"log_prob": log_prob, **lent}.items()
                    if n in DECIDES_ARITHMETIC)
    slots = slots_of(log_prob, lent, cu_seqlens, o, torch.float64 if in_double else torch.float32)
    what = inspect(slots, o)
    if not _acceptable(slots, what, o):
        if log_prob.is_cpu:
            return None
        raise c.Error("a response has more tokens than horizon: give the longest response's number",
                      c.StatusCode.horizon_too_short, "options")
    results = policy_loss(slots, what, rule_of(region), o, kinds)
    reads = log_prob.is_cpu and o.bad_input == "reject"
    if reads and bool((results.rejected & ~what.rejected).any()):  # a term of a fold left the grid
        return None
    return results

