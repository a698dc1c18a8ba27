"""Quantities, folds, losses and the rules of the field, with the names and operators of the C++ library.

>>> from cppo import rules as r
>>> r.gspo(epsilon_high=3e-4)
>>> r.objective(cppo.ppo(), r.clipped(0.8, 1.28, r.exp(r.response(r.mean(r.log_ratio)))))
>>> cppo.fixed_cppo() + r.penalty(r.kl_k3(), 0.001)

The library's own list says what there is: `dir(rules)` shows it, and `help(rules.clipped)` names the parameters. What
they compute is on the page of concepts. `from_` is C++'s `from`, which Python has for itself. A name that Python has a
function for, as `min`, is that of quantities here: import the module, not its names.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, Union, cast

from . import _native, parts
from .parts import Mask, Part, number, shift
from .regions import Region

Piece = Union[Part, Region]


class Form(NamedTuple):
    """A form of a name: what it makes and its parameters."""

    kind: str
    parameters: tuple[str, ...]


def _binds(text: str) -> int:
    """How tightly the outermost operator of a text binds: 1 for + and -, 2 for * and /, 3 without."""
    depth, least = 0, 3
    for i, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0 and c in "+-*/" and text[i - 1:i + 2] == f" {c} ":
            least = min(least, 1 if c in "+-" else 2)
    return least


def _infix(sign: str, first: Part, second: Part) -> tuple[str, tuple[float, ...]]:
    """Two pieces under an operator, which binds from the left. What binds less tightly is enclosed."""
    own = 1 if sign in "+-" else 2
    left, right = first.text, shift(second.text, len(first.numbers))
    left = f"({left})" if _binds(left) < own else left
    right = f"({right})" if _binds(right) <= own else right
    return f"{left} {sign} {right}", first.numbers + second.numbers


class _Number(Part):
    """A number in the place of a quantity."""

    __slots__ = ()

    def __init__(self, x: object) -> None:
        object.__setattr__(self, "text", "$0")
        object.__setattr__(self, "numbers", (number("a quantity", x),))


class _Piece(Part):
    """A part of a rule."""

    __slots__ = ()

    def __call__(self, *by_place: Any, **by_name: Any) -> Any:
        """The form of its name that takes arguments, as `ratio_form(r)`."""
        return _made(self.text, by_place, by_name)


class Quantity(_Piece):
    """A number of a token, constant to the gradient unless a loss differentiates it."""

    __slots__ = ()
    frame = "objective(score_form({}))"

    def __add__(self, other: object) -> Quantity:
        return _arithmetic("+", self, other)

    def __radd__(self, other: object) -> Quantity:
        return _arithmetic("+", other, self)

    def __sub__(self, other: object) -> Quantity:
        return _arithmetic("-", self, other)

    def __rsub__(self, other: object) -> Quantity:
        return _arithmetic("-", other, self)

    def __mul__(self, other: object) -> Any:
        return _weighted(self, other) if isinstance(other, Loss) else _arithmetic("*", self, other)

    def __rmul__(self, other: object) -> Quantity:
        return _arithmetic("*", other, self)

    def __truediv__(self, other: object) -> Quantity:
        return _arithmetic("/", self, other)

    def __rtruediv__(self, other: object) -> Quantity:
        return _arithmetic("/", other, self)

    def __neg__(self) -> Quantity:
        inner = self.text if _binds(self.text) == 3 and self.text[0] not in "-$" else f"({self.text})"
        return Quantity(f"-{inner}", self.numbers)


class Loss(_Piece):
    """The loss of a token and its slope, the derivative by the token's own log π."""

    __slots__ = ()
    frame = "objective({})"

    def __add__(self, other: object) -> Loss:
        return Loss(*_infix("+", self, other)) if isinstance(other, Loss) else NotImplemented

    def __rmul__(self, weight: object) -> Loss:
        return _weighted(weight, self)


class Statistic(_Piece):
    """What a fold takes over a range, as `mean(log_ratio)` in `response(mean(log_ratio))`."""

    __slots__ = ()

    @property
    def frame(self) -> str:  # type: ignore[override]
        """A region that holds it: a halving sum is over `from`."""
        return f"objective(score_form({'from' if self.text.startswith('halving_sum') else 'batch'}({{}})))"


class Rank(_Piece):
    """The place of a value among all, as `share(0.2)`."""

    __slots__ = ()
    frame = "objective(score_form(batch(kth_largest(ratio, {}))))"


class Bound(_Piece):
    """A bound that is outside, as `below(1.2)`."""

    __slots__ = ()
    frame = "trust_region(no_divergence, uniform_weight, at_most(ratio, {}))"


_KINDS: dict[str, type[Part]] = {"quantity": Quantity, "loss": Loss, "mask": Mask, "statistic": Statistic, "rank": Rank,
                                 "bound": Bound}


