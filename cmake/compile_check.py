#!/usr/bin/env python3
"""Runs a compiler on one file and checks how it ends.

    compile_check.py --fails FILE -- COMMAND...    FILE must be refused, with the words it expects in the output
    compile_check.py --passes FILE -- COMMAND...   FILE must compile

The words a refused file expects stand in its first lines, one comment each, all of them required:

    // expect: words of the message
"""

import argparse
import subprocess
import sys


def expected_words(path):
    words = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if not line.startswith("// expect:"):
                break
            words.append(" ".join(line[len("// expect:"):].split()))
    return words


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--fails", metavar="FILE")
    how.add_argument("--passes", metavar="FILE")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    path = args.fails or args.passes

    run = subprocess.run([*args.command, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if args.passes:
        if run.returncode != 0:
            print(f"{path} must compile, but:\n{run.stdout}")
        return 0 if run.returncode == 0 else 1

    words = expected_words(path)
    if not words or not all(words):
        print(f"{path}: the first line must be '// expect: words of the message'")
        return 1
    if run.returncode == 0:
        print(f"{path} compiled, but must be refused with: {'; '.join(words)}")
        return 1
    output = " ".join(run.stdout.split())
    missing = [w for w in words if w not in output]
    if missing:
        print(f"{path} was refused, but not with the words: {'; '.join(missing)}\nThe compiler said:\n{run.stdout}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
