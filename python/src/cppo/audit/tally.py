"""Counts and sums of all chunks. What a tally holds does not grow with the dump."""

from __future__ import annotations

import heapq
from typing import Any, Callable, Optional

import numpy as np
import numpy.typing as npt

from .._native import Error
from ..diagnosis import Finding
from ..outputs import Decision
from ..regions import Region
from ..report import Report
from .chunks import Chunk
from .labels import Labelled, with_divergence
from .problems import InputError
from .records import Array, Response
from .sweep import Sweep, swept

BINS = 20
"""Bins of the relative position, as in a report: floor(20 (t − 1)/T)."""
DOUBLINGS = 32
"""Bins of the position: 1, 2-3, 4-7, ..."""
SHARES = 11
"""Bins of the masked share of a response: 0, then up to 10 %, 20 %, ..."""
SIGNS = ("negative", "zero", "positive")
DECISIONS = len(Decision)
_STEPS = 4
"""Bits of the fraction of a float that tell bins of D apart: 16 bins to a doubling."""
_MASKED = Decision.masked_ratio
"""The first decision that masks."""


class RegionTally:
    """What a region did."""

    def __init__(self, given: Labelled) -> None:
        self.label, self.given = given.label, given
        self.region = with_divergence(given.region)
        self.report: Optional[Report] = None
        self.by_sign = np.zeros((len(SIGNS), DECISIONS), np.int64)
        self.by_share = np.zeros((BINS, DECISIONS), np.int64)
        self.by_position = np.zeros((DOUBLINGS, DECISIONS), np.int64)
        self.divergence_by_share = np.zeros(BINS)
        self.divergences = np.zeros(1 << (8 + _STEPS), np.int64)
        self.responses_by_masked = np.zeros(SHARES, np.int64)
        self.worst_response = 0.0
        self.sweeps: dict[str, list[Report]] = {}

    def add(self, report: Report, signs: Array, places: Places, decision: Array, divergence: Array) -> None:
        """Adds a chunk, given its decided tokens in order."""
        self.report = report if self.report is None else self.report + report
        self.by_sign += _table(signs, decision, len(SIGNS))
        self.by_share += _table(places.share, decision, BINS)
        self.by_position += _table(places.doubling, decision, DOUBLINGS)
        self.divergence_by_share += np.bincount(places.share, divergence, BINS)
        self.divergences += _histogram(divergence)
        masked = np.bincount(places.response, decision >= _MASKED, len(places.lengths))
        shares = masked[places.lengths > 0] / places.lengths[places.lengths > 0]
        self.responses_by_masked += np.bincount(np.ceil(shares * (SHARES - 1) - 1e-12).astype(int), minlength=SHARES)
        self.worst_response = max(self.worst_response, float(shares.max(initial=0.0)))

    def quantile(self, share: float) -> Optional[float]:
        """D that at most `1 - share` of the tokens exceed, rounded up by at most 1/16."""
        total = int(self.divergences.sum())
        if total == 0:
            return None
        at = int(np.searchsorted(np.cumsum(self.divergences), share * total))
        if at == 0:
            return 0.0
        upper = np.array((at + 1) << (23 - _STEPS), np.int32).view(np.float32)
        return min(float(upper), self.report.max_divergence if self.report else float(upper))


def _table(rows: Array, decision: Array, count: int) -> npt.NDArray[np.int64]:
    return np.bincount(rows * DECISIONS + decision, minlength=count * DECISIONS).reshape(count, DECISIONS)


def _histogram(divergence: Array) -> npt.NDArray[np.int64]:
    """Counts of D in bins of equal ratio; the first has D up to 0."""
    bits = np.maximum(divergence.astype(np.float32), 0).view(np.int32) >> (23 - _STEPS)
    return np.bincount(bits, minlength=1 << (8 + _STEPS))


