#!/usr/bin/env python3
"""Fails if the library shows another symbol than the functions of its headers, or a build more than its one function.

usage: shown_symbols.py NM FOLDER_OF_HEADERS LIBRARY BUILD...
"""

import re
import subprocess
import sys
from pathlib import Path


def shown(nm, path):
    """Names that the dynamic linker finds in the file, without the version's own."""
    lines = subprocess.run([nm, "-D", "--defined-only", path], capture_output=True, text=True, check=True).stdout
    symbols = (line.split() for line in lines.splitlines())
    return {name.split("@")[0] for _, kind, name in symbols if kind != "A"}


def main():
    nm, folder, library, *builds = sys.argv[1:]
    text = "\n".join(path.read_text(encoding="utf-8") for path in Path(folder).glob("*.h"))
    declared = set(re.findall(r"^CPPO_C_SHOWN [^;(]*\b(cppo_\w+)\(", text, re.M))
    found = shown(nm, library)
    wrong = [f"declared, but not shown: {name}" for name in sorted(declared - found)]
    wrong += [f"shown, but not declared: {name}" for name in sorted(found - declared)]
    for build in builds:
        names = shown(nm, build)
        if len(names) != 1 or not all(name.startswith("cppo_c_call_") for name in names):
            wrong.append(f"{build} shows {sorted(names)}, but must show its call alone")
    print(f"{len(declared)} functions declared, {len(found)} shown, {len(builds)} builds")
    print("\n".join(wrong))
    return 1 if wrong or not declared or not builds else 0


if __name__ == "__main__":
    sys.exit(main())
