#!/usr/bin/env python3
"""Mutation run over the headers of layers 1 to 5: changes one thing, and sees whether a test notices.

    mutate.py [--sample N] [--files GLOB...] [--match TEXT] [--seed S] [--march ISA] [--jobs N] [--near]
              [--minutes M] [--list]

A mutant is one change of an operator, a constant, a condition or an argument order, or one statement less; never in
comments, text, directives, static_asserts, concepts, constraints or template heads. It is tried on

    1. the unit test of the header, and part of the digest (tests/digest/digest.cpp with CPPO_DIGEST_PART): other bits
       than those of the unchanged headers? What takes less time goes first
    2. the unit tests of its folder and those that include it, one file at a time
    3. for what is left and not explained: the tests that run everything (LAST), all other tests that read the header,
       and the whole digest

and is killed by the first that fails, does not end in time or meets a static_assert of its own, or any once something
has compiled. What does not compile does not count, nor what is left out by an #if: code for wider registers is tried
with --march x86-64-v3 or x86-64-v4, on a machine that has them. Survivors that a comment beside the line explains are
counted apart, and are of two kinds (tests/scripts/annotations.py). `// equivalent: why`: nothing that the library
promises differs; not part of the share. `// elsewhere: why`: another build tells, a sanitizer's or one with relaxed
arithmetic; known, but not killed. Of a line with such a comment step 3 is left out.

A run that --minutes ends has tried those drawn so far, which are some of everything.

Exit status: 0 if a mutant was tried, 95 % of those that are not equivalent are killed, no survivor is left unexplained
and no explanation is stale, else 1.
Needs clang++-19, Catch2, rapidcheck, xsimd and Eigen. Everything is written under build/mutation.
"""

import argparse
import concurrent.futures
import fnmatch
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "scripts"))

from annotations import annotations
from mutants import mutants_of

FOLDERS = ["core", "divergence", "weight", "budget", "gate", "mask", "region", "objective", "execution"]
LAST = ["unit/region/special_cases", "unit/algorithm/in_pieces", "unit/execution/simd", "unit/testing/check_region"]
COMPILER = ["clang++-19", "-std=gnu++20", "-O0", "-g0", "-w", "-pthread"]
DEFINES = ["-DCPPO_USE_XSIMD=1", "-DCPPO_USE_EIGEN=1", "-isystem", "/usr/include/eigen3", f'-DCPPO_SOURCE_DIR="{ROOT}"',
           f"-I{ROOT / 'tests'}"]
WANTED = 95.0
EXPLAINED = ("equivalent", "elsewhere")

# ---- killing --------------------------------------------------------------------------------------------------------

