"""Folds in PyTorch's own operations: a statistic of a number over a range of the tokens, at each slot.

Sums are whole numbers, as in the library, so that a fold of the same numbers is the same number, but for the last bits
of the exponential in a halving sum. Nothing is read by the host, but the length of the longest response for a halving
sum in packed layout.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch

from ._composed_divergences import LIMIT
from ._composed_sums import Grid, Slots, Sums, mean_on_grid, on_grid
from ._rule import Fold, unknown

_LEFT_OUT = 3.4028234663852886e38
"""What stands for a token that an order statistic does not look at: the largest float."""
_RANGES = ("before", "upto", "from", "response", "batch")


class Items(NamedTuple):
    """The tokens that a fold takes, slot by slot."""

    slots: Slots
    token: torch.Tensor
    rank: torch.Tensor
    """The tokens before each in its response."""
    by_column: bool
    """Distances count columns."""


def is_order(fold: Fold) -> bool:
    """True if a fold looks at all values."""
    return fold.statistic.startswith("kth_") or fold.statistic in ("trimmed", "capped")


def term(fold: Fold, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What is folded, and where that leaves the grid."""
    inside = (x >= -LIMIT) & (x <= LIMIT)
    if is_order(fold):
        inside = inside | (x == _LEFT_OUT)
    return torch.where(inside, x, 0.0), ~inside


def folded(fold: Fold, x: torch.Tensor, at: Items) -> torch.Tensor:
    """The value of a fold at each slot. `x`: the terms, inside the grid at each token."""
    if fold.range not in _RANGES:
        raise unknown(f"{fold.range}({fold.statistic}(...))")
    if is_order(fold):
        return _order(fold, x, at)
    if fold.statistic == "halving_sum":
        return _halved(int(fold.parameter), x, at)
    if fold.statistic not in _STATISTICS:
        raise unknown(f"{fold.range}({fold.statistic}(...))")
    value = _STATISTICS[fold.statistic](_State(fold.range, x, at))
    return value.to(x.dtype).expand_as(x)


class _State:
    """What the statistics of one number over one range are read from, at each slot, in double."""

    def __init__(self, over: str, x: torch.Tensor, at: Items) -> None:
        self.over, self.x, self.at = over, x + 0.0, at  # never -0

    def _added(self, limb: torch.Tensor) -> torch.Tensor:
        """The sum of whole numbers over the range."""
        if self.over == "batch":
            return limb.sum()
        sums = Sums(limb, self.at.slots)
        if self.over == "response":
            return sums.total()[self.at.slots.response]
        before = sums.before()
        if self.over == "from":
            return sums.total()[self.at.slots.response] - before
        return before + limb if self.over == "upto" else before

    def count(self) -> torch.Tensor:
        """How many tokens there are."""
        return self._added(self.at.token.long())

    def sum(self) -> Grid:
        """Their sum."""
        return Grid(*map(self._added, on_grid(torch.where(self.at.token, self.x, 0.0))))

    def extreme(self, how: str) -> torch.Tensor:
        """The smallest ("amin") or the largest ("amax"); infinite of none."""
        none = math.inf if how == "amin" else -math.inf
        x = torch.where(self.at.token, self.x, none)
        slots = self.at.slots
        if self.over == "batch":
            whole = torch.cat([x, x.new_full((1,), none)])
            return (whole.amin() if how == "amin" else whole.amax()).double()
        if self.over == "response":
            each = x.new_full((slots.responses + 1,), none)
            return each.scatter_reduce(0, slots.response, x, how)[slots.response].double()
        return _scanned(x, slots, none, torch.minimum if how == "amin" else torch.maximum, self.over).double()

    def mean(self) -> torch.Tensor:
        """The mean; 0 of none. Never beyond the smallest and the largest."""
        n = self.count()
        mean = mean_on_grid(self.sum(), n.clamp(min=1))
        mean = torch.minimum(torch.maximum(mean, self.extreme("amin")), self.extreme("amax"))
        return torch.where(n > 0, mean, 0.0)

    def unit_of_distance(self) -> torch.Tensor:
        """A power of two above every distance from the mean."""
        mean = self.mean()
        return _power_of_two_above(torch.maximum(self.extreme("amax") - mean, mean - self.extreme("amin")))

    def unit_of_size(self) -> torch.Tensor:
        """A power of two above every size."""
        return _power_of_two_above(torch.maximum(self.extreme("amax"), -self.extreme("amin")))

    def finite(self, x: torch.Tensor) -> torch.Tensor:
        """x; 0 of no token."""
        return torch.where(self.count() > 0, x, 0.0)


