"""Trust regions: made of parts, by name, or of text.

A region is a value, as a part is. Two regions are equal if they consist of the same parts with the same numbers,
whichever way they were made.
"""

from __future__ import annotations

import re
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from . import _native
from .parts import (_PLACES, Divergence, Gate, Mask, Part, Weight, binary_kl, binary_tv, call_text, check, of_kind,
                    python_text, reciprocal_gate, reduced)

_tensor_of: Callable[[tuple[float, ...]], object] | None = None
_without_tensor: weakref.WeakValueDictionary[int, Region] = weakref.WeakValueDictionary()
"""The regions made before there was PyTorch, by identity: equal ones need a tensor each."""


def _filled(text: str, numbers: Sequence[float]) -> str:
    """The text with the numbers in their places."""
    return _PLACES.sub(lambda m: repr(float(numbers[int(m[1])])), text)


class Region:
    """What `policy_loss` takes. Made by `trust_region`, by a named region, or by `region(text)`.

    Attributes:
        text: its C++ text, in which `$0`, `$1`, ... stand for the numbers.
        numbers: the numbers, in order.
        expression: the C++ expression that makes it, in one form for all regions that are equal. A rule that no text
            of that form makes has its own text, with the numbers.
        reads: the inputs that it reads beside log-probs and advantage, as "token_id".
        c_region: the bytes of the `cppo_region`.
    """

    __slots__ = ("text", "numbers", "expression", "reads", "c_region", "tensor", "__weakref__")
    text: str
    numbers: tuple[float, ...]
    expression: str
    reads: tuple[str, ...]
    c_region: bytes
    tensor: object  # the numbers as a float64 tensor of PyTorch, once that is there: a traced function must find it

    def __init__(self, text: str, numbers: tuple[float, ...] = ()) -> None:
        made = check(text, numbers)
        bits = _native.LIB.cppo_region_reads(made)
        reads = tuple(name for name, i in _native.INPUTS.items() if bits >> i & 1)
        values = (text, numbers, _native.region_text(made) or _filled(text, numbers), reads, made, None)
        for name, value in zip(self.__slots__, values):
            object.__setattr__(self, name, value)
        if _tensor_of is None and "torch" in sys.modules:  # before anybody traces a call
            from . import _torch  # noqa: F401
        if _tensor_of is not None:
            object.__setattr__(self, "tensor", _tensor_of(numbers))
        else:
            _without_tensor[id(self)] = self

    def with_numbers(self, *numbers: float) -> Region:
        """The same region with other numbers, in the order of `numbers`."""
        if len(numbers) != len(self.numbers):
            raise ValueError(f"{self!r} has {len(self.numbers)} numbers, not {len(numbers)}")
        return Region(self.text, tuple(map(float, numbers)))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a region is a value and cannot be changed: make another one, or use with_numbers")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a region is a value and cannot be changed: make another one, or use with_numbers")

    def __add__(self, penalty: object) -> Region:
        """The region with a loss that neither mask nor gate touch, as `ppo() + penalty(kl_k3(), 0.1)`."""
        from .rules import with_penalty
        return with_penalty(self, penalty)

    def __eq__(self, other: object) -> bool:
        return self.expression == other.expression if isinstance(other, Region) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.expression)

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self)

    def __repr__(self) -> str:
        return python_text(self.text, self.numbers)

    def __str__(self) -> str:
        return self.expression


def give_tensors(tensor_of: Callable[[tuple[float, ...]], object]) -> None:
    """Gives every region, those to come included, its numbers as a tensor."""
    global _tensor_of
    _tensor_of = tensor_of
    for r in list(_without_tensor.values()):
        object.__setattr__(r, "tensor", tensor_of(r.numbers))
    _without_tensor.clear()


def _named(name: str, *arguments: tuple[str, float | Part | None]) -> Region:
    for key, value in arguments:
        if key == "divergence" and value is not None:
            of_kind(Divergence, value, f"{name}(divergence=...)")
    return Region(*call_text(name, *arguments))


_NUMBER = re.compile(r"(?<![\w$.])-?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf|nan)(?!\w)")


def _lifted(expression: str) -> tuple[str, tuple[float, ...]]:
    """An expression of the library as text and numbers. A seed stays in the text."""
    numbers: list[float] = []

    def lift(m: re.Match[str]) -> str:
        before = expression[:m.start()]
        if before.endswith("hashed("):
            return m[0]
        if re.search(r"permuted\((?:reversed\()?(uniform_weight|linear_weight\([^)]*\)|[\w:]+\{[^}]*\})\)?, $", before):
            return m[0]
        numbers.append(float(m[0]))
        return f"${len(numbers) - 1}"

    text = _NUMBER.sub(lift, expression)
    named = re.sub(r"(?<=, )\{(\$\d+), (\$\d+), (\$\d+)\}", r"quantile=\1, scale=\2, ceiling_factor=\3", text)
    return named, tuple(numbers)


