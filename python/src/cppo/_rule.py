"""A region as Python data, for who computes it without the library: the tree that the library read its text to."""

from __future__ import annotations

import functools
import json
from typing import Any, NamedTuple, Optional

from . import _native as c

_REMEDY = "which executor=\"torch\" does not know: pass tensors on the host and executor=\"simd\""


class Node(NamedTuple):
    """A number, a mask or a loss of a token, and what it is made of."""

    op: str
    """What it does, by the name that the library has for it."""
    of: tuple[Node, ...] = ()
    numbers: tuple[float, ...] = ()
    fold: int = -1
    """The place of the fold that it reads."""
    divergence: str = ""
    """What it measures."""
    seed: int = 0
    counted: str = "other"
    """Of a clause: the kind under which a masked token is counted."""
    sloped: bool = False
    """True if its slope is asked for."""


class Fold(NamedTuple):
    """A statistic over a range."""

    range: str
    statistic: str
    rank: str
    """How `parameter` gives a rank: "" if it is a number."""
    parameter: float
    level: int
    """Those of level 1 hold no others."""
    of: Node


class Budget(NamedTuple):
    """What gives δ_b: `delta_b` itself without a quantile."""

    delta_b: float
    quantile: Optional[float] = None
    scale: float = 1.0
    ceiling_factor: float = 2.0


class Rule(NamedTuple):
    """A region."""

    is_rule: bool
    """True if it has comparisons, folds or a loss of its own."""
    divergence: str
    w_min: float
    """The weight of the last token; 1: all tokens weigh the same."""
    seed: Optional[int]
    """Of a shuffled weight."""
    reversed: bool
    """True if the weights are reversed, before they are shuffled."""
    shuffle_reversed: bool
    """True if they are after it."""
    mask: Node
    budget: Optional[Budget]
    soft: bool
    reports_only: bool
    """True if the mask sees no divergence."""
    own_loss: bool
    """False: the loss is −A ρ M."""
    loss: Node
    penalty: Optional[Node]
    folds: tuple[Fold, ...]

    def clauses(self, op: str) -> list[Node]:
        """The clauses of that name, in the order of the text."""
        return [n for n in nodes_of(self.mask) if n.op == op]

    @property
    def slack(self) -> float:
        """The δ of the prefix budget."""
        return next((n.numbers[0] for n in self.clauses("prefix_budget")), 0.0)


def nodes_of(node: Node) -> list[Node]:
    """A node and all below it, operands first."""
    return [*(n for x in node.of for n in nodes_of(x)), node]


def unknown(what: str) -> c.Error:
    """The error for a part that is not here."""
    return c.Error(f"the region holds {what}, {_REMEDY}", c.StatusCode.executor_unavailable, "region")


def _node(tree: dict[str, Any]) -> Node:
    members: dict[str, Any] = {**tree, "of": tuple(map(_node, tree.get("of", ()))),
                               "numbers": tuple(tree.get("numbers", ()))}
    return Node(**members)


def _fold(tree: dict[str, Any]) -> Fold:
    members: dict[str, Any] = {"parameter": 0.0, **tree, "of": _node(tree["of"])}
    return Fold(**members)


@functools.lru_cache(1024)
def rule_of(region: bytes) -> Rule:
    """The data of a region, from the bytes of its `cppo_region`."""
    text = c.region_tree(region)
    if not text:
        raise c.Error("the region has a part of your own, which is compiled for the host alone: pass tensors on the "
                      "host, without executor=\"torch\"", c.StatusCode.executor_unavailable, "region")
    tree = json.loads(text)
    penalty, budget = tree["penalty"], tree["budget"]
    return Rule(tree["is_rule"], tree["divergence"], tree["w_min"], tree["seed"], tree["reversed"],
                tree["shuffle_reversed"], _node(tree["mask"]), Budget(**budget) if budget else None, tree["soft"],
                tree["reports_only"], tree["own_loss"], _node(tree["loss"]), _node(penalty) if penalty else None,
                tuple(map(_fold, tree["folds"])))
