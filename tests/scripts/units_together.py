#!/usr/bin/env python3
"""Writes one unit of C++ that holds several, each in a namespace of its own, so that what they share is compiled once.

    units_together.py --output FILE UNIT...

What the units include is included first, outside of the namespaces; where they include it again, nothing is left to
include. A unit must not open a namespace of others (std, cppo), nor define macros that its neighbours know.
"""

import argparse
import re
from pathlib import Path


def together(units):
    includes = []
    for unit in units:
        for line in re.findall(r"^#include .*$", unit.read_text(encoding="utf-8"), re.MULTILINE):
            if line not in includes:
                includes.append(line)
    wrapped = [f'namespace unit_{i} {{\n#include "{unit}"\n}}\n' for i, unit in enumerate(units)]
    return "\n".join(includes) + "\n\n" + "".join(wrapped)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("units", type=Path, nargs="+")
    given = parser.parse_args()
    given.output.write_text(together(given.units), encoding="utf-8")


if __name__ == "__main__":
    main()