class Programs:
    """Compiles and runs the killers, for the unchanged headers once and for each mutant."""

    def __init__(self, folder, jobs):
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "unchanged").mkdir(parents=True)
        self.includes = {name: path.read_text(encoding="utf-8") for name, path in self.headers()}
        tests = ROOT / "tests"
        self.tests = {path.relative_to(tests).as_posix().removesuffix("_test.cpp"): path.read_text(encoding="utf-8")
                      for room in ("unit", "reliability", "theory")
                      for path in sorted((tests / room).rglob("*_test.cpp"))
                      if path.name != "grid_test.cpp"}
        self.free = [folder / f"worker{k}" for k in range(jobs)]
        for worker in self.free:
            shutil.copytree(ROOT / "include", worker / "include")
        shutil.copytree(ROOT / "include", folder / "unchanged" / "include")
        self.lock = threading.Lock()
        self.locks, self.seconds, self.included = {}, {}, {}
        self.prepare()

    @staticmethod
    def headers():
        for folder in FOLDERS:
            for path in sorted((ROOT / "include" / "cppo" / folder).rglob("*.hpp")):
                yield path.relative_to(ROOT / "include" / "cppo").as_posix(), path

    def prepare(self):
        standard = "algorithm array atomic bit cfenv cfloat cinttypes cmath concepts cstdint cstdio cstdlib cstring " \
                   "fstream iterator limits numeric random set span string string_view thread tuple type_traits " \
                   "utility vector"
        includes = "".join(f"#include <{name}>\n" for name in ["xsimd/xsimd.hpp", *standard.split()])
        for name, more in (("plain", ""), ("catch", '#include "support/catch_compat.hpp"\n#include <rapidcheck.h>\n')):
            (self.folder / f"{name}.hpp").write_text(includes + more, encoding="utf-8")
            self.call([*COMPILER, *DEFINES, "-x", "c++-header", self.folder / f"{name}.hpp",
                       "-o", self.folder / f"{name}.pch"])
        main = self.folder / "main.cpp"
        main.write_text("#if !__has_include(<catch2/catch_test_macros.hpp>)\n#define CATCH_CONFIG_MAIN\n"
                        "#include <catch2/catch.hpp>\n#endif\n", encoding="utf-8")
        self.call([*COMPILER, "-c", main, "-o", self.folder / "main.o"])
        probe = self.folder / "probe.cpp"
        probe.write_text("#include <catch2/catch_test_macros.hpp>\n", encoding="utf-8")
        third = subprocess.run([*COMPILER, "-fsyntax-only", probe], stderr=subprocess.DEVNULL).returncode == 0
        self.libraries = ["-lrapidcheck", *(["-lCatch2Main", "-lCatch2"] if third else [])]

    @staticmethod
    def call(command):
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        if run.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, command))}\n{run.stdout}")

    @staticmethod
    def source(killer):
        return ROOT / ("tests/digest/digest.cpp" if killer.startswith("digest") else f"tests/{killer}_test.cpp")

    def reads(self, killer, name):
        """Does a killer include the header? What does not cannot tell its mutants apart."""
        if killer not in self.included:
            include = f"-I{self.folder / 'unchanged' / 'include'}"
            run = subprocess.run([*COMPILER, *DEFINES, include, "-MM", self.source(killer)],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
            self.included[killer] = set(re.findall(r"/unchanged/include/cppo/(\S+)", run.stdout))
        return name in self.included[killer]

    def compile(self, worker, killer):
        """What the compiler said, empty if it compiled, and processor seconds."""
        program = worker / killer
        common = [*COMPILER, *DEFINES, f"-I{worker / 'include'}"]
        if killer.startswith("digest"):
            part = ["-DCPPO_DIGEST_PART"] if killer == "digest_part" else ["-O1"]  # it runs for long
            pch = ["-include-pch", self.folder / "plain.pch"] if killer == "digest_part" else []
            command = [*common, *part, *pch, self.source(killer), "-o", program]
        else:
            command = [*common, "-include-pch", self.folder / "catch.pch", self.source(killer),
                       self.folder / "main.o", *self.libraries, "-o", program]
        said = worker / "compiler.txt"
        with open(said, "w", encoding="utf-8") as output:
            run = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
            _, status, used = os.wait4(run.pid, 0)
            run.returncode = os.waitstatus_to_exitcode(status)
        text = "" if run.returncode == 0 else said.read_text(encoding="utf-8", errors="replace") or "?"
        return text, used.ru_utime + used.ru_stime

    @staticmethod
    def preprocessed(worker, name):
        """What is left of a header after its #ifs."""
        include = worker / "include"
        command = [*COMPILER, *DEFINES, f"-I{include}", "-E", "-P", "-x", "c++", include / "cppo" / name]
        nothing = subprocess.DEVNULL
        return subprocess.run(command, stdin=nothing, stdout=subprocess.PIPE, stderr=nothing).stdout

    def run(self, worker, killer, seconds=None):
        """Processor seconds, None if it failed or took too long. Not the clock's: others may be busy here."""
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if seconds is not None:
                most = int(3 + 3 * seconds)
                resource.setrlimit(resource.RLIMIT_CPU, (most, most + 1))
        command, output = [worker / killer, "~[exhaustive]", "~*every response mask and every cut*"], subprocess.DEVNULL
        if killer.startswith("digest"):
            del command[1:]
            expected = self.folder / f"{killer}.txt"
            if seconds is None:
                output = open(expected, "w", encoding="utf-8")
            else:
                command.append(expected)
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL,
                                   cwd=ROOT, preexec_fn=limit, env={**os.environ, "CPPO_PROPERTY_CASES": "100"})
        deadline = time.monotonic() + 600
        while True:
            pid, status, used = os.wait4(program.pid, os.WNOHANG)
            if pid != 0:
                program.returncode = os.waitstatus_to_exitcode(status)
                return used.ru_utime + used.ru_stime if program.returncode == 0 else None
            if seconds is not None and time.monotonic() > deadline:
                program.kill()
                deadline += 600
            time.sleep(0.02)

    def unchanged_seconds(self, killer):
        """Processor seconds to compile and to run a killer with the unchanged headers; it must pass there."""
        with self.lock:
            lock = self.locks.setdefault(killer, threading.Lock())
        with lock:
            if killer not in self.seconds:
                worker = self.folder / "unchanged"
                said, compiling = self.compile(worker, killer)
                if said:
                    raise SystemExit(f"{killer} does not compile with the unchanged headers:\n{said}")
                running = self.run(worker, killer)
                if running is None:
                    raise SystemExit(f"{killer} fails with the unchanged headers")
                self.seconds[killer] = compiling, running
            return self.seconds[killer]

    def killers(self, name, near_only):
        """The header's own test (or that of its folder: block_test of block/report.hpp) and part of the digest;
        the other tests of its folder, but for core, where headers have little to do with each other; those that include
        it or its folder; all others."""
        folder = name.split("/")[0]
        header = "unit/" + name.removesuffix(".hpp")
        room = header.rsplit("/", 1)[0]
        own = [t for t in (header, f"{room}/{room.rsplit('/', 1)[1]}", room) if t in self.tests][:1]
        near = [t for t, text in self.tests.items() if t == header or f"<cppo/{name}>" in text or
                f"<cppo/{folder}.hpp>" in text or (t.startswith(f"unit/{folder}/") and folder != "core")]
        near.sort(key=lambda t: (not t.startswith(header), len(self.tests[t])))
        first = ["digest_part", *own]
        first.sort(key=lambda t: sum(self.unchanged_seconds(t)))
        return list(dict.fromkeys([*first, *near, *([] if near_only else [*LAST, *self.tests, "digest_all"])]))

    def outcome(self, mutant, near_only):
        """(verdict, by what): verdict is killed, survived or not compiling. Near only: without step 3."""
        with self.lock:
            worker = self.free.pop()
        path = worker / "include" / "cppo" / mutant.name
        compiled = False
        try:
            path.write_text(mutant.text, encoding="utf-8")
            if self.preprocessed(worker, mutant.name) == self.preprocessed(self.folder / "unchanged", mutant.name):
                return "not compiling", "#if"
            for killer in self.killers(mutant.name, near_only):
                if not self.reads(killer, mutant.name):
                    continue
                _, seconds = self.unchanged_seconds(killer)
                said, _ = self.compile(worker, killer)
                if said:
                    whose = "" if compiled else r"/tests/[^:\n]*:\d+:\d+: error: "
                    asserted = re.search(whose + "(?:static assertion|constexpr variable)", said)
                    return ("killed" if asserted else "not compiling"), killer
                compiled = True
                if self.run(worker, killer, seconds) is None:
                    return "killed", killer
            return "survived", ""
        finally:
            path.write_text(self.includes[mutant.name], encoding="utf-8")
            with self.lock:
                self.free.append(worker)


