#!/usr/bin/env python3
"""docs/theory.md: every test it names exists, and every test of theory/ is named."""

import re
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "theory.md"
NAMED = re.compile(r"`((?:bound|tables|limits|certificate|rational): [^`]+)`")


def existing():
    names = []
    for path in sorted(TESTS.glob("theory_*_test.cpp")):
        names += re.findall(r'TEST_CASE\("((?:[^"\\]|\\.)*)"', path.read_text(encoding="utf-8"))
    return names


class TheoryPage(unittest.TestCase):
    def test_names_and_tests_agree(self):
        named = set(NAMED.findall(PAGE.read_text(encoding="utf-8")))
        self.assertGreater(len(named), 20)
        self.assertEqual(sorted(named - set(existing())), [], "named, but there is no such test")
        self.assertEqual(sorted(set(existing()) - named), [], "a test that the page does not name")


if __name__ == "__main__":
    unittest.main()
