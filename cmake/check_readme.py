#!/usr/bin/env python3
"""Keeps README.md, CONTRIBUTING.md, CHANGELOG.md and the pages of docs/ true to programs that are compiled and run.

    check_readme.py [--root DIR] [--program NAME=PATH ...]

- Every ```cpp and ```c block is found, word for word, in a source file under examples/ or tests/ (indented as it
  likes; lines that only mark a snippet, `//! [name]`, do not count). CONTRIBUTING.md alone may show code that shows a
  form.
- Every call in a table that makes a region, such as `trust_region(...)` or `dppo(...)`, is found there too, spaces
  aside.
- A ```text block after the line `<!-- printed by examples/NAME.cpp -->`, or `.c`, is what that program prints. Its
  path is given by --program; a program that is not given is not run.
- Every relative link leads to a file, and stands in one line: doxygen loses the rest of a page after one that does not.
- README.md has at most WORDS_IN_README words outside code blocks: what is longer belongs on a page of docs/.
"""

import argparse
import re
import subprocess
import sys
import textwrap
from pathlib import Path

WORDS_IN_README = 900

FENCE = re.compile(r"^ *```(\w*)\s*$")
PRINTED = re.compile(r"^ *<!-- printed by examples/(\w+)\.c(?:pp)? -->\s*$")
MARK = re.compile(r"^\s*//! \[[^\]]*\]\s*$")
REGION = re.compile(r"`([^`]*\b(?:trust_region|reporting|softened|unrestricted|ppo|dppo|fixed_cppo|calibrated_cppo"
                    r"|trm_max|trm_mean|presets::\w+)\([^`]*)`")
WORD = re.compile(r"\S*\w\S*")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
BROKEN_LINK = re.compile(r"\[([^\]\n]*\n[^\]\n]*)\]\(")
SOURCES = ("*.cpp", "*.hpp", "*.cu", "*.c")


def sources(root):
    for folder in ("examples", "tests"):
        for pattern in SOURCES:
            yield from sorted((root / folder).rglob(pattern))


def code_lines(text):
    return [line.rstrip() for line in text.splitlines() if not MARK.match(line)]


def contains(lines, block):
    """Does the block stand in `lines`, all of it moved right by the same number of spaces?"""
    for start in range(len(lines) - len(block) + 1):
        indent = len(lines[start]) - len(lines[start].lstrip())
        margin = " " * (indent - (len(block[0]) - len(block[0].lstrip())))
        if all(have == (margin + want if want else "") for have, want in zip(lines[start:], block)):
            return True
    return False


def squeezed(text):
    return re.sub(r"\s+", "", text)


class Page:
    """The parts of a Markdown file: fenced blocks as (line, language, text, program), and the prose around them."""

    def __init__(self, path):
        self.path = path
        self.blocks, self.prose = [], []
        language = program = None
        block, start = [], 0
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            fence = FENCE.match(line)
            if language is None and fence:
                language, block, start = fence[1], [], number
            elif language is not None and fence and not fence[1]:
                self.blocks.append((start, language, textwrap.dedent("\n".join(block)), program))
                language = program = None
            elif language is not None:
                block.append(line)
            else:
                self.prose.append((number, line))
                if line.strip():
                    found = PRINTED.match(line)
                    program = found[1] if found else None


def too_long(page):
    words = sum(len(WORD.findall(line)) for _, line in page.prose)
    if words <= WORDS_IN_README:
        return []
    return [f"README.md: {words} words outside code blocks, and {WORDS_IN_README} are allowed: move details to docs/"]


def check(root, programs):
    faults, texts = [], {path: path.read_text(encoding="utf-8") for path in sources(root)}
    compiled = {path: code_lines(text) for path, text in texts.items()}
    everything = "".join(squeezed(text) for text in texts.values())
    for path in [*(root / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
                 *sorted((root / "docs").rglob("*.md"))]:
        if not path.is_file():
            continue
        page, name = Page(path), path.relative_to(root)
        if path == root / "README.md":
            faults += too_long(page)
        for number, language, text, program in page.blocks:
            if language in ("cpp", "c") and path.name != "CONTRIBUTING.md":
                block = [line.rstrip() for line in text.strip("\n").splitlines()]
                if not block or not any(contains(lines, block) for lines in compiled.values()):
                    faults.append(f"{name}:{number}: this code is in no file under examples/ or tests/")
            elif program in programs:
                run = subprocess.run([programs[program]], capture_output=True, text=True)
                if run.returncode != 0 or run.stdout.rstrip() != text.rstrip():
                    faults.append(f"{name}:{number}: {program} ends with {run.returncode} and prints\n{run.stdout}")
        for text in BROKEN_LINK.findall("\n".join(line for _, line in page.prose)):
            faults.append(f"{name}: the link [{' '.join(text.split())}] does not stand in one line")
        for number, line in page.prose:
            for code in REGION.findall(line) if line.startswith("|") else ():
                if squeezed(code.replace(r"\|", "|")) not in everything:
                    faults.append(f"{name}:{number}: `{code}` is in no file under examples/ or tests/")
            for target in LINK.findall(line):
                local = target.split("#")[0]
                if local and "://" not in target and not (path.parent / local).exists():
                    faults.append(f"{name}:{number}: there is no {local}")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--program", action="append", default=[], metavar="NAME=PATH")
    args = parser.parse_args()
    faults = check(args.root, dict(given.split("=", 1) for given in args.program))
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
