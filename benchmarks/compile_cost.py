#!/usr/bin/env python3
"""What calls cost to compile: seconds of processor time, bytes of machine code, and functions and constants emitted.

    compile_cost.py --include DIR [--compiler CXX] [--isa NAME]                       prints a table
    compile_cost.py --objects NAME=FILE... --stored FILE [--compiler CXX] [--refresh] compares objects with a file

Seconds are for reading. Bytes and symbols of an object are the same in each run of one compiler, so that they are
compared: exit status 0 within the margin, 1 above it, 77 if the stored figures are those of another compiler, or
--report-only says why they are not to be compared.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

SKIPPED = 77
CALL = """template <class Region>
cppo::status run(Region const& region, long B, long T, float const* pi, float const* mu, float const* a,
                 float* gradient, cppo::report* report) {
  return cppo::policy_loss(cppo::EXECUTOR,
                           cppo::rollout_batch(cppo::padded(B, T), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                               cppo::advantage(a)),
                           region, {.gradient = gradient, .report = report});
}
"""
INSTANCE = "template cppo::status run(decltype({0}) const&, long, long, float const*, float const*, float const*, " \
           "float*, cppo::report*);\n"
DESCRIBED = ["cppo::described_region()"]
REGIONS = ["cppo::fixed_cppo()", "cppo::calibrated_cppo()", "cppo::ppo()", "cppo::dppo()"]


def unit(executor, regions):
    text = "#include <cppo/cppo.hpp>\n"
    if regions == DESCRIBED:
        text += "#include <cppo/described.hpp>\n"
    if regions:
        text += CALL.replace("EXECUTOR", executor) + "".join(INSTANCE.format(region) for region in regions)
    return text


# Name of the row, executor, regions, whether CPPO_USE_XSIMD is 1.
ROWS = [("include <cppo/cppo.hpp>", "seq", [], False), ("the same with simd", "simd", [], True),
        ("one region on seq", "seq", REGIONS[:1], False), ("one region on simd", "simd", REGIONS[:1], True),
        ("four regions on simd", "simd", REGIONS, True), ("a described region on simd", "simd", DESCRIBED, True)]


def size_of(out):
    """Bytes of code, and symbols, of an object."""
    sizes = subprocess.run(["size", out], capture_output=True, text=True, check=True).stdout.splitlines()[1]
    names = subprocess.run(["nm", "--defined-only", out], capture_output=True, text=True, check=True).stdout
    return int(sizes.split()[0]), len(names.splitlines())


class Compiler:
    def __init__(self, name, include, isa):
        self.command = [name, "-std=c++20", "-O2", f"-march={isa}", f"-I{include}"]
        version = subprocess.run([name, "-dumpfullversion"], capture_output=True, text=True, check=False)
        self.version = version.stdout.strip()

    def measure(self, text, simd):
        """Seconds, bytes of code, symbols."""
        with tempfile.TemporaryDirectory() as folder:
            source, out = Path(folder) / "unit.cpp", Path(folder) / "unit.o"
            source.write_text(text, encoding="utf-8")
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            more = ["-DCPPO_USE_XSIMD=1"] if simd else []
            subprocess.run([*self.command, *more, "-c", source, "-o", out], check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime - before.ru_utime, *size_of(out)


def rows(compiler, repeats=3):
    """(name, seconds, bytes, symbols) of each row; the shortest time of the repeats."""
    for name, executor, regions, simd in ROWS:
        taken = [compiler.measure(unit(executor, regions), simd) for _ in range(repeats)]
        yield name, min(t[0] for t in taken), *taken[0][1:]


def compare(version, objects, path, refresh):
    stored = dict(line.split(None, 1) for line in path.read_text(encoding="utf-8").splitlines()
                  if line and not line.startswith("#"))
    if not refresh and version != stored["compiler"]:
        print(f"the stored figures are those of g++ {stored['compiler']}, this is {version}: skipped")
        return SKIPPED
    figures = {}
    for name, out in (given.split("=", 1) for given in objects):
        code, symbols = size_of(out)
        figures |= {f"{name}_bytes": code, f"{name}_symbols": symbols}
    if refresh:
        head = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith(("#", "margin"))]
        now = [f"compiler {version}", *(f"{name} {now}" for name, now in figures.items())]
        path.write_text("\n".join([*head, *now]) + "\n", encoding="utf-8")
        return 0
    margin, failed = 1 + float(stored["margin"]) / 100, 0
    for name, now in figures.items():
        print(f"{name}: {now}, stored {stored[name]}, {100 * (now / int(stored[name]) - 1):+.1f} %")
        failed |= now > margin * int(stored[name])
    if failed:
        print(f"more than {stored['margin']} % above what is stored; if it has to be: ./run bench --refresh-gate")
    return int(failed)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--include", type=Path)
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--isa", default="x86-64-v3")
    parser.add_argument("--objects", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--stored", type=Path)
    parser.add_argument("--refresh", action="store_true")
    parser.add_argument("--report-only", metavar="REASON")
    args = parser.parse_args()
    compiler = Compiler(args.compiler, args.include, args.isa)
    if args.report_only:
        print(f"not compared: {args.report_only}: skipped")
        sys.exit(SKIPPED)
    if args.stored:
        sys.exit(compare(compiler.version, args.objects, args.stored, args.refresh))
    print(f"{args.compiler} {compiler.version} -O2 -march={args.isa}")
    for name, seconds, code, symbols in rows(compiler):
        print(f"  {name:<26}{seconds:7.2f} s{code:9} bytes{symbols:6} symbols")


if __name__ == "__main__":
    main()
