#!/usr/bin/env python3
"""Adds one thing of each kind to a copy of the library, as CONTRIBUTING says, builds it and looks whether all is there.

    extension_test.py [--compiler CXX] [--include DIR] [--kinds KIND...]

tests/extensions/KIND/ holds what is added:

    include/...   files that are new
    edits.txt     lines that are added to files that exist
    check.cpp     a program that exits with 0 if what was added is there

Each kind touches at most three files, and three more where a text may name what is added; it keeps to the layers, and
has its steps in CONTRIBUTING: they name those files.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "tests" / "extensions"
MOST_FILES = {"mask": 5}  # of all others 3
FLAGS = ["-std=c++20", "-O0", "-DCPPO_NO_FORCED_INLINING", "-DCPPO_USE_XSIMD=1", "-pthread"]


class Fault(Exception):
    """What is wrong with a kind."""


def parse(text):
    """[(file, place, anchor, addition)], of lines `file F`, then `after TEXT`, `before TEXT` with `add LINE`, or
    `replace TEXT` with `with TEXT`."""
    edits, file, place, anchor = [], None, None, None
    for number, line in enumerate(text.splitlines(), 1):
        word, _, rest = line.partition(" ")
        if word == "file":
            file = rest
        elif word in ("after", "before", "replace"):
            place, anchor = word, rest
        elif (word == "add" and place in ("after", "before")) or (word == "with" and place == "replace"):
            edits.append((file, place, anchor, rest))
        elif line:
            raise Fault(f"line {number} of the edits is none: {line}")
    return edits


def applied(text, place, anchor, addition):
    """The text with an addition at the one line that begins with the anchor, or in the place of the one that it has."""
    if place == "replace":
        if text.count(anchor) != 1:
            raise Fault(f"{text.count(anchor)} places, not one, have: {anchor}")
        return text.replace(anchor, addition)
    lines = text.splitlines()
    found = [i for i, line in enumerate(lines) if line.strip().startswith(anchor.strip())]
    if len(found) != 1:
        raise Fault(f"{len(found)} lines, not one, begin with: {anchor.strip()}")
    lines.insert(found[0] + (place == "after"), addition)
    return "\n".join(lines) + "\n"


def extend(folder, kind):
    """Adds the kind to the copy of the tree; the files that are new or changed."""
    touched = set()
    for path in sorted((kind / "include").rglob("*.hpp")):
        name = path.relative_to(kind)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (folder / name).exists():
            raise Fault(f"{name} is there already")
        shutil.copyfile(path, folder / name)
        touched.add(name.as_posix())
    for file, place, anchor, addition in parse((kind / "edits.txt").read_text(encoding="utf-8")):
        path = folder / file
        try:
            path.write_text(applied(path.read_text(encoding="utf-8"), place, anchor, addition), encoding="utf-8")
        except Fault as fault:
            raise Fault(f"{file}: {fault}") from None
        touched.add(file)
    return touched


def steps(text):
    """{kind: what CONTRIBUTING says under `To add ...`}, by the word after it in the table's first column."""
    rows = re.findall(r"^\| (?:an?|a) ([\w ]+?) \| (.*) \|$", text, re.MULTILINE)
    return {name.replace(" ", "_"): said for name, said in rows}


def run(command, what):
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()
        raise Fault(f"{what} ends with {done.returncode}" + (f":\n{said[:4000]}" if said else ""))


def add(folder, kind, said):
    """Adds the kind to the copy of the tree, as CONTRIBUTING says; the number of files."""
    touched = extend(folder, kind)
    most = MOST_FILES.get(kind.name, 3)
    if len(touched) > most:
        raise Fault(f"{len(touched)} files are touched, at most {most} may be: {', '.join(sorted(touched))}")
    for name in touched:
        short = name.removeprefix("include/cppo/")
        own = f"{short.rpartition('/')[0]}/<name>.hpp"
        if f"`{short}`" not in said and f"`{own}`" not in said:
            raise Fault(f"CONTRIBUTING does not say that {short} is to be touched")
    return len(touched)


def program_of(kinds):
    """One unit of the programs of all kinds, which read the headers once; it says which of them fail."""
    parts = [f'#define main check_{k.name}\n#include "{k / "check.cpp"}"\n#undef main\n' for k in kinds]
    calls = [f'  if (check_{k.name}() != 0) wrong = std::puts("{k.name}: what was added is not there");\n'
             for k in kinds]
    return "".join(parts) + "#include <cstdio>\nint main() {\n  int wrong = 0;\n" + "".join(calls) + \
        "  return wrong == 0 ? 0 : 1;\n}\n"


def build(folder, kinds, compiler, includes):
    """Looks at the layers of the copy, compiles the programs of the kinds with it, and runs them."""
    run([sys.executable, str(ROOT / "cmake" / "check_layers.py"), "--root", str(folder / "include" / "cppo")],
        "check_layers.py")
    unit, program = folder / "check.cpp", folder / "check"
    unit.write_text(program_of(kinds), encoding="utf-8")
    run([compiler, *FLAGS, f"-I{folder / 'include'}", *includes, str(unit), "-o", str(program)], "the compiler")
    run([str(program)], "what was added is not all there: the program")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiler", default="c++")
    parser.add_argument("--include", action="append", default=[], metavar="DIR", help="where xsimd is")
    parser.add_argument("--kinds", nargs="*", help="these alone")
    args = parser.parse_args()
    kinds = sorted(path for path in FIXTURES.iterdir() if path.is_dir())
    kinds = [k for k in kinds if args.kinds is None or k.name in args.kinds]
    said = steps((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    faults = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copytree(ROOT / "include", folder / "include")
        for kind in kinds:
            try:
                print(f"{kind.name}: {add(folder, kind, said.get(kind.name, ''))} files")
            except Fault as fault:
                faults += 1
                print(f"{kind.name}: {fault}")
        try:
            build(folder, kinds, args.compiler, [f"-idirafter{d}" for d in args.include])
        except Fault as fault:
            faults += 1
            print(fault)
    print(f"{len(kinds)} kinds, {faults} faults")
    return 0 if kinds and faults == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
