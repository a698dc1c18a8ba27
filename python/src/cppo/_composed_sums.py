"""Sums over the slots of responses in whole numbers, as the library's `exact_sum`: nothing depends on an order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch


class Slots(NamedTuple):
    """A batch, one slot after the other. `Real`: the type in which the call computes."""

    responses: int
    width: int
    response: torch.Tensor
    """The response of each slot, from 0; `responses` where it has none."""
    begin: torch.Tensor
    """The first slot of each response, [responses + 1]."""
    end: torch.Tensor
    given: Mapping[str, torch.Tensor]
    """The inputs, [slots] or [slots, K]: numbers as Real, the response mask as it is lent."""


class Sums:
    """Sums of whole numbers over the slots of a response. They are exact: nothing depends on an order."""

    def __init__(self, x: torch.Tensor, slots: Slots) -> None:
        self._until = torch.cat([x.new_zeros(1), x.cumsum(0)])
        self._slots = slots
        self._begin, self._end = (at.clamp(0, x.numel()) for at in (slots.begin, slots.end))

    def total(self) -> torch.Tensor:
        """Of each response; the last is that of no response."""
        return self._until[self._end] - self._until[self._begin]

    def before(self) -> torch.Tensor:
        """Of what stands before each slot in its response."""
        return self._until[:-1] - self._until[self._begin][self._slots.response]


class Grid(NamedTuple):
    """Numbers on the grid 2^-40 in two limbs of whole numbers, as the library's `exact_sum`."""

    high: torch.Tensor
    low: torch.Tensor

    def __sub__(self, other: Grid) -> Grid:
        return Grid(self.high - other.high, self.low - other.low)

    def plus(self, other: Grid) -> Grid:
        return Grid(self.high + other.high, self.low + other.low)

    def at_least_zero(self) -> torch.Tensor:
        return self.high + (self.low >> 25) >= 0

    def value(self, kind: torch.dtype) -> torch.Tensor:
        return (self.high.double() * 2.0**-15 + self.low.double() * 2.0**-40).to(kind)


def on_grid(x: torch.Tensor) -> Grid:
    """The nearest numbers on the grid; |x| ≤ 1000."""
    scaled = x * 32768.0
    high = scaled.round()
    return Grid(high.long(), ((scaled - high) * 33554432.0).round().long())


def number_on_grid(x: float, like: torch.Tensor) -> Grid:
    return on_grid(torch.full((), x, dtype=like.dtype, device=like.device))


def sums_before(x: torch.Tensor, slots: Slots) -> Grid:
    """The sums of what stands before each slot in its response."""
    return Grid(*(Sums(limb, slots).before() for limb in on_grid(x)))


def mean_on_grid(sum_: Grid, count: torch.Tensor) -> torch.Tensor:
    """sum / count in double, for count > 0: each limb is divided as a whole number, its remainder again."""
    units = (2.0**-15, 2.0**-40)
    whole = [torch.div(x, count, rounding_mode="trunc").double() * unit for x, unit in zip(sum_, units)]
    rest = [torch.fmod(x, count).double() * unit for x, unit in zip(sum_, units)]
    return whole[0] + whole[1] + (rest[0] + rest[1]) / count.double()
