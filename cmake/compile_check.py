#!/usr/bin/env python3
"""Runs a compiler on one file and checks how it ends.

    compile_check.py --fails FILE -- COMMAND...    FILE must be refused, with the words it expects in the output
    compile_check.py --passes FILE -- COMMAND...   FILE must compile

What a refused file expects stands in its first lines, one comment each, all of them required:

    // expect: words of the message
    // expect first: words that stand in the first error
    // expect lines: the most lines that the compiler may say
    // expect errors: how many there are
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
    """(what was written, kind, words) of each line."""
    found = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            match = re.match(r"// expect( \w+)?: *(.*\S)", line)
            if not match or (match[1] or "").strip() not in KINDS:
                if line.startswith("// expect"):
                    return []
                break
            found.append((line.strip(), (match[1] or "").strip(), " ".join(match[2].split())))
    return found


def errors_of(output):
    """What the compiler says from each error to the next."""
    starts = [m.start() for m in re.finditer(r"^[^\n]*?\berror: ", output, re.MULTILINE)]
    return [output[a:b] for a, b in zip(starts, starts[1:] + [len(output)])]


def has(words, text):
    return words in " ".join(text.split())


# By kind of an expectation: does the output meet it?
KINDS = {
    "": has,
    "first": lambda words, output: any(has(words, error) for error in errors_of(output)[:1]),
    "lines": lambda most, output: len(output.splitlines()) <= int(most),
    "errors": lambda count, output: len(errors_of(output)) == int(count),
    "unsatisfied": lambda concept, output: re.search(UNSATISFIED.format(re.escape(concept)), " ".join(output.split())),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--fails", metavar="FILE")
    how.add_argument("--passes", metavar="FILE")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    path = args.fails or args.passes

    run = subprocess.run([*args.command, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         errors="replace", env={**os.environ, "LC_ALL": "C"})
    if args.passes:
        if run.returncode != 0:
            print(f"{path} must compile, but:\n{run.stdout}")
        return 0 if run.returncode == 0 else 1

    expected = expectations(path)
    if not expected:
        print(f"{path}: the first lines must be '// expect: words', or '// expect KIND: ...' with one of {', '.join(KINDS)[2:]}")
        return 1
    if run.returncode == 0:
        print(f"{path} compiled, but must be refused")
        return 1
    missing = [line for line, kind, words in expected if not KINDS[kind](words, run.stdout)]
    if missing:
        print("\n".join([f"{path} was refused, but not as expected:", *missing, "The compiler said:", run.stdout]))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
