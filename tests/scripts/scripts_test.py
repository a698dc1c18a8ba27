#!/usr/bin/env python3
"""The scripts in cmake/ and of the tests, tried on small trees: what they must accept and what they must refuse."""

import contextlib
import importlib
import io
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CMAKE = Path(__file__).resolve().parents[2] / "cmake"
sys.path[:0] = [str(CMAKE.parent / "tests" / folder) for folder in ("scripts", "coverage", "mutation")]
PLAIN = "/// @file\n/// Text.\n#pragma once\n"

GOOD = {
    "version.hpp": PLAIN + "#define CPPO_VERSION_MAJOR 1\n#define CPPO_VERSION_MINOR 2\n#define CPPO_VERSION_PATCH 3\n",
    "config.hpp": PLAIN + "#include <cppo/version.hpp>\n#include <cfloat>\nint config();\n",
    "core/types.hpp": PLAIN + "#include <cppo/config.hpp>\n#include <cstdint>\nint types();  // unlike xsimd::batch\n",
    "mask/one.hpp": PLAIN + "#include <cppo/core/types.hpp>\nint one();\n",
    "mask.hpp": PLAIN + "#include <cppo/mask/one.hpp>\n",
    "execution/simd/registers.hpp": PLAIN + "#include <cppo/core/types.hpp>\n#include <xsimd/xsimd.hpp>\n",
    "execution/simd.hpp": PLAIN + "#include <cppo/execution/simd/registers.hpp>\nint simd();\n",
    "cppo.hpp": PLAIN + "#if CPPO_USE_XSIMD\n#include <cppo/execution/simd.hpp>\n#endif\n#include <cppo/mask.hpp>\n",
}


def run(script, *arguments):
    return subprocess.run([sys.executable, CMAKE / script, *map(str, arguments)], capture_output=True, text=True)


class Tree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.include = Path(folder.name) / "include"
        self.write(GOOD)

    def write(self, files):
        for name, text in files.items():
            path = self.include / "cppo" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


