"""What an audit found, as plain data. `as_text` and `as_html` show it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Optional

import numpy as np

from .._native import Error
from ..outputs import TRACE, Decision
from . import figures
from .chunks import Chunk
from .conditions import Figures
from .records import Reading, Response
from .sweep import Sweep, place_in
from .tally import BINS, SIGNS, RegionTally, Tally

TextOf = Callable[[int], str]
"""From a token id to its text."""
SCHEMA = "cppo.audit/1"
"""Changes where a key is renamed or means something else; keys may be added."""
_UNLIMITED = 1000
"""The threshold on w D where no clause has one."""
CAUSES = tuple(d.name for d in Decision if d is not Decision.excluded)
"""What may become of a token."""


class Result:
    """An audit.

    Attributes:
        data: all of it, as JSON holds it.
        figures: what conditions test.
    """

    def __init__(self, tally: Tally, reading: Reading, files: list[str], text_of: Optional[TextOf]) -> None:
        assert reading.format is not None
        has_advantage = bool(reading.has_advantage)
        by_label = {t.label: figures.of_region(t, has_advantage) for t in tally.regions}
        labels, agreement = list(by_label), tally.agreement()
        dump = figures.of_dump(tally)
        self.figures = Figures(dump, by_label, {
            (a, b): _number(agreement[i, j]) for i, a in enumerate(labels) for j, b in enumerate(labels)})
        self.data: dict[str, Any] = {
            "schema": SCHEMA,
            "files": files,
            "format": reading.format.name,
            "has_advantage": has_advantage,
            **dump,
            "first_bad_input": tally.first_bad,
            "notes": [s if n == 1 else f"{s} ({n} records)" for s, n in reading.notes.items()],
            "findings": tally.findings.ranked(),
            "chunks": tally.chunks,
            "regions": [_region(t, tally.sweeps, by_label[t.label], has_advantage) for t in tally.regions],
            "agreement": [[_number(x) for x in row] for row in agreement.tolist()],
            "ranked_by": tally.rank_by,
            "worst": [_response(r, tally, has_advantage, text_of) for r in tally.worst.responses()],
        }

    def as_text(self) -> str:
        """Tables for a terminal."""
        from .as_text import text_of
        return text_of(self.data)

    def as_html(self) -> str:
        """One page that needs no other file."""
        from .as_html import page_of
        return page_of(self.data)


def _number(x: float) -> Optional[float]:
    return float(x) if math.isfinite(x) else None


def _region(t: RegionTally, sweeps: list[Sweep], values: dict[str, Optional[float]],
            has_advantage: bool) -> dict[str, Any]:
    return {
        "label": t.label,
        "region": t.given.text,
        "expression": str(t.given.region),
        "figures": values,
        "by_sign": _counts(t.by_sign, SIGNS) if has_advantage else None,
        "by_relative_position": _counts(t.by_share, [f"{i / BINS:.2f}" for i in range(BINS)]),
        "mean_divergence_by_relative_position": [d / n if n else None for d, n in zip(
            t.divergence_by_share.tolist(), t.by_share.sum(1).tolist())],
        "by_position": _counts(_without_end(t.by_position), [str(1 << i) for i in range(len(t.by_position))]),
        "responses_by_masked_share": t.responses_by_masked.tolist(),
        "sweeps": [_sweep(t, s) for s in sweeps if s.name in t.sweeps],
    }


def _without_end(table: Any) -> Any:
    """The rows up to the last that counts anything."""
    used = np.flatnonzero(table.sum(1))
    return table[:used[-1] + 1] if used.size else table[:0]


def _counts(table: Any, names: Any) -> list[dict[str, Any]]:
    """Rows of counts by decision; `from` is the row's name, or where its bin begins."""
    return [{"from": name, "tokens": int(row.sum()), "masked": int(row[figures.MASKED].sum()),
             **{cause: int(row[Decision[cause]]) for cause in CAUSES}} for name, row in zip(names, table)]


def _sweep(t: RegionTally, s: Sweep) -> dict[str, Any]:
    place = place_in(t.given, s.name)
    points = []
    for value, report in zip(s.values, t.sweeps[s.name]):
        tokens = max(report.tokens, 1)
        points.append({"value": value, "masked": report.masked_fraction, **{
            cause: getattr(report, cause) / tokens for cause in CAUSES if cause != "kept"}})
    return {"name": s.name, "own": place.own if place else None, "points": points}


def _response(response: Response, tally: Tally, has_advantage: bool, text_of: Optional[TextOf]) -> dict[str, Any]:
    """A response token by token: what it is, and what became of it under each region."""
    chunk = Chunk([response])
    x = chunk.inputs
    ids = x["token_id"].tolist() if "token_id" in x else None
    tokens = response.tokens
    if tokens is None and ids is not None and text_of is not None:
        tokens = [text_of(i) for i in ids]
    return {
        "place": response.place,
        "first_slot": response.first_slot,
        "active": response.mask.tolist(),
        "tokens": tokens,
        "token_id": ids,
        "log_prob": _numbers(x["log_prob"]),
        "rollout_log_prob": _numbers(x["rollout_log_prob"]),
        "advantage": _numbers(x["advantage"]) if has_advantage else None,
        "regions": [{"label": t.label, **_trace(chunk, t, tally.options)} for t in tally.regions],
    }


def _trace(chunk: Chunk, t: RegionTally, options: dict[str, Any]) -> dict[str, Any]:
    try:
        report, out = chunk.decide(t.region, TRACE, **options)
    except Error as e:  # refused alone, as it was among others
        return {"error": str(e)}
    traced = {name: _numbers(getattr(out, name)) for name in TRACE if name != "decision"}
    traced["threshold"] = [None if x is None or x >= _UNLIMITED else x for x in traced["threshold"]]
    return {"masked": report.masked, "tokens": report.tokens, **traced,
            "decision": [Decision(d).name for d in out.decision.tolist()]}


def _numbers(x: Any) -> list[Optional[float]]:
    return [float(f"{v:.7g}") if math.isfinite(v) else None for v in x.tolist()]