_STATISTICS: dict[str, Callable[[_State], torch.Tensor]] = {
    "sum": lambda s: s.sum().value(torch.float64),
    "mean": _State.mean,
    "least": lambda s: s.finite(s.extreme("amin")),
    "most": lambda s: s.finite(s.extreme("amax")),
    "counted": lambda s: s.count().double(),
    "unit_of_distance": _State.unit_of_distance,
    "unit_of_size": _State.unit_of_size,
}


def _power_of_two_above(x: torch.Tensor) -> torch.Tensor:
    """A power of two above x and at most 2x, for x above 0; else 1."""
    positive = torch.where((x > 0) & (x < math.inf), x, 0.5)
    return torch.ldexp(torch.ones_like(x), torch.frexp(positive).exponent)


def _scanned(x: torch.Tensor, slots: Slots, none: float, join: Callable[..., torch.Tensor], over: str) -> torch.Tensor:
    """Over the earlier slots of the response, with the slot itself unless it is "before", or over it and the later."""
    n, place = x.numel(), torch.arange(x.numel(), device=x.device)
    first, end = slots.begin[slots.response], slots.end[slots.response]

    def neighbour(of: torch.Tensor, by: int) -> torch.Tensor:
        """What stands `by` slots before, or after where `by` is below 0; nothing outside the response."""
        at = place - by
        return torch.where((at >= first) & (at < end), of[at.clamp(0, max(n - 1, 0))], none)

    longest, by = n if slots.width == 0 else slots.width, 1
    while by < longest:
        x = join(x, neighbour(x, -by if over == "from" else by))
        by *= 2
    return neighbour(x, 1) if over == "before" else x


def _distances(at: Items) -> torch.Tensor:
    """How far each slot lies behind the first token of its response, in tokens or in columns."""
    if not at.by_column:
        return at.rank
    slots, n = at.slots, at.token.numel()
    slot = torch.arange(n, device=at.token.device)
    first = torch.full((slots.responses + 1,), n, device=slot.device)
    first = first.scatter_reduce(0, slots.response, torch.where(at.token, slot, n), "amin")
    return (slot - first[slots.response]).clamp(min=0)


