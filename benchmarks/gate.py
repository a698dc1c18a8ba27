#!/usr/bin/env python3
"""Counts the instructions of the kernel under callgrind and compares them with stored figures.

    gate.py --program PATH... --counts FILE [--refresh] [--report-only REASON]

Exit status: 0 within the margin, 1 above it, 77 nothing to compare (no valgrind, no AVX2, or --report-only).
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SKIPPED = 77


def count(program, shape):
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--toggle-collect=cppo_gate_call",
                   f"--callgrind-out-file={folder}/out", str(program), shape]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found or int(found.group(1)) == 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}\ncallgrind counted nothing for {shape}")
    return int(found.group(1))


def has_avx2():
    try:
        return " avx2 " in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def read(path):
    """The margin in percent, and the stored counts."""
    margin, counts = None, {}
    for line in path.read_text().splitlines():
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if words[0] == "margin":
            margin = float(words[1])
        else:
            counts[words[0]] = int(words[1])
    return margin, counts


def refresh(path, measured):
    kept = [line for line in path.read_text().splitlines() if line.startswith(("#", "margin")) or not line.strip()]
    while kept and not kept[-1].strip():
        kept.pop()
    path.write_text("\n".join([*kept, "", *(f"{shape} {n}" for shape, n in measured.items())]) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", type=Path, action="append", required=True)
    parser.add_argument("--counts", type=Path, required=True)
    parser.add_argument("--refresh", action="store_true")
    parser.add_argument("--report-only", metavar="REASON", default="")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("skipped: there is no valgrind here (Debian: valgrind)")
        return SKIPPED
    if not has_avx2():
        print("skipped: this processor cannot run x86-64-v3")
        return SKIPPED
    shapes = lambda program: subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    try:
        measured = {shape: count(program, shape) for program in arguments.program for shape in shapes(program)}
    except RuntimeError as error:  # a program with a sanitizer does not run under valgrind
        print(f"{error}\n{'skipped: not compared, ' + arguments.report_only if arguments.report_only else ''}")
        return SKIPPED if arguments.report_only else 1
    if arguments.refresh:
        refresh(arguments.counts, measured)
    margin, stored = read(arguments.counts)
    above = []
    for shape, n in measured.items():
        if shape not in stored:
            sys.exit(f"gate: {arguments.counts} has no figure for {shape}; refresh it")
        change = 100.0 * (n / stored[shape] - 1.0)
        print(f"{shape}: {n} instructions, {stored[shape]} stored, {change:+.1f} %")
        if change > margin:
            above.append(shape)
        elif change < -margin:
            print(f"  fewer by more than the margin: refresh {arguments.counts.name}, so that it is not lost again")
    if arguments.report_only:
        print(f"skipped: not compared, {arguments.report_only}")
        return SKIPPED
    if above:
        print(f"more than {margin:g} % above the stored figure: {', '.join(above)}. Find out why, "
              f"or, if it is worth it, refresh {arguments.counts.name} as its head says "
              "and give the reason in the commit.")
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
