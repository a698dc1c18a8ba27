#!/usr/bin/env python3
"""Checks the headers against the layers of the library, and prints each offending line with its remedy.

    check_layers.py [--root DIR]          all checks; exit status 1 if one fails
    check_layers.py --list-up-to N        the headers of the layers 0 to N, one per line

The rule: a file includes files of lower layers and of its own folder. Besides: no include of the umbrella, no cycle,
`#pragma once` and `/// @file` in every file, third-party names only in the files that exist to contain them, group
headers that hold all of their folder and nothing else, other people's macros put aside around all code.
"""

import argparse
import fnmatch
import re
import sys
from pathlib import Path

# ---- the table ---------------------------------------------------------------------------------------------------

# From the ground up; the first match counts. Paths are relative to include/cppo.
LAYERS = [
    (0, ["version.hpp", "abi.hpp", "config.hpp"]),
    (1, ["core/*"]),
    (2, ["divergence/*", "weight/*", "budget/*", "gate/*"]),
    (3, ["mask/*"]),
    (4, ["quantity/*"]),
    (5, ["fold/*", "surrogate/*"]),
    (6, ["region/*", "objective/*"]),
    (7, ["described/*"]),
    (8, ["execution/call/*"]),
    (9, ["execution/seq.hpp"]),
    (10, ["execution/simd/*", "execution/block/*"]),
    (11, ["execution/cuda/*"]),
    (12, ["execution/*"]),
    (13, ["algorithm/*", "advantage/*"]),
    (14, ["rules/*", "logits/*"]),
    (15, ["described_rule/*"]),
    (16, ["described_advantage/*"]),
    (17, ["interop/*", "theory/*", "testing/*"]),
    (18, ["*.hpp"]),
]
GROUPS = 18  # the layer of the headers that include a folder

# file: the only files of the library it may include. The oracle is written from the equations; if it reused the
# layers 1 to 6 beyond the views, it would prove nothing.
ONLY = {
    "testing/reference*.hpp": ["config.hpp", "core/types.hpp", "core/view.hpp", "core/element.hpp", "core/half.hpp",
                               "core/status.hpp", "core/buffer.hpp", "core/batch.hpp", "testing/reference*.hpp"],
}

# What the umbrella leaves out. Every other header must be reached from it.
NOT_IN_UMBRELLA = ["described*", "advantage*", "logits*", "rules*", "fold*", "quantity*", "surrogate*",
                   "execution/call/fold_*", "execution/simd/fold*", "execution/simd/half_registers.hpp",
                   "execution/simd/past_caches.hpp", "interop/*", "theory/*", "testing/*", "*.cuh"]

# First word of a header, or name: the files that may use it.
THIRD_PARTY = {
    "xsimd": ["execution/simd/*.hpp"],
    "immintrin": ["execution/simd/intrinsics.hpp", "execution/simd/bits.hpp", "execution/simd/elements.hpp",
                  "execution/simd/grid.hpp", "execution/simd/past_caches.hpp",
                  "execution/simd/x86_vectors.hpp"],
    "Eigen": ["interop/eigen*.hpp", "theory/tabular*.hpp"],
    "cuda": ["*.cuh"],
    "cub": ["*.cuh"],
    "cooperative": ["*.cuh"],
    "thrust": ["*.cuh"],
}
# Names that stand in code as `name::`. (`cuda` may be a word of the library itself.)
THIRD_PARTY_NAMESPACES = ["xsimd", "Eigen", "cub", "thrust"]

# Standard headers that have no business here, with the files that may have them all the same.
REFUSED_STANDARD = {
    "iostream": ("headers do not print; return a status or a report", ["testing/*"]),
    "cassert": ("headers do not abort; return a status", ["testing/*"]),
    "regex": ("too heavy for a header everybody includes", []),
}

STANDARD = set("""
algorithm any array atomic barrier bit bitset cassert cctype cerrno cfenv cfloat charconv chrono cinttypes climits
clocale cmath codecvt compare complex concepts condition_variable coroutine csetjmp csignal cstdarg cstddef cstdint
cstdio cstdlib cstring ctime cuchar cwchar cwctype deque exception execution filesystem format forward_list fstream
functional future initializer_list iomanip ios iosfwd iostream istream iterator latch limits list locale map memory
memory_resource mutex new numbers numeric optional ostream queue random ranges ratio regex scoped_allocator semaphore
set shared_mutex source_location span sstream stack stdexcept stop_token streambuf string string_view syncstream
system_error thread tuple type_traits typeindex typeinfo unordered_map unordered_set utility valarray variant vector
version
""".split())

# ---- reading -----------------------------------------------------------------------------------------------------

MACROS_OFF, MACROS_ON = "cppo/macros_off.inc", "cppo/macros_on.inc"
INCLUDE = re.compile(r"^\s*#\s*include\s*([<\"])([^>\"]+)[>\"]")
# Comments and string literals, blanked so that prose may name anything.
PROSE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, p) for p in patterns)


