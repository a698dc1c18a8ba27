"""What rules compute of a token, in PyTorch's own operations: numbers with their slopes, masks, losses.

A rule is the tree that the library read its text to. Each function here is a row of the library's table of nodes, under
its name, and does what that row's struct does, one rounded operation after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Optional, Protocol

import torch

from ._composed_divergences import LIMIT, divergence, k3_of
from ._rule import Node, Rule, unknown

Clause = tuple[torch.Tensor, torch.Tensor]
"""What a mask keeps, and how far beyond the boundary a token is."""


class Number(NamedTuple):
    """A number of each slot, and its derivative by log π of the slot. Where no slope is asked for it is 0."""

    x: torch.Tensor
    slope: torch.Tensor


class Loss(NamedTuple):
    """The loss of each slot, and its slope."""

    loss: torch.Tensor
    slope: torch.Tensor


class TokensSeen(Protocol):
    """What a rule asks of the tokens of a call: see `_composed.Tokens`."""

    log_prob: torch.Tensor
    rollout_log_prob: torch.Tensor
    advantage: torch.Tensor
    log_ratio: torch.Tensor
    ratio: torch.Tensor
    toward: torch.Tensor
    divergence: torch.Tensor
    weighted_divergence: torch.Tensor
    position: torch.Tensor
    own_length: torch.Tensor
    rule: Rule
    within_budget: torch.Tensor
    prefix_drift: torch.Tensor
    prefix_allowance: torch.Tensor

    @property
    def given(self) -> Mapping[str, torch.Tensor]:
        """The inputs; slots that are no tokens hold numbers."""
        ...

    def ratio_of(self, log_ratio: torch.Tensor) -> torch.Tensor:
        """ρ, which is never infinite."""
        ...

    def response_clause(self, name: str, delta: float) -> Clause:
        """A clause on the largest D of the response, or on its mean."""
        ...


def limit(x: torch.Tensor) -> float:
    """The excess of a masked token under a mask that knows none."""
    return 3e38 if x.dtype == torch.float32 else 1e308


def exponential(x: torch.Tensor) -> torch.Tensor:
    """e^x; 0 far below 0."""
    return torch.where(x < (-86.5 if x.dtype == torch.float32 else -700.0), 0.0, torch.exp(x))


def least(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The smaller; y if one is NaN."""
    return torch.where(x < y, x, y)