class Places:
    """Where the decided tokens of a chunk stand in their responses."""

    def __init__(self, chunk: Chunk, decided: npt.NDArray[np.bool_]) -> None:
        self.decided = decided
        self.response = chunk.response_of_slot[decided]
        self.lengths = np.bincount(self.response, minlength=len(chunk.responses))
        before = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        position = np.arange(len(self.response)) - before[self.response]  # t − 1
        self.share = np.minimum(BINS * position // self.lengths[self.response], BINS - 1)
        self.doubling = np.minimum(np.frexp(position + 1.0)[1] - 1, DOUBLINGS - 1)


class Worst:
    """The responses of which a region masks most, kept whole."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.heap: list[tuple[float, float, int, Response]] = []
        self.seen = 0

    def add(self, chunk: Chunk, score: Array, tie: Array) -> None:
        """Keeps what is among the worst so far. Of equal ones the first is kept."""
        for r, response in enumerate(chunk.responses):
            self.seen += 1
            entry = (float(score[r]), float(tie[r]), -self.seen, response)
            if len(self.heap) < self.count:
                heapq.heappush(self.heap, entry)
            elif self.heap and entry[:3] > self.heap[0][:3]:
                heapq.heapreplace(self.heap, entry)

    def responses(self) -> list[Response]:
        """The worst first."""
        return [e[3] for e in sorted(self.heap, key=lambda e: e[:3], reverse=True)]


RANKINGS: dict[str, Callable[[Array, Array, Array], Array]] = {
    "masked": lambda masked, tokens, drift: masked,
    "share": lambda masked, tokens, drift: masked / np.maximum(tokens, 1),
    "drift": lambda masked, tokens, drift: drift,
}
"""What the worst responses have most of, under the first region."""


class Findings:
    """Findings of the chunks, put together by name and by the region that they are about, if any."""

    def __init__(self) -> None:
        self.by_name: dict[tuple[str, str], dict[str, Any]] = {}

    def add(self, chunk: Chunk, regions: list[RegionTally], options: dict[str, Any]) -> None:
        """Diagnoses a chunk, by itself and under each region."""
        general = chunk.diagnose(None, **options)
        for f in general:
            self._add(f, None)
        names = {f.name for f in general}
        for tally in regions:
            for f in chunk.diagnose(tally.region, **options):
                if f.name not in names:
                    self._add(f, tally.label)

    def _add(self, f: Finding, label: Optional[str]) -> None:
        found = self.by_name.setdefault((f.name, label or ""), {"name": f.name, "sentence": f.sentence, "tokens": 0,
                                                               "chunks": 0, "region": label})
        found["tokens"] += f.tokens
        found["chunks"] += 1

    def ranked(self) -> list[dict[str, Any]]:
        """The finding that explains most tokens first."""
        return sorted(self.by_name.values(), key=lambda f: -f["tokens"])


class Tally:
    """The audit of what was added so far."""

    def __init__(self, regions: list[RegionTally], sweeps: list[Sweep], worst: Worst, rank_by: str,
                 options: dict[str, Any]) -> None:
        self.regions, self.sweeps, self.worst, self.rank_by, self.options = regions, sweeps, worst, rank_by, options
        n = len(regions)
        self.both_decided = np.zeros((n, n), np.int64)
        self.both_masked = np.zeros((n, n), np.int64)
        self.masked_and_decided = np.zeros((n, n), np.int64)
        self.findings = Findings()
        self.records = self.slots = self.chunks = 0
        self.first_bad: Optional[str] = None
        self.made = {(t.label, s.name): swept(t.given, s) for t in regions for s in sweeps}

    def add(self, chunk: Chunk) -> None:
        """Adds a chunk."""
        self.chunks += 1
        self.records += len(chunk.responses)
        self.slots += len(chunk.mask)
        signs = np.sign(np.nan_to_num(chunk.inputs["advantage"])).astype(np.int64) + 1
        masks, decided = [], []
        places: Optional[Places] = None
        for tally in self.regions:
            report, out = self._decide(chunk, tally.region, ("decision", "divergence"))
            here = out.decision != Decision.excluded
            if places is None or not np.array_equal(here, places.decided):
                places = Places(chunk, here)
            tally.add(report, signs[here], places, out.decision[here], out.divergence[here])
            masks.append(out.decision >= _MASKED)
            decided.append(here)
            if tally is self.regions[0]:
                self._rank(chunk, masks[0], here, out.divergence)
            self._sweep(chunk, tally)
        self._compare(np.array(masks), np.array(decided))
        self.findings.add(chunk, self.regions, {k: v for k, v in self.options.items() if k != "bad_input"})

    def _decide(self, chunk: Chunk, region: Region, outputs: tuple[str, ...] = ()) -> tuple[Report, Any]:
        try:
            report, out = chunk.decide(region, outputs, **self.options)
        except Error as e:
            place = chunk.place_of(e)
            remedy = "; --bad-input leave_out counts such responses and goes on" if place else ""
            raise InputError(f"{place}: {e}{remedy}" if place else str(e)) from None
        if report.bad_tokens and self.first_bad is None:
            self.first_bad = self._bad_input(chunk, region)
        return report, out

    def _bad_input(self, chunk: Chunk, region: Region) -> str:
        """The sentence about the first bad input of the chunk."""
        try:
            rejecting: dict[str, Any] = {**self.options, "bad_input": "reject"}
            chunk.decide(region, **rejecting)
        except Error as e:
            return f"{chunk.place_of(e)}: {e}"
        return ""

    def _rank(self, chunk: Chunk, masked: Array, decided: Array, divergence: Array) -> None:
        count = len(chunk.responses)
        numbers = [np.bincount(chunk.response_of_slot, x, count) for x in (masked, decided, divergence)]
        self.worst.add(chunk, RANKINGS[self.rank_by](*numbers), numbers[2])

    def _sweep(self, chunk: Chunk, tally: RegionTally) -> None:
        for s in self.sweeps:
            made = self.made[tally.label, s.name]
            if made is not None:
                reports = [self._decide(chunk, r)[0] for r in made]
                before = tally.sweeps.get(s.name)
                tally.sweeps[s.name] = reports if before is None else [a + b for a, b in zip(before, reports)]

    def _compare(self, masks: Array, decided: Array) -> None:
        m, d = masks.astype(np.float64), decided.astype(np.float64)
        self.both_decided += (d @ d.T).astype(np.int64)
        self.both_masked += (m @ m.T).astype(np.int64)
        self.masked_and_decided += (m @ d.T).astype(np.int64)

    def agreement(self) -> npt.NDArray[np.float64]:
        """The share of the tokens that two regions decide alike, of those that both decide."""
        alike = self.both_decided - self.masked_and_decided - self.masked_and_decided.T + 2 * self.both_masked
        shares: npt.NDArray[np.float64] = np.full(alike.shape, np.nan)
        np.divide(alike, self.both_decided, out=shares, where=self.both_decided > 0)
        return shares
