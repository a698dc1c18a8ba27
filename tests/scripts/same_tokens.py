#!/usr/bin/env python3
"""The single header is the library: after preprocessing, both give the same tokens in the same order.

    same_tokens.py --include DIR --single FILE [--also HEADER]... -- COMPILER FLAGS...

Tokens of other files, such as the standard library's, and pragmas do not count. What passes needs no test of its own
with the single header: the compiler sees the same program.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

MARKER = re.compile(r'^# \d+ "((?:[^"\\]|\\.)*)"')
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[A-Za-z_]\w*|\.?\d(?:[eEpP][+-]|[\w.\'])*|\S')


def tokens(command, own):
    """(file, line) and text of each token that the compiler reads in files for which own(path) holds."""
    run = subprocess.run([*command, "-E"], stdout=subprocess.PIPE, text=True, check=True)
    mine, found = False, []
    for line in run.stdout.splitlines():
        if marker := MARKER.match(line):
            mine = own(Path(marker[1]))
        elif mine and not line.lstrip().startswith("#"):
            found += TOKEN.findall(line)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--include", type=Path, required=True)
    parser.add_argument("--single", type=Path, required=True)
    parser.add_argument("--also", action="append", default=[], help="a header beside cppo.hpp")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        unit = Path(folder) / "unit.cpp"
        headers = ["cppo/cppo.hpp", *args.also]
        unit.write_text("".join(f"#include <{header}>\n" for header in headers), encoding="utf-8")
        tree = tokens([*args.command, f"-I{args.include}", unit], lambda p: p.is_relative_to(args.include))
        unit.write_text(f'#include "{args.single}"\n', encoding="utf-8")
        single = tokens([*args.command, unit], lambda p: p == args.single)
    print(f"{len(tree)} tokens")
    if not tree:
        sys.exit(f"no token comes from {args.include}")
    for k, (a, b) in enumerate(zip(tree, single)):
        if a != b:
            sys.exit(f"token {k} differs:\n  the tree:          {' '.join(tree[k - 20:k + 20])}\n"
                     f"  the single header: {' '.join(single[k - 20:k + 20])}")
    if len(tree) != len(single):
        sys.exit(f"the single header has {len(single)} tokens")


main()
