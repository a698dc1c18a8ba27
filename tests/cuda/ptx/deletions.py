#!/usr/bin/env python3
"""Leaves out each barrier and fence that a program runs, one after the other, and sees whether the interpreter finds it.

    deletions.py PROGRAM [ARGUMENTS...] [--seeds N] [--match WORDS] [--jobs N]

PROGRAM is an interpreted one (tests/cuda/build.sh --ptx). Arrive and wait of a cluster's barrier go together. A deletion
is found where the program ends with another status than 0 under one of the schedules; what is not found is listed with its
function and line: the barrier is redundant for what the program does, or a detector is blind.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

KINDS = r"bar\.sync|barrier\.sync|bar\.warp\.sync|barrier\.cluster\.(?:arrive|wait)\S*|membar\.\S+|fence\.\S+"


def run(command, environment):
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, errors="replace", timeout=900)
    words = [line for line in done.stderr.splitlines() if line.startswith("ptx: F")]
    return done.returncode, words[0][5:] if words else f"status {done.returncode}"


def ran(command, environment):
    """(module, function, [lines], opcode) of what the program runs."""
    with tempfile.TemporaryDirectory() as folder:
        status, words = run(command, {**environment, "PTX_COVERAGE": f"{folder}/coverage"})
        if status != 0:
            sys.exit(f"the program fails as it stands: {words}")
        text = Path(folder, "coverage").read_text(encoding="utf-8")
    found, module, function = [], None, None
    for line in text.splitlines():
        if line.startswith("function module "):
            _, _, module, function, *_ = line.split()
            continue
        number, hits, opcode = line.split()
        if hits == "0" or not re.fullmatch(KINDS, opcode):
            continue
        if opcode.startswith("barrier.cluster.wait") and found and found[-1][3].startswith("barrier.cluster.arrive"):
            found[-1][2].append(number)
        else:
            found.append((module, function, [number], opcode))
    return found


def short(mangled):
    name = subprocess.run(["c++filt", mangled], capture_output=True, text=True).stdout.strip()
    return re.sub(r"cppo::\w+::(?:detail::)?", "", name).split("(")[0][:150]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--match", default="", help="only functions whose name holds these words")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("command", nargs="+")
    args, rest = parser.parse_known_args()
    command = args.command + rest
    everything = [d for d in ran(command, {"PTX_RACES": "1"}) if args.match in d[1]]

    def attempt(deletion):
        module, _, lines, _ = deletion
        for seed in range(args.seeds + 1):
            try:
                status, words = run(command, {"PTX_RACES": "1", "PTX_SEED": str(seed), "PTX_WITHOUT": f"{module}:{','.join(lines)}"})
            except subprocess.TimeoutExpired:
                status, words = 1, "it does not end"
            if status != 0:
                return words
        return None

    with ThreadPoolExecutor(args.jobs) as pool:
        outcomes = list(zip(everything, pool.map(attempt, everything)))
    total, missed = Counter(), Counter()
    for (module, function, lines, opcode), words in outcomes:
        kind = re.sub(r"\.(arrive|wait).*", "", opcode)
        total[kind] += 1
        if words is None:
            missed[kind] += 1
            print(f"not found: {opcode} module {module} line {lines[0]}, {short(function)}")
    for kind, n in sorted(total.items()):
        print(f"{kind}: {n} deleted, {n - missed[kind]} found")
    ways = Counter(re.sub(r":.*|, .*", "", words.removeprefix("FINDING: ").removeprefix("FAULT: ")) for _, words in outcomes if words)
    for way, n in ways.most_common():
        print(f"  {n} by: {way}")


if __name__ == "__main__":
    main()
