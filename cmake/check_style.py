#!/usr/bin/env python3
"""Checks the sources against the rules of form in CONTRIBUTING.md, and prints each offending place with its remedy.

    check_style.py [--root DIR]           exit status 1 if a rule is broken

A line holds at most 120 columns. A header of the library has at most 300 lines, a numbered example 80. A function has
at most 30 lines between its braces; a test case, whose checks are read as a list, 50; the `main` of a numbered example
is the example; a switch that returns in every case is a table, of any length. In the library's headers a flag that
chooses code is an enum: no template parameter is a bool, no literal true or false is passed by position, no function
takes two bools by position. The name of a test has no semicolon and no lone bracket.
"""

import argparse
import fnmatch
import re
import sys
from pathlib import Path

COLUMNS = 120
HEADER_LINES = 300
EXAMPLE_LINES = 80
LINES_OF = {"function": 30, "test case": 50}

# Files of columns to be read across: programs in PTX beside what they compute.
WIDE = ["tests/cuda/ptx/tests/*"]
EXAMPLES = ["examples/[0-9][0-9]_*"]

FOLDERS = ["include", "c_api", "python/src", "python/tests", "python/recipes", "tests", "examples", "benchmarks",
           "cmake", "study", "run"]
CPP = {".hpp", ".cuh", ".cpp", ".cu", ".h", ".c"}
TEXT = CPP | {".inc", ".py", ".sh", ".cmake"}
NAMES_OF_TEXT = {"CMakeLists.txt", "run"}

# What cannot be broken without a change of what it says: the words of a compiler, an address.
UNBREAKABLE = re.compile(r"// expect|https?://")
NAME_OF_TEST = re.compile(r'TEST_CASE\("((?:[^"\\]|\\.)*)"')
ERROR = r"^[ \t]*#[ \t]*error\b(?:\\\n|[^\n])*"

# ---- reading C++ -------------------------------------------------------------------------------------------------

RAW_STRING = r'R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)"'
PROSE = re.compile(RAW_STRING + r'|//(?:\\\n|[^\n])*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"'
                   r"|(?<![0-9A-Fa-f])'(?:\\[^'\n]*'|\\''|[^'\\\n]')", re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w*)(?:\\\n|[^\n])*", re.MULTILINE)
PIECE = re.compile(DIRECTIVE.pattern + r"|[{};\n]|[^{};\n]+", re.MULTILINE)


def blanked(pattern, text):
    """The text with spaces in the place of what matches."""
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def repeated(pattern, replacement, text):
    """Replaces until nothing matches: from the inside of nested brackets out."""
    while (next_text := re.sub(pattern, replacement, text)) != text:
        text = next_text
    return text


def opens(head):
    """What a brace opens, outside of functions; `head` is the text since the last statement.

    A "part" belongs to what stands before and after it: an initialiser, the body of a requires-expression.
    """
    short = repeated(r"\([^()]+\)", "()", head)
    short = repeated(r"(?<=[\w\]])\s*<[^<>]*>", " ", short).strip()
    if re.search(r"\bnamespace\b", short) or short.endswith("extern"):
        return "namespace"
    if re.search(r"\b(class|struct|union|enum)\b", short) and "=" not in short:
        return "type"
    if re.search(r"(=|&&|\|\||!|,|\(|\brequires)\s*requires\s*(\(\))?$", short):
        return "part"
    if re.search(r"\(\)[^:]*(?<!:):(?!:)(.*\W)?\w+$", short) and not re.search(r"\b(const|noexcept|override)$", short):
        return "part"  # the initialiser of a member
    if re.search(r"\b(TEST_CASE|TEST_CASE_METHOD|TEMPLATE_\w*TEST_CASE\w*)\b", short):
        return "test case"
    return "function" if re.search(r"\(\)|\]$", short) and not re.search(r"[=,(]$", short) else "part"


def functions(code):
    """(kind, line of the opening brace, line of the closing one) of each function; `code` is without prose.

    A lambda or a class in a function is part of it. Every branch of an #if begins with the braces that were open there.
    """
    found, braces, head, branches, line = [], [], "", [], 1
    for match in PIECE.finditer(code):
        piece = match[0]
        if match[1] is not None:
            if match[1].startswith("if"):
                branches.append((list(braces), head))
            elif match[1].startswith("el") and branches:
                braces, head = list(branches[-1][0]), branches[-1][1]
            elif match[1] == "endif" and branches:
                branches.pop()
        elif piece == "{":
            kind = "block" if any(kind in LINES_OF for kind, _, _ in braces) else opens(head)
            braces.append((kind, line, head))
            head = ""
        elif piece == "}" and braces:
            kind, first, before = braces.pop()
            if kind in LINES_OF:
                found.append((kind, first, line))
            head = before + "{}" if kind == "part" or before.count("(") > before.count(")") else ""
        elif piece == ";" and head.count("(") <= head.count(")"):
            head = ""
        else:
            head += piece
        line += piece.count("\n")
    return found


CASE = r"(\s*(case\s[\w:]+|default):)"
TABLE = re.compile(rf"\s*switch\s*\([^{{}}]*\)\s*\{{({CASE}+\s*return\b[^;]*;)+\s*\}}\s*(return\b[^;]*;\s*)?")


