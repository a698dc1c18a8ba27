#!/usr/bin/env python3
"""Registers, stack and spills of the kernels, from the compiler's own report, against a stored table.

    resources.py --nvcc PATH [--only ARCHITECTURE] [--write]

Compiles executor.cu and logit_kernels.cu of tests/builds for sm_80, sm_90 and sm_100, or one of them. More registers,
stack or spilled bytes than stored are a failure; less is said. The table holds for one release of nvcc: with another
one the numbers are printed and nothing is compared. --write stores what was found.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = Path(__file__).resolve().parent / "resources.txt"
ARCHITECTURES = ["80", "90", "100"]
# The names of kernels in mangled ones.
STEP = re.compile(r"\d+(cluster|long|short|prepare|follow|conclude|fold|clear)_kernelI(?:LN\w*?passE(\d)E)?")
STEP_ON_LOGITS = re.compile(r"\d+((?:find|conclude|write|check)_(?:rows|slots|slopes|numbers|divergences))_kernelI")
PASSES = {"0": "count", "1": "usual", "2": "any"}
SOURCES = ["executor", "logit_kernels"]
# What is in the mangled name of each region of executor.cu.
REGIONS = [("calibrated", "calibrated_budget_t"), ("soft", "reciprocal_gate_t"), ("fixed", "fixed_budget_t")]
# The same of kernels of logit_kernels.cu that have instances.
LOGIT_KERNELS = [("moment", "moment_isE1"), ("gradient", "13gradient_call"), ("divergences", "15divergence_call"),
                 ("kl", "divergences_areE1")]


def compile_for(nvcc, architecture, folder):
    """What the compiler reports of all sources."""
    return "".join(compile_one(nvcc, architecture, source, folder) for source in SOURCES)


def compile_one(nvcc, architecture, source, folder):
    command = [nvcc, "-std=c++20", f"-arch=sm_{architecture}", "-Werror", "all-warnings",
               "-Xcompiler", "-Wall,-Wextra,-Werror", "-Xptxas", "-v", f"-I{ROOT / 'include'}",
               "-c", ROOT / f"tests/builds/{source}.cu", "-o", folder / f"{source}.{architecture}.o"]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if run.returncode != 0:
        raise SystemExit(run.stdout)
    return run.stdout


def name_of(mangled):
    """What the table calls a kernel; None of one that it does not hold."""
    kernel = STEP_ON_LOGITS.search(mangled)
    if kernel is not None:
        of_call = [word for word, part_of_it in LOGIT_KERNELS if part_of_it in mangled and word not in kernel.group(1)]
        return " ".join(["logits", kernel.group(1), *of_call])
    kernel = STEP.search(mangled)
    if kernel is None:
        return None
    region = next((name for name, part_of_it in REGIONS if part_of_it in mangled), "fixed")
    return " ".join(filter(None, [region, kernel.group(1), PASSES.get(kernel.group(2) or "")]))


def kernels(report):
    """name -> (registers, stack, spilled)"""
    found = {}
    for part in report.split("Compiling entry function ")[1:]:
        mangled = part.split("'")[1]
        name = name_of(mangled)
        if name is None:
            continue
        registers = int(re.search(r"Used (\d+) registers", part).group(1))
        spills = r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads"
        stack, stores, loads = map(int, re.search(spills, part).groups())
        found[name] = (registers, stack, stores + loads)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nvcc", required=True)
    parser.add_argument("--only", choices=ARCHITECTURES)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    if args.only and args.write:
        parser.error("the table holds all architectures: write it without --only")
    architectures = [args.only] if args.only else ARCHITECTURES
    version = subprocess.run([args.nvcc, "--version"], capture_output=True, text=True).stdout
    release = re.search(r"release ([\d.]+)", version).group(1)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        reports = dict(zip(architectures, pool.map(lambda a: compile_for(args.nvcc, a, Path(folder)), architectures)))
    rows = [(f"sm_{a}", name, *numbers) for a in architectures for name, numbers in sorted(kernels(reports[a]).items())]
    text = [f"# nvcc {release}: architecture ## kernel ## registers ## bytes of stack ## bytes spilled. "
            "Written by resources.py --write."]
    text += [" ## ".join(map(str, row)) for row in rows]
    if args.write:
        TABLE.write_text("\n".join(text) + "\n", encoding="utf-8")
        print(f"{len(rows)} kernels stored")
        return 0
    stored = TABLE.read_text(encoding="utf-8").splitlines()
    if stored[0] != text[0]:
        print("\n".join(text))
        print(f"not compared: {stored[0].split(':')[0][2:]} made the stored table")
        return 0
    known = {tuple(line.split(" ## ")[:2]): tuple(map(int, line.split(" ## ")[2:])) for line in stored[1:]}
    known = {key: numbers for key, numbers in known.items() if key[0].removeprefix("sm_") in architectures}
    worse = 0
    for architecture, name, *numbers in rows:
        want = known.pop((architecture, name), None)
        if want is None or any(got > most for got, most in zip(numbers, want)):
            worse += 1
            print(f"{architecture} {name}: {numbers} registers, stack, spilled; "
                  f"stored: {list(want) if want else 'nothing'}")
        elif tuple(numbers) != want:
            print(f"{architecture} {name}: less than stored, {numbers} and {list(want)}: --write would keep it")
    for key in known:
        worse += 1
        print(f"{' '.join(key)}: stored, and not compiled any more")
    print(f"{len(rows)} kernels, {worse} worse than stored")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