def region(text: str, numbers: Sequence[float] = ()) -> Region:
    """The region of a text: the C++ expression that makes it, a named region, or JSON.

    `$0`, `$1`, ... in the text stand for `numbers`. Raises `Error`, which names the column and what was expected there.

    >>> region("fixed_cppo(delta = 0.1)")
    >>> region('{"fixed_cppo": {"delta": 0.1, "divergence": "top_k_tv"}}')
    """
    if _native.OWN in text:
        return Region(*_lifted(_filled(text, numbers)))
    lent = tuple(map(float, numbers))
    canonical = _native.region_text(_native.parse_region(text, lent))
    return Region(*_lifted(canonical)) if canonical else Region(text, lent)


def trust_region(divergence: Divergence, weight: Weight, mask: Mask) -> Region:
    """A region of a divergence, a weight and a mask."""
    of_kind(Divergence, divergence, "trust_region(divergence, weight, mask)")
    of_kind(Weight, weight, "trust_region(divergence, weight, mask)")
    of_kind(Mask, mask, "trust_region(divergence, weight, mask)")
    return Region(*call_text("trust_region", ("", divergence), ("", weight), ("", mask)))


def softened(region: Region, gate: Gate = reciprocal_gate) -> Region:
    """The region with a soft gate: what lies beyond its boundary fades instead of being masked. [App. C]"""
    _is_region(region, "softened")
    of_kind(Gate, gate, "softened(region, gate)")
    return Region(f"softened({region.text}, {gate.text})", region.numbers)


def reporting(region: Region, divergence: Divergence) -> Region:
    """A region without divergence, with one for its report and its trace alone."""
    _is_region(region, "reporting")
    of_kind(Divergence, divergence, "reporting(region, divergence)")
    return Region(f"reporting({region.text}, {divergence.text})", region.numbers)


def _is_region(r: object, where: str) -> None:
    if not isinstance(r, Region):
        raise TypeError(f"{where} takes a region, such as fixed_cppo(), not {r!r}")


def unrestricted() -> Region:
    """No trust region: keeps every token."""
    return _named("unrestricted")


def ppo(*, epsilon: float = 0.2, epsilon_low: float | None = None, epsilon_high: float | None = None) -> Region:
    """PPO and GRPO: keeps tokens toward μ, and 1 − epsilon_low ≤ ρ ≤ 1 + epsilon_high. [Eq. 2]

    Both are `epsilon` unless given; `ppo(epsilon_high=0.28)` is Clip-Higher.
    """
    return _named("ppo", ("epsilon", epsilon), ("epsilon_low", epsilon_low), ("epsilon_high", epsilon_high))


def dppo(*, delta: float = 0.15, delta_low: float | None = None, delta_high: float | None = None,
         divergence: Divergence = binary_tv) -> Region:
    """DPPO: keeps tokens toward μ, and D ≤ delta_low where Â ≤ 0, D ≤ delta_high where Â > 0. [Eq. 3]

    Both are `delta` unless given.
    """
    return _named("dppo", ("delta", delta), ("delta_low", delta_low), ("delta_high", delta_high),
                  ("divergence", divergence))


def fixed_cppo(delta: float = 0.15, delta_b: float = 0.015, w_min: float = 0.8,
               divergence: Divergence = binary_tv) -> Region:
    """CPPO with a fixed budget: keeps tokens toward μ, and w D ≤ min(δ, δ + δ_b W − S). [Algorithm 1]

    Args:
        delta: threshold on w_t D_t, in [2^-126, 1000].
        delta_b: the prefix-average budget.
        w_min: the weight of the last token, in (0, 1].
    """
    return _named("fixed_cppo", ("delta", delta), ("delta_b", delta_b), ("w_min", w_min), ("divergence", divergence))


def calibrated_cppo(delta: float = 0.15, delta_b: float = 0.02, w_min: float = 0.8, divergence: Divergence = binary_tv,
                    quantile: float = 0.9, scale: float = 1.0, ceiling_factor: float = 2.0) -> Region:
    """CPPO whose budget each response calibrates: clamp(scale · quantile of D, δ_b, ceiling_factor · δ_b). [Eq. 22]"""
    return _named("calibrated_cppo", ("delta", delta), ("delta_b", delta_b), ("w_min", w_min),
                  ("divergence", divergence), ("quantile", quantile), ("scale", scale),
                  ("ceiling_factor", ceiling_factor))


def trm_max(delta: float = 0.05, divergence: Divergence = binary_kl) -> Region:
    """TRM-Max: keeps a whole response if its largest D is at most `delta`. [App. D]"""
    return _named("trm_max", ("delta", delta), ("divergence", divergence))


def trm_mean(delta: float = 0.05, divergence: Divergence = binary_kl) -> Region:
    """TRM-Avg: keeps a whole response if its mean D is at most `delta`. [App. D]"""
    return _named("trm_mean", ("delta", delta), ("divergence", divergence))
