"""The call for JAX: XLA's FFI on the same C functions, under `jit`, `grad` and `vmap`, on the host.

`cppo.policy_loss` takes JAX's arrays; `import cppo.jax` beforehand only makes sure that it can. The first call compiles
a small file with the machine's C++ compiler, once: its headers come with jaxlib. Regions are pytrees of their numbers:
pass one as an argument of a jitted function, and thresholds that change compile nothing anew.
"""

from __future__ import annotations

import ctypes
import functools
import os
import pathlib
import shlex
import shutil
from collections.abc import Sequence
from typing import Any, NamedTuple, Union

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from . import _build
from . import _native as c
from ._call import (EXTRA_INPUTS, PER_TOKEN, Layout, Lent, Options, check_outputs, fields, first_error_of, layout_of,
                    pack_options, refuse_pieces)
from .outputs import Outputs
from .regions import Region
from .report import COUNT, LOSS, Report

_TARGET = "cppo_policy_loss"


class TracedRegion(NamedTuple):
    """A region whose numbers are being traced."""

    text: str
    words: Any
    """The numbers as pairs of 32 bits: JAX has no double unless it is told to."""


def _words_of(region: Union[Region, TracedRegion]) -> Any:
    if isinstance(region, TracedRegion):
        return region.words
    return np.array(region.numbers, np.float64).view(np.uint32)


def _region_of(text: str, children: Sequence[Any]) -> Any:
    (words,) = children
    if isinstance(words, (np.ndarray, jax.Array)) and not isinstance(words, Tracer):
        return Region(text, tuple(np.asarray(words).view(np.float64).tolist()))
    return TracedRegion(text, words)


jax.tree_util.register_pytree_node(Region, lambda r: ((_words_of(r),), r.text), _region_of)
jax.tree_util.register_pytree_node(TracedRegion, lambda r: ((r.words,), r.text), _region_of)
jax.tree_util.register_pytree_node(Report, lambda r: (r.parts(), None), lambda _, parts: Report(*parts))
jax.tree_util.register_dataclass(
    Outputs, data_fields=list(Outputs.__dataclass_fields__), meta_fields=[])


@functools.lru_cache(1)
def _registered() -> ctypes.CDLL:
    """The handler, compiled where that was not done yet, of which XLA knows."""
    named = os.environ.get("CXX")
    compiler = shlex.split(named) if named else [found for found in map(shutil.which, ("c++", "g++", "clang++"))
                                                 if found][:1]
    if not compiler:
        raise RuntimeError("JAX's arrays need a C++ compiler at the first call, and there is none: install one "
                           "(Debian: apt install g++), or let the environment variable CXX name it")
    library = pathlib.Path(c.LIB._name).resolve()
    command = [*compiler, "-std=c++20", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-w",
               f"-I{jax.ffi.include_dir()}", *_build.includes()]
    source = pathlib.Path(__file__).with_name("jax_call.cpp")
    built = _build.shared_library("jax", [*command, f"-Wl,-rpath,{library.parent}"], [source, library])
    handler = ctypes.CDLL(str(built))
    handler.cppo_jax_compiled.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    handler.cppo_jax_compiled.restype = None
    jax.ffi.register_ffi_target(_TARGET, jax.ffi.pycapsule(handler.cppo_jax_policy_loss), platform="cpu")
    return handler


@functools.lru_cache(None)
def _prepare(text: str) -> None:
    """Sees that the handler knows regions of this text. One that holds parts of the user's own is compiled, and found
    by its text: an address in a graph would mean something else in the next process."""
    handler = _registered()
    if c.OWN in text:
        from .compiling import object_of
        handler.cppo_jax_compiled(text.encode(), object_of(text))


class _Call(NamedTuple):
    """What is known of a call while it is traced."""

    text: str
    packed: bool
    names: tuple[str, ...]
    outputs: tuple[str, ...]
    options: Options


def _lent(x: Any, name: str) -> Lent:
    number = c.DTYPES.get(x.dtype.name)
    if number is None:
        raise c.Error(f"{name} has dtype {x.dtype}, but must have one of {', '.join(c.DTYPES)}: convert it",
                      c.StatusCode.element_type_mismatch, name)
    stride = [1]
    for extent in x.shape[:0:-1]:
        stride.append(stride[-1] * extent)
    return Lent(1, number, tuple(x.shape), tuple(stride[::-1][-len(x.shape):]) if x.shape else ())


def _members(name: str, number: int, x: Any, at: Layout) -> tuple[int, ...]:
    """The members of a `cppo_lent`; the handler has the address."""
    t = _lent(x, name)
    return (number, 0, 1, t.dtype, 2, *t.shape, *t.stride) if name.startswith("top_k") else fields(name, number, t, at)


