#!/usr/bin/env python3
"""Without C++20 every header ends in one sentence, before anything else is said.

    language_test.py COMPILER... -- HEADER...

Each header is the first of a unit compiled for C++17, and for C++11 where the compiler is not nvcc.
"""

import os
import re
import subprocess
import sys
import tempfile

SENTENCE = "cppo needs C++20: compile with -std=c++20"
MOST_LINES = 25  # most of them name the files that include one another
ERROR = re.compile(r"\berror\b:")


def output_of(compiler, standard, header, folder):
    device = os.path.basename(compiler).startswith("nvcc")
    unit = os.path.join(folder, "unit.cu" if device else "unit.cpp")
    with open(unit, "w", encoding="utf-8") as file:
        file.write(f'#include "{header}"\n')
    include = f"-I{header[:header.rindex('/include/') + len('/include')]}" if "/include/" in header else f"-I{folder}"
    end = ["-c", "-o", os.path.join(folder, "unit.o")] if device else ["-fsyntax-only"]
    return subprocess.run([compiler, f"-std={standard}", include, *end, unit], capture_output=True, text=True,
                          errors="replace", env={**os.environ, "LC_ALL": "C"})


def fault(run):
    """What is wrong with how the compiler ended, or None."""
    lines = (run.stdout + run.stderr).splitlines()
    errors = [line for line in lines if ERROR.search(line)]
    if run.returncode == 0:
        return "it compiled"
    if not errors or SENTENCE not in errors[0]:
        return f"the first error is not the sentence: {errors[:1]}"
    if len(errors) > 2 or len(lines) > MOST_LINES:  # the sentence, and the missing file that ends the compilation
        return f"{len(errors)} errors, {len(lines)} lines"
    return None


def main():
    split = sys.argv.index("--")
    compilers, headers = sys.argv[1:split], sys.argv[split + 1:]
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        for compiler in compilers:
            device = os.path.basename(compiler).startswith("nvcc")
            for header in headers:
                if header.endswith(".cuh") and not device:
                    continue
                for standard in ["c++17"] if device else ["c++17", "c++11"]:
                    if found := fault(output_of(compiler, standard, header, folder)):
                        faults += 1
                        print(f"{compiler} -std={standard} {header}: {found}")
    print(f"{len(compilers)} compilers, {len(headers)} headers, {faults} faults")
    return 0 if faults == 0 and headers else 1


if __name__ == "__main__":
    sys.exit(main())
