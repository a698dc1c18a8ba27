#!/usr/bin/env python3
"""Leaves out each barrier, fence and warp mask of the kernels, one after the other, and sees whether that is found.

    deletions.py PROGRAM [--seeds N] [--cases N] [--only EXPRESSION] [--match EXPRESSION] [--minutes N] [--jobs N]

PROGRAM is barriers.interpreted (tests/cuda/build.sh OUT 90 --fast --ptx --only barriers). Each deletion is tried in
the cases that run the instruction, those of many barriers in little time first, under one schedule after the other,
until one is found: by a race, a read of what was never written, a wrong result, a fault. Arrive and wait of a
cluster's barrier go together; a shuffle without its mask waits for no other thread. The table has a row for each
place in the source: deletions, how many were found, and by what. Each deletion is listed with its line of PTX, too.
Not found: the barrier is redundant for what the program does, or a detector is blind.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

KINDS = r"(bar\.sync|barrier\.sync|bar\.warp\.sync|barrier\.cluster|membar|fence|shfl|vote|redux|match)\b.*"
WAYS = {
    "race": "FINDING: race",
    "never written": "FINDING: read of",
    "no such thread": "FINDING: a shuffle",
    "other place": "met at different places",
    "stuck": "wait for ever",
    "block not begun": "may not have begun",
    "block ended": "may still use|block that has ended",
}


def run(command, environment, limit=120):
    """The status, what is said, and for how long it ran."""
    begin = time.monotonic()
    try:
        everything = {**os.environ, "PTX_RACES": "1", **environment}
        done = subprocess.run(command, env=everything, capture_output=True, text=True, errors="replace", timeout=limit)
        status, words = done.returncode, done.stderr
    except subprocess.TimeoutExpired:
        status, words = 1, "wait for ever"
    return status, words, time.monotonic() - begin


def ways(status, words):
    known = [name for name, sign in WAYS.items() if re.search(sign, words)]
    return known or ["wrong result" if status == 1 else "another fault"]


def covered(program, case, folder):
    """(seconds, {(module, line): (function, opcode)}) of what a case runs."""
    status, words, seconds = run([program, case], {"PTX_COVERAGE": f"{folder}/coverage", "PTX_TEXT": f"{folder}/text"})
    if status != 0:
        sys.exit(f"{case} fails as it stands: {words}")
    found, module, function = {}, None, None
    for line in Path(folder, "coverage").read_text(encoding="utf-8").splitlines():
        if line.startswith("function module "):
            _, _, module, function, *_ = line.split()
            continue
        number, hits, opcode = line.split()
        if hits != "0" and re.match(KINDS, opcode):
            found[module, int(number)] = function, opcode
    return seconds, found


class places:
    """Where in the source the lines of a module come from, by its .loc: the innermost place first."""

    LOC = re.compile(r"\s*\.loc\s+(\d+) (\d+) (\d+)(?:, function_name \S+, inlined_at (\d+) (\d+) (\d+))?")

    def __init__(self, text):
        self.files, self.lines, callers, here = {}, [()], {}, ()
        for line in text.splitlines():
            if m := self.LOC.match(line):
                here = m.group(1, 2, 3)
                callers[here] = m.group(4, 5, 6) if m.group(4) else None
                chain = [here]
                while callers.get(chain[-1]) and len(chain) < 40:
                    chain.append(callers[chain[-1]])
                here = tuple(chain)
            elif m := re.match(r'\s*\.file\s+(\d+) "(.*)"', line):
                self.files[m.group(1)] = m.group(2)
            self.lines.append(here)

    def of(self, line):
        """Words for a table."""
        chain = [(self.files[f], n) for f, n, _ in self.lines[line]]
        for path, n in chain:
            if "/cub/" in path:
                return f"CUB: {Path(path).name}:{n}"
        ours = [f"{Path(path).name}:{n}" for path, n in chain if "/cppo/" in path]
        shared = [x for x in ours if x.startswith("cuda_block.cuh")]
        callers = [x for x in ours if not x.startswith("cuda_block.cuh")]
        return f"{' '.join(callers[:1]) or '?'} ({' < '.join(x.split(':')[1] for x in shared)})"


def all_deletions(cases):
    """(module, [lines], function, opcode, cases): those of one instruction, or of arrive and wait."""
    where, what = defaultdict(list), {}
    for case, (_, found) in sorted(cases.items(), key=lambda c: c[1][0] / len(c[1][1])):  # many barriers in little time
        for place, kind in found.items():
            where[place].append(case)
            what[place] = kind
    all_of_them = []
    for (module, line), (function, opcode) in sorted(what.items()):
        if opcode.startswith("barrier.cluster.wait"):
            all_of_them[-1][1].append(line)
        else:
            all_of_them.append((module, [line], function, opcode, where[module, line]))
    return all_of_them


def attempt(program, deletion, args, stop):
    """What finds a deletion, nothing if nothing does; None where there is no time left."""
    module, lines, _, _, cases = deletion
    if time.monotonic() > stop:
        return None
    for seed in range(args.seeds):
        for case in cases[: args.cases]:
            without = f"{module}:{','.join(map(str, lines))}"
            status, words, _ = run([program, case], {"PTX_SEED": str(seed), "PTX_WITHOUT": without})
            if status != 0:
                return ways(status, words)
    return []


def short(mangled):
    name = subprocess.run(["c++filt", mangled], capture_output=True, text=True).stdout.strip()
    name = re.sub(r"cppo::\w+::(?:detail::)?|void ", "", name).split("(cppo")[0].split("(device")[0]
    return name[:110]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cases", type=int, default=1000, help="at most so many for each deletion")
    parser.add_argument("--only", default="", help="only cases whose name this expression finds")
    parser.add_argument("--match", default="", help="only places in the source that this expression finds")
    parser.add_argument("--minutes", type=float, default=600, help="no deletion begins later")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("program")
    return parser.parse_args()


def covered_by_all(program, only):
    """What each case runs, and the places of each module."""
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.splitlines()
    names = [name for name in listed if re.search(only, name)]
    with tempfile.TemporaryDirectory() as folder:
        cases = {name: covered(program, name, folder) for name in names}
        texts = {p.suffix[1:]: places(p.read_text(errors="replace")) for p in Path(folder).glob("text.*")}
    return cases, texts


def main():
    args = arguments()
    cases, texts = covered_by_all(args.program, args.only)
    of_place = lambda d: f"{re.match(KINDS, d[3]).group(1):16} {texts[d[0]].of(d[1][0])}"
    everything = [d for d in all_deletions(cases) if re.search(args.match, of_place(d))]
    stop = time.monotonic() + 60 * args.minutes
    rows = defaultdict(lambda: [0, 0, Counter()])
    with ThreadPoolExecutor(args.jobs) as pool:
        tried = pool.map(lambda d: attempt(args.program, d, args, stop), everything)
        for d, found_by in zip(everything, tried):
            if found_by is None:
                continue
            row = rows[of_place(d)]
            row[0] += 1
            row[1] += 1 if found_by else 0
            row[2].update(found_by)
            lines = f"line {d[1][0]} of module {d[0]}, {short(d[2])}"
            print(f"{', '.join(found_by) or 'not found'}: {of_place(d)}, {lines}", flush=True)
    for place, (n, found, by) in sorted(rows.items()):
        print(f"{place}: {n} deleted, {found} found" + "".join(f"; {k} {way}" for way, k in by.most_common()))
    n, found = (sum(r[k] for r in rows.values()) for k in (0, 1))
    print(f"{n} of {len(everything)} deleted, {found} found")


if __name__ == "__main__":
    main()