class CheckLayers(Tree):
    def check(self):
        return run("check_layers.py", "--root", self.include / "cppo")

    def refused(self, name, text, *words):
        self.write({name: text})
        result = self.check()
        self.assertEqual(result.returncode, 1, result.stdout)
        for word in (f"include/cppo/{name}:", "remedy: ", *words):
            self.assertIn(word, result.stdout)

    def test_accepts_a_good_tree(self):
        result = self.check()
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_upward(self):
        self.refused("core/types.hpp", PLAIN + "#include <cppo/mask/one.hpp>\n", "layer 1 includes layer 3")

    def test_same_layer(self):
        self.write({"mask.hpp": GOOD["mask.hpp"] + "#include <cppo/mask/two.hpp>\n",
                    "mask/two.hpp": PLAIN + "#include <cppo/mask/one.hpp>\n"})
        self.assertEqual(self.check().returncode, 0)
        self.write({"gate/one.hpp": PLAIN + "int gate();\n"})
        self.refused("weight/one.hpp", PLAIN + "#include <cppo/gate/one.hpp>\n", "both files are of layer 2")

    def test_umbrella(self):
        self.refused("mask/one.hpp", PLAIN + "#include <cppo/cppo.hpp>\n", "includes the umbrella")

    def test_cycle(self):
        self.write({"mask/one.hpp": PLAIN + "#include <cppo/mask/two.hpp>\n"})
        self.refused("mask/two.hpp", PLAIN + "#include <cppo/mask/one.hpp>\n", "cycle: mask/one.hpp -> mask/two.hpp ->")

    def test_missing_file(self):
        self.refused("mask/one.hpp", PLAIN + "#include <cppo/mask/none.hpp>\n",
                     "no such file: include/cppo/mask/none.hpp")

    def test_unknown_folder(self):
        self.refused("misc/one.hpp", PLAIN, "in no layer")

    def test_pragma_once(self):
        self.refused("mask/one.hpp", "/// @file\n", "`#pragma once`")

    def test_file_comment(self):
        self.refused("mask/one.hpp", "#pragma once\n", "no `/// @file`")

    def test_third_party_include(self):
        self.refused("mask/one.hpp", PLAIN + "#include <xsimd/xsimd.hpp>\n",
                     "<xsimd/xsimd.hpp> is for execution/simd/*.hpp")
        self.refused("mask/one.hpp", PLAIN + "#include <Eigen/Core>\n", "<Eigen/Core> is for interop/eigen*.hpp")
        self.refused("mask/one.hpp", PLAIN + "#include <boost/any.hpp>\n", "not a header of the C++20 standard library")
        self.refused("mask/one.hpp", PLAIN + "#include <math.h>\n", "not a header of the C++20 standard library")

    def test_third_party_name(self):
        self.refused("mask/one.hpp", PLAIN + "using v = xsimd::batch<float>;\n", "one.hpp:4: `xsimd` is named here")

    def test_printing(self):
        self.refused("mask/one.hpp", PLAIN + "#include <iostream>\n", "headers do not print")

    def test_quotes(self):
        self.refused("mask/one.hpp", PLAIN + '#include "core/types.hpp"\n', "include in quotes")

    def test_group_is_complete(self):
        self.write({"mask/two.hpp": PLAIN})
        self.refused("mask.hpp", GOOD["mask.hpp"], "does not include <cppo/mask/two.hpp>")

    def test_group_holds_no_code(self):
        self.refused("mask.hpp", GOOD["mask.hpp"] + "int code();\n", "code in a header of includes")

    def test_umbrella_is_complete(self):
        self.write({"gate/one.hpp": PLAIN})
        self.refused("cppo.hpp", GOOD["cppo.hpp"], "does not lead to <cppo/gate/one.hpp>")

    def test_oracle_stands_alone(self):
        self.refused("testing/reference.hpp", PLAIN + "#include <cppo/mask/one.hpp>\n", "may include only")

    def test_code_with_other_peoples_macros(self):
        code = "namespace cppo {\n}\n"
        off, on = "#include <cppo/macros_off.inc>\n", "#include <cppo/macros_on.inc>\n"
        core = "#include <cppo/core/types.hpp>\n"
        self.write({"macros_off.inc": '#pragma push_macro("min")\n#undef min\n',
                    "macros_on.inc": '#pragma pop_macro("min")\n', "mask/one.hpp": PLAIN + off + core + code + on})
        self.assertEqual(self.check().returncode, 0, self.check().stdout)
        for text in (core + code, off + core + code, core + code + on, core + code + off + on,
                     off + core + code + on + "int after();\n", core + off + code + on):
            self.refused("mask/one.hpp", PLAIN + text, "other people's macros")

    def test_macros_that_do_not_come_back(self):
        self.write({"macros_off.inc": '#pragma push_macro("min")\n#undef min\n#pragma push_macro("max")\n',
                    "macros_on.inc": '#pragma pop_macro("min")\n'})
        output = self.check().stdout
        self.assertIn("not every macro is put aside and undefined", output)
        self.assertIn("not what cppo/macros_off.inc puts aside: max", output)

    def test_lists_layers(self):
        result = run("check_layers.py", "--root", self.include / "cppo", "--list-up-to", 1)
        self.assertEqual(result.stdout.split(), ["config.hpp", "core/types.hpp", "version.hpp"])


