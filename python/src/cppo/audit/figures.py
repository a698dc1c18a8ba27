"""The figures of an audit by name: what tables show, JSON holds and conditions test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

from ..outputs import Decision
from .tally import BINS, RegionTally, Tally

Number = Optional[float]


def _share_of(row: int, decisions: slice) -> Callable[[RegionTally], Number]:
    """The share of the tokens of a sign of the advantage."""
    def figure(t: RegionTally) -> Number:
        tokens = int(t.by_sign[row].sum())
        return float(t.by_sign[row, decisions].sum()) / tokens if tokens else None
    return figure


def _share_at(first: int, last: int) -> Callable[[RegionTally], Number]:
    def figure(t: RegionTally) -> Number:
        counts = t.by_share[first:last]
        return float(counts[:, MASKED].sum()) / int(counts.sum()) if counts.sum() else None
    return figure


def _of_report(name: str) -> Callable[[RegionTally], Number]:
    return lambda t: float(getattr(t.report, name))


def _count(name: str) -> Callable[[RegionTally], Number]:
    def figure(t: RegionTally) -> Number:
        assert t.report is not None
        return float(getattr(t.report, name)) / t.report.tokens if t.report.tokens else None
    return figure


def _responses(first: int, last: int) -> Callable[[RegionTally], Number]:
    def figure(t: RegionTally) -> Number:
        total = int(t.responses_by_masked.sum())
        return float(t.responses_by_masked[first:last].sum()) / total if total else None
    return figure


MASKED = slice(Decision.masked_ratio, None)
OF_REGION: dict[str, tuple[str, Callable[[RegionTally], Number]]] = {
    "masked": ("share of the tokens that are masked", _count("masked")),
    "masked_ratio": ("share of the tokens that a ratio interval masks", _count("masked_ratio")),
    "masked_divergence": ("share of the tokens that the threshold on w D masks", _count("masked_divergence")),
    "masked_budget": ("share of the tokens that the prefix budget alone masks", _count("masked_budget")),
    "masked_response": ("share of the tokens that are masked with their whole response", _count("masked_response")),
    "masked_other": ("share of the tokens that another clause masks", _count("masked_other")),
    "kept_toward": ("share of the tokens kept since they move toward μ", _count("kept_toward")),
    "masked_positive": ("share masked of the tokens with Â > 0", _share_of(2, MASKED)),
    "masked_negative": ("share masked of the tokens with Â < 0", _share_of(0, MASKED)),
    "masked_teaching": ("share masked of the tokens with Â ≠ 0", _of_report("teaching_masked_fraction")),
    "masked_first": ("share masked of the first twentieth of the responses", _share_at(0, 1)),
    "masked_last": ("share masked of the last twentieth of the responses", _share_at(BINS - 1, BINS)),
    "worst_response": ("largest share of a response that is masked", lambda t: t.worst_response),
    "responses_touched": ("share of the responses with a masked token", _responses(1, None)),  # type: ignore[arg-type]
    "responses_mostly_masked": ("share of the responses masked by more than half",
                                _responses(6, None)),  # type: ignore[arg-type]
    "mean_gate": ("mean factor that is left of an update", _of_report("mean_gate")),
    "mean_divergence": ("mean of D", _of_report("mean_divergence")),
    "divergence_median": ("median of D, at most 1/16 too large", lambda t: t.quantile(0.5)),
    "divergence_90": ("D that 10 % of the tokens exceed, at most 1/16 too large", lambda t: t.quantile(0.9)),
    "divergence_99": ("D that 1 % of the tokens exceed, at most 1/16 too large", lambda t: t.quantile(0.99)),
    "max_divergence": ("largest D", _of_report("max_divergence")),
    "mean_ratio": ("mean of ρ = π/μ", _of_report("mean_ratio")),
    "max_ratio": ("largest ρ", _of_report("max_ratio")),
    "kl_k1": ("estimate of KL(μ‖π) by k1, nats", _of_report("kl_k1")),
    "kl_k3": ("estimate of KL(μ‖π) by k3, nats", _of_report("kl_k3")),
    "mean_delta_b": ("mean of δ_b over the responses", _of_report("mean_delta_b")),
    "min_delta_b": ("smallest δ_b", _of_report("min_delta_b")),
    "max_delta_b": ("largest δ_b", _of_report("max_delta_b")),
}
"""What is known of each region: its meaning and how it is found. Shares are of valid tokens, from 0 to 1."""

NEEDS_ADVANTAGE = ("kept_toward", "masked_positive", "masked_negative", "masked_teaching")
"""Figures that mean nothing where the dump has no advantages."""

OF_DUMP: dict[str, tuple[str, Callable[[Tally], Number]]] = {
    "responses": ("responses with a token", lambda t: float(t.records)),
    "tokens": ("valid tokens", lambda t: float(t.regions[0].report.tokens if t.regions[0].report else 0)),
    "slots": ("slots from the first token of a response to its last", lambda t: float(t.slots)),
    "bad_tokens": ("tokens with bad input", lambda t: float(max(r.report.bad_tokens if r.report else 0
                                                                for r in t.regions))),
    "rejected_responses": ("responses left out because of bad input",
                           lambda t: float(max(r.report.rejected_responses if r.report else 0 for r in t.regions))),
    "findings": ("findings of `diagnose`", lambda t: float(len(t.findings.by_name))),
}
"""What is known of the dump, whichever the region."""


def of_region(tally: RegionTally, has_advantage: bool) -> dict[str, Number]:
    """The figures of a region; None where one is not known."""
    return {name: None if name in NEEDS_ADVANTAGE and not has_advantage else _finite(figure(tally))
            for name, (_, figure) in OF_REGION.items()}


def of_dump(tally: Tally) -> dict[str, int]:
    """The figures of the dump."""
    return {name: int(figure(tally) or 0) for name, (_, figure) in OF_DUMP.items()}


def _finite(x: Any) -> Number:
    return float(x) if x is not None and x - x == 0 else None
