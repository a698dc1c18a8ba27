#!/usr/bin/env python3
"""What of the kernels' PTX has run in the interpreter, by the line of the headers that it is made of.

    coverage.py FOLDER...

In each FOLDER: `coverage`, which a program built with `build.sh --lines` writes if PTX_COVERAGE names it, and the PTX
of its modules, `text.0` and so on, for PTX_TEXT=FOLDER/text. Prints a table of bodies, by the team that works:
instructions that ran out of those that there are, in all instantiations; and lines of which some ran in any of them.
Then the lines of each body that never ran, by the reason that uncovered.txt gives, a rule a line:

    body ## header ## why

where the body and the header hold these words, or anything if it is a *. Exit status 1 if a line
has no reason. Instructions of a line that ran elsewhere, as copies in unrolled loops, are not asked for.
"""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
REASONS = Path(__file__).resolve().parent / "uncovered.txt"
BODY = re.compile(r"\b(block_(?:response|report|statistics|fold|tally))::(\w+)")
STEP = re.compile(r"\b(prepare_call|conclude_count|clear_spare|decide_any|each_response|call_divisor|"
                  r"(?:prepare|conclude|clear|fold|long|short|cluster)_kernel)\b")
TEAMS = {"cuda_warp": "warp", "cuda_block": "block", "cuda_cluster": "cluster"}


def plain(name):
    """A demangled name without what is in brackets of templates and parameters."""
    while True:
        less = re.sub(r"<[^<>()]*>|\([^<>()]*\)", "", name.replace("operator()", "operator_call").replace("->", ""))
        if less == name:
            return name
        name = less


def arguments_of(text, template):
    """What stands in the brackets of a template."""
    start = text.index(template + "<") + len(template) + 1
    depth = 1
    for k in range(start, len(text)):
        depth += {"<": 1, ">": -1}.get(text[k], 0)
        if depth == 0:
            return text[start:k]
    return text[start:]


class Names:
    """mangled -> what it is a body of, or None"""

    def __init__(self):
        self.known = {}

    def add(self, mangled):
        fresh = sorted(set(mangled) - self.known.keys())
        if not fresh:
            return
        done = subprocess.run(["c++filt"], input="\n".join(fresh), capture_output=True, text=True, check=True)
        for name, text in zip(fresh, done.stdout.splitlines()):
            self.known[name] = self.body(text)

    @staticmethod
    def body(text):
        short = plain(text)
        found = BODY.search(short)
        if found is None:
            step = STEP.search(short)
            return step.group(1) if step else None
        name = f"{found.group(1)}::{found.group(2)}"
        inside = arguments_of(text, found.group(1))
        team = re.search(r"cuda_(?:warp|block|cluster)", inside)
        if found.group(1) == "block_response":
            name += " usual" if inside.endswith("body_for)0") else " any"
        return f"{name}, {TEAMS[team.group(0)]}" if team else name


def strings(text):
    """label -> what .debug_str holds there"""
    start = text.find(".section\t.debug_str")
    found, label = {}, None
    for line in text[start:text.find("}", start)].splitlines() if start >= 0 else []:
        if line.startswith("$L__info_string"):
            label = line.rstrip(":")
            found[label] = []
        elif line.startswith(".b8"):
            found[label] += map(int, line[4:].split(","))
    return {name: bytes(b).rstrip(b"\0").decode() for name, b in found.items()}


def header_of(path):
    _, found, name = path.partition("/include/cppo/")
    return name if found else None


LOC = re.compile(r"\s*\.loc\s+(\d+) (\d+) (\d+)(?:, function_name (\S+), inlined_at (\d+ \d+ \d+))?")


class Module:
    """For each line of PTX: the header and line that it is made of, and the functions that this lies in."""

    def __init__(self, path, names):
        text = path.read_text(encoding="utf-8", errors="replace")
        labels = strings(text)
        names.add(labels.values())
        files = {n: header_of(p) for n, p in re.findall(r'^\s*\.file\s+(\d+) "(.*?)"', text, re.M)}
        self.sources, place, seen = [None], None, {}
        for line in text.splitlines():
            found = LOC.match(line) if ".loc" in line else None
            if found:
                file, row, column, label, outer = found.groups()
                rest = seen.get(outer, ((None, 0), ())) if outer else ((None, 0), ())
                own = (files.get(file), int(row))
                inside = (labels.get(label),) + rest[1] if label else ()
                place = (own if own[0] and int(row) > 0 else rest[0], inside)
                seen[f"{file} {row} {column}"] = place
            elif line.startswith("{"):
                place, seen = None, {}
            self.sources.append(place)


class Ran:
    """What of a body ran: instructions, and the lines that they are made of."""

    def __init__(self):
        self.there = self.ran = 0
        self.lines = defaultdict(lambda: [0, 0])


def read(folder, names, bodies):
    modules = {}
    for line in (folder / "coverage").read_text(encoding="utf-8").splitlines():
        if line.startswith("function"):
            _, _, number, function, *_ = line.split()
            names.add([function])
            if number not in modules:
                modules[number] = Module(folder / f"text.{number}", names)
            continue
        at, hits, _ = line.split()
        source, inside = modules[number].sources[int(at)] or ((None, 0), ())
        body = next(filter(None, (names.known[f] for f in (*inside, function))), "other functions")
        one = bodies[body]
        one.there += 1
        one.ran += hits != "0"
        if source[0]:
            one.lines[source][0] += 1
            one.lines[source][1] += hits != "0"


def rules():
    """(body, header, why)"""
    lines = REASONS.read_text(encoding="utf-8").splitlines()
    return [line.split(" ## ") for line in lines if line and not line.startswith("#")]


def explained(bodies):
    """why -> places that never ran"""
    known, sources, found = rules(), {}, defaultdict(list)
    for name, b in sorted(bodies.items()):
        for (header, number), (_, ran) in sorted(b.lines.items()):
            if ran:
                continue
            if header not in sources:
                sources[header] = (ROOT / "include/cppo" / header).read_text(encoding="utf-8").splitlines()
            place = (name, header, sources[header][number - 1].strip())
            why = next((r[2] for r in known if all(w == "*" or w in got for w, got in zip(r[:2], place))), None)
            found[why].append((name, header, number, place[2]))
    return found


def main():
    names, bodies = Names(), defaultdict(Ran)
    for folder in sys.argv[1:]:
        read(Path(folder), names, bodies)
    for name, b in sorted(bodies.items()):
        lines = sum(1 for n in b.lines.values() if n[1])
        print(f"{name:44} {b.ran:7} of {b.there:7} {100 * b.ran / b.there:5.1f} %   lines {lines} of {len(b.lines)}")
    there, ran = sum(b.there for b in bodies.values()), sum(b.ran for b in bodies.values())
    print(f"{'all':44} {ran:7} of {there:7} {100 * ran / there:5.1f} %")
    found = explained(bodies)
    without = found.pop(None, [])
    for why, places in found.items():
        where = sorted({f"{header}:{number}" for _, header, number, _ in places})
        print(f"never ran, {len(places)} lines of bodies: {why}\n    {' '.join(where)}")
    for name, header, number, text in without:
        print(f"never ran, no reason: {name}: {header}:{number}: {text}")
    print(f"{sum(map(len, found.values()))} lines of bodies never ran, with a reason, {len(without)} without")
    return 1 if without else 0


if __name__ == "__main__":
    sys.exit(main())