def _halved(half_life: int, x: torch.Tensor, at: Items) -> torch.Tensor:
    """Σ_{k ≥ t} x_k 2^{−(k − t)/h}, in blocks of h, each on the grid of its own first place; from the last block to the
    first each takes half of what follows, rounded down. The integers are the library's where 2^{j/h} is."""
    slots, place = at.slots, _distances(at)
    up = torch.exp((place % half_life).double() * math.log(2.0) / half_life)
    units = torch.where(at.token, (x.double() / up * 2.0**40).round(), 0.0).long()
    longest = slots.width or int(torch.cat([place.new_zeros(1), place + 1]).max())
    blocks = -(-longest // half_life)
    own = units.new_zeros((slots.responses + 1) * max(blocks, 1))
    own = own.scatter_add(0, slots.response * blocks + place // half_life, units).view(slots.responses + 1, -1)
    from_here = carried = own.new_zeros(slots.responses + 1)
    behind = [(carried, from_here)]  # each block: half of what follows it, and the plain sum of what follows it
    for y in reversed(own.unbind(1)[1:]):
        carried, from_here = (y + carried) >> 1, from_here + y
        behind.append((carried, from_here))
    halves, rest = (torch.stack(each[::-1], 1).view(-1)[slots.response * blocks + place // half_life]
                    for each in zip(*behind))
    sums = Sums(units, slots)
    upto_block = sums.total()[slots.response] - sums.before() - rest
    return ((upto_block + halves).double() * 2.0**-40 * up).to(x.dtype)


# --- Order statistics ---

class _Sorted(NamedTuple):
    """The values of each group in order, one group after the other."""

    values: torch.Tensor
    group: torch.Tensor
    """That of each value; the last one is of none."""
    sizes: torch.Tensor
    first: torch.Tensor
    """Where each group begins."""


def _sorted(x: torch.Tensor, group: torch.Tensor, groups: int) -> _Sorted:
    by_value = x.argsort()
    by_group = by_value[group[by_value].argsort(stable=True)]
    count = torch.zeros(groups + 1, dtype=torch.int64, device=x.device)
    count = count.scatter_add(0, group, torch.ones_like(group))
    return _Sorted(x[by_group], group[by_group], count, count.cumsum(0) - count)


def _rank(fold: Fold, n: torch.Tensor) -> torch.Tensor:
    """k, from 1 to n."""
    x, quantile = fold.parameter, fold.rank == "at_quantile"
    wanted = torch.full_like(n, x, dtype=torch.float64)
    if fold.rank:
        wanted = x * (n - 1 if quantile else n).double()
    k = (wanted + 0.9999 if fold.rank == "share_rounded_up" else wanted).clamp(-1.0, 2.0**53).long()
    if quantile:
        k = k + torch.where(k.double() < wanted, 2, 1)
    return torch.minimum(k.clamp(min=1), n)


def _last_admitted(fold: Fold, s: _Sorted) -> torch.Tensor:
    """Of each group the largest value up to which the mean is below the parameter, or at which all can be cut off."""
    if not s.values.numel():
        return s.values.new_zeros(s.sizes.numel())
    bound, n = fold.parameter, s.sizes[s.group]
    places = torch.arange(s.values.numel(), device=s.values.device)
    upto = places - s.first[s.group] + 1
    inside = s.group < s.sizes.numel() - 1
    limbs = [torch.where(inside, x, 0) for x in on_grid(torch.where(inside, s.values, 0.0))]
    sums = [torch.cat([x.new_zeros(1), x.cumsum(0)]) for x in limbs]
    sum_ = Grid(*(x[1:] - x[s.first[s.group]] for x in sums)).value(torch.float64)
    if fold.statistic == "trimmed":
        admitted = sum_ < bound * upto.double()
    else:
        admitted = sum_ + s.values.double() * (n - upto).double() < bound * n.double()
    last = torch.cat([(s.values[1:] != s.values[:-1]) | (s.group[1:] != s.group[:-1]), inside.new_ones(1)])
    found = s.values.new_full((s.sizes.numel(),), -math.inf)
    found = found.scatter_reduce(0, s.group, torch.where(last & admitted & inside, s.values, -math.inf), "amax")
    smallest = s.values[s.first.clamp(max=s.values.numel() - 1)]
    none = torch.zeros_like(smallest) if fold.statistic == "capped" else smallest
    return torch.where(found > -math.inf, found, none)


def _order(fold: Fold, x: torch.Tensor, at: Items) -> torch.Tensor:
    """An order statistic of each response, or of the batch."""
    whole = fold.range == "batch"
    if not whole and fold.range != "response":
        raise unknown(f"{fold.range}({fold.statistic}(...))")
    groups = 1 if whole else at.slots.responses
    counts = at.token & (x != _LEFT_OUT)
    own = torch.zeros_like(at.slots.response) if whole else at.slots.response
    s = _sorted(x + 0.0, torch.where(counts, own, groups), groups)
    if fold.statistic in ("trimmed", "capped"):
        found = _last_admitted(fold, s)
    else:
        k = _rank(fold, s.sizes)
        place = k - 1 if fold.statistic == "kth_smallest" else s.sizes - k
        found = s.values[(s.first + place).clamp(0, max(s.values.numel() - 1, 0))] if s.values.numel() else \
            s.values.new_zeros(groups + 1)
    found = torch.where(s.sizes > 0, found, 0.0) + 0.0
    return found[0].expand_as(x) if whole else found[own]