def is_table(code, first, last):
    """True if the function is a switch that returns in every case."""
    lines = code.splitlines()[first - 1:last]
    body = "\n".join(lines)
    return TABLE.fullmatch(body[body.rindex("{", 0, len(lines[0])) + 1:body.rindex("}")]) is not None


# ---- the rules ---------------------------------------------------------------------------------------------------

BOOL_PARAMETER = re.compile(r"[<,]\s*bool\b\s*(?:[A-Z]\w*|=|\.\.\.)")
BOOL_ARGUMENT = re.compile(r"(?:\w<|[,>]\s)\s*(?:true|false)\s*>|\w<(?:true|false)\s*,")
# What stands before the list, and the list without the lists in it.
LIST = re.compile(r"([\w>\]]*)\s*\(([^()]*)\)")
LITERAL_BOOL = re.compile(r"(?:^|,)\s*(?:true|false)\s*(?:$|,)")
# A bool of one letter is an operand: `both(bool a, bool b)`.
NAMED_BOOL = re.compile(r"(?:^|,)\s*(?:\[\[maybe_unused\]\]\s*)?bool\s+(?:const\s+)?\w{2,}")


class Checker:
    def __init__(self, root):
        self.root = root
        self.problems = []

    def problem(self, path, number, what, remedy):
        line = path.read_text(encoding="utf-8").splitlines()[number - 1].strip()
        self.problems.append(f"{self.name(path)}:{number}: {what}\n    {line}\n    remedy: {remedy}")

    def name(self, path):
        return path.relative_to(self.root).as_posix()

    def is_one_of(self, path, patterns):
        return any(fnmatch.fnmatchcase(self.name(path), p) for p in patterns)

    def check_columns(self, path, text):
        if path.suffix in CPP:
            unbreakable = re.compile(f"{RAW_STRING}|{ERROR}", re.DOTALL | re.MULTILINE)
            text = unbreakable.sub(lambda m: "\n" * m[0].count("\n"), text)
        for number, line in enumerate(text.splitlines(), 1):
            if len(line.rstrip()) > COLUMNS and not UNBREAKABLE.search(line):
                self.problem(path, number, f"{len(line)} columns", f"break the line: {COLUMNS} columns at most")

    def check_functions(self, path, code):
        for kind, first, last in functions(code):
            lines, most = last - first - 1, LINES_OF[kind]
            if lines > most and not is_table(code, first, last):
                self.problem(path, first, f"a {kind} of {lines} lines",
                             f"give its steps names, as functions: {most} lines at most")

    def check_length(self, path, code, most, remedy):
        lines = code.count("\n")
        if lines > most:
            self.problem(path, 1, f"a file of {lines} lines", f"{remedy}: {most} lines at most")

    def check_flags(self, path, code):
        def flag(found, what, remedy="write an enum whose values say what is chosen"):
            self.problem(path, code.count("\n", 0, found.start(found.lastindex or 0)) + 1, what, remedy)

        code = blanked(DIRECTIVE, code)
        for found in BOOL_PARAMETER.finditer(code):
            flag(found, "a bool as template parameter")
        for found in BOOL_ARGUMENT.finditer(code):
            flag(found, "a literal bool as template argument")
        while lists := list(LIST.finditer(code)):
            for found in lists:
                if LITERAL_BOOL.search(found[2]) and found[1] not in ("", "if", "while", "noexcept", "explicit"):
                    flag(found, "a literal bool by position")
                if len(NAMED_BOOL.findall(found[2])) > 1:
                    flag(found, "two bools by position",
                         "make them enums, or members of one struct: a call may swap them")
            code = blanked(re.compile(r"\([^()]*\)"), code)

    def check_names_of_tests(self, path, text):
        for number, line in enumerate(text.splitlines(), 1):
            name = NAME_OF_TEST.search(line)
            if name and (";" in name[1] or name[1].count("[") != name[1].count("]")):
                self.problem(path, number, "a semicolon or a lone bracket in the name of a test",
                             "use other words: CMake, which lists the tests, would split the list elsewhere")

    def check(self, path):
        text = path.read_text(encoding="utf-8")
        if not self.is_one_of(path, WIDE):
            self.check_columns(path, text)
        if path.suffix not in CPP:
            return
        self.check_names_of_tests(path, text)
        code = blanked(PROSE, text)
        if self.is_one_of(path, EXAMPLES):
            self.check_length(path, code, EXAMPLE_LINES, "show one thing")
        else:
            self.check_functions(path, code)
        if self.is_one_of(path, ["include/*"]):
            self.check_length(path, code, HEADER_LINES, "move a whole idea into a file of its own")
            self.check_flags(path, code)

    def files(self):
        for folder in FOLDERS:
            top = self.root / folder
            for path in [top] if top.is_file() else sorted(top.rglob("*")):
                if path.is_file() and (path.suffix in TEXT or path.name in NAMES_OF_TEXT):
                    yield path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent,
                        help="the top of the checkout")
    checker = Checker(parser.parse_args().root.resolve())
    files = list(checker.files())
    for path in files:
        checker.check(path)
    for problem in checker.problems:
        print(problem)
    print(f"{len(files)} files, {len(checker.problems)} problems")
    return 1 if checker.problems or not files else 0


if __name__ == "__main__":
    sys.exit(main())
