"""`--fail-if`: a condition on the figures of an audit.

    condition  := and {"or" and}          and  := not {"and" not}       not := "not" not | comparison
    comparison := sum [("<" | "<=" | ">" | ">=" | "==" | "!=") sum]
    sum        := product {("+" | "-") product}       product := factor {("*" | "/") factor}
    factor     := NUMBER ["%"] | NAME | LABEL.NAME | agreement(LABEL, LABEL) | "-" factor | "(" condition ")"

A NAME without a label is that of each region in turn: the condition holds if it holds for one of them.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, NoReturn, Optional, Union

from .figures import OF_DUMP, OF_REGION
from .labels import WORDS
from .problems import InputError

Value = Union[float, bool]


class Figures(NamedTuple):
    """What a condition is about."""

    dump: Mapping[str, Optional[float]]
    regions: Mapping[str, Mapping[str, Optional[float]]]
    """By label."""
    agreement: Mapping[tuple[str, str], Optional[float]]


class _Scope(NamedTuple):
    figures: Figures
    label: str
    """The region that names without a label are about."""
    read: dict[str, float]
    """The figures that were read, to say why a condition holds."""


_Node = Callable[[_Scope], Value]
_TOKEN = re.compile(r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[^\W\d]\w*)"
                    r"|(?P<sign><=|>=|==|!=|[<>+\-*/%().,]))")
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}
_DEEPEST = 50


class Condition:
    """A condition that was read. `holds` says for which regions it does."""

    def __init__(self, text: str, labels: Sequence[str]) -> None:
        self.text, self.labels = text, list(labels)
        parser = _Parser(text, labels)
        self.node = parser.whole()
        self.of_each_region = parser.without_label

    def holds(self, figures: Figures) -> list[str]:
        """A sentence for each region for which the condition holds. Raises `InputError` if a figure is not known."""
        found = []
        for label in self.labels if self.of_each_region else self.labels[:1]:
            scope = _Scope(figures, label, {})
            if self.node(scope):
                why = ", ".join(f"{name} is {value:.6g}" for name, value in scope.read.items())
                found.append(f"{self.text}{f' holds for {label}' if self.of_each_region else ' holds'}: {why}")
        return found


class _Parser:
    def __init__(self, text: str, labels: Sequence[str]) -> None:
        self.text, self.labels = text, list(labels)
        self.without_label = False
        self.depth = 0
        self.tokens: list[tuple[str, str, int]] = []
        at = 0
        while text[at:].strip():
            m = _TOKEN.match(text, at)
            if m is None:
                at += len(text[at:]) - len(text[at:].lstrip())
                self._fail(f"{text[at]!r} means nothing here", at)
            assert m.lastgroup is not None
            self.tokens.append((m.lastgroup, m[m.lastgroup], m.start(m.lastgroup)))
            at = m.end()
        self.tokens.append(("end", "", len(text.rstrip())))
        self.at = 0

    def _fail(self, what: str, at: int | None = None) -> NoReturn:
        column = (self.tokens[self.at][2] if at is None else at) + 1
        raise InputError(f"--fail-if {self.text!r}: column {column}: {what}")

    def _take(self, *texts: str) -> str | None:
        """The next token if it is one of these."""
        kind, text, _ = self.tokens[self.at]
        if kind == "end" or text not in texts:
            return None
        self.at += 1
        return text

    def _expect(self, text: str) -> None:
        if self._take(text) is None:
            self._fail(f"{text!r} is expected")

    def whole(self) -> _Node:
        node, is_truth = self._condition()
        if self.tokens[self.at][0] != "end":
            self._fail("a sign such as > or +, `and`, `or`, or the end is expected")
        if not is_truth:
            self._fail("a comparison such as masked > 0.3 is expected, and this is a number")
        return node

    def _condition(self) -> tuple[_Node, bool]:
        return self._joined("or", lambda: self._joined("and", self._negation))

    def _joined(self, word: str, part: Callable[[], tuple[_Node, bool]]) -> tuple[_Node, bool]:
        node, is_truth = part()
        while self.tokens[self.at][1] == word:
            self._must_be(is_truth, "a comparison")
            self.at += 1
            right, right_is_truth = part()
            self._must_be(right_is_truth, "a comparison")
            node = _both(word, node, right)
        return node, is_truth

    def _must_be(self, holds: bool, what: str) -> None:
        if not holds:
            self._fail(f"{what} is expected before this")

    def _negation(self) -> tuple[_Node, bool]:
        if self._take("not"):
            node, is_truth = self._deeper(self._negation)
            self._must_be(is_truth, "a comparison")
            return lambda s: not node(s), True
        return self._comparison()

    def _deeper(self, part: Callable[[], tuple[_Node, bool]]) -> tuple[_Node, bool]:
        self.depth += 1
        if self.depth > _DEEPEST:
            self._fail(f"at most {_DEEPEST} brackets and signs may be nested")
        found = part()
        self.depth -= 1
        return found

    def _comparison(self) -> tuple[_Node, bool]:
        left, is_truth = self._chain(("+", "-"), lambda: self._chain(("*", "/"), self._factor))
        sign = self._take(*_COMPARISONS)
        if sign is None:
            return left, is_truth
        self._must_be(not is_truth, "a number")
        right, right_is_truth = self._chain(("+", "-"), lambda: self._chain(("*", "/"), self._factor))
        self._must_be(not right_is_truth, "a number")
        compare = _COMPARISONS[sign]
        return lambda s: compare(left(s), right(s)), True

    def _chain(self, signs: tuple[str, ...], part: Callable[[], tuple[_Node, bool]]) -> tuple[_Node, bool]:
        node, is_truth = part()
        while (sign := self._take(*signs)) is not None:
            self._must_be(not is_truth, "a number")
            right, right_is_truth = part()
            self._must_be(not right_is_truth, "a number")
            node = _computed(sign, node, right)
        return node, is_truth

    def _factor(self) -> tuple[_Node, bool]:
        kind, text, at = self.tokens[self.at]
        if kind == "number":
            self.at += 1
            value = float(text) / (100 if self._take("%") else 1)
            return lambda s: value, False
        if self._take("-"):
            node, is_truth = self._deeper(self._factor)
            self._must_be(not is_truth, "a number")
            return lambda s: -node(s), False
        if self._take("("):
            found = self._deeper(self._condition)
            self._expect(")")
            return found
        if kind != "name" or text in WORDS[:3]:
            self._fail("a number, a figure or a bracket is expected")
        self.at += 1
        return (self._agreement() if text == "agreement" else self._figure(text, at)), False

    def _label(self) -> str:
        kind, text, _ = self.tokens[self.at]
        if kind != "name" or text not in self.labels:
            self._fail(f"the label of a region is expected: {', '.join(self.labels)}")
        self.at += 1
        return text

    def _agreement(self) -> _Node:
        self._expect("(")
        a = self._label()
        self._expect(",")
        b = self._label()
        self._expect(")")
        return lambda s: _read(s, f"agreement({a}, {b})", s.figures.agreement[a, b])

    def _figure(self, text: str, at: int) -> _Node:
        if self._take("."):
            kind, name, name_at = self.tokens[self.at]
            if text not in self.labels:
                self._fail(f"no region has the label {text}: there are {', '.join(self.labels)}", at)
            if kind != "name" or name not in OF_REGION:
                self._fail(f"a region has no figure {name!r}: it has {', '.join(OF_REGION)}", name_at)
            self.at += 1
            return lambda s: _read(s, f"{text}.{name}", s.figures.regions[text][name])
        if text in OF_DUMP:
            return lambda s: _read(s, text, s.figures.dump[text])
        if text not in OF_REGION:
            self._fail(f"there is no figure {text!r}: there are {', '.join([*OF_REGION, *OF_DUMP])}, and "
                       "agreement(LABEL, LABEL)", at)
        self.without_label = True
        return lambda s: _read(s, text, s.figures.regions[s.label][text])


def _read(scope: _Scope, name: str, value: float | None) -> float:
    if value is None:
        raise InputError(f"--fail-if: {name} is not known of this dump: it has no advantages, or no such token")
    scope.read[name] = value
    return value


def _both(word: str, left: _Node, right: _Node) -> _Node:
    """Both sides are read, so that an unknown figure is not passed over."""
    def node(s: _Scope) -> bool:
        a, b = bool(left(s)), bool(right(s))
        return (a and b) if word == "and" else (a or b)
    return node


def _computed(sign: str, left: _Node, right: _Node) -> _Node:
    compute = {"+": operator.add, "-": operator.sub, "*": operator.mul}.get(sign)
    if compute is not None:
        return lambda s: compute(left(s), right(s))

    def node(s: _Scope) -> float:
        a, b = left(s), right(s)
        if b == 0:
            raise InputError(f"--fail-if: {a:g} is divided by 0")
        return a / b
    return node
