"""The parts of a trust region, with the names and operators of the C++ library.

A part is a value: it cannot be changed, can be hashed and pickled, equals a part that is written the same, and prints
as the code that makes it. Numbers are checked where a part is made.

A part holds its C++ text, in which `$0`, `$1`, ... stand for its numbers, so that regions whose thresholds alone differ
have one text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar, Union

from ._native import OWN, parse_region

_PLACES = re.compile(r"\$(\d+)")


def shift(text: str, by: int) -> str:
    """The text with every `$k` as `$(k + by)`."""
    return _PLACES.sub(lambda m: f"${int(m[1]) + by}", text) if by else text


def number_text(x: float) -> str:
    """A number as Python writes it, infinity and NaN included."""
    return repr(x) if x - x == 0 else f"float('{x}')"


def python_text(text: str, numbers: tuple[float, ...]) -> str:
    """The Python code of a C++ text."""
    filled = _PLACES.sub(lambda m: number_text(numbers[int(m[1])]), text)
    if OWN in text:
        from .compiling import python_code
        return python_code(filled.replace("!", "~"))
    plain = filled.replace("!", "~").replace("::", ".")
    return re.sub(r"(?<!\w)lambda=", "lambda_=", re.sub(r"(?<!\w)from\(", "from_(", plain))


def reduced(x: Any) -> tuple[Any, ...]:
    """What a part or a region is pickled as: parts of the user's own with their sources."""
    if OWN in x.text:
        from .compiling import restored, sources_of
        return restored, (type(x), x.text, x.numbers, sources_of(x.text))
    return type(x), (x.text, x.numbers)


class Part:
    """A part of a trust region. Made by the functions and constants of this module, never by hand."""

    __slots__ = ("text", "numbers")
    text: str
    numbers: tuple[float, ...]
    frame = "{}"
    """A text that holds nothing but this part: it is what checks the part."""
    parse = staticmethod(parse_region)
    """Reads that text: of a region, or of an advantage rule."""

    def __init__(self, text: str, numbers: tuple[float, ...] = ()) -> None:
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "numbers", numbers)
        if OWN not in text:  # such a part is checked with the region that holds it
            check(self.frame.format(text), numbers, self.parse)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} is a value and cannot be changed: make another one")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a {type(self).__name__} is a value and cannot be changed: make another one")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return isinstance(other, Part) and (self.text, self.numbers) == (other.text, other.numbers)

    def __hash__(self) -> int:
        return hash((type(self), self.text, self.numbers))

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self)

    def __repr__(self) -> str:
        return python_text(self.text, self.numbers)


class Divergence(Part):
    """How far π is from μ at a token: D_t."""

    __slots__ = ()
    frame = "trust_region({}, uniform_weight, keep_all)"


class Weight(Part):
    """How much a position counts: w_t in (0, 1]."""

    __slots__ = ()
    frame = "trust_region(no_divergence, {}, keep_all)"


class Budget(Part):
    """What gives the δ_b of a response."""

    __slots__ = ()
    frame = "trust_region(binary_tv, uniform_weight, prefix_budget(1, {}))"


class Gate(Part):
    """What survives of an update beyond the boundary."""

    __slots__ = ()
    frame = "softened(trust_region(binary_tv, uniform_weight, keep_all), {})"


class Mask(Part):
    """Whether a token is kept. Masks combine by `&`, `|` and `~`, which are C++'s `&`, `|` and `!`."""

    __slots__ = ()
    frame = "trust_region(binary_tv, uniform_weight, {})"

    def __and__(self, other: Mask) -> Mask:
        return _joined("&", self, other) if isinstance(other, Mask) else NotImplemented

    def __or__(self, other: Mask) -> Mask:
        return _joined("|", self, other) if isinstance(other, Mask) else NotImplemented

    def __invert__(self) -> Mask:
        inner = self.text if _sign(self.text) in ("", "!") else f"({self.text})"
        return type(self)(f"!{inner}", self.numbers)

    def __bool__(self) -> bool:
        raise TypeError("a mask is neither true nor false: combine masks by &, | and ~, not by `and`, `or` and `not`")


def check(text: str, numbers: tuple[float, ...],
          parse: Callable[[str, tuple[float, ...]], bytes] = parse_region) -> bytes:
    """Makes the region. Raises `Error` without the column, since the text is not the user's."""
    from ._native import Error
    try:
        return parse(text, numbers)
    except Error as e:
        message = re.sub(r"^(region: )?column \d+: ", "", e.message)
        raise Error(message, e.code, e.argument, e.response, e.token, e.count) from None


