"""Libraries that are built on first use: where they are kept, and what is said where a compiler fails."""

from __future__ import annotations

import sys

import pytest
from cppo import _build

COPIES = """
import sys
*sources, minus_o, made = [a for a in sys.argv[1:] if a != "-O2"]
assert minus_o == "-o"
open(made, "w").write("".join(open(s).read() for s in sources))
open(sources[0] + ".runs", "a").write("x")
"""
FAILS = """
import sys
print("a remark")
print("part.cpp(3): error: no such name", file=sys.stderr)
sys.exit(1)
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setenv("CPPO_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "source.cpp"
    path.write_text("first")
    return path


def test_a_library_is_built_once_for_what_it_is_made_of(source):
    command = [sys.executable, "-c", COPIES]
    path = _build.shared_library("thing", command, [source])
    assert path.read_text() == "first" and path.parent == _build.cache()
    assert _build.shared_library("thing", command, [source]) == path
    runs = source.with_name("source.cpp.runs")
    assert runs.read_text() == "x"
    source.write_text("second")
    other = _build.shared_library("thing", command, [source])
    assert other != path and other.read_text() == "second" and runs.read_text() == "xx"
    assert _build.shared_library("thing", [*command, "-O2"], [source]) != other
    assert not [p for p in _build.cache().iterdir() if p.is_dir()]


def test_the_first_error_is_shown_and_nothing_is_kept(source):
    with pytest.raises(RuntimeError, match=r"cannot build thing: part.cpp\(3\): error: no such name"):
        _build.shared_library("thing", [sys.executable, "-c", FAILS], [source])
    assert [p.suffix for p in _build.cache().iterdir()] == [".lock"]


def test_the_headers_are_found():
    assert all((_build.folder("include", inside) / name).exists()
               for inside, name in (("include", "cppo/cppo.hpp"), ("c_api/include", "cppo.h")))
