#!/usr/bin/env python3
"""Coverage of the headers from core/ to algorithm/, from what `llvm-cov export` says of instrumented programs.

    coverage.py --json FILE... [--root DIR]

Prints a table of lines, branches and MC/DC conditions by header, then everything uncovered that no comment beside the
line explains, `// uncovered: why` (tests/scripts/annotations.py). Exit status: 0 if nothing is left and every such
comment is still needed, else 1. Not counted, since only nvcc compiles it: execution/cuda, which `./run test-cuda`
holds.

How instantiations are merged. llvm-cov lists each instantiation of a template as a function of its own; its own tables
take the best single one. Here a line, and each side of a branch, is covered if any instantiation covers it. Of MC/DC a
condition is covered if some one instantiation shows its independence: a pair of evaluations in which this condition
alone changes the outcome. A pair of evaluations in two instantiations is not enough, since code that differs lies
around it. A condition that an instantiation folds to a constant (`if (any(Region::needed, ...))`) is not asked there;
folded everywhere, it is not counted. Statements that `if constexpr` discards are not there at all.

What no instantiation maps is invisible to llvm-cov: a template that is never used. Lines with a `return` that nothing
maps therefore count as uncovered lines. Lines of consteval functions do not count: they are never run.
"""

import argparse
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from annotations import NOTE, annotations

FOLDERS = ["core", "divergence", "weight", "budget", "gate", "mask", "region", "objective", "execution", "algorithm"]
CODE, SKIPPED = 0, 2            # kinds of a region
MCDC_BRANCH = 6                 # kind of a branch that is part of a decision


def within(inner, outer):
    return outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


class Header:
    """What all instantiations together say of one header."""

    def __init__(self, path, name):
        self.name = name
        self.source = path.read_text(encoding="utf-8").splitlines()
        self.lines = {}     # line -> covered
        self.branches = {}  # place -> [true, false]
        self.conditions = {}  # place -> covered
        self.mapped = set()
        self.consteval = set(self.consteval_lines())

    def consteval_lines(self):
        """From a line that begins with the word to the brace that closes at its indentation."""
        closing = None
        for number, text in enumerate(self.source, 1):
            if closing is None and text.lstrip().startswith("consteval "):
                closing = text[:len(text) - len(text.lstrip())] + "}"
            if closing is not None:
                yield number
                if text.startswith(closing):
                    closing = None

    def text(self, place):
        """The source between two places of one line or several."""
        line, column, end_line, end_column = place
        rows = self.source[line - 1:end_line]
        rows[-1] = rows[-1][:end_column - 1]
        rows[0] = rows[0][column - 1:]
        return " ".join(" ".join(rows).split())

    def is_code(self, line):
        text = self.source[line - 1].strip()
        return bool(text) and not text.startswith("//")

    def add_lines(self, regions):
        entered, inside = {}, {}
        for line, _, end_line, _, count, _, _, kind in sorted(regions, key=lambda r: (r[0], r[1], -r[2], -r[3])):
            if kind not in (CODE, SKIPPED):
                continue
            self.mapped.update(range(line, end_line + 1))
            if kind == CODE:
                entered[line] = max(entered.get(line, 0), count)
            for k in range(line + 1, end_line + 1):
                inside[k] = count if kind == CODE else None
        for line in entered.keys() | inside.keys():
            counts = [c for c in (entered.get(line), inside.get(line)) if c is not None]
            if counts and self.is_code(line) and line not in self.consteval:
                self.lines[line] = self.lines.get(line, False) or max(counts) > 0

    def add_branches(self, branches):
        for branch in branches:
            known = self.branches.setdefault(tuple(branch[:4]), [False, False])
            self.branches[tuple(branch[:4])] = [known[0] or branch[4] > 0, known[1] or branch[5] > 0]

    def add_decisions(self, regions, branches, records):
        """Conditions are the branches inside a decision; those folded to a constant are regions without a branch."""
        code = {tuple(r[:4]) for r in regions if r[7] == CODE}
        kept = {tuple(b[:4]) for b in branches if b[8] == MCDC_BRANCH}
        for record in records:
            start, end, shown = tuple(record[0:2]), tuple(record[2:4]), record[-1]
            inside = [p for p in code | kept if start <= p[:2] and p[2:] <= end]
            parts = sorted(p for p in inside if p in kept or not any(q != p and within(q, p) for q in inside))
            if len(parts) != len(shown):
                raise SystemExit(f"{self.name}:{start[0]}: {len(shown)} conditions, found {len(parts)}")
            for place, covered in zip(parts, shown):
                if place in kept:
                    self.conditions[place] = self.conditions.get(place, False) or covered

    def close(self):
        """Adds lines that nothing maps."""
        for number, text in enumerate(self.source, 1):
            returns = re.search(r"\breturn\b", re.sub(r'"[^"]*"', "", text).split("//")[0])
            if returns and number not in self.mapped | self.consteval:
                self.lines[number] = False

    def uncovered(self):
        for line, covered in self.lines.items():
            if not covered:
                yield line, "line"
        dead = {line for line, covered in self.lines.items() if not covered}
        for place, sides in self.branches.items():
            if place[0] in dead | self.consteval:
                continue
            for side, covered in zip(("true", "false"), sides):
                if not covered:
                    yield place[0], f"{side}: {self.text(place)}"
        for place, covered in self.conditions.items():
            if not covered and place[0] not in dead:
                yield place[0], f"pair: {self.text(place)}"

    def counts(self):
        sides = [side for both in self.branches.values() for side in both]
        for covered in (list(self.lines.values()), sides, list(self.conditions.values())):
            yield sum(covered), len(covered)


