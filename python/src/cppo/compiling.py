"""Parts of your own, in C++: `compile`, which builds them with your compiler against the headers of this package.

A part of your own is a value like every other. Its text names its source by a hash, `compiled_3f9a::my_divergence{}`.
The library cannot read that, so that a region which holds one is compiled as a whole, once for all its numbers.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import hashlib
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple, Optional

from . import _native as c
from .parts import Budget, Divergence, Gate, Mask, Part, Weight, number
from .regions import Region

_KINDS: tuple[type[Part], ...] = (Divergence, Weight, Mask, Budget, Gate)
_OWN = re.compile(r"compiled_([0-9a-f]+)::(\w+)")
_FLAGS = ("-std=c++20", "-fPIC", "-shared", "-pthread", "-w", "-fvisibility=hidden", "-fvisibility-inlines-hidden",
          "-ffp-contract=off")
_REGION = ("-DCPPO_USE_XSIMD=1", "-O2")
_CHECK = ("-DCPPO_USE_XSIMD=1", "-O1", "-DCPPO_NO_FORCED_INLINING")
_lock = threading.RLock()


class _Source(NamedTuple):
    """What a user wrote."""

    name: str
    text: str

    @property
    def key(self) -> str:
        return hashlib.sha256("\0".join(self).encode()).hexdigest()[:12]

    def enclosed(self) -> str:
        """The text in a namespace of its own, below the headers that it includes; its lines keep their numbers."""
        headers = re.findall(r"^[ \t]*#[ \t]*include\b.*$", self.text, re.MULTILINE)
        rest = re.sub(r"^[ \t]*#[ \t]*include\b.*$", "", self.text, flags=re.MULTILINE)
        head = "\n".join(headers)
        return f'{head}\nnamespace compiled_{self.key} {{\n#line 1 "{self.name}"\n{rest}\n}}\n#line 1 "the region"\n'


_sources: dict[str, _Source] = {}
_objects: dict[str, int] = {}
"""By a region's text, the address of what its shared object offers."""


# --- The compiler ---

class _Compiler(NamedTuple):
    command: tuple[str, ...]
    version: str


def _compiler() -> _Compiler:
    named = os.environ.get("CXX")
    command = shlex.split(named) if named else next(filter(shutil.which, ("c++", "g++", "clang++")), "").split()
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    except (OSError, IndexError, ValueError, subprocess.CalledProcessError):
        what = f"CXX is {named!r}, which is none that runs" if named else "there is none"
        raise c.Error(f"a part of your own needs a C++ compiler, but {what}: install one (Debian: apt install g++), or "
                      "let the environment variable CXX name it", c.StatusCode.bad_text, "region") from None
    return _Compiler(tuple(command), done.stdout)


@functools.lru_cache(None)
def _include_folders() -> tuple[pathlib.Path, ...]:
    """The headers: the package's own, or those of the checkout where the package runs from its sources."""
    package, checkout = pathlib.Path(__file__).parent, pathlib.Path(__file__).parents[3]
    for folders in ((package / "include", package / "include" / "cppo_c"),
                    (checkout / "include", checkout / "c_api" / "src")):
        if (folders[0] / "cppo" / "cppo.hpp").exists() and (folders[1] / "region_object.hpp").exists():
            return folders
    raise c.Error(f"the headers of the library are not in {package}: install the package by `pip install ./python`",
                  c.StatusCode.bad_text, "region")


@functools.lru_cache(None)
def _headers_digest() -> bytes:
    digest = hashlib.sha256()
    for folder in _include_folders():
        for path in sorted({*folder.glob("cppo/**/*"), *folder.glob("*.hpp")}):
            if path.is_file():
                digest.update(path.name.encode() + path.read_bytes())
    return digest.digest()


