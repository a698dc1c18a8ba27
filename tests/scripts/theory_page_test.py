#!/usr/bin/env python3
"""docs/theory.md: every test it names exists, every test of theory/ is named, its table of counts is what they require.
"""

import re
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "theory.md"
NAMED = re.compile(r"`((?:bound|tables|limits|certificate|rational): [^`]+)`")


def existing():
    names = []
    for path in sorted([*TESTS.glob("theory/*_test.cpp"), *TESTS.glob("unit/theory/*_test.cpp")]):
        names += re.findall(r'TEST_CASE\("((?:[^"\\]|\\.)*)"', path.read_text(encoding="utf-8"))
    return names


class TheoryPage(unittest.TestCase):
    def test_names_and_tests_agree(self):
        named = set(NAMED.findall(PAGE.read_text(encoding="utf-8")))
        self.assertGreater(len(named), 20)
        self.assertEqual(sorted(named - set(existing())), [], "named, but there is no such test")
        self.assertEqual(sorted(set(existing()) - named), [], "a test that the page does not name")

    def test_counts_are_those_the_tests_require(self):
        grid = (TESTS / "theory" / "grid_test.cpp").read_text(encoding="utf-8")
        required = {}
        for name, body in re.findall(r'TEST_CASE\("(bound: [^"]+)"\) \{\n(.*?)\n\}', grid, re.DOTALL):
            counts = re.search(r"l\.pairs == (\d+)\);.*require_all\(l, \{([^}]*)\}", body, re.DOTALL)
            if counts:
                required[name] = [int(n) for n in (counts[1] + "," + counts[2]).split(",")]
        rows = re.findall(r"^\| `(bound: [^`]+)` \|((?: [\d ]+ \|){5})$", PAGE.read_text(encoding="utf-8"),
                          re.MULTILINE)
        told = {name: [int(re.sub(r"\s", "", cell)) for cell in cells.split("|")[:-1]] for name, cells in rows}
        self.assertEqual(len(required), 5)
        self.assertEqual(told, required)


if __name__ == "__main__":
    unittest.main()
