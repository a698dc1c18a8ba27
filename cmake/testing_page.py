#!/usr/bin/env python3
"""Writes the page "How it is tested" with the numbers of the last runs.

    testing_page.py --template FILE --log FILE --told FOLDER --output FILE

The log is what a whole `./run test` leaves (ctest's output); the folder holds what the other commands printed last,
COMMAND.txt.
Of what was not run here the page says so.
"""

import argparse
import datetime
import re
import sys
from pathlib import Path

# The first pattern that matches decides. Name of the group, what it holds, pattern on the test's name.
GROUPS = [
    ("single header", "it gives the compiler the tokens of the tree", r"^single_header_has_the_same_tokens"),
    ("dispatch", "one call compiled for several instruction sets, against `seq`", r"^dispatch:"),
    ("trainer", "the example trainer: gradients, sampling, the same bits at every thread count", r"^trainer:"),
    ("conformance", "vectors of public implementations and of a float64 reference", r"^conformance\."),
    ("same bits", "one digest of every output bit",
     r"^digest|^aarch64|^two_versions|^abi_name|^F26_|^F46_|^F20_fast_math_allowed"),
    ("compile time", "what must not compile, and why",
     r"^compile_fail\.|^F(30|35|37|40|45)_|^F42_mdspan_.*(refused|walked)|^F20_.*_refused|^relaxed|^warnings"),
    ("headers", "each alone, all in two units, after other people's macros, without exceptions, under nvcc",
     r"^F4[2-4]_|^headers_alone|^two_units|^no_exceptions|^cuda|^single_header|^layers|^style"),
    ("ways in", "consumers: installed, in a subfolder, fetched, one file, pkg-config", r"^consumer\."),
    ("fuzz", "mutated inputs, the same ones each time", r"^fuzz\."),
    ("demo and examples", "programs that assert what they show", r"^demo\.|^study\.|^example\.|^readme$"),
    ("benchmarks", "the programs run, PyTorch's masks are right, the kernel's instruction count has not risen",
     r"^bench\."),
    ("scripts", "the scripts that build and check", r"^scripts|^coverage|^failures|^documented|^theory_page"),
    ("unit, property, exhaustive", "one file of tests beside each header", r""),
]
# Commands whose output is kept: see `told` in ./run.
COMMANDS = ("digest", "exhaustive", "sanitize", "fuzz", "coverage", "mutate", "test-cuda")
TEST = re.compile(r"^ *\d+/\d+ Test +#\d+: (.+?) \.*\s*(Passed|\*\*\*\S.*?) +([\d.]+) sec")

ENDED = re.compile(r"^\d+% tests passed", re.MULTILINE)
PROGRESS = re.compile(r"^ *(\d+/\d+ Test|Start) +#?\d+: ")


def read_log(path):
    counts = {name: [0, 0, 0.0] for name, _, _ in GROUPS}  # passed, others, seconds
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        match = TEST.match(line)
        if not match:
            continue
        name = next(group for group, _, pattern in GROUPS if re.search(pattern, match[1]))
        counts[name][0 if match[2] == "Passed" else 1] += 1
        counts[name][2] += float(match[3])
    return counts


def table(counts):
    lines = ["| tests | what they are | passed | failed or skipped | seconds |", "|---|---|---|---|---|"]
    for name, what, _ in GROUPS:
        passed, others, seconds = counts[name]
        lines.append(f"| {name} | {what} | {passed} | {others} | {seconds:.0f} |")
    total = [sum(column) for column in zip(*counts.values())]
    lines.append(f"| all | | {total[0]} | {total[1]} | {total[2]:.0f} |")
    return "\n".join(lines)


def day(path):
    return datetime.date.fromtimestamp(path.stat().st_mtime)


def told(folder):
    """What each command printed when it last ran here."""
    parts = []
    for command in COMMANDS:
        path = folder / f"{command}.txt"
        if not path.is_file():
            parts.append(f"`./run {command}` was not run in this checkout.")
            continue
        lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
                 if line.strip() and not PROGRESS.match(line)]
        parts.append("\n".join([f"`{lines[0]}`, {day(path)}:", "", "```text", *lines[1:], "```"]))
    return "\n\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--template", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--told", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    template = args.template.read_text(encoding="utf-8")
    for place in ("@TABLE@", "@TOLD@"):
        if place not in template:
            print(f"{args.template}: there is no {place} to fill in")
            return 1
    counts = read_log(args.log) if args.log.is_file() else {}
    known = args.log.is_file() and ENDED.search(args.log.read_text(encoding="utf-8", errors="replace")) is not None
    numbers = "No whole `./run test` has ended in this checkout: run it first, then `./run docs`."
    if known:
        numbers = f"`./run test`, {day(args.log)}:\n\n{table(counts)}"
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(template.replace("@TABLE@", numbers).replace("@TOLD@", told(args.told)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