def _sign(text: str) -> str:
    """The outermost operator of a mask's text: "&", "|", "!" or "" for a clause."""
    depth, sign = 0, "!" if text.startswith("!") else ""
    for c in text:
        depth += (c == "(") - (c == ")")
        if depth == 0 and c == "|":
            return "|"
        if depth == 0 and c == "&":
            sign = "&"
    return sign


def _joined(sign: str, first: Mask, second: Mask) -> Mask:
    """Two masks under an operator, which binds from the left. What binds less tightly is enclosed."""
    def operand(text: str, right: bool) -> str:
        own = _sign(text)
        looser = own == "|" and (sign == "&" or right)
        return f"({text})" if looser or (own == "&" and sign == "&" and right) else text
    numbers = first.numbers + second.numbers
    text = f"{operand(first.text, False)} {sign} {operand(shift(second.text, len(first.numbers)), True)}"
    return narrower(Mask, first, second)(text, numbers)


Kind = TypeVar("Kind", bound=Part)


def narrower(kind: type[Kind], *pieces: Part) -> type[Kind]:
    """The class of what is made of pieces, some of which are of `kind`: of an advantage rule if one of them is."""
    return next((type(x) for x in pieces if isinstance(x, kind) and type(x) is not kind), kind)


def of_kind(kind: type[Part], part: object, where: str) -> None:
    """Raises TypeError unless `part` is one of `kind`."""
    if not isinstance(part, kind):
        wanted = kind.__name__.lower()
        raise TypeError(f"{where} takes a {wanted}, such as {_EXAMPLES[kind]}, not {part!r}")


def number(name: str, x: object) -> float:
    """`x` as a float. Raises TypeError if it is none."""
    if isinstance(x, (str, bytes)):
        raise TypeError(f"{name} must be a number, not {x!r}")
    try:
        return float(x)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, not {x!r}") from None


def call_text(name: str, *arguments: tuple[str, Union[float, Part, None]]) -> tuple[str, tuple[float, ...]]:
    """The text and numbers of a call. An argument is a name and a value; None is left out; a name of "" is by place."""
    numbers: tuple[float, ...] = ()
    pieces = []
    for key, value in arguments:
        if value is None:
            continue
        text, own = (value.text, value.numbers) if isinstance(value, Part) else ("$0", (number(key or name, value),))
        pieces.append(("" if key == "" else f"{key}=") + shift(text, len(numbers)))
        numbers += own
    return f"{name}({', '.join(pieces)})", numbers


no_divergence = Divergence("no_divergence")
"""None: D_t is 0."""
binary_tv = Divergence("binary_tv")
"""|π(y_t) − μ(y_t)|, the total variation of the partition {y_t, everything else}; in [0, 1]."""
binary_kl = Divergence("binary_kl")
"""KL(μ‖π) of the same partition, nats."""
binary_kl_reverse = Divergence("binary_kl_reverse")
"""KL(π‖μ) of the same partition, nats."""
top_k_tv = Divergence("top_k_tv")
"""Total variation of the partition {K listed tokens} ∪ {y_t} ∪ {others}. Reads `token_id` and `top_k`."""
top_k_kl = Divergence("top_k_kl")
"""KL(μ‖π) over that partition, nats."""
top_k_tv_replace_last = Divergence("top_k_tv_replace_last")
"""`top_k_tv` with K cells: y_t takes the place of the last one if it is not listed."""
top_k_kl_replace_last = Divergence("top_k_kl_replace_last")
"""`top_k_kl` with K cells: y_t takes the place of the last one if it is not listed."""
top_k_tv_list = Divergence("top_k_tv_list")
"""`top_k_tv` over the list as it is. Reads `top_k`."""
top_k_kl_list = Divergence("top_k_kl_list")
"""`top_k_kl` over the list as it is. Reads `top_k`."""
k1 = Divergence("k1")
"""−log ρ: its mean under μ is KL(μ‖π); nats."""
k2 = Divergence("k2")
"""(log ρ)²/2."""
k3 = Divergence("k3")
"""ρ − 1 − log ρ."""
precomputed = Divergence("precomputed")
"""What is lent as `divergence_values`."""

uniform_weight = Weight("uniform_weight")
"""w_t = 1."""


