"""Rules for advantages, with the names and operators of the C++ library.

>>> from cppo import advantages as a
>>> a.grpo()
>>> a.grpo(1e-6, a.overlong(20480, 4096))
>>> (1 - a.group(a.count(a.at_least(a.reward, 1))) / a.group(a.count(a.keep_all))) * a.dr_grpo()

The library's own list says what there is: `dir(advantages)` shows it, and `help(advantages.grpo)` names the parameters.
`lambda_` is C++'s `lambda`, which Python has for itself. A name that Python has a function for, as `min`, is that of
quantities here: import the module, not its names. `cppo.compute_advantage` takes what they make, or its text.
"""

from __future__ import annotations

import functools
from typing import Any, Union

from . import _native, parts, rules
from .parts import Part


class _Piece(Part):
    """What advantage rules are made of."""

    __slots__ = ()
    parse = staticmethod(_native.parse_advantage)

    def __call__(self, *by_place: Any, **by_name: Any) -> Any:
        """The form of its name that takes arguments."""
        return NAMES.made(self.text, by_place, by_name)

    @classmethod
    def names(cls) -> rules.Names:
        """The list that its name is of."""
        return NAMES


class _Rule(_Piece):
    """What `compute_advantage` takes."""

    __slots__ = ()
    frame = "{}"

    @property
    def expression(self) -> str:
        """The C++ expression that makes it, in one form for all rules that are equal."""
        return _native.advantage_text(self.c_rule)

    @property
    def levels(self) -> int:
        """How many folds are one inside the other: `sum_rewards` is called once for each level."""
        return int(_native.LIB.cppo_advantage_levels(self.c_rule))

    @property
    def reads(self) -> tuple[str, ...]:
        """The inputs that it reads: response_mask where tokens or lengths count."""
        bits = _native.LIB.cppo_advantage_reads(self.c_rule)
        return tuple(name for name, i in _native.INPUTS.items() if bits >> i & 1)

    @property
    def c_rule(self) -> bytes:
        """The bytes of the `cppo_advantage_rule`."""
        return rule_bytes(self.text, self.numbers)


class Quantity(_Rule, rules.Quantity):
    """A number of a response, or of a token of it: a rule, or what rules are made of."""

    __slots__ = ()
    frame = "{}"


class Mask(_Rule, parts.Mask):
    """Which responses or tokens are kept: a rule whose numbers are 1 and 0, or what rules are made of."""

    __slots__ = ()
    frame = "{}"


class WholeRule(_Rule):
    """A rule that stands alone, as `gae()`."""

    __slots__ = ()


class Statistic(_Piece, rules.Statistic):
    """What a fold takes over a range, as `mean(reward)` in `group(mean(reward))`."""

    __slots__ = ()
    frame = "batch({})"


class Bound(_Piece, rules.Bound):
    """A bound that is outside, as `above(0)`."""

    __slots__ = ()
    frame = "at_most(reward, {})"


class Whitening(_Piece):
    """How tokens are whitened: public codes differ."""

    __slots__ = ()
    frame = "whitened(reward, form={})"


Rule = Union[Quantity, Mask, WholeRule, str]
"""A rule, or its text."""


@functools.lru_cache(512)
def rule_bytes(text: str, numbers: tuple[float, ...] = ()) -> bytes:
    """The bytes of the `cppo_advantage_rule` of a text. Raises `Error`, which names the column."""
    return _native.parse_advantage(text, numbers)


NAMES = rules.Names("cppo_advantage", {
    "quantity": Quantity, "mask": Mask, "statistic": Statistic, "bound": Bound, "whitening": Whitening,
    "whole rule": WholeRule}, lambda name: name in ("all_of", "any_of", "none_of"))


def all_of(*masks: Mask) -> Mask:
    """Keeps what every mask keeps."""
    return _combined("all_of", masks)


def any_of(*masks: Mask) -> Mask:
    """Keeps what one of the masks keeps."""
    return _combined("any_of", masks)


def none_of(*masks: Mask) -> Mask:
    """Keeps what no mask keeps."""
    return _combined("none_of", masks)


def _combined(name: str, masks: tuple[Mask, ...]) -> Mask:
    for m in masks:
        parts.of_kind(parts.Mask, m, f"{name}(mask, ...)")
    texts: list[str] = []
    numbers: tuple[float, ...] = ()
    for m in masks:
        texts.append(parts.shift(m.text, len(numbers)))
        numbers += m.numbers
    return Mask(f"{name}({', '.join(texts)})", numbers)


def __getattr__(name: str) -> Any:
    return NAMES.attribute(__name__, name)


def __dir__() -> list[str]:
    own = ["Bound", "Mask", "Quantity", "Statistic", "Whitening", "WholeRule", "all_of", "any_of", "none_of"]
    return sorted(own + [rules.python_name(name) for name in NAMES.forms])
