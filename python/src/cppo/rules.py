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
import keyword
from collections.abc import Callable
from typing import Any, NamedTuple, Union, cast

from . import _native, parts
from .parts import Mask, Part, narrower, number, shift
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
        return self.names().made(self.text, by_place, by_name)

    @classmethod
    def names(cls) -> Names:
        """The list that its name is of."""
        return NAMES


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
        return type(self)(f"-{inner}", self.numbers)


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
    return (cast(Quantity, NotImplemented) if NotImplemented in (a, b)
            else narrower(Quantity, a, b)(*_infix(sign, a, b)))


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


class Names:
    """The names of one of the library's lists, as functions and constants."""

    def __init__(self, prefix: str, kinds: dict[str, type[Part]], is_elsewhere: Callable[[str], bool]) -> None:
        """`prefix`: that of the functions that give the list. A name that is elsewhere is left out."""
        self.prefix, self.kinds, self.is_elsewhere = prefix, kinds, is_elsewhere

    @functools.cached_property
    def forms(self) -> dict[str, tuple[Form, ...]]:
        """The forms of each name."""
        columns = [_native.names_of(f"{self.prefix}_{x}") for x in ("name", "kind", "parameters")]
        found: dict[str, tuple[Form, ...]] = {}
        for name, kind, parameters in zip(*columns):
            if kind in (*self.kinds, "region") and not self.is_elsewhere(name):
                form = Form(kind, tuple(parameters.split(", ")) if parameters else ())
                found[name] = (*found.get(name, ()), form)
        return found

    def made(self, name: str, by_place: tuple[Any, ...], by_name: dict[str, Any]) -> Any:
        """What a call of a name makes."""
        forms = self.forms.get(name)
        if forms is None:
            raise TypeError(f"{name} takes no arguments")
        _refuse_own(*by_place, *by_name.values())
        wanted = "loss" if any(isinstance(x, Loss) for x in (*by_place, *by_name.values())) else forms[0].kind
        form = next((f for f in forms if f.kind == wanted and f.parameters), forms[-1])
        pieces, numbers = [], ()  # type: list[str], tuple[float, ...]
        for i, (key, x) in enumerate((*(("", x) for x in by_place), *by_name.items())):
            plain = library_name(key)
            parameter = plain or (form.parameters[i] if i < len(form.parameters) else name)
            text, own = _of_argument(parameter, x)
            pieces.append((f"{plain}=" if plain else "") + shift(text, len(numbers)))
            numbers += own
        text = f"{name}({', '.join(pieces)})"
        return Region(text, numbers) if form.kind == "region" else self.kinds[form.kind](text, numbers)

    def function(self, name: str, forms: tuple[Form, ...]) -> Callable[..., Any]:
        """The function of a name."""
        def call(*by_place: Any, **by_name: Any) -> Any:
            return self.made(name, by_place, by_name)

        longest = max((f.parameters for f in forms), key=len)
        call.__name__ = call.__qualname__ = python_name(name)
        call.__doc__ = "; ".join(f"{name}({', '.join(f.parameters)}): a {f.kind}" for f in forms) + ", as in C++."
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter(python_name(p), kind) for p in longest]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return call

    @functools.lru_cache(None)  # noqa: B019: there are two lists, which live as long as their modules
    def named(self, name: str) -> Any:
        """What a name stands for."""
        forms = self.forms[name]
        alone = next((f for f in forms if not f.parameters and f.kind != "region"), None)
        return self.function(name, forms) if alone is None else self.kinds[alone.kind](name)

    def attribute(self, module: str, name: str) -> Any:
        """What a module has under a name."""
        plain = library_name(name)
        if keyword.iskeyword(name) or plain not in self.forms:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return self.named(plain)


def python_name(name: str) -> str:
    """A name of the library as Python can write it: `from_` for from, `lambda_` for lambda."""
    return f"{name}_" if keyword.iskeyword(name) else name


def library_name(name: str) -> str:
    """What `python_name` gives, as the library has it."""
    return name[:-1] if name.endswith("_") and keyword.iskeyword(name[:-1]) else name


def _is_elsewhere(name: str) -> bool:
    from . import regions
    return hasattr(parts, name) or hasattr(regions, name) or "::" in name


def _of_argument(parameter: str, x: object) -> tuple[str, tuple[float, ...]]:
    if parameter == "seed":
        if isinstance(x, bool) or not isinstance(x, int):
            raise TypeError(f"seed must be a whole number, not {x!r}")
        return str(x), ()
    if isinstance(x, (Part, Region)):
        return x.text, x.numbers
    return "$0", (number(parameter, x),)


NAMES = Names("cppo_part", _KINDS, _is_elsewhere)


def __getattr__(name: str) -> Any:
    return NAMES.attribute(__name__, name)


def __dir__() -> list[str]:
    own = ["Bound", "Loss", "Quantity", "Rank", "Statistic"]
    return sorted(own + [python_name(name) for name in NAMES.forms])