@functools.lru_cache(None)
def _machine() -> tuple[str, str]:
    """The flag for the instruction set that calls run on, and what tells this machine from others where that is
    whatever it has."""
    level = c.LIB.cppo_instruction_set().decode()
    if level.startswith("x86-64"):
        return f"-march={level}", ""
    cpu = pathlib.Path("/proc/cpuinfo")
    features = re.search(r"^(flags|Features)\b.*$", cpu.read_text() if cpu.exists() else "", re.MULTILINE)
    return "-march=native", features[0] if features else ""


def _cache() -> pathlib.Path:
    named = os.environ.get("CPPO_CACHE")
    usual = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = pathlib.Path(named) if named else pathlib.Path(usual).expanduser() / "cppo"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as e:
        raise c.Error(f"compiled parts are kept in {folder}, which cannot be made ({e.strerror}): let the environment "
                      "variable CPPO_CACHE name a folder", c.StatusCode.bad_text, "region") from None
    return folder


@contextlib.contextmanager
def _only_one(path: pathlib.Path) -> Iterator[None]:
    """Holds a lock that processes share: the ranks of a machine wait for the one that compiles."""
    with open(path, "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def _built(source: str, flags: tuple[str, ...], sources: tuple[_Source, ...]) -> ctypes.CDLL:
    """The shared object of a C++ text, from the cache where it is there."""
    by, (march, cpu) = _compiler(), _machine()
    flags = (*_FLAGS, march, *flags)
    what = "\0".join((source, *by.command, by.version, *flags, cpu)).encode() + _headers_digest()
    folder = _cache()
    made = folder / f"{hashlib.sha256(what).hexdigest()[:32]}.so"
    if not made.exists():
        with _only_one(made.with_suffix(".lock")):
            if not made.exists():
                _compile(source, (*by.command, *flags), made, sources)
    return ctypes.CDLL(str(made))


def _compile(source: str, command: tuple[str, ...], made: pathlib.Path, sources: tuple[_Source, ...]) -> None:
    with tempfile.TemporaryDirectory(dir=made.parent) as work:
        text, result = pathlib.Path(work) / "region.cpp", pathlib.Path(work) / "region.so"
        text.write_text(source)
        folders = _include_folders()
        where = [f"-I{folder}" for folder in folders]
        done = subprocess.run([*command, *where, str(text), "-o", str(result)], capture_output=True, text=True,
                              env={**os.environ, "LC_ALL": "C"})
        if done.returncode != 0:
            raise c.Error(_first_error(done.stderr, sources, command[0]), c.StatusCode.bad_text, "region")
        os.replace(result, made)


# --- What the compiler says ---

_DIAGNOSIS = re.compile(r"^(?P<file>[^:\n]+):(?P<line>\d+):(?:\d+:)? +(?P<what>.*)$")


def _first_error(said: str, sources: tuple[_Source, ...], compiler: str) -> str:
    """The first error in one sentence, with the user's line that it is about."""
    lines = said.splitlines()
    first = next((i for i, line in enumerate(lines) if re.search(r"\b(fatal )?error: ", line)), None)
    if first is None:
        return f"{compiler} failed: {lines[-1] if lines else 'it said nothing'}"
    message = re.sub(r"^.*?\berror: (static assertion failed(: | due to requirement [^:]*: ?))?", "", lines[first])
    own = {s.name: s.text.splitlines() for s in sources}
    # The line itself; or before it what asked for the template at fault, which clang names after it.
    until = next((i for i in range(first + 1, len(lines)) if re.search(r"\berror: ", lines[i])), len(lines))
    for line in (*lines[first::-1], *lines[first:until]):
        at = _DIAGNOSIS.match(line)
        if at and at["file"] in own and 1 <= int(at["line"]) <= len(own[at["file"]]):
            return f"{at['file']}, line {at['line']}, `{own[at['file']][int(at['line']) - 1].strip()}`: {message}"
    return f"{' and '.join(own)}: {message}"


# --- Parts ---

class OwnPart:
    """A struct of one's own. A call makes the part: its arguments are the members, in order."""

    def __init__(self, source: _Source, kind: type[Part], members: int) -> None:
        self._source = source
        self.kind = kind
        self.members = members
        """How many numbers it holds."""

    @property
    def name(self) -> str:
        """The struct's name."""
        return self._source.name

    def __call__(self, *numbers: float) -> Any:
        """The part, as `Divergence` or whatever it is."""
        if len(numbers) > self.members:
            raise TypeError(f"{self.name} has {self.members} members, but {len(numbers)} numbers were given")
        places = ", ".join(f"${i}" for i in range(len(numbers)))
        return self.kind(f"compiled_{self._source.key}::{self.name}{{{places}}}",
                         tuple(number(self.name, x) for x in numbers))

    def __repr__(self) -> str:
        return f"compile({self._source.text!r}, {self.name!r})"

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return compile, (self._source.text, self.name)


def compile(source: str, name: Optional[str] = None) -> OwnPart:
    """A part of your own: a divergence, a weight, a mask, a budget or a gate, written in C++.

    >>> hellinger = cppo.compile('''
    ... struct squared_hellinger {
    ...   template <class V>
    ...   constexpr V between(V log_p, V log_q) const {
    ...     V const gap = exp(V(0.5) * log_p) - exp(V(0.5) * log_q);
    ...     return V(0.5) * (gap * gap);
    ...   }
    ... };''')
    >>> region = cppo.trust_region(hellinger(), cppo.linear_weight(0.8), cppo.divergence_within(0.02))

    What each part must offer is in docs/concepts.md; `check_region` tries it on random batches. The compiler is that of
    the environment variable CXX, else c++. What it made is kept in the folder CPPO_CACHE, else ~/.cache/cppo, by what
    it was made of: a part is compiled once, and a region once for all its numbers.

    Args:
        source: the struct, and whatever it needs. It may include headers.
        name: the struct that is the part; without it the last one.

    Raises:
        Error: with the compiler's first error and the line that it is about.
    """
    names = re.findall(r"^[ \t]*(?:struct|class)\s+(\w+)[^;{]*\{", source, re.MULTILINE)
    if name is None and not names:
        raise c.Error("the source has no struct: write one, as docs/concepts.md shows", c.StatusCode.bad_text, "region")
    s = _Source(name or names[-1], source)
    probe = (f'#include <cppo/cppo.hpp>\n{s.enclosed()}#include "part_probe.hpp"\n'
             f"using part = compiled_{s.key}::{s.name};\n"
             f'static_assert(c_api::kind_of<part>() != c_api::part_kind::none, "it is no part of a trust region: '
             "docs/concepts.md says what each kind must offer, and static_assert(cppo::divergence_score<"
             f'{s.name}>), or weight_schedule, token_mask, budget, gate, under the struct what is missing");\n'
             "CPPO_C_BUILD int cppo_part_kind() { return static_cast<int>(c_api::kind_of<part>()); }\n"
             "CPPO_C_BUILD int cppo_part_members() { return c_api::members_of<part>(); }\n")
    with _lock:
        built = _built(probe, ("-O0",), (s,))
        _sources[s.key] = s
    return OwnPart(s, _KINDS[built.cppo_part_kind() - 1], built.cppo_part_members())


# --- Regions that hold them ---

def sources_of(text: str) -> tuple[tuple[str, str], ...]:
    """Source and name of each part of one's own that the text holds, as `compile` takes them."""
    return tuple((s.text, s.name) for s in _found(text))


def restored(kind: Any, text: str, numbers: tuple[float, ...], sources: tuple[tuple[str, str], ...]) -> Any:
    """A part or a region from what was pickled."""
    for source in sources:
        compile(*source)
    return kind(text, numbers)


def python_code(text: str) -> str:
    """The Python code of a C++ text with numbers, in which only names are left to be changed."""
    def own(m: re.Match[str]) -> str:
        return f"{OwnPart(_sources[m[1]], Part, 0)!r}({m[3]})"
    return re.sub(r"compiled_([0-9a-f]+)::(\w+)\{([^{}]*)\}|::", lambda m: own(m) if m[1] else ".", text)


def _found(text: str) -> tuple[_Source, ...]:
    keys = dict.fromkeys(m[1] for m in _OWN.finditer(text))
    missing = [k for k in keys if k not in _sources]
    if missing:
        raise c.Error(f"compiled_{missing[0]} is a part that another process has compiled: make it here, by "
                      "cppo.compile or from its pickle", c.StatusCode.bad_text, "region")
    return tuple(_sources[k] for k in keys)


def _cpp_expression(text: str) -> str:
    """The C++ expression of a region's text: options by name are members, and numbers come from an array."""
    named = re.sub(r"\w+=\$\d+(?:, \w+=\$\d+)*",
                   lambda m: "{" + re.sub(r"(\w+)=", r".\1 = ", m[0]) + "}", text.replace("divergence=", ""))
    seeds = re.sub(r"(?<![\w$])(\d+)(?!\w)", r"\1U", named)
    own = re.sub(r"(compiled_\w+::\w+\{)([^{}]*)\}", lambda m: m[1] + re.sub(r"\$\d+", r"number{\g<0>}", m[2]) + "}",
                 seeds)
    return re.sub(r"\$(\d+)", r"n[\1]", own)


def _region_source(text: str, sources: tuple[_Source, ...]) -> str:
    """The C++ text that makes `made`, the region."""
    count = len(set(re.findall(r"\$\d+", text)))
    parts = "".join(s.enclosed() for s in sources)
    return (f'#include <cppo/cppo.hpp>\n{parts}#include "region_object.hpp"\n'
            "namespace {\nstruct made {\n"
            f'  static constexpr char const* text = "{text}";\n  static constexpr int numbers = {count};\n'
            "  static auto from([[maybe_unused]] double const* n) {\n"
            "    using namespace cppo;\n    using namespace cppo::operators;\n    using c_api::number;\n"
            f"    return {_cpp_expression(text)};\n  }}\n}};\n}}\n")


def object_of(text: str) -> int:
    """The address of what `cppo_region_compiled` takes."""
    with _lock:
        if text not in _objects:
            sources = _found(text)
            source = (_region_source(text, sources) + "CPPO_C_BUILD void const* cppo_compiled_region() { "
                      "return &c_api::region_object<made>::offered; }\n")
            function = _built(source, _REGION, sources).cppo_compiled_region
            function.restype = ctypes.c_void_p
            _objects[text] = function()
        return _objects[text]


def check_region(region: Region, batches: int = 60, seed: int = 1) -> int:
    """Tries a region of parts of one's own on random batches: every executor, layout, padding and cut must give the
    same bits, and a plain loop the same decisions. `testing::check_region` of the C++ library, which takes the compiler
    a minute the first time.

    Returns:
        How many values were compared.

    Raises:
        Error: with the first fault: which check, which batch, where.
    """
    sources = _found(region.text)
    if not sources:
        raise ValueError(f"{region!r} has no part of your own: the library's have passed this check")
    source = (_region_source(region.text, sources) + "#include <cppo/testing/check_region.hpp>\n"
              "CPPO_C_BUILD long long cppo_check(double const* n, int batches, unsigned long long seed, char* words)\n{"
              "  auto const r = cppo::testing::check_region(made::from(n), {.batches = batches, .seed = seed});\n"
              '  std::snprintf(words, 1024, "%s", r.message.c_str());\n  return r.ok ? r.compared : -1;\n}\n')
    with _lock:
        function = _built(source, _CHECK, sources).cppo_check
    function.restype = ctypes.c_longlong
    function.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_ulonglong, ctypes.c_char_p]
    words = ctypes.create_string_buffer(1024)
    compared = int(function((ctypes.c_double * max(len(region.numbers), 1))(*region.numbers), batches, seed, words))
    if compared < 0:
        raise c.Error(words.value.decode(), c.StatusCode.bad_parameter, "region")
    return compared