class CheckStyle(Tree):
    def check(self):
        return run("check_style.py", "--root", self.include.parent)

    def put(self, name, text):
        path = self.include.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def accepted(self, name, text):
        self.put(name, text)
        result = self.check()
        self.assertEqual(result.returncode, 0, result.stdout)

    def refused(self, name, text, what):
        self.put(name, text)
        result = self.check()
        self.assertEqual(result.returncode, 1, result.stdout)
        for word in (f"{name}:", what, "remedy: "):
            self.assertIn(word, result.stdout)

    def lines(self, n):
        return "  a = b;\n" * n

    def test_no_sources(self):
        result = run("check_style.py", "--root", self.include.parent / "nowhere")
        self.assertEqual(result.returncode, 1, result.stdout)

    def test_names_of_tests(self):
        self.accepted("tests/a.cpp", 'TEST_CASE("x lies in [0, 1], and 1 counts") {}\nauto s = "a; b";\n')
        self.refused("tests/a.cpp", 'TEST_CASE("x lies in [0, 1)") {}\n', "a lone bracket in the name")
        self.refused("tests/a.cpp", 'TEST_CASE("x; y", "[core]") {}\n', "a semicolon or")

    def test_columns(self):
        self.accepted("tests/a.cpp", "int " + "a" * 115 + ";\n")
        for name in ("tests/a.cpp", "cmake/a.py", "run", "tests/CMakeLists.txt", "include/cppo/macros.inc"):
            self.refused(name, "int " + "a" * 116 + ";\n", "121 columns")
            self.put(name, "")

    def test_columns_that_cannot_be_fewer(self):
        for text in ("// expect: {}\n", "// see https://example.org/{}\n", "#error {}\n", "#error \\\n    {}\n",
                     'char const* s = R"({})";\n', 'char const* s = R"x(\n{}\n)x";\n'):
            self.accepted("tests/a.cpp", text.format("a" * 120))
        self.accepted("tests/cuda/ptx/tests/a.cpp", "a" * 200 + "\n")

    def test_length_of_a_function(self):
        for head in ("int f() {\n", "template <class T>\nstruct s {\nint f() const\n{\n",
                     "namespace a {\nclass c : public d {\nc(int x) : x_{x}, y_{1} {\n", "auto const f = [](int a) {\n",
                     "template <class T> requires requires(T t) { t.x(); }\nvoid f(T const& t = {}) noexcept {\n",
                     "int f() { // {\n", "int f(char c = '{') {\n"):
            tail = "}\n" + ("};\n" if "struct" in head or "class" in head else "")
            tail += "}\n" if "namespace" in head else ""
            with self.subTest(head):
                self.accepted("include/cppo/mask/one.hpp", head + self.lines(30) + tail)
                self.refused("include/cppo/mask/one.hpp", head + self.lines(31) + tail, "a function of 31 lines")

    def test_functions_that_begin_in_two_ways(self):
        head = "#if A\nint f() {\n#else\nint f(int) {\n#endif\n"  # of which the last line is one of the function's
        self.accepted("tests/a.cpp", head + self.lines(29) + "}\nint g() {\n" + self.lines(30) + "}\n")
        self.refused("tests/a.cpp", head + self.lines(30) + "}\n", "a function of 31 lines")

    def test_what_is_no_function(self):
        for head in ("struct s {\n", "namespace a {\n", "int const x[] = {\n", "enum class e {\n", 'extern "C" {\n',
                     "template <class T>\nconcept c = requires(T t) {\n"):
            with self.subTest(head):
                self.accepted("tests/a.cpp", head + self.lines(60) + "};\n")

    def test_what_counts_otherwise(self):
        self.accepted("tests/a.cpp", 'TEST_CASE("words", "[tag]") {\n' + self.lines(50) + "}\n")
        self.refused("tests/a.cpp", 'TEST_CASE("words", "[tag]") {\n' + self.lines(51) + "}\n",
                     "a test case of 51 lines")
        table = "int f(e x) {\n  switch (x) {\n{}  }\n  return 0;\n}\n"
        self.accepted("tests/a.cpp", table.replace("{}", "  case e::a:\n  case e::b: return g({1});\n" * 20))
        rows = "  case e::a: return 1;\n" * 30
        rows += "  case e::b: h(); return 2;\n"
        self.refused("tests/a.cpp", table.replace("{}", rows), "a function of 34 lines")

    def test_examples_are_short_as_a_whole(self):
        self.accepted("examples/01_a.cpp", "int main() {\n" + self.lines(78) + "}\n")
        self.refused("examples/01_a.cpp", "int main() {\n" + self.lines(79) + "}\n", "a file of 81 lines")

    def test_length_of_a_header(self):
        self.accepted("include/cppo/mask/one.hpp", "\n" * 300)
        self.refused("include/cppo/mask/one.hpp", "\n" * 301, "a file of 301 lines")

    def test_flags(self):
        name = "include/cppo/mask/one.hpp"
        for text, what in (("template <bool Fast>\nvoid f();\n", "a bool as template parameter"),
                           ("template <class T, bool = true>\nvoid f();\n", "a bool as template parameter"),
                           ("int x = f<true>(1);\n", "a literal bool as template argument"),
                           ("using x = s<a<int>, false>;\n", "a literal bool as template argument"),
                           ("void f(int a, bool first, bool last);\n", "two bools by position"),
                           ("int x = f(g(1), true);\n", "a literal bool by position"),
                           ("int x = f(false);\n", "a literal bool by position")):
            with self.subTest(text):
                self.refused(name, text, what)
        self.accepted(name, "bool both(bool a, bool b);  // f(true)\nbool x = a < b && (c || true);\n"
                            "template <class T, std::enable_if_t<f<T>, bool> x>\nbool f(bool one, int);\n")