def read_headers(root, paths):
    headers, library = {}, root / "include" / "cppo"
    for folder in FOLDERS:
        for file in sorted((library / folder).rglob("*.hpp")):
            headers[str(file.resolve())] = Header(file, file.relative_to(library).as_posix())
    functions = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            functions += json.load(file)["data"][0]["functions"]
    for function in functions:
        for file_id, file in enumerate(function["filenames"]):
            header = headers.get(file) or headers.get(str(Path(file).resolve()))
            if header is None:
                continue
            regions = [r for r in function["regions"] if r[5] == file_id]
            branches = [b for b in function["branches"] if b[6] == file_id]
            header.add_lines(regions)
            header.add_branches(branches)
            header.add_decisions(regions, branches, [r for r in function["mcdc_records"] if r[4] == file_id])
    for header in headers.values():
        header.close()
    return list(headers.values())


def explained_lines(source):
    """{line: the line whose comment explains it}; at a line that opens a brace the comment is for all up to its end."""
    explained = {}
    for line, word in annotations(source):
        if word != "uncovered":
            continue
        text, last = source[line - 1], line
        if NOTE.sub("", text).rstrip().endswith("{"):
            closing = text[:len(text) - len(text.lstrip())] + "}"
            last = next(k for k in range(line + 1, len(source) + 1) if source[k - 1].startswith(closing))
        explained.update((k, line) for k in range(line, last + 1))
    return explained


def print_table(headers):
    def row(name, counts):
        cells = "".join(f"{f'{covered}/{total}':>13}{100.0 * covered / total if total else 100.0:8.1f}%"
                        for covered, total in counts)
        print(f"{name:<38}{cells}")

    print(f"{'header':<38}{'lines':>13}{'':9}{'branches':>13}{'':9}{'MC/DC':>13}")
    total = [[0, 0], [0, 0], [0, 0]]
    for header in headers:
        counts = list(header.counts())
        row(header.name, counts)
        for sum_, (covered, of) in zip(total, counts):
            sum_[0] += covered
            sum_[1] += of
    row("total", total)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, nargs="+", required=True, help="what llvm-cov export wrote, by program")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent.parent)
    args = parser.parse_args()

    headers = read_headers(args.root, args.json)
    print_table(headers)
    left, needed, stale = 0, 0, []
    for header in headers:
        explained = explained_lines(header.source)
        used = set()
        for line, what in sorted(header.uncovered()):
            if line in explained:
                used.add(explained[line])
                continue
            left += 1
            print(f"include/cppo/{header.name}:{line}: {what}\n    {header.source[line - 1].strip()}")
        needed += len(used)
        stale += [(header, line) for line in sorted(set(explained.values()) - used)]
    for header, line in stale:
        print(f"stale exception: include/cppo/{header.name}:{line}\n    {header.source[line - 1].strip()}")
    print(f"{left} uncovered without a reason, {needed} places with one, {len(stale)} stale")
    return 1 if left or stale else 0


if __name__ == "__main__":
    sys.exit(main())
