#!/usr/bin/env python3
"""Writes the library as one header, from include/cppo/cppo.hpp.

    amalgamate.py --output FILE [--root DIR] [--commit TEXT] [--also HEADER]...

The same sources give the same bytes. Each header comes in once, where it is first included. Standard headers that are
included unconditionally are hoisted, sorted, to the line after version.hpp, which checks the language; those inside an
#if stay where they are. A header that is only
included inside an #if (the `simd` executor under CPPO_USE_XSIMD) stays inside it. A header that is included both ways
is written before the #if, since what comes later relies on it. macros_off.inc and macros_on.inc, which every header
includes, stand around the whole.
"""

import argparse
import re
import sys
from pathlib import Path

OWN = re.compile(r"^\s*#\s*include\s*<(cppo/[^>]+)>")
SYSTEM = re.compile(r"^\s*#\s*include\s*<([^>]+)>")
MACROS = re.compile(r"^\s*#\s*include\s*<cppo/macros_(off|on)\.inc>")
OPEN = re.compile(r"^\s*#\s*if(def|ndef)?\b")
ELSE = re.compile(r"^\s*#\s*el(se|if)")
CLOSE = re.compile(r"^\s*#\s*endif\b")
PRAGMA_ONCE = re.compile(r"^\s*#\s*pragma\s+once\b")
VERSION = re.compile(r"^#define CPPO_VERSION_(MAJOR|MINOR|PATCH)\s+(\d+)", re.MULTILINE)


class Branches:
    """The #if branches that are open, each with the conditional headers it already holds."""

    def __init__(self):
        self.stack = []

    def depth(self):
        return len(self.stack)

    def read(self, line):
        if OPEN.match(line):
            self.stack.append(set())
        elif ELSE.match(line):
            self.stack[-1] = set()
        elif CLOSE.match(line):
            self.stack.pop()

    def add(self, name):
        """False if an open branch holds `name` already."""
        if any(name in held for held in self.stack):
            return False
        self.stack[-1].add(name)
        return True


class Amalgamation:
    def __init__(self, include_dir, also=()):
        self.include_dir = include_dir
        self.roots = ["cppo/cppo.hpp", *also]
        self.texts = {}
        self.plain = set()  # headers that some chain of unconditional includes leads to
        for root in self.roots:
            self.find_plain(root)
        self.system = set()
        self.written = set()  # plain headers already in `lines`
        self.lines = []
        self.language_checked = 0  # the line of `lines` before which the language is not known to be right

    def source(self, name):
        if name not in self.texts:
            path = self.include_dir / name
            if not path.is_file():
                raise SystemExit(f"amalgamate: <{name}> is included but there is no {path.name} at that place")
            lines = path.read_text(encoding="utf-8").splitlines()
            self.texts[name] = [line for line in lines if not MACROS.match(line)]
        return self.texts[name]

    def includes(self, name):
        """(depth of #if, target) of each include of the library's own."""
        depth = 0
        for line in self.source(name):
            if OPEN.match(line):
                depth += 1
            elif CLOSE.match(line):
                depth -= 1
            elif found := OWN.match(line):
                yield depth, found[1]

    def find_plain(self, name):
        if name in self.plain:
            return
        self.plain.add(name)
        for depth, target in self.includes(name):
            if depth == 0:
                self.find_plain(target)

    def conditional_needs(self, name, seen):
        """The plain headers that a conditional header leads to, in the order of inclusion."""
        if name in seen:
            return
        seen.add(name)
        if name in self.plain:
            yield name
            return
        for _, target in self.includes(name):
            yield from self.conditional_needs(target, seen)

    # ---- writing

    def write_plain(self, name):
        if name in self.written:
            return
        self.written.add(name)
        out = []
        lines = self.source(name)
        branches = Branches()
        for index, line in enumerate(lines):
            if OPEN.match(line) and branches.depth() == 0:
                for needed in self.needs_of_block(lines, index):
                    self.flush(name, out)
                    self.write_plain(needed)
            branches.read(line)
            if PRAGMA_ONCE.match(line):
                continue
            if found := OWN.match(line):
                if branches.depth() == 0:
                    self.flush(name, out)
                    self.write_plain(found[1])
                else:
                    out += self.conditional(found[1], branches)
                continue
            if branches.depth() == 0 and (found := SYSTEM.match(line)):
                self.system.add(found[1])
                continue
            out.append(line)
        self.flush(name, out)

    def needs_of_block(self, lines, start):
        """Plain headers that the #if at `start` leads to and that are not written yet."""
        depth, seen, needed = 0, set(), []
        for line in lines[start:]:
            if OPEN.match(line):
                depth += 1
            elif CLOSE.match(line):
                depth -= 1
                if depth == 0:
                    break
            elif found := OWN.match(line):
                needed += [n for n in self.conditional_needs(found[1], seen) if n not in self.written]
        return needed

    def conditional(self, name, branches):
        """A header only some builds see: under a guard of its own, since two #ifs may bring it."""
        if name in self.plain or not branches.add(name):
            return []
        guard = "CPPO_SINGLE_" + re.sub(r"\W", "_", name.removeprefix("cppo/")).upper()
        out = [f"#ifndef {guard}", f"#define {guard}", f"// ---- {name}"]
        for line in self.source(name):
            branches.read(line)
            if found := OWN.match(line):
                out += self.conditional(found[1], branches)
            elif not PRAGMA_ONCE.match(line):
                out.append(line)
        return out + [f"#endif  // {guard}"]

    def flush(self, name, out):
        """Moves the collected lines of `name` to the result, under a line that says whose they are."""
        if any(line.strip() for line in out):
            self.lines += ["", f"// ---- {name}", ""] + out
            if name == "cppo/version.hpp":
                self.language_checked = len(self.lines)
        out.clear()

    def macros(self, what):
        """The lines of macros_off.inc or macros_on.inc, without their includes."""
        path = self.include_dir / "cppo" / f"macros_{what}.inc"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        return ["", *(line for line in lines if not OWN.match(line))] if lines else []

    def run(self, commit):
        for root in self.roots:
            self.write_plain(root)
        version = dict(VERSION.findall("\n".join(self.source("cppo/version.hpp"))))
        title = "cppo {MAJOR}.{MINOR}.{PATCH}".format(**version) + (f" ({commit})" if commit else "")
        head = [
            f"// {title}, the whole library in one header. Generated: change the sources, not this file.",
            "// SPDX-License-Identifier: Apache-2.0",
            "// Licensed under the Apache License, Version 2.0; "
            "provided as is, without warranties or conditions of any kind.",
            "//",
            "// Define before the include, if wanted: "
            "CPPO_USE_XSIMD=1 for the `simd` executor (needs xsimd and threads).",
            "#pragma once",
            "",
        ]
        standard = ["", *(f"#include <{name}>" for name in sorted(self.system))]
        checked = self.language_checked
        lines = [*head, *self.macros("off"), *self.lines[:checked], *standard, *self.lines[checked:],
                 *self.macros("on")]
        text = "\n".join(line.rstrip() for line in lines) + "\n"
        return re.sub(r"\n{3,}", "\n\n", text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent / "include")
    parser.add_argument("--commit", default="", help="named in the banner, if given")
    parser.add_argument("--also", action="append", default=[], help="a header beside cppo.hpp, as cppo/described.hpp")
    args = parser.parse_args()
    text = Amalgamation(args.root, args.also).run(args.commit)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