class Amalgamate(Tree):
    def single(self, *arguments):
        output = self.include.parent / "single.hpp"
        result = run("amalgamate.py", "--root", self.include, "--output", output, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return output.read_text(encoding="utf-8")

    def test_each_header_once_in_order(self):
        text = self.single()
        for declaration in ("int config();", "int types();", "int one();", "int simd();", "#pragma once"):
            self.assertEqual(text.count(declaration), 1, declaration)
        self.assertLess(text.index("int config();"), text.index("int types();"))
        self.assertLess(text.index("int types();"), text.index("int one();"))
        self.assertNotIn("#include <cppo/", text)

    def test_optional_header_stays_guarded(self):
        text = self.single()
        guard = text.index("#if CPPO_USE_XSIMD")
        self.assertLess(text.index("int types();"), guard)
        for inside in ("#include <xsimd/xsimd.hpp>", "int simd();"):
            self.assertLess(guard, text.index(inside))
            self.assertLess(text.index(inside), text.index("int one();"))

    def test_standard_headers_are_hoisted_and_sorted(self):
        includes = [line for line in self.single().splitlines() if line.startswith("#include <c")]
        self.assertEqual(includes, ["#include <cfloat>", "#include <cstdint>"])

    def test_the_language_is_checked_before_standard_headers(self):
        text = self.single()
        self.assertLess(text.index("#define CPPO_VERSION_MAJOR"), text.index("#include <cfloat>"))

    def test_macros_are_put_aside_once(self):
        self.write({"macros_off.inc": "// off\n", "macros_on.inc": "// on\n",
                    "mask/one.hpp": PLAIN + "#include <cppo/macros_off.inc>\nint one();\n"
                                            "#include <cppo/macros_on.inc>\n"})
        text = self.single()
        self.assertEqual([text.count("// off\n"), text.count("// on\n"), text.count("macros_o")], [1, 1, 0])
        self.assertLess(text.index("// off"), text.index("#include <cfloat>"))
        self.assertLess(text.index("int one();"), text.index("// on"))

    def test_header_brought_by_two_branches(self):
        two = "#if A\n#include <cppo/execution/simd.hpp>\n#else\n#include <cppo/execution/simd.hpp>\n#endif\n"
        self.write({"cppo.hpp": PLAIN + two})
        self.assertEqual(self.single().count("#ifndef CPPO_SINGLE_EXECUTION_SIMD_HPP"), 2)

    def test_banner(self):
        self.assertIn("cppo 1.2.3,", self.single().splitlines()[0])
        self.assertIn("cppo 1.2.3 (abc),", self.single("--commit", "abc").splitlines()[0])

    def test_same_sources_same_bytes(self):
        self.assertEqual(self.single(), self.single())


class CompileCheck(unittest.TestCase):
    """`sh -c` stands for the compiler."""

    def check(self, how, text, shell):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "case.cpp"
            path.write_text(text, encoding="utf-8")
            return run("compile_check.py", how, path, "--", "sh", "-c", shell).returncode

    def test_words_found(self):
        self.assertEqual(self.check("--fails", "// expect: a mask\n", "echo error: not a  mask; exit 1"), 0)

    def test_words_missing(self):
        self.assertEqual(self.check("--fails", "// expect: a mask\n// expect: other\n", "echo a mask; exit 1"), 1)

    def test_compiled_although_it_must_not(self):
        self.assertEqual(self.check("--fails", "// expect: a mask\n", "echo a mask"), 1)

    def test_a_concept_counts_where_it_does_not_hold_not_where_it_is_listed(self):
        listed = "candidate: requires (token_mask<M>) && (divergence_score<D>)"
        for said in ("required for the satisfaction of ‘token_mask<M>’", "the expression ‘(... && token_mask<Rest>)’",
                     "because ‘int’ does not satisfy 'token_mask'"):
            shell = f'echo "{listed}, {said}"; exit 1'
            self.assertEqual(self.check("--fails", "// expect unsatisfied: token_mask\n", shell), 0)
            self.assertEqual(self.check("--fails", "// expect unsatisfied: divergence_score\n", shell), 1)

    def test_an_expectation_that_is_none(self):
        for line in ("// expect:", "// expects unsatisfied: token_mask", "// expect a mask"):
            self.assertEqual(self.check("--fails", f"// expect: a mask\n{line}\n", "echo a mask; exit 1"), 1)

    def test_no_words(self):
        self.assertEqual(self.check("--fails", "int x;\n", "exit 1"), 1)

    def test_passes(self):
        self.assertEqual(self.check("--passes", "", "exit 0"), 0)
        self.assertEqual(self.check("--passes", "", "exit 1"), 1)


class Coverage(Tree):
    """One function, two instantiations: each takes one side of the branch, one shows the first condition, one none."""
    LINE = "  return a && b ? 1 : 2;"

    def report(self, note="", covered=(True, False), name="mask/both.hpp"):
        self.write({name: PLAIN + "int both(bool a, bool b) {\n" + self.LINE + note + "\n}\n"})
        def instance(true, false, pairs):
            return {"filenames": [str((self.include / "cppo" / name).resolve())],
                    "regions": [[4, 26, 6, 2, 1, 0, 0, 0], [5, 10, 5, 16, 1, 0, 0, 0]],
                    "branches": [[5, 10, 5, 11, true, false, 0, 0, 6], [5, 15, 5, 16, false, true, 0, 0, 6]],
                    "mcdc_records": [[5, 10, 5, 16, 0, 5, list(pairs)]]}
        functions = [instance(1, 0, covered), instance(0, 1, (False, False))]
        data = self.include / "data.json"
        data.write_text(json.dumps({"data": [{"functions": functions}]}), encoding="utf-8")
        script = CMAKE.parent / "tests" / "coverage" / "coverage.py"
        return subprocess.run([sys.executable, script, "--json", data, "--root", self.include.parent],
                              capture_output=True, text=True)

    def test_instantiations_add_up(self):
        result = self.report()
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stdout, r"mask/both.hpp +3/3 +100.0% +4/4 +100.0% +1/2 +50.0%")
        self.assertIn("include/cppo/mask/both.hpp:5: pair: b\n", result.stdout)
        self.assertNotIn("pair: a", result.stdout)

    def test_a_reason_beside_the_line_is_used_or_stale(self):
        result = self.report("  // uncovered: because")
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("0 uncovered without a reason, 1 places with one, 0 stale", result.stdout)
        result = self.report("  // uncovered: because", covered=(True, True))
        self.assertEqual(result.returncode, 1)
        self.assertIn("stale exception: include/cppo/mask/both.hpp:5\n", result.stdout)

    def test_headers_in_rooms_of_a_folder_count(self):
        self.assertIn("include/cppo/execution/simd/both.hpp:5: pair: b\n",
                      self.report(name="execution/simd/both.hpp").stdout)

    def test_a_reason_at_an_opening_brace_is_for_all_up_to_its_end(self):
        script = importlib.import_module("coverage")
        source = ["int f() {  // uncovered: why", "  if (x) {", "    return 1;", "  }", "  return 2;", "}", "int g() {",
                  "}"]
        self.assertEqual(script.explained_lines(source), dict.fromkeys(range(1, 7), 1))


