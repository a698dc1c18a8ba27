#!/usr/bin/env python3
"""What a call costs on a device, counted by the interpreter of PTX, against a stored table.

    cost.py OUT [--jobs N] [--write]

Builds cost.cu and cost_logits.cu of tests/cuda as PTX of sm_90 under OUT, fully optimised, and runs each of their
cases, one call: instructions of threads by kind and bytes of global and shared memory, by kernel and token (of
cost_logits, by logit). `issued`: what warps take up, idle threads counted too; `double`: how much of that computes in
double. The counts are the same on every run. More than the margin above a stored figure is a failure; less is said.
The table holds for one release of nvcc: with another one the figures are printed and nothing is compared. --write
stores what was found. PTX is not what a card runs, and a count is not a time.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = Path(__file__).resolve().parent / "cost.txt"
PROGRAMS = ["cost", "cost_logits"]
MARGIN = 3.0  # percent
LEAST = 0.05  # a token: less is not compared
# The names of kernels in mangled ones.
STEP = re.compile(r"\d+(cluster|long|short|prepare|follow|conclude|fold|clear)_kernelI(?:LN\w*?passE(\d)E)?")
STEP_ON_LOGITS = re.compile(r"\d+((?:find|conclude|write|check)_(?:rows|slots|slopes|numbers|divergences))_kernelI")
PASSES = {"0": " count", "1": " usual", "2": " any"}
COLUMNS = ["integer", "floating", "conversion", "memory", "control", "synchronization", "all", "issued", "double",
           "global read", "global written", "shared read", "shared written"]
DOUBLE = re.compile(r"(add|sub|mul|fma|div|sqrt|rcp|setp|min|max|abs|neg|cvt)\..*f64")


def build(out, jobs):
    script = ROOT / "tests/cuda/build.sh"
    only = [word for program in PROGRAMS for word in ("--only", program)]
    subprocess.run([script, out, "90", "--ptx", *only], check=True, env={**os.environ, "JOBS": str(jobs)})
    nvcc = subprocess.run([script, "--nvcc"], capture_output=True, text=True, check=True).stdout.strip()
    version = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=True).stdout
    return [out / f"{program}.interpreted" for program in PROGRAMS], re.search(r"release ([\d.]+)", version).group(1)


def short(mangled):
    found = STEP_ON_LOGITS.search(mangled)
    if found is not None:
        return found.group(1)
    found = STEP.search(mangled)
    return found.group(1) + PASSES.get(found.group(2) or "", "")


def issued(path):
    """function -> [slots of threads that its warps took up, those that compute in double]"""
    found, slots = {}, None
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("function"):
            slots = found.setdefault(line.split()[3], [0, 0])
            continue
        _, hits, opcode = line.split()
        slots[0] += 32 * int(hits)
        slots[1] += 32 * int(hits) if DOUBLE.match(opcode) else 0
    return found


def count(program, words):
    """(case, kernel) -> figures of COLUMNS a token"""
    row, kept, responses, width = words.split()
    tokens = int(responses) * int(width)
    with tempfile.TemporaryDirectory() as folder:
        files = {name: f"{folder}/{name}" for name in ("PTX_COUNTS", "PTX_COVERAGE")}
        settings = {k: v for k, v in os.environ.items() if not k.startswith("PTX_")} | {"PTX_ARCH": "90"}
        done = subprocess.run([program, *words.split()], env={**settings, **files}, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{words}: {done.stdout}{done.stderr}")
        lines = Path(files["PTX_COUNTS"]).read_text(encoding="utf-8").splitlines()[1:]
        slots = issued(Path(files["PTX_COVERAGE"]))
    kernels = {line.split(" ## ")[0]: list(map(int, line.split(" ## ")[3:])) for line in lines}
    # Functions are called by the kernel that does the work.
    main = max(kernels, key=lambda name: sum(kernels[name][:6]))
    for name in slots.keys() - kernels.keys():
        slots[main] = [a + b for a, b in zip(slots[main], slots[name])]
    figures = {}
    for name, n in kernels.items():
        whole = [*n[:6], sum(n[:6]), *slots[name], *n[6:]]
        figures[f"{row} {responses}x{width} {kept}", short(name)] = [round(x / tokens, 2) for x in whole]
    return figures


def compare(measured, known):
    """Figures that are above the stored ones; says which, and which are below."""
    worse = 0
    for key, figures in measured.items():
        stored = known.pop(key, None)
        if stored is None:
            worse += 1
            print(f"{', '.join(key)}: not in the stored table")
            continue
        for name, got, want in zip(COLUMNS, figures, stored):
            if max(got, want) < LEAST or abs(got - want) <= want * MARGIN / 100:
                continue
            worse += 1 if got > want else 0
            kept = "" if got > want else ": --write would keep it"
            print(f"{', '.join(key)}: {name} {got:g} a token, {want:g} stored{kept}")
    for key in known:
        worse += 1
        print(f"{', '.join(key)}: stored, and not run any more")
    return worse


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    programs, release = build(args.out.resolve(), args.jobs)
    cases = [(program, words) for program in programs
             for words in subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()]
    measured = {}
    with ThreadPoolExecutor(args.jobs) as pool:
        for figures in pool.map(lambda case: count(*case), cases):
            measured |= figures
    text = [f"# nvcc {release}, sm_90, a token: case ## kernel ## {' ## '.join(COLUMNS)}. Written by cost.py --write."]
    text += [" ## ".join([*key, *(f"{x:g}" for x in figures)]) for key, figures in measured.items()]
    if args.write:
        TABLE.write_text("\n".join(text) + "\n", encoding="utf-8")
        print(f"{len(measured)} rows stored")
        return 0
    print("\n".join(text))
    stored = TABLE.read_text(encoding="utf-8").splitlines()
    if stored[0] != text[0]:
        print(f"not compared: {stored[0].split(',')[0][2:]} made the stored table")
        return 0
    known = {tuple(words[:2]): list(map(float, words[2:])) for words in (line.split(" ## ") for line in stored[1:])}
    worse = compare(measured, known)
    print(f"{len(measured)} rows, {worse} figures more than {MARGIN:g} % above the stored ones")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