def layer_of(name):
    for layer, patterns in LAYERS:
        for pattern in patterns:
            # `*` stays within a top-level file for patterns without a folder: "*.hpp" is not "core/types.hpp".
            if fnmatch.fnmatchcase(name, pattern) and ("/" in pattern) == ("/" in name):
                return layer
    return None


class Header:
    def __init__(self, root, path):
        self.name = path.relative_to(root).as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.lines = self.text.splitlines()
        self.layer = layer_of(self.name)
        self.includes = []  # (line number, bracket, target)
        self.macros = []  # (line number, target) of what puts other people's macros aside
        for number, line in enumerate(self.lines, 1):
            if not (found := INCLUDE.match(line)) or found[2].startswith("cppo: "):  # no file: it stops the compiler
                continue
            if found[2] in (MACROS_OFF, MACROS_ON):
                self.macros.append((number, found[2]))
            else:
                self.includes.append((number, found[1], found[2]))

    def own_includes(self):
        return [(number, target[len("cppo/"):]) for number, _, target in self.includes if target.startswith("cppo/")]

    def code_lines(self):
        """The lines with comments and strings blanked."""
        return PROSE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), self.text).splitlines()


class Checker:
    def __init__(self, root):
        self.root = root
        self.headers = {}
        for path in sorted(p for p in root.rglob("*") if p.suffix in (".hpp", ".cuh")):
            header = Header(root, path)
            self.headers[header.name] = header
        self.problems = []

    def problem(self, header, number, what, remedy):
        line = header.lines[number - 1].strip() if 0 < number <= len(header.lines) else ""
        self.problems.append(f"include/cppo/{header.name}:{number}: {what}\n" + (f"    {line}\n" if line else "") +
                             f"    remedy: {remedy}")

    # ---- one file at a time

    def check_form(self, header):
        if header.lines.count("#pragma once") != 1:
            self.problem(header, 1, "`#pragma once` must stand there once", "put it after the /// @file comment")
        if not any(line.startswith("/// @file") for line in header.lines):
            self.problem(header, 1, "no `/// @file` comment",
                         "begin the file with /// @file and a sentence on what it is")
        if header.layer is None:
            self.problem(header, 1, "the file is in no layer", "name its folder in LAYERS (cmake/check_layers.py)")

    def check_macros(self, header):
        """Code stands between macros_off.inc, before any other include, and macros_on.inc, the last line."""
        code = [number for number, line in enumerate(header.lines, 1) if line.startswith("namespace ")]
        if not code:
            return
        first = min([number for number, _, _ in header.includes] + code)
        at = [target for _, target in header.macros]
        if at != [MACROS_OFF, MACROS_ON] or header.macros[0][0] > first or header.macros[1][0] != len(header.lines):
            self.problem(header, code[0], "the code is read with other people's macros",
                         f"write #include <{MACROS_OFF}> before the other includes "
                         f"and #include <{MACROS_ON}> in the last line")

    def check_macro_files(self):
        """What is brought back is what was put aside."""
        pragmas = []
        for what, name in (("push", MACROS_OFF), ("pop", MACROS_ON)):
            path = self.root.parent / name
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
            pragmas.append(re.findall(rf'^#pragma {what}_macro\("(\w+)"\)$', text, re.MULTILINE))
            if what == "push" and re.findall(r"^#undef (\w+)$", text, re.MULTILINE) != pragmas[0]:
                self.problems.append(f"include/{name}: not every macro is put aside and undefined\n"
                                     "    remedy: write both lines")
        if pragmas[0] != pragmas[1]:
            odd = ", ".join(sorted(set(pragmas[0]) ^ set(pragmas[1]))) or "the order"
            self.problems.append(f"include/{MACROS_ON}: not what {MACROS_OFF} puts aside: {odd}\n"
                                 "    remedy: the same names, in order")

    def check_own_include(self, header, number, target):
        if target not in self.headers:
            self.problem(header, number, f"no such file: include/cppo/{target}", "mend the path")
            return
        if target == header.name:
            self.problem(header, number, "the file includes itself", "remove the line")
            return
        if target == "cppo.hpp":
            self.problem(header, number, "includes the umbrella", "include the files it uses")
            return
        if header.name.endswith(".hpp") and target.endswith(".cuh") and header.name != "cppo.hpp":
            self.problem(header, number, "a .hpp includes a .cuh", "only cppo.hpp may, under __CUDACC__")
        only = [name for pattern, names in ONLY.items() if fnmatch.fnmatch(header.name, pattern) for name in names]
        if only and not matches(target, only):
            self.problem(header, number, f"may include only {', '.join(only)}",
                         "write it from the equations, without the library's own layers "
                         "(ONLY in cmake/check_layers.py)")
        other = self.headers[target].layer
        if header.layer is None or other is None or other < header.layer:
            return
        if other > header.layer:
            self.problem(header, number, f"layer {header.layer} includes layer {other}",
                         f"move what both need to layer {max(header.layer - 1, 0)} or lower, or this file up")
        elif target.rpartition("/")[0] != header.name.rpartition("/")[0]:
            self.problem(header, number, f"both files are of layer {header.layer}, in two folders",
                         "move the common part down")

    def check_system_include(self, header, number, target):
        vendor = target.split("/")[0].split("_")[0].removesuffix(".h").removesuffix(".hpp").removesuffix(".cuh")
        if vendor in THIRD_PARTY:
            if not matches(header.name, THIRD_PARTY[vendor]):
                self.problem(header, number, f"<{target}> is for {', '.join(THIRD_PARTY[vendor])} alone",
                             "put what needs it into such a file, behind its target's macro")
        elif target in REFUSED_STANDARD and not matches(header.name, REFUSED_STANDARD[target][1]):
            self.problem(header, number, f"<{target}> is not for headers", REFUSED_STANDARD[target][0])
        elif target not in STANDARD:
            self.problem(header, number, f"<{target}> is not a header of the C++20 standard library",
                         "the library needs nothing else; C headers are spelt <cname>")

    def check_includes(self, header):
        seen = set()
        for number, bracket, target in header.includes:
            if target in seen:
                self.problem(header, number, "included twice", "remove one")
            seen.add(target)
            if bracket == '"':
                self.problem(header, number, "include in quotes",
                             f"write #include <cppo/{target.removeprefix('cppo/')}>")
            elif target.startswith("cppo/"):
                self.check_own_include(header, number, target[len("cppo/"):])
            else:
                self.check_system_include(header, number, target)

    def check_names(self, header):
        for number, line in enumerate(header.code_lines(), 1):
            for name in THIRD_PARTY_NAMESPACES:
                if re.search(rf"(?<![\w:]){name}\s*::", line) and not matches(header.name, THIRD_PARTY[name]):
                    self.problem(header, number, f"`{name}` is named here",
                                 f"only {', '.join(THIRD_PARTY[name])} may; take a template parameter instead")

    # ---- all of them

    def check_cycles(self):
        state, stack = {}, []

        def visit(name):
            state[name] = "open"
            stack.append(name)
            for number, target in self.headers[name].own_includes():
                if state.get(target) == "open" and target != name:
                    loop = stack[stack.index(target):] + [target]
                    self.problem(self.headers[name], number, "include cycle: " + " -> ".join(loop),
                                 "move what both sides need into a file of its own, one layer down")
                elif target in self.headers and target not in state:
                    visit(target)
            stack.pop()
            state[name] = "done"

        for name in self.headers:
            if name not in state:
                visit(name)

    def check_groups(self):
        """A file beside a folder of its name includes all of it, and holds no code."""
        for header in self.headers.values():
            if header.layer != GROUPS or header.name == "cppo.hpp":
                continue
            folder = header.name.removesuffix(".hpp") + "/"
            content = {name for name in self.headers if name.startswith(folder) and name.endswith(".hpp") and
                       "/detail/" not in name and not matches(name, ["execution/simd/*.hpp", "interop/eigen*.hpp"])}
            if not content:
                self.problem(header, 1, f"no folder include/cppo/{folder}",
                             "a file beside the folders groups one of them")
                continue
            for name in sorted(content - {target for _, target in header.own_includes()}):
                self.problem(header, 1, f"does not include <cppo/{name}>",
                             "add the line: a group holds all of its folder")
        for header in self.headers.values():
            if header.layer == GROUPS:
                for number, line in enumerate(header.code_lines(), 1):
                    if line.strip() and not re.match(r"\s*#", line):
                        self.problem(header, number, "code in a header of includes", "move it to a layer")

    def check_umbrella(self):
        if "cppo.hpp" not in self.headers:
            return
        reached, open_names = set(), ["cppo.hpp"]
        while open_names:
            name = open_names.pop()
            if name in self.headers and name not in reached:
                reached.add(name)
                open_names += [target for _, target in self.headers[name].own_includes()]
        for name in sorted(set(self.headers) - reached):
            if not matches(name, NOT_IN_UMBRELLA) and name.removesuffix(".hpp") + "/*" not in NOT_IN_UMBRELLA:
                self.problem(self.headers["cppo.hpp"], 1, f"does not lead to <cppo/{name}>",
                             "include it from the group header, or name it in NOT_IN_UMBRELLA (cmake/check_layers.py)")

    def run(self):
        for header in self.headers.values():
            self.check_form(header)
            self.check_includes(header)
            self.check_macros(header)
            self.check_names(header)
        self.check_macro_files()
        self.check_cycles()
        self.check_groups()
        self.check_umbrella()
        return self.problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent / "include" / "cppo",
                        help="the folder that holds cppo.hpp")
    parser.add_argument("--list-up-to", type=int, metavar="N")
    args = parser.parse_args()

    checker = Checker(args.root)
    if args.list_up_to is not None:
        for name, header in checker.headers.items():
            if header.layer is not None and header.layer <= args.list_up_to and name.endswith(".hpp"):
                print(name)
        return 0
    if not checker.headers:
        print(f"no headers in {args.root}")
        return 1
    problems = checker.run()
    for problem in problems:
        print(problem)
    print(f"{len(checker.headers)} headers, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