class Annotations(unittest.TestCase):
    def found(self, *source):
        return importlib.import_module("annotations").annotations(source)

    def test_at_the_end_of_a_line_and_above_it(self):
        self.assertEqual(self.found("int a;  // equivalent: why", "// uncovered x2: so", "", "// plain", "int b;"),
                         {(1, "equivalent"): (1, "why"), (5, "uncovered"): (2, "so")})

    def test_two_of_one_line(self):
        self.assertEqual(self.found("// elsewhere: there", "int a;  // equivalent x3: why", "int b;"),
                         {(2, "elsewhere"): (1, "there"), (2, "equivalent"): (3, "why")})

    def test_other_comments(self):
        others = ("int a;  // equivalent", "// Equivalent: what", "// is equivalent: no", "int b;")
        self.assertEqual(self.found(*others), {})


class Extensions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.module = importlib.import_module("extension_test")

    def refused(self, words, call, *arguments):
        with self.assertRaisesRegex(self.module.Fault, words):
            call(*arguments)

    def test_edits(self):
        edits = self.module.parse("file a.hpp\nafter x\nadd   y\nbefore z\nadd w\nreplace p\nwith q\n")
        self.assertEqual(edits, [("a.hpp", "after", "x", "  y"), ("a.hpp", "before", "z", "w"),
                                 ("a.hpp", "replace", "p", "q")])
        self.refused("line 1", self.module.parse, "add x\n")

    def test_anchors(self):
        text = "one\n  two = 2;\nthree\n"
        self.assertEqual(self.module.applied(text, "after", "two =", "x"), "one\n  two = 2;\nx\nthree\n")
        self.assertEqual(self.module.applied(text, "before", "two", "x"), "one\nx\n  two = 2;\nthree\n")
        self.assertEqual(self.module.applied(text, "replace", "2", "3"), "one\n  two = 3;\nthree\n")
        self.refused("0 lines", self.module.applied, text, "after", "four", "x")
        self.refused("2 lines", self.module.applied, text, "after", "t", "x")
        self.refused("0 places", self.module.applied, text, "replace", "four", "x")

    def test_each_kind_has_its_row_in_the_table(self):
        said = self.module.steps((CMAKE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8"))
        kinds = {path.name for path in self.module.FIXTURES.iterdir() if path.is_dir()}
        self.assertEqual(kinds, set(said))


class CheckReadme(unittest.TestCase):
    def faults(self, readme, compiled="", program=None):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "examples").mkdir()
            (root / "examples" / "01_one.cpp").write_text(compiled, encoding="utf-8")
            (root / "README.md").write_text(readme, encoding="utf-8")
            programs = []
            if program is not None:
                (root / "one").write_text("#!/bin/sh\n" + program, encoding="utf-8")
                (root / "one").chmod(0o755)
                programs = ["--program", f"01_one={root / 'one'}"]
            result = run("check_readme.py", "--root", root, *programs)
        self.assertEqual(result.returncode, 1 if result.stdout else 0, result.stderr)
        return result.stdout

    def test_code_is_compiled_somewhere(self):
        readme = "```cpp\nint a = f();\nint b = g();\n```\n"
        self.assertEqual(self.faults(readme, "int main() {\n  int a = f();\n  int b = g();\n}\n"), "")
        self.assertIn("README.md:1: this code is in no file", self.faults(readme, "  int a = f();\n  int b = h();\n"))

    def test_calls_in_tables_are_compiled_somewhere(self):
        for call in ("trust_region(d, w, a \\| b)", "dppo({.delta = 0.2})", "presets::dense_base()"):
            readme = f"| rule | `{call}` |\n"
            self.assertEqual(self.faults(readme, f"auto r = {call};\n".replace("\\|", "|")), "")
            self.assertIn("README.md:1: `", self.faults(readme, "auto r = other();\n"))

    def test_what_a_program_prints(self):
        readme = "<!-- printed by examples/01_one.cpp -->\n```text\n42\n```\n"
        self.assertEqual(self.faults(readme, program="echo 42\n"), "")
        self.assertIn("01_one ends with 0 and prints\n43\n", self.faults(readme, program="echo 43\n"))

    def test_links_lead_to_files(self):
        self.assertEqual(self.faults("[one](examples/01_one.cpp#L1) and [two](https://example.org/x)\n"), "")
        self.assertIn("README.md:1: there is no docs/none.md", self.faults("[none](docs/none.md)\n"))
        self.assertIn("README.md: the link [a b] does not stand in one line", self.faults("[a\nb](README.md)\n"))

    def test_the_readme_stays_short(self):
        code = "```text\n" + "word " * 1000 + "\n```\n"
        self.assertEqual(self.faults(code + "word " * 900 + "\n\n- | -\n"), "")
        self.assertIn("README.md: 901 words outside code blocks", self.faults(code + "word " * 900 + "\n\n- | more\n"))


class TestingPage(unittest.TestCase):
    def test_the_numbers_are_those_of_the_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            (folder / "page.in").write_text("@TABLE@\n\n@TOLD@\n", encoding="utf-8")
            (folder / "test.log").write_text(
                " 1/3 Test #1: compile_fail.two ....   Passed    0.10 sec\n"
                " 1/4 Test #4: dispatch:one call ....   Passed    0.10 sec\n"
                " 2/3 Test #2: F20_fast_math_refused ....   Passed    0.10 sec\n"
                " 3/3 Test #3: a sum is exact ....***Failed    2.00 sec\n67% tests passed\n", encoding="utf-8")
            (folder / "sanitize.txt").write_text(
                "./run sanitize\n      Start   7: a\n 1/1 Test   #7: a ....   Passed    0.1 sec\n"
                "100% tests passed\n", encoding="utf-8")
            result = run("testing_page.py", "--template", folder / "page.in", "--log", folder / "test.log",
                         "--told", folder, "--output", folder / "page.md")
            self.assertEqual(result.returncode, 0, result.stdout)
            page = (folder / "page.md").read_text(encoding="utf-8")
        self.assertRegex(page, r"^`./run test`, 2[0-9]{3}-")
        self.assertIn("| compile time | what must not compile, and why | 2 | 0 | 0 |", page)
        self.assertRegex(page, r"\| dispatch \|[^|]*\| 1 \| 0 \| 0 \|")
        self.assertIn("| all | | 3 | 1 | 2 |", page)
        self.assertIn("```text\n100% tests passed\n```", page)
        self.assertIn("`./run mutate` was not run in this checkout.", page)


class Mutate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = CMAKE.parent / "tests" / "mutation"
        sys.path.insert(0, str(folder))
        cls.module = importlib.import_module("mutate")

    def mutants(self, source):
        return [m.after for m in self.module.mutants_of("core/x.hpp", source)]

    def test_where_a_survivor_is_explained_there_are_mutants(self):
        headers = list(self.module.Programs.headers())
        known = {}
        for name, path in headers:
            for m in self.module.mutants_of(name, path.read_text(encoding="utf-8")):
                known[name, m.line] = known.get((name, m.line), 0) + 1
        explained = self.module.read_explained(headers)
        self.assertGreater(len(explained), 20)
        few = {place: counts for place, counts in explained.items() if known.get(place, 0) < sum(counts.values())}
        self.assertEqual(few, {})

    def test_shares_tell_what_is_equivalent_from_what_is_known_elsewhere(self):
        drawn = list(self.module.mutants_of("core/x.hpp", "int c = a + 1;\nint d = b + 1;\n"))
        one, two = [m for m in drawn if m.line == 1][:2], [m for m in drawn if m.line == 2][:3]
        explained = {("core/x.hpp", 1): {"equivalent": 1}, ("core/x.hpp", 2): {"elsewhere": 1}}
        results = [(one[0], "killed", ""), (one[1], "survived", ""), (two[0], "survived", ""), (two[1], "survived", ""),
                   (two[2], "not compiling", "")]
        self.assertEqual(list(self.module.kinds_of(results, explained)),
                         ["killed", "equivalent", "elsewhere", "survived", "not compiling"])
        with contextlib.redirect_stdout(io.StringIO()) as said:
            share = self.module.print_table(results, explained)
        self.assertAlmostEqual(share, 100 / 3)
        self.assertRegex(said.getvalue(), r"(?m)^total +5 +1 +1 +1 +1 +1 +33\.3% +25\.0%$")

    def test_an_explanation_is_stale_where_fewer_survive(self):
        drawn = list(self.module.mutants_of("core/x.hpp", "int c = a + 1;\n"))
        explained = {("core/x.hpp", 1): {"equivalent": 1}}
        stale = lambda verdicts: list(self.module.stale_of(list(zip(drawn, verdicts, verdicts)), explained, drawn))
        killed = ["killed"] * len(drawn)
        self.assertEqual(stale(killed), [("core/x.hpp", 1)])
        self.assertEqual(stale(["survived", *killed[1:]]), [])
        self.assertEqual(stale(killed[1:]), [])  # one was not tried

    def test_every_kind(self):
        found = self.mutants("int f(int a, int b) {\n  int c = a + 1;\n  if (a < b) return min(a, b);\n  c += b;\n"
                             "  return c;\n}\n")
        for change in ("int c = a - 1;", "int c = a + 2;", "int c = a + 0;", "if (a <= b) return min(a, b);",
                       "if (!(a < b)) return min(a, b);", "if (a < b) return max(a, b);",
                       "if (a < b) return min( b,a);",
                       "c -= b;", "(removed)"):
            self.assertIn(change, found)

    def test_what_is_left_alone(self):
        self.assertEqual(self.mutants("""#if A < 2
// a + 1
char const* s = "a < 1";
static_assert(1 + 1 == 2, "(");
template <int N = 3>
  requires(N > 1)
concept good = N < 4 && requires(T t) { { t + 1 } -> same<int>; };
concept shaped = requires(T t) {
  t.extent(0);
  t.stride(0);
} || requires(T t) { t + 1; };
T const& operator<(T const& a, T* b);
int array[7];
"""), [])


if __name__ == "__main__":
    unittest.main()
