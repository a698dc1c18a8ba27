"""A region as Python data, for who computes it without the library: what the library's text of it says.

The text of a region is an expression of Python too, but for `!` and `{...}`: Python's own parser reads it.
"""

from __future__ import annotations

import ast
import functools
import re
from typing import NamedTuple, NoReturn, Optional

from . import _native as c

CLAUSES = {"keep_all": "other", "keep_none": "other", "toward_rollout": "toward", "ratio_within": "ratio",
           "divergence_within": "divergence", "prefix_budget": "budget", "response_max_within": "response",
           "response_mean_within": "response"}
"""The clauses of a mask, and the kind under which a token that one masks is counted."""


class Step(NamedTuple):
    """A clause with its numbers, or an operator on the masks before it: "&", "|" or "~"."""

    name: str
    low: float = 0.0
    high: float = 0.0
    negated: bool = False
    """True if it stands under a negation."""


class Budget(NamedTuple):
    """What gives δ_b: `floor` itself without a quantile."""

    floor: float
    quantile: Optional[float] = None
    scale: float = 1.0
    ceiling_factor: float = 2.0


class Rule(NamedTuple):
    """A region."""

    divergence: str
    w_min: float
    """The weight of the last token; 1: all tokens weigh the same."""
    seed: Optional[int]
    """Of a shuffled weight."""
    steps: tuple[Step, ...]
    """The mask in postfix order."""
    slack: float
    """The δ of the prefix budget."""
    budget: Optional[Budget]
    soft: bool
    reports_only: bool
    """True if the mask sees no divergence."""

    def clauses(self, kind: str) -> list[int]:
        """The steps of a kind that stand under no negation."""
        return [k for k, s in enumerate(self.steps) if CLAUSES.get(s.name) == kind and not s.negated]


def _unknown(node: ast.AST) -> NoReturn:
    raise c.Error(f"the region holds {ast.unparse(node)}, which executor=\"torch\" does not know: pass tensors on the "
                  "host and executor=\"simd\"", c.StatusCode.executor_unavailable, "region")


def _called(node: ast.expr) -> tuple[str, list[ast.expr]]:
    """The name and the arguments of a call; a name alone has none."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id, node.args
    return (node.id, []) if isinstance(node, ast.Name) else _unknown(node)


def _number(node: ast.expr) -> float:
    value = ast.literal_eval(node)
    return float(value) if isinstance(value, (int, float)) else _unknown(node)


def _budget(node: ast.expr) -> Budget:
    if not isinstance(node, ast.Call):
        return Budget(_number(node))
    name, (floor, *how) = _called(node)
    if name != "calibrated_budget":
        _unknown(node)
    numbers = [_number(x) for x in how[0].elts] if how and isinstance(how[0], ast.Set) else [0.9]
    return Budget(_number(floor), *numbers)


def _mask(node: ast.expr, negated: bool, steps: list[Step], budgets: list[Budget]) -> None:
    """Appends the steps of a mask."""
    if isinstance(node, ast.BinOp):
        for operand in (node.left, node.right):
            _mask(operand, negated, steps, budgets)
        steps.append(Step("&" if isinstance(node.op, ast.BitAnd) else "|", negated=negated))
    elif isinstance(node, ast.UnaryOp):
        _mask(node.operand, True, steps, budgets)
        steps.append(Step("~", negated=negated))
    else:
        name, arguments = _called(node)
        if name not in CLAUSES:
            _unknown(node)
        if name == "prefix_budget":
            budgets.append(_budget(arguments.pop()))
        numbers = [_number(x) for x in arguments] or [0.0]
        steps.append(Step(name, numbers[0], numbers[-1], negated))


def _weight(node: ast.expr) -> tuple[float, Optional[int]]:
    """w_min, and the seed of a shuffled weight."""
    name, arguments = _called(node)
    if name == "permuted":
        return _weight(arguments[0])[0], ast.literal_eval(arguments[1])
    if name not in ("uniform_weight", "linear_weight"):
        _unknown(node)
    return _number(arguments[0]) if arguments else 1.0, None


def _unknown_rule() -> c.Error:
    return c.Error("the region is a rule with a loss of its own, which executor=\"torch\" does not know: pass tensors "
                   "on the host and executor=\"simd\"", c.StatusCode.executor_unavailable, "region")


@functools.lru_cache(1024)
def rule_of(region: bytes) -> Rule:
    """The data of a region, from the bytes of its `cppo_region`."""
    text = c.region_text(region)
    if c.OWN in text:
        raise c.Error("the region has a part of your own, which is compiled for the host alone: pass tensors on the "
                      "host, without executor=\"torch\"", c.StatusCode.executor_unavailable, "region")
    if not text:  # a rule that no text of the one form makes
        raise _unknown_rule()
    name, arguments = _called(ast.parse(re.sub(r"\bfrom\(", "from_(", text.replace("!", "~")), mode="eval").body)
    soft = name == "softened"
    if soft:
        name, arguments = _called(arguments[0])
    shown = arguments[1] if name == "reporting" else None
    if shown is not None:
        name, arguments = _called(arguments[0])
    if name != "trust_region":
        raise _unknown_rule()
    divergence, weight, mask = arguments
    steps: list[Step] = []
    budgets: list[Budget] = []
    _mask(mask, False, steps, budgets)
    slack = next((s.low for s in steps if s.name == "prefix_budget"), 0.0)
    return Rule(_called(divergence if shown is None else shown)[0], *_weight(weight), tuple(steps), slack,
                budgets[0] if budgets else None, soft, shown is not None)