def _result_type(log_prob: Any) -> Any:
    return jnp.float64 if log_prob.dtype == jnp.float64 else jnp.float32


def _output_type(name: str, log_prob: Any) -> Any:
    return {"mask": jnp.bool_, "decision": jnp.uint8}.get(name, _result_type(log_prob))


def _run(call: _Call, log_prob: Any, numbers: Any, cuts: Sequence[Any], inputs: Sequence[Any]) -> Any:
    """Loss, report, gradient and outputs."""
    _prepare(call.text)
    o, kind = call.options, _result_type(log_prob)
    at = layout_of(log_prob.shape, _lent(cuts[0], "cu_seqlens") if cuts else None, o.with_capacity)
    per_token = o.aggregate == PER_TOKEN
    shapes = [jax.ShapeDtypeStruct(log_prob.shape if per_token else (), kind),
              jax.ShapeDtypeStruct((2 * COUNT,), jnp.uint32)]
    shapes += [jax.ShapeDtypeStruct(log_prob.shape, _output_type(n, log_prob)) for n in ("gradient", *call.outputs)]
    lent: list[int] = []
    written: list[int] = []
    top_k = 0
    for name, x in zip(("log_prob", *call.names), (log_prob, *inputs)):
        lent += _members(name, c.INPUTS[name], x, at)
        top_k = x.shape[-1] if name.startswith("top_k") else top_k
    for name, result in zip(("gradient", *call.outputs), shapes[2:]):
        written += _members(name, c.OUTPUT_IDS[name], result, at)
    shape = (at.responses, at.width, at.capacity, top_k, call.packed, per_token, first_error_of(o.bad_input), LOSS)
    options = np.frombuffer(pack_options(o), np.int64)
    return jax.ffi.ffi_call(_TARGET, shapes, vmap_method="sequential")(
        numbers, *cuts, log_prob, *inputs, region=call.text, options=options,
        **{n: np.array(x, np.int64) for n, x in (("shape", shape), ("cuts", at.cu_seqlens), ("inputs", lent),
                                                 ("outputs", written))})


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _loss(call: _Call, log_prob: Any, numbers: Any, cuts: Sequence[Any], inputs: Sequence[Any]) -> Any:
    return _run(call, log_prob, numbers, cuts, inputs)


def _forward(call: _Call, log_prob: Any, numbers: Any, cuts: Sequence[Any], inputs: Sequence[Any]) -> Any:
    results = _run(call, log_prob, numbers, cuts, inputs)
    return results, (results[2], log_prob)


def _backward(call: _Call, kept: Any, cotangents: Any) -> Any:
    """The gradient was computed with the loss."""
    gradient, log_prob = kept
    return (gradient * cotangents[0]).astype(log_prob.dtype), None, None, None


_loss.defvjp(_forward, _backward)


def policy_loss(log_prob: Any, extra: Sequence[Any], cu_seqlens: Any, region: Union[Region, TracedRegion], o: Options,
                pieces: Sequence[Any], wanted: Sequence[str] | None, normalizer: Any) -> Any:
    """As `cppo.policy_loss`. `extra`: as EXTRA_INPUTS; `pieces`: carries, totals and folds, all of them None."""
    refuse_pieces(pieces, "are not taken with JAX's arrays: pass NumPy arrays")
    names = tuple(n for n, x in zip(EXTRA_INPUTS, extra) if x is not None)
    inputs = [jnp.asarray(x) for x in extra if x is not None]
    inputs = [x.reshape(-1, x.shape[-1]) if n.startswith("top_k") else x for n, x in zip(names, inputs)]
    check_outputs(wanted or ())
    asked = tuple(n for n in wanted or () if n not in ("gradient", "loss" if o.aggregate == PER_TOKEN else ""))
    scaled = o if normalizer is None else o._replace(normalizer=1.0)
    call = _Call(region.text, cu_seqlens is not None, names, asked, scaled)
    cuts = [] if cu_seqlens is None else [jnp.asarray(cu_seqlens)]
    results: Any = _loss(call, log_prob, _words_of(region), cuts, inputs)
    loss, words, gradient, *outputs = results
    lists = {"gradient": gradient, **dict(zip(asked, outputs))}
    if normalizer is not None:
        loss = loss / normalizer
        lists.update({n: lists[n] / normalizer for n in ("gradient", "loss") if n in lists})
    report = Report(words, normalizer)
    if wanted is None:
        return loss, report
    lists.setdefault("loss", loss)
    return loss, report, Outputs(**{n: jax.lax.stop_gradient(lists[n]) for n in wanted})
