#!/usr/bin/env python3
"""Fails if two object files define one and the same function of the library: the linker would keep either.

usage: shared_symbols.py NM FIRST.o SECOND.o
"""

import subprocess
import sys


def defined(nm, path):
    """Names that the file defines and that another file could define as well."""
    lines = subprocess.run([nm, "-C", "--defined-only", path], capture_output=True, text=True, check=True).stdout
    symbols = (line.split(" ", 2) for line in lines.splitlines())
    return {name for _, kind, name in symbols if kind in "WVuTBDR" and "cppo::" in name}


def main():
    nm, first, second = sys.argv[1:]
    a, b = defined(nm, first), defined(nm, second)
    print(f"{len(a)} and {len(b)} names of the library, {len(a & b)} of them in both")
    for name in sorted(a & b)[:10]:
        print("  both:", name)
    return 0 if a and b and not a & b else 1


if __name__ == "__main__":
    sys.exit(main())
