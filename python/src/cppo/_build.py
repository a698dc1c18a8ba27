"""Libraries that are built on this machine, once, into a folder of the user's: what is compiled and with what says
where it lies."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import pathlib
import subprocess
import tempfile
from collections.abc import Iterator, Sequence

_PACKAGE = pathlib.Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[2]


def folder(inside: str, in_checkout: str) -> pathlib.Path:
    """A folder of the package, or of the checkout where the package runs from its sources."""
    packed = _PACKAGE / inside
    return packed if packed.exists() else _CHECKOUT / in_checkout


def includes() -> list[str]:
    """The options that let a compiler find <cppo/...> and <cppo.h>."""
    return [f"-I{folder('include', 'include')}", f"-I{folder('include', 'c_api/include')}"]


def cache() -> pathlib.Path:
    """Where libraries are kept: CPPO_CACHE, or cppo/ of the user's cache."""
    own = os.environ.get("CPPO_CACHE")
    return pathlib.Path(own or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "cppo")).expanduser()


@functools.lru_cache(1)
def _headers() -> bytes:
    digest = hashlib.sha256()
    for path in sorted(folder("include", "include").rglob("*")):
        if path.suffix in (".hpp", ".cuh", ".inc"):
            digest.update(path.read_bytes())
    return digest.digest()


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> Iterator[None]:
    """One process at a time: the ranks of a machine begin together."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def path_of(name: str, command: Sequence[str], sources: Sequence[pathlib.Path]) -> pathlib.Path:
    """Where the library lies, or will."""
    digest = hashlib.sha256(_headers() + "\0".join(command).encode())
    for source in sources:
        digest.update(source.read_bytes())
    return cache() / f"{name}-{digest.hexdigest()[:16]}.so"


def shared_library(name: str, command: Sequence[str], sources: Sequence[pathlib.Path],
                   also: Sequence[pathlib.Path] = ()) -> pathlib.Path:
    """The library that `command` makes of `sources`; it is built if it is not there. `also`: what they include.
    Raises RuntimeError with what the compiler says first."""
    path = path_of(name, command, [*sources, *also])
    with _locked(cache() / f"{name}.lock"):
        if path.exists():
            return path
        with tempfile.TemporaryDirectory(dir=cache()) as build:
            made = pathlib.Path(build) / "made.so"
            run = subprocess.run([*command, *map(str, sources), "-o", str(made)], capture_output=True, text=True,
                                 cwd=build)
            if run.returncode != 0:
                said = run.stdout + run.stderr
                first = next((line for line in said.splitlines() if "error" in line), said.strip()[-500:])
                raise RuntimeError(f"{command[0]} cannot build {name}: {first}")
            os.replace(made, path)
    return path