def most(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The larger; y if one is NaN."""
    return torch.where(x > y, x, y)


class Seen:
    """The tokens as a mask sees them, or, with the log ratio in the clamp of the call, a loss or a fold."""

    def __init__(self, t: TokensSeen, folds: Sequence[torch.Tensor], clamp: float = 0.0, hidden: bool = False) -> None:
        """`folds`: the values of those that are known. `clamp`: 0 is none. `hidden`: there is no D."""
        self.t, self.folds, self.hidden = t, folds, hidden
        self.log_ratio = t.log_ratio.clamp(-clamp, clamp) if clamp > 0 else t.log_ratio
        self.free = self.log_ratio == t.log_ratio
        self.ratio = t.ratio_of(self.log_ratio) if clamp > 0 else t.ratio
        self.clauses: dict[str, torch.Tensor] = {}
        """By kind: kept by every clause that was counted under it."""

    def constant(self, x: float) -> torch.Tensor:
        """A number, rounded once."""
        like = self.t.log_prob
        return torch.full((), x, dtype=torch.float64, device=like.device).to(like.dtype)

    def d(self) -> torch.Tensor:
        """D of the region."""
        return torch.zeros_like(self.t.divergence) if self.hidden else self.t.divergence

    def z(self) -> torch.Tensor:
        """The weighted divergence."""
        return torch.zeros_like(self.t.weighted_divergence) if self.hidden else self.t.weighted_divergence

    def number(self, node: Node) -> Number:
        """The number of a node."""
        if node.op in _INPUTS:
            x, dx = _INPUTS[node.op](self)
        elif node.op in _NUMBERS:
            x, dx = _NUMBERS[node.op](self, node)
        elif node.op == "chosen":
            first, _ = self.mask(node.of[0])
            q, r = self.number(node.of[1]), self.number(node.of[2])
            x, dx = torch.where(first, q.x, r.x), torch.where(first, q.slope, r.slope)
        elif node.op in _ARITHMETIC:
            x, dx = _ARITHMETIC[node.op](*map(self.number, node.of))
        else:
            raise unknown(node.op)
        return Number(x, dx if node.sloped else torch.zeros_like(x))

    def mask(self, node: Node) -> Clause:
        """What a mask keeps, and the excess."""
        if node.op == "negated":
            kept = ~self.mask(node.of[0])[0]
            return kept, self._beyond(kept)
        if node.op in ("both", "either"):
            (a, x), (b, y) = map(self.mask, node.of)
            found = (a & b, torch.maximum(x, y)) if node.op == "both" else (a | b, torch.minimum(x, y))
        elif node.op in _COMPARISONS:
            kept = _COMPARISONS[node.op](*(self.number(x).x for x in node.of)).expand_as(self.t.log_prob)
            found = kept, self._beyond(kept)
        else:
            found = self._clause(node.op, node.numbers)
        if node.counted != "other":
            known = self.clauses.get(node.counted)
            self.clauses[node.counted] = found[0] if known is None else known & found[0]
        return found

    def _beyond(self, kept: torch.Tensor) -> torch.Tensor:
        return torch.where(kept, 0.0, self.constant(limit(self.ratio)))

    def _clause(self, name: str, numbers: Sequence[float]) -> Clause:
        """A clause of the library's own."""
        t, z = self.t, self.z()
        low, high = (numbers[0], numbers[-1]) if numbers else (0.0, 0.0)
        if name == "ratio_within":
            return (self.ratio >= low) & (self.ratio <= high), torch.maximum(self.ratio / high, low / self.ratio)
        if name == "divergence_within":
            delta = torch.full_like(z, low).where(t.advantage <= 0, high)
            return z <= delta, z / delta
        if name == "prefix_budget":
            return t.within_budget, (t.prefix_drift + z) / (low + t.prefix_allowance)
        if name in ("response_max_within", "response_mean_within"):
            return t.response_clause(name, low)
        if name not in ("toward_rollout", "keep_all", "keep_none"):
            raise unknown(name)
        kept = t.toward if name == "toward_rollout" else torch.full_like(t.toward, name == "keep_all")
        return kept, self._beyond(kept)

    def loss(self, node: Node) -> Loss:
        """The loss of a node."""
        if node.op not in _LOSSES:
            raise unknown(node.op)
        return _LOSSES[node.op](self, node)


# --- Numbers ---

_Pair = tuple[torch.Tensor, torch.Tensor]
"""A number and its slope."""


def _plain(x: torch.Tensor) -> _Pair:
    return x, torch.zeros_like(x)


def _given(name: str) -> Callable[[Seen], _Pair]:
    return lambda s: _plain(s.t.given[name])


_INPUTS: dict[str, Callable[[Seen], _Pair]] = {
    "ratio": lambda s: (s.ratio, torch.where(s.free, s.ratio, 0.0)),
    "log_ratio": lambda s: (s.log_ratio, s.free.to(s.log_ratio.dtype)),
    "prob": lambda s: (exponential(s.t.log_prob), exponential(s.t.log_prob)),
    "rollout_prob": lambda s: _plain(exponential(s.t.rollout_log_prob)),
    "divergence": lambda s: _plain(s.d()),
    "weighted_divergence": lambda s: _plain(s.z()),
    "position_value": lambda s: _plain(s.t.position.to(s.t.log_prob.dtype)),
    "log_prob": lambda s: (s.t.log_prob, torch.ones_like(s.t.log_prob)),
    "rollout_log_prob": lambda s: _plain(s.t.rollout_log_prob),
    "advantage": lambda s: _plain(s.t.advantage),
    "entropy": _given("entropy"),
    "reference_log_prob": _given("reference_log_prob"),
    "response_length": lambda s: _plain(s.t.own_length.to(s.t.log_prob.dtype)),
}


def _constant(s: Seen, node: Node) -> _Pair:
    return _plain(s.constant(node.numbers[0]))


def _fold(s: Seen, node: Node) -> _Pair:
    """The value of the fold, and the slope of what is folded at the token; of earlier tokens none is asked for."""
    value = s.folds[node.fold]
    return (value, s.number(s.t.rule.folds[node.fold].of).slope) if node.sloped else _plain(value)


def binary_kl_slope(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """d KL(μ‖π) / d log π of the two cells {y_t} and all else, in double: (p − q) / (1 − p); 0 where p is 1."""
    p, q = log_p.clamp(max=0.0), log_q.clamp(max=0.0)
    gap = torch.exp(torch.maximum(p, q)) * -torch.expm1(-(p - q).abs())
    rest = -torch.expm1(p)
    return torch.where(rest > 0.0, torch.where(p > q, gap, -gap) / rest, 0.0)


def _measured(s: Seen, node: Node) -> _Pair:
    """A divergence of the token, whether or not the region has it."""
    log_p, log_q, name = s.t.log_prob, s.t.rollout_log_prob, node.divergence
    if name == "binary_tv":  # of a ratio in the clamp, as the library has it
        mass = exponential(torch.maximum(log_p, log_q).double())
        return _plain((mass * -torch.expm1(-s.log_ratio.double().abs())).to(log_p.dtype))
    x = divergence(name, log_p, log_q, s.t.given)
    if name != "binary_kl":
        return _plain(x)
    slope = binary_kl_slope(log_p.double(), log_q.double()).to(log_p.dtype)
    return x, torch.where(x < LIMIT, slope, 0.0)


def signed(word: int) -> int:
    """A word of 64 bits as PyTorch has it."""
    word %= 1 << 64
    return word - (1 << 64) if word >> 63 else word


def shifted(h: torch.Tensor, by: int) -> torch.Tensor:
    """h >> by of words without a sign."""
    return (h >> by) & ((1 << (64 - by)) - 1)


def _mixed(x: torch.Tensor, seed: int, step: int) -> torch.Tensor:
    """The bits of x as a float, mixed: multiples of 2^-23 in [0, 1)."""
    bits = (x.to(torch.float32) + 0.0).view(torch.int32).long() & 0xffffffff
    z = bits + signed((seed * 8 + step) % (1 << 64) * 0x9e3779b97f4a7c15)
    z = (z ^ shifted(z, 30)) * signed(0xbf58476d1ce4e5b9)
    z = (z ^ shifted(z, 27)) * signed(0x94d049bb133111eb)
    return (shifted(z ^ shifted(z, 31), 41).double() * 2.0**-23).to(x.dtype)


def _hashed(s: Seen, node: Node) -> _Pair:
    position, seed = s.t.position.to(s.t.log_prob.dtype), node.seed
    place = _mixed(_mixed(s.t.rollout_log_prob, seed, 0) + _mixed(position, seed, 1), seed, 2)
    return _plain(_mixed(place + _mixed(s.t.advantage, seed, 3), seed, 4))


_NUMBERS: dict[str, Callable[[Seen, Node], _Pair]] = {"constant": _constant, "fold": _fold, "measured": _measured,
                                                      "hashed": _hashed}


def _magnitude(q: Number) -> _Pair:
    return q.x.abs(), torch.where(q.x == 0, 0.0, torch.where(q.x < 0, -q.slope, q.slope))


def _root(q: Number) -> _Pair:
    y = most(q.x, torch.zeros_like(q.x)).sqrt()
    return y, torch.where(y > 0, q.slope / (y + y), 0.0)


def _exponential(q: Number) -> _Pair:
    y = exponential(q.x)
    return y, y * q.slope


def _k3_of_log_ratio(q: Number) -> _Pair:
    x = q.x.double()
    return k3_of(-x).to(q.x.dtype), -torch.expm1(-x).to(q.x.dtype) * q.slope


def _bounded(q: Number, low: Number, high: Number) -> _Pair:
    inside = (q.x >= low.x) & (q.x <= high.x)
    return most(least(q.x, high.x), low.x), torch.where(inside, q.slope, 0.0)


def _squared_distance(q: Number, centre: Number, unit: Number) -> _Pair:
    distance = (q.x - centre.x) / unit.x
    return _plain(distance * distance)


def _variance(less: float) -> Callable[[Number, Number, Number], _Pair]:
    """Of the sum of squares, their unit and the number of items, of which the divisor has so many `less`."""
    def made(squares: Number, unit: Number, items: Number) -> _Pair:
        divisor = most(items.x - less, torch.ones_like(items.x))
        return _plain(squares.x * (unit.x * unit.x) / divisor)
    return made


def _deviation(squares: Number, unit: Number, items: Number) -> _Pair:
    variance, _ = _variance(1.0)(squares, unit, items)
    return _plain(torch.where(items.x >= 2, variance.clamp(min=0.0).sqrt(), 1.0))


_OF_ONE: dict[str, Callable[[Number], _Pair]] = {
    "exponential": _exponential,
    "logarithm": lambda q: (q.x.log(), q.slope / q.x),
    "magnitude": _magnitude,
    "square_root": _root,
    "k3_of_log_ratio": _k3_of_log_ratio,
}
_OF_TWO: dict[str, Callable[[Number, Number], _Pair]] = {
    "plus": lambda a, b: (a.x + b.x, a.slope + b.slope),
    "minus": lambda a, b: (a.x - b.x, a.slope - b.slope),
    "times": lambda a, b: (a.x * b.x, a.slope * b.x + a.x * b.slope),
    "divide": lambda a, b: (a.x / b.x, (a.slope - a.x / b.x * b.slope) / b.x),
    "smaller": lambda a, b: (least(a.x, b.x), torch.where(a.x < b.x, a.slope, b.slope)),
    "larger": lambda a, b: (most(a.x, b.x), torch.where(a.x > b.x, a.slope, b.slope)),
    "sloped": lambda q, r: (q.x, r.slope),
}
_OF_THREE: dict[str, Callable[[Number, Number, Number], _Pair]] = {
    "bounded": _bounded,
    "squared_distance": _squared_distance,
    "variance": _variance(1.0),
    "population_variance": _variance(0.0),
    "deviation": _deviation,
}
_ARITHMETIC: dict[str, Callable[..., _Pair]] = {**_OF_ONE, **_OF_TWO, **_OF_THREE}

_COMPARISONS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "at_most": torch.le, "at_least": torch.ge, "below": torch.lt, "above": torch.gt}


# --- Losses ---

def _times(advantage: torch.Tensor, r: Number) -> Loss:
    return Loss(-(advantage * r.x), -(advantage * r.slope))


def _ratio_loss(s: Seen, node: Node) -> Loss:
    loss = -(s.t.advantage * s.ratio)
    return Loss(loss, torch.where(s.free, loss, 0.0))


def _score_form(s: Seen, node: Node) -> Loss:
    slope = -(s.t.advantage * s.number(node.of[0]).x)
    return Loss(slope * s.t.log_prob, slope)


def _clipped(s: Seen, node: Node) -> Loss:
    r, low, high = map(s.number, node.of)
    open_, slope = _times(s.t.advantage, r)
    held = -(s.t.advantage * most(least(r.x, high.x), low.x))
    live = open_ >= held
    return Loss(torch.where(live, open_, held), torch.where(live, slope, 0.0))


def _rolled_back(s: Seen, node: Node) -> Loss:
    r, low, high = map(s.number, node.of)
    a, alpha = s.t.advantage, s.constant(node.numbers[0])
    up = a >= 0
    inside = (up & (r.x <= high.x)) | ((r.x >= low.x) & ~up)
    back = s.constant(1.0 + node.numbers[0]) * torch.where(up, high.x, low.x) - alpha * r.x
    rise = a * r.slope
    return Loss(-(a * torch.where(inside, r.x, back)), torch.where(inside, -rise, alpha * rise))


def _sigmoid_form(s: Seen, node: Node) -> Loss:
    four_a = 4.0 * s.t.advantage
    tau = torch.where(s.t.advantage > 0, *map(s.constant, node.numbers))
    r = s.number(node.of[0])
    x = tau * (r.x - 1.0)
    small = exponential(-x.abs())
    part = 1.0 / (1.0 + small)
    other = small * part
    return Loss(-((four_a / tau) * torch.where(x >= 0, part, other)), -((four_a * (part * other)) * r.slope))


def _quadratic(s: Seen, node: Node) -> Loss:
    gap = s.ratio - 1.0
    pull = (s.t.advantage.abs() * s.number(node.of[0]).x) * (gap / s.constant(node.numbers[0]))
    return Loss((pull * gap) * 0.5, torch.where(s.free, pull * s.ratio, 0.0))


def _penalty(s: Seen, node: Node) -> Loss:
    q, beta = map(s.number, node.of)
    return Loss(beta.x * q.x, beta.x * q.slope)


def _weighted(s: Seen, node: Node) -> Loss:
    q, loss = s.number(node.of[0]).x, s.loss(node.of[1])
    return Loss(q * loss.loss, q * loss.slope)


def _chosen_loss(s: Seen, node: Node) -> Loss:
    first, _ = s.mask(node.of[0])
    a, b = (s.loss(x) for x in node.of[1:])
    return Loss(*(torch.where(first, x, y) for x, y in zip(a, b)))


def _dual_clipped(s: Seen, node: Node) -> Loss:
    loss, slope = s.loss(node.of[0])
    ceiling = -(s.t.advantage * s.number(node.of[1]).x)
    held = (s.t.advantage < 0) & (loss > ceiling)
    return Loss(torch.where(held, ceiling, loss), torch.where(held, 0.0, slope))


def _sum(s: Seen, node: Node) -> Loss:
    a, b = map(s.loss, node.of)
    return Loss(a.loss + b.loss, a.slope + b.slope)


_LOSSES: dict[str, Callable[[Seen, Node], Loss]] = {
    "nothing": lambda s, node: Loss(*_plain(torch.zeros_like(s.t.log_prob))),
    "ratio_loss": _ratio_loss,
    "ratio_form": lambda s, node: _times(s.t.advantage, s.number(node.of[0])),
    "score_form": _score_form,
    "clipped": _clipped,
    "rolled_back": _rolled_back,
    "sigmoid_form": _sigmoid_form,
    "quadratic": _quadratic,
    "penalty": _penalty,
    "value_form": lambda s, node: Loss(*_plain(s.number(node.of[0]).x)),
    "losses": _sum,
    "weighted": _weighted,
    "chosen_loss": _chosen_loss,
    "sloped_loss": lambda s, node: Loss(s.loss(node.of[0]).loss, s.loss(node.of[1]).slope),
    "dual_clipped": _dual_clipped,
}


def own_loss(s: Seen, gate: torch.Tensor, weight: Optional[torch.Tensor]) -> tuple[Loss, torch.Tensor]:
    """Loss and slope of each slot under a rule with a loss of its own, and where the loss has no slope. `gate`: the
    share that a slot keeps."""
    rule, live = s.t.rule, gate > 0
    by = torch.ones_like(gate) if weight is None else weight
    own = s.loss(rule.loss)
    parts = [torch.where(live, (x * gate) * by, 0.0) for x in own]
    if rule.penalty is not None:
        parts = [x + y * by for x, y in zip(parts, s.loss(rule.penalty))]
    return Loss(*(x.expand_as(gate) for x in parts)), live & (own.slope == 0)
