"""Public CPPO and DPPO codes, for reproducing a run: what each does with positions, budget, cap and loss.

>>> code = cppo.parity.verl_cppo(ratio_cap=20.0)
>>> cppo.policy_loss(log_prob, rollout_log_prob, advantage, response_mask, region=code.region, **code.options)

For a run of your own take `presets` and the named regions, which are the paper's. A code is a region and options of the
call, and only both together give its mask, loss and gradient. `dir(parity)` lists the codes; the page on rules says
what each does, and what is not reproduced.
"""

from __future__ import annotations

import ctypes
import functools
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from . import _native as c
from .parts import call_text
from .regions import Region, region


class Code(NamedTuple):
    """A public code."""

    region: Region
    """The mask."""
    options: dict[str, Any]
    """Those of `policy_loss` that go with it: positions, loss form, cap, clamp and aggregation."""


def code(text: str, numbers: Sequence[float] = ()) -> Code:
    """The code of a text: its name and its numbers. `$0`, `$1`, ... stand for `numbers`.

    >>> code("verl_cppo(delta = 0.1, ratio_cap = 20)")
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be that of a code, such as \"verl_cppo\", not {text!r}")
    made, status = ctypes.create_string_buffer(c.REGION_SIZE), ctypes.create_string_buffer(c.STATUS.size)
    options = ctypes.create_string_buffer(c.OPTIONS.pack(*c.DEFAULT_OPTIONS), c.OPTIONS.size)
    lent = (ctypes.c_double * max(len(numbers), 1))(*map(float, numbers))
    if c.LIB.cppo_parity_parse(text.encode(), lent, len(numbers), made, options, status) != 0:
        raise c.error_of(status.raw)
    _, aggregate, _, positions, surrogate, _, _, clamp, cap, *_ = c.OPTIONS.unpack(options.raw)
    return Code(region(c.region_text(made.raw)), {
        "aggregate": c.AGGREGATES[aggregate], "positions": c.POSITIONS[positions],
        "surrogate": c.SURROGATES[surrogate], "log_ratio_clamp": clamp, "ratio_cap": cap})


@functools.lru_cache(None)
def _codes() -> dict[str, tuple[str, ...]]:
    """The parameters of each code."""
    names, parameters = (c.names_of(f"cppo_parity_{x}") for x in ("name", "parameters"))
    return {name: tuple(p.split(", ")) for name, p in zip(names, parameters)}


@functools.lru_cache(None)
def _function(name: str) -> Callable[..., Code]:
    parameters = [inspect.Parameter(p, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None) for p in _codes()[name]]

    def call(*by_place: float, **by_name: float) -> Code:
        try:
            return code(*call_text(name, *(("", x) for x in by_place), *by_name.items()))
        except c.Error as e:  # the columns are those of a text that the caller has not written
            said = re.sub(r"^column \d+: ", "", e.message)
            raise c.Error(said, e.code, e.argument) from None

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"{name}({', '.join(_codes()[name])}): a `Code`, as parity::{name} of the C++ library."
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return call


def __getattr__(name: str) -> Any:
    if name not in _codes():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}: it has {', '.join(_codes())}")
    return _function(name)


def __dir__() -> list[str]:
    return sorted(["Code", "code", *_codes()])