# ---- the run --------------------------------------------------------------------------------------------------------

def read_explained(headers):
    """{(header, line): {kind: how many survivors}}, of the comments in the headers."""
    explained = {}
    for name, path in headers:
        for (line, kind), (count, _) in annotations(path.read_text(encoding="utf-8").splitlines()).items():
            if kind in EXPLAINED:
                explained.setdefault((name, line), {})[kind] = count
    return explained


def kinds_of(results, explained):
    """Which column of the table each result belongs to: of the survivors of a line, so many are explained."""
    left = {place: dict(counts) for place, counts in explained.items()}
    for m, verdict, _ in results:
        mine = left.get((m.name, m.line), {})
        kind = next((k for k in EXPLAINED if verdict == "survived" and mine.get(k)), verdict)
        if kind in mine:
            mine[kind] -= 1
        yield kind


def stale_of(results, explained, every):
    """Places all of whose mutants were tried, where fewer survived than are explained."""
    for place, counts in sorted(explained.items()):
        mutants = [m for m in every if (m.name, m.line) == place]
        verdicts = [verdict for m, verdict, _ in results if (m.name, m.line) == place]
        if len(verdicts) == len(mutants) and verdicts.count("survived") < sum(counts.values()):
            yield place


COLUMNS = ("killed", "survived", "elsewhere", "equivalent", "not compiling")


def share_of(part, whole):
    return 100.0 * part / whole if whole else 100.0


