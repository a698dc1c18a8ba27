"""Rules that read the whole batch, where it lies in several micro-batches: one statistic for all of them, to the bit.

A rule whose folds look beyond a response, as `rules.vmpo()` or what holds `rules.batch(...)`, is another one in every
micro-batch unless they share their statistics first:

>>> parts = [cppo.MicroBatch(log_prob, rollout_log_prob, advantage, response_mask, region=region) for ... in batches]
>>> states = cppo.fold_states(parts)             # cppo.distributed.fold_states(parts) where there are ranks
>>> loss, report = cppo.policy_loss(..., region=region, folds=states, normalizer=tokens_of_all)  # for each of them

States are exact: masks and gradients have the bits of one batch, however it is cut and in whatever order it is added
up. The log-probs must be those that the call gets, so that all micro-batches are evaluated before the first loss.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Optional

import numpy as np

from . import _native as c
from ._numpy import whole_words
from .pieces import Reading, Words


class MicroBatch(Reading):
    """A part of a batch, of whole responses. It may have none."""

    @property
    def dtype(self) -> int:
        """The number of the arithmetic's type."""
        return c.DTYPES["float64" if self.batch.in_double else "float32"]

    @property
    def exchanges(self) -> int:
        """How often micro-batches exchange states. 0: no fold of the region looks beyond its response."""
        return int(c.LIB.cppo_fold_exchanges(self.region.c_region, self.dtype))

    def words(self, exchanges: int) -> int:
        """How many words the states of the first exchanges have."""
        return int(c.LIB.cppo_fold_words(self.region.c_region, self.dtype, exchanges))

    def sum_folds(self, known: Words) -> Words:
        """What this micro-batch adds to the next exchange. `known`: the states of those before it, one after the
        other."""
        known = whole_words(known, "known")
        sums = np.zeros(max(self._next(known.size), 1), np.int64)
        code = c.LIB.cppo_sum_folds(self.frame.batch, self.region.c_region, self.options, known.ctypes.data, known.size,
                                    sums.ctypes.data, sums.size, self.frame.status)
        self.frame.raise_if(code, states="known")
        return sums

    def _next(self, known: int) -> int:
        """Words of the exchange after so many words."""
        ends = [self.words(k) for k in range(self.exchanges + 1)]
        return next((after - before for before, after in zip(ends, ends[1:]) if before == known), 0)


def add_folds(a: Words, b: Words) -> Words:
    """The states of two micro-batches or ranks together, at one exchange."""
    into, other = whole_words(a, "folds").copy(), whole_words(b, "folds")
    if into.ndim != 1 or into.shape != other.shape:
        raise c.Error(f"states of folds have shape [words] and are added to others of their shape, not "
                      f"{list(into.shape)} to {list(other.shape)}", c.StatusCode.states_mismatch, "folds")
    c.LIB.cppo_folds_add(into.ctypes.data, other.ctypes.data, into.size)
    return into


def check_alike(batches: Sequence[MicroBatch]) -> None:
    """Raises `Error` unless the parts of a batch are of one region, in one arithmetic and under the same options."""
    if not batches:
        raise c.Error("fold_states needs a micro-batch: pass one without responses where there is none",
                      c.StatusCode.states_mismatch, "layout")
    first = batches[0]
    for other in batches:
        if (other.region, other.options) != (first.region, first.options):
            raise c.Error("micro-batches have different regions or options: pass the same to all",
                          c.StatusCode.states_mismatch, "region")
        if other.dtype != first.dtype:
            raise c.Error("some micro-batches compute in double, others in float: pass log-probs of one type",
                          c.StatusCode.states_mismatch, "log_prob")


def added_folds(states: Sequence[Words]) -> Words:
    """The states of all of these together, at one exchange. Raises `Error` where they do not belong together."""
    both = functools.reduce(add_folds, states)
    if both.size and both[0] < 0:
        raise c.Error("states of folds do not belong together, or are more than a sum holds: make all of them at one "
                      "exchange of one region, from the same known states", c.StatusCode.states_mismatch, "folds")
    return both


def _summed(batches: Sequence[MicroBatch], known: Words) -> Words:
    return added_folds([b.sum_folds(known) for b in batches])


def exchanged(batches: Sequence[MicroBatch], of_all: Callable[[Callable[[], Words], int], Words]) -> Optional[Words]:
    """The states of all exchanges. `of_all`: those of all ranks at one exchange, of a function that makes this rank's
    and of how many words they have."""
    first, known = batches[0], np.zeros(0, np.int64)
    ends = [first.words(k) for k in range(first.exchanges + 1)]
    for before, after in zip(ends, ends[1:]):
        sums = of_all(functools.partial(_summed, batches, known), after - before)
        known = np.concatenate([known, sums])
    return known if known.size else None


def fold_states(batches: Sequence[MicroBatch]) -> Optional[Words]:
    """What `policy_loss` takes as `folds` for each of these micro-batches, which together are the batch. None: no fold
    of the region looks beyond its response, and nothing is to be shared.

    Cost: passes over the tokens for each exchange. 40 bytes for a fold, and 98 kB for each order statistic in each of 3
    exchanges, in double 6.
    """
    check_alike(batches)
    return exchanged(batches, lambda make, _: make())
