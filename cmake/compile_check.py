#!/usr/bin/env python3
"""Runs a compiler on one file and checks how it ends.

    compile_check.py --fails FILE -- COMMAND...    FILE must be refused, with the words it expects in the output
    compile_check.py --passes FILE -- COMMAND...   FILE must compile

What a refused file expects stands in its first lines, one comment each, all of them required:

    // expect: words of the message
    // expect unsatisfied: concept that the message names as the one that does not hold
"""

import argparse
import os
import re
import subprocess
import sys


# A candidate's whole constraint is printed whichever part of it fails; these are the words for the part: g++'s, g++'s
# of a pack, clang's of a concept of one argument.
UNSATISFIED = r"for the satisfaction of .{0}[<’']|the expression .\(\.\.\. && {0}<\w+>\)|does not satisfy '{0}'"


def expectations(path):
    """(what was written, pattern) of each line."""
    found = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            match = re.match(r"// expect( unsatisfied)?: *(.*\S)", line)
            if not match:
                if line.startswith("// expect"):
                    return []
                break
            words = " ".join(match[2].split())
            found.append((line.strip(), UNSATISFIED.format(re.escape(words)) if match[1] else re.escape(words)))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--fails", metavar="FILE")
    how.add_argument("--passes", metavar="FILE")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    path = args.fails or args.passes

    run = subprocess.run([*args.command, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                         env={**os.environ, "LC_ALL": "C"})
    if args.passes:
        if run.returncode != 0:
            print(f"{path} must compile, but:\n{run.stdout}")
        return 0 if run.returncode == 0 else 1

    expected = expectations(path)
    if not expected:
        print(f"{path}: the first lines must be '// expect: words' or '// expect unsatisfied: concept'")
        return 1
    if run.returncode == 0:
        print(f"{path} compiled, but must be refused")
        return 1
    output = " ".join(run.stdout.split())
    missing = [line for line, pattern in expected if not re.search(pattern, output)]
    if missing:
        print("\n".join([f"{path} was refused, but not as expected:", *missing, "The compiler said:", run.stdout]))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