def _operand(x: object) -> Any:
    if isinstance(x, (Quantity, parts.Divergence)):
        return x
    return NotImplemented if isinstance(x, (Part, Region)) else _Number(x)


def _arithmetic(sign: str, first: object, second: object) -> Quantity:
    a, b = _operand(first), _operand(second)
    return cast(Quantity, NotImplemented) if NotImplemented in (a, b) else Quantity(*_infix(sign, a, b))


def _weighted(weight: object, loss: Loss) -> Loss:
    w = _operand(weight)
    return cast(Loss, NotImplemented) if w is NotImplemented else Loss(*_infix("*", w, loss))


def _refuse_own(*pieces: object) -> None:
    """A rule is the library's own parts: one of the user's is compiled with a region whose loss is -A ρ M."""
    if any(isinstance(x, (Part, Region)) and _native.OWN in x.text for x in pieces):
        raise _native.Error("a part of your own stands in a region with the loss -A rho M: write a rule with a loss of "
                            "its own in C++", _native.StatusCode.bad_argument, "region")


def with_penalty(region: Region, penalty: object) -> Region:
    """`region + penalty`."""
    if not isinstance(penalty, Loss):
        return cast(Region, NotImplemented)
    _refuse_own(region, penalty)
    loss = shift(penalty.text, len(region.numbers))
    text = f"{region.text} + {loss}" if _binds(loss) > 1 else f"{region.text} + ({loss})"
    return Region(text, region.numbers + penalty.numbers)


@functools.lru_cache(None)
def _forms() -> dict[str, tuple[Form, ...]]:
    """The names of the library's list that no other module has."""
    columns = [_native.names_of(f"cppo_part_{x}") for x in ("name", "kind", "parameters")]
    found: dict[str, tuple[Form, ...]] = {}
    for name, kind, parameters in zip(*columns):
        if not hasattr(parts, name) and kind in (*_KINDS, "region") and not _is_region_elsewhere(name):
            form = Form(kind, tuple(parameters.split(", ")) if parameters else ())
            found[name] = (*found.get(name, ()), form)
    return found


def _is_region_elsewhere(name: str) -> bool:
    from . import regions
    return hasattr(regions, name) or "::" in name


def _of_argument(parameter: str, x: object) -> tuple[str, tuple[float, ...]]:
    if parameter == "seed":
        if isinstance(x, bool) or not isinstance(x, int):
            raise TypeError(f"seed must be a whole number, not {x!r}")
        return str(x), ()
    if isinstance(x, (Part, Region)):
        return x.text, x.numbers
    return "$0", (number(parameter, x),)


def _made(name: str, by_place: tuple[Any, ...], by_name: dict[str, Any]) -> Any:
    """What a call of a name makes."""
    forms = _forms().get(name)
    if forms is None:
        raise TypeError(f"{name} takes no arguments")
    _refuse_own(*by_place, *by_name.values())
    wanted = "loss" if any(isinstance(x, Loss) for x in (*by_place, *by_name.values())) else forms[0].kind
    form = next((f for f in forms if f.kind == wanted and f.parameters), forms[-1])
    pieces: list[str] = []
    numbers: tuple[float, ...] = ()
    for i, (key, x) in enumerate((*(("", x) for x in by_place), *by_name.items())):
        parameter = key or (form.parameters[i] if i < len(form.parameters) else name)
        text, own = _of_argument(parameter, x)
        pieces.append((f"{key}=" if key else "") + shift(text, len(numbers)))
        numbers += own
    text = f"{name}({', '.join(pieces)})"
    return Region(text, numbers) if form.kind == "region" else _KINDS[form.kind](text, numbers)


def _function(name: str, forms: tuple[Form, ...]) -> Callable[..., Any]:
    def call(*by_place: Any, **by_name: Any) -> Any:
        return _made(name, by_place, by_name)

    longest = max((f.parameters for f in forms), key=len)
    call.__name__ = call.__qualname__ = "from_" if name == "from" else name
    call.__doc__ = "; ".join(f"{name}({', '.join(f.parameters)}): a {f.kind}" for f in forms) + ", as in C++."
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    call.__signature__ = inspect.Signature([inspect.Parameter(p, kind) for p in longest])  # type: ignore[attr-defined]
    return call


@functools.lru_cache(None)
def _named(name: str) -> Any:
    forms = _forms()[name]
    alone = next((f for f in forms if not f.parameters and f.kind != "region"), None)
    return _function(name, forms) if alone is None else _KINDS[alone.kind](name)


def __getattr__(name: str) -> Any:
    plain = "from" if name == "from_" else name
    if name == "from" or plain not in _forms():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _named(plain)


def __dir__() -> list[str]:
    own = ["Bound", "Loss", "Quantity", "Rank", "Statistic"]
    return sorted(own + ["from_" if name == "from" else name for name in _forms()])
