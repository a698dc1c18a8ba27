"""One number of a region, at several values."""

from __future__ import annotations

import inspect
import re
from typing import NamedTuple, Optional

import numpy as np

import cppo

from .. import _native
from .labels import Labelled
from .problems import InputError

_FORM = "must be NAME=FROM:TO:COUNT, NAME=FROM:TO:COUNT:log or NAME=A,B,C"
_MOST = 1000
_PARTS = ("divergence", "weight", "mask", "budget", "gate", "region", "seed")
"""Parameters that are no real numbers."""


class Sweep(NamedTuple):
    """A number's name, as "delta" or "prefix_budget.delta", and the values that it takes."""

    name: str
    values: tuple[float, ...]


def parse_sweep(text: str) -> Sweep:
    """`NAME=FROM:TO:COUNT`, `NAME=FROM:TO:COUNT:log` or `NAME=A,B,C`. Raises `InputError`."""
    m = re.fullmatch(r"\s*((?:[\w:]+\.)?\w+)\s*=([^:=]+)(?::([^:]+):(\d+)(:log)?)?", text)
    try:
        if m is None:
            raise ValueError
        if m[3] is None:
            values = [float(x) for x in m[2].split(",")]
        else:
            values = _range(float(m[2]), float(m[3]), int(m[4]), m[5] is not None)
    except (ValueError, OverflowError):
        raise InputError(f"--sweep {text}: {_FORM}; COUNT from 1 to {_MOST}, and both ends above 0 for log") from None
    return Sweep(m[1], tuple(float(f"{x:.12g}") for x in values))


def _range(low: float, high: float, count: int, by_ratio: bool) -> list[float]:
    if not 1 <= count <= _MOST or (by_ratio and not min(low, high) > 0):
        raise ValueError
    spaced = np.geomspace if by_ratio else np.linspace
    return [float(x) for x in spaced(low, high, count)]


class _Call(NamedTuple):
    """A part in a text, and where its arguments stand."""

    name: str
    arguments: list[tuple[str, int, int]]
    """Name, "" if by place, first and last column."""
    end: int
    """Where another argument can be written; of a name without brackets, where these go."""
    is_bare: bool


_PIECE = re.compile(r"(?P<open>(?P<name>[\w:]+)\s*\()|(?P<group>[({\[])|(?P<close>[)}\]])|(?P<comma>,)"
                    r"|(?P<word>[A-Za-z_][\w:]*)(?!\s*=)")
_KEY = re.compile(r"\s*(\w+)\s*=\s*")


def _calls(text: str) -> list[_Call]:
    """The calls in a text. Its brackets match, since it was read as a region."""
    found: list[_Call] = []
    open_calls: list[tuple[Optional[_Call], int]] = []
    for m in _PIECE.finditer(text):
        if m["open"]:
            call = _Call(m["name"], [], 0, False)
            found.append(call)
            open_calls.append((call, m.end()))
        elif m["group"]:
            open_calls.append((None, m.end()))
        elif m["word"]:
            found.append(_Call(m["word"], [], m.end(), True))
        elif open_calls and (m["comma"] or m["close"]):
            call_, begin = open_calls.pop()
            if call_ is not None:
                _add_argument(call_, text, begin, m.start())
            if m["comma"]:
                open_calls.append((call_, m.end()))
            elif call_ is not None:
                found[found.index(call_)] = call_._replace(end=m.start())
    return found


def _add_argument(call: _Call, text: str, begin: int, end: int) -> None:
    if text[begin:end].strip():
        key = _KEY.match(text, begin, end)
        first = key.end() if key else begin + len(text[begin:end]) - len(text[begin:end].lstrip())
        call.arguments.append((key[1] if key else "", first, end))


def _parameters() -> dict[str, list[str]]:
    """The parameters of each part, by its name."""
    parts = zip(_native.names_of("cppo_part_name"), _native.names_of("cppo_part_parameters"))
    return {name: parameters.split(", ") if parameters else [] for name, parameters in parts}


class Placed(NamedTuple):
    """A text in which `$0` stands for the number, and the number that stood there."""

    text: str
    own: Optional[float]


def placed(text: str, name: str) -> Optional[Placed]:
    """The text with `$0` for each number of that name; None if it has none."""
    part, _, parameter = name.rpartition(".")
    edits: list[tuple[int, int, str]] = []
    own: Optional[float] = None
    for call in _calls(text):
        takes = _parameters().get(call.name, [])
        if parameter not in takes or part not in ("", call.name) or parameter in _PARTS:
            continue
        at = next((i for i, (key, _, _) in enumerate(call.arguments) if (key or takes[i]) == parameter), None)
        if at is not None:
            _, begin, end = call.arguments[at]
            edits.append((begin, end, "$0"))
            own = own if own is not None else _number(text[begin:end])
        else:
            written = f"{parameter} = $0"
            before = ", " if call.arguments else ""
            edits.append((call.end, call.end, f"({written})" if call.is_bare else before + written))
            own = own if own is not None else _default(call.name, parameter)
    for begin, end, new in sorted(edits, reverse=True):
        text = text[:begin] + new + text[end:]
    return Placed(text, own) if edits else None


def _number(text: str) -> Optional[float]:
    try:
        return float(text)
    except ValueError:
        return None


def _default(part: str, parameter: str) -> Optional[float]:
    """What the part has where the text says nothing."""
    known = inspect.signature(getattr(cppo, part)).parameters.get(parameter)
    return known.default if known is not None and isinstance(known.default, float) else None


def place_in(region: Labelled, name: str) -> Optional[Placed]:
    """As `placed`, in the text as the user wrote it, or else in the one that it stands for."""
    is_json = region.text.startswith("{")
    return (None if is_json else placed(region.text, name)) or placed(str(region.region), name)


def swept(region: Labelled, sweep: Sweep) -> Optional[list[cppo.Region]]:
    """The region at each value; None if it has no such number. Raises `InputError` where a value is out of range."""
    place = place_in(region, sweep.name)
    if place is None:
        return None
    made = []
    for value in sweep.values:
        try:
            made.append(cppo.region(place.text, (value,)))
        except _native.Error as e:
            raise InputError(f"--sweep {sweep.name}={value:g} in {region.label}: {e}") from None
    return made


def check_sweep(sweep: Sweep, regions: list[Labelled]) -> None:
    """Raises `InputError` if no region has the number, or a value is out of range."""
    if all(swept(r, sweep) is None for r in regions):
        texts = [text for r in regions for text in (r.text, str(r.region))]
        known = sorted({p for text in texts for c in _calls(text) for p in _parameters().get(c.name, [])} - {*_PARTS})
        raise InputError(f"--sweep {sweep.name}: no region has this number; they have {', '.join(known) or 'none'}")