def linear_weight(w_min: float) -> Weight:
    """w_t falls linearly from 1 at the first token to `w_min` in (0, 1] at the last one. [Eq. 9]"""
    return Weight(*call_text("linear_weight", ("", w_min)))


def permuted(weight: Weight, seed: int) -> Weight:
    """The same weights within a response, in an order drawn from `seed`, a whole number from 0 to 2^64 − 1."""
    of_kind(Weight, weight, "permuted")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"permuted takes a whole number as its seed, not {seed!r}")
    return Weight(f"permuted({weight.text}, {seed})", weight.numbers)


def reversed(weight: Weight) -> Weight:
    """The same weights within a response, in the opposite order: w_{T+1−t} at t. `linear_weight` then rises."""
    of_kind(Weight, weight, "reversed")
    return Weight(f"reversed({weight.text})", weight.numbers)


def fixed_budget(delta_b: float) -> Budget:
    """δ_b is `delta_b` in every response."""
    return Budget(*call_text("fixed_budget", ("", delta_b)))


def calibrated_budget(floor: float, quantile: float = 0.9, scale: float = 1.0,
                      ceiling_factor: float = 2.0) -> Budget:
    """δ_b = clamp(scale · quantile of D in the response, floor, ceiling_factor · floor). [Eq. 22]"""
    return Budget(*call_text("calibrated_budget", ("", floor), ("quantile", quantile), ("scale", scale),
                             ("ceiling_factor", ceiling_factor)))


keep_all = Mask("keep_all")
"""Keeps every token."""
keep_none = Mask("keep_none")
"""Keeps no token."""
toward_rollout = Mask("toward_rollout")
"""Keeps a token whose update moves π toward μ: Â_t (ρ_t − 1) ≤ 0, decided by signs."""


def ratio_within(low: float, high: float) -> Mask:
    """Keeps a token if low ≤ ρ_t ≤ high. [Eq. 2]"""
    return Mask(*call_text("ratio_within", ("", low), ("", high)))


def divergence_within(delta: float, delta_high: float | None = None) -> Mask:
    """Keeps a token if w_t D_t ≤ `delta`, or `delta_high` where Â_t > 0 if that is given. [Eq. 3]"""
    return Mask(*call_text("divergence_within", ("", delta), ("", delta_high)))


def prefix_budget(delta: float, budget: Budget | float) -> Mask:
    """Keeps a token if S_{t−1} + w_t D_t ≤ `delta` + δ_b W_{t−1}. [Eq. 8] A region holds at most one.

    `budget` gives δ_b; a number is a fixed budget.
    """
    source = budget if isinstance(budget, Budget) else number("budget", budget)
    return Mask(*call_text("prefix_budget", ("", delta), ("", source)))


def response_max_within(delta: float) -> Mask:
    """Keeps the tokens of a response if the largest D_t in it is at most `delta`. [App. D]"""
    return Mask(*call_text("response_max_within", ("", delta)))


def response_mean_within(delta: float) -> Mask:
    """Keeps the tokens of a response if the mean of D_t in it is at most `delta`. [App. D]"""
    return Mask(*call_text("response_mean_within", ("", delta)))


def _folded(sign: str, masks: tuple[Mask, ...], neutral: Mask, where: str) -> Mask:
    for m in masks:
        of_kind(Mask, m, where)
    result = masks[0] if masks else neutral
    for m in masks[1:]:
        result = _joined(sign, result, m)
    return result


def all_of(*masks: Mask) -> Mask:
    """Keeps what every one of the masks keeps; without masks, everything."""
    return _folded("&", masks, keep_all, "all_of")


def any_of(*masks: Mask) -> Mask:
    """Keeps what one of the masks keeps; without masks, nothing."""
    return _folded("|", masks, keep_none, "any_of")


def none_of(*masks: Mask) -> Mask:
    """Keeps what none of the masks keeps; without masks, everything."""
    return ~any_of(*masks)


hard_gate = Gate("hard_gate")
"""Nothing survives beyond the boundary."""
reciprocal_gate = Gate("reciprocal_gate")
"""1/x survives of an update at excess x > 1. [Eq. 20]"""

_EXAMPLES: dict[type[Part], str] = {
    Divergence: "binary_tv", Weight: "linear_weight(0.8)", Budget: "fixed_budget(0.015)", Gate: "reciprocal_gate",
    Mask: "toward_rollout | divergence_within(0.15)"}
