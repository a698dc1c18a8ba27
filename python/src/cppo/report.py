"""The report of a call: counts, sums and extremes, what follows from them, and the names that trainers chart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from ._native import LIB, Error, StatusCode, names_of

COUNT: int = LIB.cppo_report_count()


def _places(names: tuple[str, ...]) -> dict[str, list[int]]:
    """Where each name stands; a histogram stands in several places."""
    found: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        found.setdefault(name, []).append(i)
    return found


FIELDS = _places(names_of("cppo_report_name")[:COUNT])
"""The numbers of a report by name, and where they stand, in order."""
_MEASURES = _places(names_of("cppo_measure_name"))
LOSS = _MEASURES["loss"][0]
"""The number of the measure that is the loss."""
_REALS = ("sum_", "min_", "max_", "normalizer")
_COUNTED = ("masked", "teaching_masked")

METRICS: dict[str, dict[str, str]] = {
    "trl": {"clip_ratio/low_mean": "masked_low_fraction", "clip_ratio/high_mean": "masked_high_fraction",
            "clip_ratio/region_mean": "masked_fraction"},
    "verl": {"actor/pg_clipfrac": "masked_fraction", "actor/ppo_kl": "kl_k1"},
    "openrlhf": {"ppo_clip_ratio": "masked_fraction", "ppo_kl": "kl_k1"},
    "skyrl": {"clip_ratio": "masked_fraction"},
}
"""What trainers call a field or a measure, by trainer."""


class Report:
    """Counts and sums of a call over its valid tokens. `a + b` is the report of both calls together.

    Counts, sums and extremes are attributes, as what follows from them: `r.kept`, `r.masked_fraction`, `r.loss`.
    `position_tokens` and `position_masked` are arrays of 20: tokens by relative position t/T, and the masked ones.
    Nothing is read before it is asked for, so that a report that lies on a device makes nobody wait.
    """

    tokens: int
    responses: int
    bad_tokens: int
    rejected_responses: int
    kept: int
    kept_toward: int
    masked_ratio: int
    masked_divergence: int
    masked_budget: int
    masked_response: int
    masked_other: int
    masked_high: int
    masked_low: int
    clamped: int
    capped: int
    teaching_tokens: int
    teaching_kept: int
    teaching_toward: int
    held: int
    not_finite: int
    stored_infinite: int
    stored_zero: int
    position_tokens: npt.NDArray[np.int64]
    position_masked: npt.NDArray[np.int64]
    sum_loss: float
    sum_divergence: float
    sum_weighted_divergence: float
    sum_gate: float
    sum_ratio: float
    sum_k1: float
    sum_k3: float
    sum_delta_b: float
    max_divergence: float
    max_ratio: float
    min_delta_b: float
    max_delta_b: float
    aggregate: int
    known: int
    horizon: int
    normalizer: float

    loss: float
    masked: int
    masked_fraction: float
    budget_mask_share: float
    toward_fraction: float
    teaching_masked: int
    teaching_fraction: float
    teaching_masked_fraction: float
    teaching_toward_fraction: float
    masked_high_fraction: float
    masked_low_fraction: float
    held_fraction: float
    mean_divergence: float
    mean_weighted_divergence: float
    mean_ratio: float
    mean_gate: float
    kl_k1: float
    kl_k3: float
    mean_delta_b: float
    masked_fraction_at: npt.NDArray[np.float64]

    def __init__(self, words: Any, normalizer: Any = None, refuses: bool = False) -> None:
        """`words`: what a call wrote, an array or a tensor. `normalizer`: what has divided the loss since, if any.
        `refuses`: True if bad input is an error that nobody has looked for."""
        self._words = words
        self._normalizer = normalizer
        self._refuses = refuses
        self._added: Any = None

    def with_loss(self, added: Any) -> Report:
        """The same, with a number added to `sum_loss`; a tensor is not read before the report is."""
        self._added = added
        return self

    def parts(self) -> tuple[Any, Any]:
        """What it is made of, for JAX."""
        return self._words, self._normalizer

    @property
    def words(self) -> npt.NDArray[np.float64]:
        """The numbers themselves."""
        if not isinstance(self._words, np.ndarray):
            self._words = _read(self._words)
        if self._normalizer is not None:
            divisors = {float(x) for x in np.ravel(self._normalizer)}
            self._words[FIELDS["normalizer"]] = divisors.pop() if len(divisors) == 1 else np.nan
            self._normalizer = None
        if self._added is not None:
            self._words[FIELDS["sum_loss"][0]] += float(self._added)
            self._added = None
        if self._refuses and (left_out := int(self._words[FIELDS["rejected_responses"][0]])):
            bad = int(self._words[FIELDS["bad_tokens"][0]])
            what = f"{bad} tokens of a batch on a device hold bad input" if bad else \
                f"a number that the rule folds is NaN or beyond +-1000 in {left_out} responses on a device"
            raise Error(f"{what}, and their responses were left out: pass its tensors .cpu() to be told which and why, "
                        "or bad_input=\"leave_out\" to go on without them", StatusCode.bad_input_excluded,
                        count=bad or left_out)
        return self._words

    def __getattr__(self, name: str) -> Any:
        if name in _MEASURES:
            address = self.words.ctypes.data
            found = [LIB.cppo_measure(address, i) for i in _MEASURES[name]]
            return np.array(found) if len(found) > 1 else int(found[0]) if name in _COUNTED else found[0]
        if name not in FIELDS:
            known = "" if name.startswith("_") else f": it has {', '.join([*FIELDS, *_MEASURES])}"
            raise AttributeError(f"a report has no {name}{known}")
        values = self.words[FIELDS[name]]
        if name.startswith(_REALS):
            return float(values[0])
        return int(values[0]) if len(values) == 1 else values.astype(np.int64)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *FIELDS, *_MEASURES})

    def __add__(self, other: Report) -> Report:
        if not isinstance(other, Report):
            return NotImplemented
        words = self.words.copy()
        LIB.cppo_report_add(words.ctypes.data, other.words.ctypes.data)
        return Report(words)

    def __radd__(self, other: object) -> Report:  # sum() begins with 0
        return self if other == 0 else NotImplemented

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Report):
            return NotImplemented
        return np.array_equal(self.words, other.words, equal_nan=True)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[type[Report], tuple[npt.NDArray[np.float64]]]:
        return Report, (self.words,)

    def __repr__(self) -> str:
        return (f"<Report: loss {self.loss:.6g}, kept {self.kept} of {self.tokens} tokens in {self.responses} "
                f"responses>")

    def as_dict(self) -> dict[str, Any]:
        """All fields and measures by name."""
        return {name: getattr(self, name) for name in (*FIELDS, *_MEASURES)}

    def metrics(self, prefix: str = "cppo/", names: str | None = None) -> dict[str, float]:
        """Numbers to chart, as floats: all measures and the extremes, or what a trainer charts under its own names.

        Args:
            prefix: goes before each name; without it a trainer's names are its own.
            names: "trl", "verl", "openrlhf" or "skyrl".
        """
        if names is None:
            charted = [n for n, i in _MEASURES.items() if len(i) == 1]
            charted += [n for n in FIELDS if n.startswith(("max_", "min_"))]
            return {prefix + name: float(getattr(self, name)) for name in charted}
        if names not in METRICS:
            raise ValueError(f"names must be one of {', '.join(METRICS)}, not {names!r}")
        before = "" if prefix == "cppo/" else prefix
        return {before + theirs: float(getattr(self, ours)) for theirs, ours in METRICS[names].items()}


def _read(words: Any) -> npt.NDArray[np.float64]:
    """The numbers of a tensor of PyTorch, or those of an array of JAX, which are pairs of 32 bits. Rows, as `vmap`
    makes them, are added up."""
    if hasattr(words, "detach"):
        return np.array(words.detach().cpu().numpy())
    first, *others = np.array(words).view(np.float64).reshape(-1, COUNT)
    for other in others:
        LIB.cppo_report_add(first.ctypes.data, other.ctypes.data)
    return first


def total(reports: Iterable[Report]) -> Report:
    """The report of all calls together, as of the micro-batches of a step."""
    whole = sum(reports)
    if not isinstance(whole, Report):
        raise ValueError("total takes at least one report")
    return whole


def new_words() -> npt.NDArray[np.float64]:
    """Room for what a call writes."""
    return np.zeros(COUNT)
