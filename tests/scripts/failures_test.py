#!/usr/bin/env python3
"""docs/failures.md: every failure has a row, and every row names tests that exist, or says why it does not apply."""

import os
import re
import subprocess
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "failures.md"
FAILURES = [f"F{n}" for n in range(1, 47)]


def number(name):
    found = re.match(r"F[0-9]+(?![0-9A-Za-z])|F[0-9]+(?=_)", name)
    return found.group() if found else None


def existing():
    """Names of all tests that begin with a failure's number: those that ctest lists in the folder CPPO_BUILD_FOLDER, or
    what the sources say, where a variable of CMake stands for one or more words."""
    folder = os.environ.get("CPPO_BUILD_FOLDER")
    if folder:
        listed = subprocess.run([os.environ.get("CPPO_CTEST", "ctest"), "-N"], cwd=folder, capture_output=True, text=True, check=True).stdout
        names = re.findall(r"^ *Test +#\d+: (.*)$", listed, re.MULTILINE)
        return [name for name in names if number(name)]
    names = []
    for path in sorted(TESTS.rglob("*_test.cpp")):
        names += re.findall(r'TEST_CASE\(\s*"((?:[^"\\]|\\.)*)"', path.read_text(encoding="utf-8"))
    names += [path.stem for path in sorted(TESTS.glob("compile_fail/F*.cpp"))]
    for path in sorted([*TESTS.rglob("CMakeLists.txt"), *TESTS.glob("*.cmake")]):
        names += re.findall(r"(?:add_test\(NAME |cppo_add_\w+_test\(|MAKE_C_IDENTIFIER )\"?([\w.${}]+)", path.read_text(encoding="utf-8"))
    return [name for name in names if number(name)]


def is_called(name, known):
    """Does a test's name begin with this one, or can it, where CMake fills in variables?"""
    pattern = r"\w+".join(re.escape(part) for part in re.split(r"\$\{\w+\}", known))
    return known.startswith(name) or ("$" in known and re.fullmatch(pattern, name) is not None)


def rows():
    """(number, tests named, the last column) of each row."""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| F"):
            yield cells[0], re.findall(r"`([^`]+)`", cells[-1]), cells[-1]


class Failures(unittest.TestCase):
    def test_each_failure_has_one_row(self):
        self.assertEqual([row[0] for row in rows()], FAILURES)

    def test_each_row_names_tests_that_exist_or_says_why_not(self):
        known = existing()
        for failure, named, text in rows():
            with self.subTest(failure):
                if text.startswith("Does not apply: "):
                    self.assertGreater(len(text), 40)
                    self.assertEqual(named, [])
                    continue
                self.assertTrue(named, "no test is named")
                for name in named:
                    self.assertEqual(number(name), failure, name)
                    self.assertGreater(len(name), len(failure) + 3, "the number alone is no name")
                    self.assertTrue(any(is_called(name, k) for k in known), f"no test begins with: {name}")

    def test_each_numbered_test_is_of_a_failure_with_a_row(self):
        listed = {failure for failure, named, _ in rows() if named}
        for name in existing():
            self.assertIn(number(name), listed, name)


if __name__ == "__main__":
    unittest.main()