def print_table(results, explained):
    """The share killed of what is not equivalent; beside it that of all that compiled."""
    print(f"{'folder':<14}{'mutants':>9}{'killed':>9}{'survived':>10}{'elsewhere':>11}{'equivalent':>12}"
          f"{'not compiling':>15}{'% killed':>10}{'% of all':>10}")
    kinds = [(m.name.split("/")[0], kind) for (m, _, _), kind in zip(results, kinds_of(results, explained))]
    for name in [*FOLDERS, "total"]:
        mine = [kind for folder, kind in kinds if name in (folder, "total")]
        killed, survived, elsewhere, equivalent, broken = (mine.count(column) for column in COLUMNS)
        share = share_of(killed, killed + survived + elsewhere)
        if mine or name == "total":
            print(f"{name:<14}{len(mine):>9}{killed:>9}{survived:>10}{elsewhere:>11}{equivalent:>12}{broken:>15}"
                  f"{share:>9.1f}%{share_of(killed, len(mine) - broken):>9.1f}%")
    return share


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=300, metavar="N", help="mutants drawn at random; 0: all")
    parser.add_argument("--files", nargs="+", default=["*"], metavar="GLOB", help="of headers, for example 'mask/*'")
    parser.add_argument("--match", default="", metavar="TEXT", help="of the line, before or after the change")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the draw")
    parser.add_argument("--march", default="", metavar="ISA", help="compile for this instruction set")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2, metavar="N")
    parser.add_argument("--near", action="store_true", help="leave step 3 out, where a survivor spends its minutes")
    parser.add_argument("--minutes", type=float, default=None, metavar="M", help="begin no other mutant after so long")
    parser.add_argument("--list", action="store_true", help="list the mutants, run nothing")
    args = parser.parse_args()
    COMPILER.extend([f"-march={args.march}"] if args.march else [])

    wanted = lambda name: any(fnmatch.fnmatch(name, glob) for glob in args.files)
    every = [m for name, path in Programs.headers() if wanted(name)
             for m in mutants_of(name, path.read_text(encoding="utf-8")) if args.match in f"{m.before}\n{m.after}"]
    chosen = every
    if 0 < args.sample < len(every):
        places = sorted(random.Random(args.seed).sample(range(len(every)), args.sample))
        chosen = [every[k] for k in places]
    random.Random(args.seed).shuffle(chosen)  # so that a run that is cut short has tried some of everything
    if args.list:
        for m in sorted(chosen, key=lambda m: (m.name, m.line)):
            print(f"include/cppo/{m.name}:{m.line}\n    {m.before}\n    {m.after}")
        print(f"{len(chosen)} of {len(every)} mutants")
        return 0
    explained = read_explained((name, path) for name, path in Programs.headers() if wanted(name))
    began = time.monotonic()
    programs = Programs(ROOT / "build" / "mutation", args.jobs)
    programs.unchanged_seconds("digest_part")
    results = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        in_time = lambda: args.minutes is None or time.monotonic() < began + 60.0 * args.minutes
        outcome = lambda m: programs.outcome(m, args.near or (m.name, m.line) in explained) if in_time() else None
        waiting = {pool.submit(outcome, m): m for m in chosen}
        for done in concurrent.futures.as_completed(waiting):
            if done.result() is None:
                continue
            verdict, by = done.result()
            m = waiting[done]
            results.append((m, verdict, by))
            print(f"{len(results)}/{len(chosen)} {verdict} {by} include/cppo/{m.name}:{m.line}: {m.after}",
                  file=sys.stderr, flush=True)
    seconds = time.monotonic() - began

    share = print_table(results, explained)
    kinds = list(kinds_of(results, explained))
    unexplained = sorted((m for (m, _, _), kind in zip(results, kinds) if kind == "survived"),
                         key=lambda m: (m.name, m.line))
    for m in unexplained:
        print(f"include/cppo/{m.name}:{m.line}\n    {m.before}\n    {m.after}")
    stale = [] if args.match else list(stale_of(results, explained, every))
    for name, line in stale:
        print(f"stale explanation: include/cppo/{name}:{line}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    if len(results) < len(chosen):
        print(f"stopped after {args.minutes:g} min: {len(results)} of the {len(chosen)} drawn were tried")
    print(f"{len(results)} of {len(every)} mutants (seed {args.seed}), {seconds / 60:.0f} min on {args.jobs} jobs, "
          f"{(used.ru_utime + used.ru_stime) / max(len(results), 1):.1f} s of processor time each")
    return 1 if share < WANTED or unexplained or stale or not results else 0


if __name__ == "__main__":
    sys.exit(main())
