#!/usr/bin/env python3
"""Leaves out each barrier, fence and warp mask of the kernels, one after the other, and sees whether that is found.

    deletions.py PROGRAM [--seeds N] [--cases N] [--only EXPRESSION] [--match EXPRESSION] [--minutes N] [--jobs N]

PROGRAM is barriers.interpreted (tests/cuda/build.sh OUT 90 --fast --ptx --only barriers). Each deletion is tried in the
cases that run the instruction, those of many barriers in little time first, under one schedule after the other, until
one is found: by a race, a read of what was never written, a wrong result, a fault. One of each place in the source
comes first, then a second one of each; all are tried in two cases before any is tried in more. Arrive and wait of a
cluster's barrier go together; a shuffle without its mask waits for no other thread. The table has a row for each place
in the source: deletions, how many were found, and by what. Each deletion is listed with its line of PTX, too, and one
that is not found with the runs that it was looked for in: the barrier is redundant for what the program does, or a
detector is blind.
"""

import argparse
import os
import re
import resource
import signal
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


def run(command, environment, limit=60):
    """The status, and what is said; `limit` is of the processor's seconds, so that a busy machine ends nothing."""
    everything = {**os.environ, "PTX_RACES": "1", **environment}
    most = lambda: resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    done = subprocess.run(command, env=everything, capture_output=True, text=True, errors="replace", preexec_fn=most)
    return done.returncode, "wait for ever" if done.returncode == -signal.SIGXCPU else done.stderr


def ways(status, words):
    known = [name for name, sign in WAYS.items() if re.search(sign, words)]
    return known or ["wrong result" if status == 1 else "another fault"]


def covered(program, case, folder):
    """(seconds, {(module, line): (function, opcode)}) of what a case runs."""
    spent = lambda: resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    begin = spent()
    status, words = run([program, case], {"PTX_COVERAGE": f"{folder}/coverage", "PTX_TEXT": f"{folder}/text"})
    seconds = spent() - begin
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


def attempt(program, deletion, runs, stop):
    """What finds a deletion, nothing if nothing does; and in how many runs it was looked for."""
    module, lines, *_ = deletion
    without = f"{module}:{','.join(map(str, lines))}"
    for k, (seed, case) in enumerate(runs):
        if time.monotonic() > stop:
            return [], k
        status, words = run([program, case], {"PTX_SEED": str(seed), "PTX_WITHOUT": without})
        if status != 0:
            return ways(status, words), k + 1
    return [], len(runs)


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
    parser.add_argument("--minutes", type=float, default=600, help="no run begins later")
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


def one_of_each_first(things, kind):
    nth, ranks = Counter(), []
    for x in things:
        ranks.append((nth[kind(x)], len(ranks), x))
        nth[kind(x)] += 1
    return [x for _, _, x in sorted(ranks)]


def main():
    args = arguments()
    cases, texts = covered_by_all(args.program, args.only)
    of_place = lambda d: f"{re.match(KINDS, d[3]).group(1):16} {texts[d[0]].of(d[1][0])}"
    wanted = [d for d in all_deletions(cases) if re.search(args.match, of_place(d))]
    everything = one_of_each_first(wanted, of_place)
    stop = time.monotonic() + 60 * args.minutes
    rows = defaultdict(lambda: [0, 0, Counter()])

    def tell(d, found_by, runs):
        row = rows[of_place(d)]
        row[0] += 1
        row[1] += 1 if found_by else 0
        row[2].update(found_by)
        lines = f"line {d[1][0]} of module {d[0]}, {short(d[2])}"
        print(f"{', '.join(found_by) or f'not found in {runs} runs'}: {of_place(d)}, {lines}", flush=True)

    runs_of = lambda d: [(seed, case) for seed in range(args.seeds) for case in d[4][: args.cases]]
    left = [(d, 0) for d in everything]
    with ThreadPoolExecutor(args.jobs) as pool:
        for begin, end in ((0, 2), (2, None)):
            tried = pool.map(lambda d: attempt(args.program, d[0], runs_of(d[0])[begin:end], stop), left)
            still = []
            for (d, before), (found_by, runs) in zip(left, tried):
                if found_by or (end is None and before + runs > 0):
                    tell(d, found_by, before + runs)
                else:
                    still.append((d, before + runs))
            left = still
    for place, (n, found, by) in sorted(rows.items()):
        print(f"{place}: {n} deleted, {found} found" + "".join(f"; {k} {way}" for way, k in by.most_common()))
    n, found = (sum(r[k] for r in rows.values()) for k in (0, 1))
    print(f"{n} of {len(everything)} deleted, {found} found")


if __name__ == "__main__":
    main()
