"""The regions of an audit and what they are called in its tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional, Union

from .. import binary_tv, calibrated_cppo, dppo, fixed_cppo, ppo, reporting
from .._native import Error
from ..regions import Region, region
from .problems import InputError

WORDS = ("and", "or", "not", "agreement")
"""What no region may be called: they mean something in conditions."""
Regions = Union[Sequence[Union[str, Region]], Mapping[str, Union[str, Region]]]


class Labelled(NamedTuple):
    """A region, what it is called, and its text as the user wrote it."""

    label: str
    text: str
    region: Region


class RegionError(InputError):
    """The text of a region that is none: it is shown with the place under it."""

    def __init__(self, text: str, column: int, sentence: str) -> None:
        super().__init__(f"--region: {sentence}")
        self.shown = f"--region\n  {text}\n  {'^':>{column}}\n{sentence}"


def usual() -> list[Region]:
    """What is compared where no region is asked for."""
    return [ppo(), dppo(), fixed_cppo(), calibrated_cppo()]


def labelled(regions: Regions) -> list[Labelled]:
    """The regions with labels: the user's, or the name that a region's text begins with."""
    found: list[Labelled] = []
    taken: set[str] = set()
    pairs = list(regions.items()) if isinstance(regions, Mapping) else [_split(r) for r in regions or usual()]
    for label, given in pairs:
        text, made = _made(given)
        if label is None:
            label = _free(text, taken)
        elif not re.fullmatch(r"[A-Za-z_]\w*", label) or label in WORDS:
            raise InputError(f"--region {label}=...: a label is one word of letters, digits and _, and none of "
                             f"{', '.join(WORDS)}")
        elif label in taken:
            raise InputError(f"--region {label}=...: two regions have this label")
        taken.add(label)
        found.append(Labelled(label, text, made))
    return found


def _split(given: Union[str, Region]) -> tuple[Optional[str], Union[str, Region]]:
    """LABEL=TEXT, or the text alone."""
    if isinstance(given, str) and (m := re.fullmatch(r"\s*(\w+)\s*=(.*)", given, re.DOTALL)):
        return m[1], m[2]
    return None, given


def _made(given: Union[str, Region]) -> tuple[str, Region]:
    if isinstance(given, Region):
        return re.sub(r"\$(\d+)", lambda m: repr(given.numbers[int(m[1])]), given.text), given
    text = re.sub(r"\s+", " ", given.strip())
    try:
        return text, region(text)
    except Error as e:
        column = re.search(r"column (\d+)", e.message)
        raise RegionError(text, int(column[1]) if column else 1, e.message) from None


def _free(text: str, taken: set[str]) -> str:
    """The first name in the text, with a number if it is taken."""
    found = re.search(r"[A-Za-z_][\w:]*", text)
    name = (found[0] if found else "region").replace("::", "_")
    label, n = name, 2
    while label in taken:
        label, n = f"{name}_{n}", n + 1
    return label


def with_divergence(made: Region) -> Region:
    """The region; one without a divergence reports Binary-TV, so that its table shows how far π has moved."""
    try:
        return reporting(made, binary_tv)
    except Error:
        return made
