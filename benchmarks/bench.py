#!/usr/bin/env python3
"""Runs the benchmarks and reports: tables in the terminal, results.json, report.html. Called by ./run bench.

    bench.py --bin DIR --out DIR [--quick] [--isa NAME] [--python-with-torch PATH] [--cpu N]
"""

import argparse
import datetime
import json
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import bench_page
import bench_tables
import bench_targets
import compile_cost
import field_tables
import head_tables
import logits_tables
import rule_tables

HERE = Path(__file__).resolve().parent
NEEDED = {"x86-64": "", "x86-64-v3": "avx2 bmi1 bmi2 f16c fma abm movbe",
          "x86-64-v4": "avx2 bmi1 bmi2 f16c fma abm movbe avx512f avx512bw avx512cd avx512dq avx512vl", "native": ""}
PEERS = ("rule_peers.py", "field_peers.py", "logits_peers.py", "head_peers.py", "torch_peers.py")
SUITES = "shapes,variants,lengths,threads,quantile,memory,instruction_sets"


def cpu_info():
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine(), set()
    model = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    flags = re.search(r"^flags\s*:\s*(.*)$", text, re.MULTILINE)
    return (model.group(1) if model else platform.machine()), set(flags.group(1).split() if flags else ())


def libraries(folder, flags):
    """Those that this machine can run, the best first."""
    found = []
    for isa, needed in NEEDED.items():
        path = folder / "bench" / f"libcppo_bench_{isa}.so"
        if path.exists() and set(needed.split()) <= flags:
            found.insert(0, (isa, path))
    return found


def show(row):
    if "skipped" in row:
        text = f"left out: {row['skipped']}"
    elif "samples" in row:
        known = ((name, bench_tables.median(row, name)) for name in list(row["samples"])[:4])
        text = ", ".join(f"{name} {bench_tables.ns(x)}" for name, x in known)
    else:
        return
    labels = [row["suite"], *(str(row[key]) for key in ("name", "tokens", "T", "layout", "holes") if key in row)]
    print(f"  {' '.join(labels)}: {text}", file=sys.stderr, flush=True)


def stream(command, notes):
    """Rows of a program that prints one line of JSON for each."""
    rows = []
    with subprocess.Popen([str(x) for x in command], stdout=subprocess.PIPE, text=True) as program:
        for line in program.stdout:
            rows.append(json.loads(line))
            show(rows[-1])
    if program.returncode != 0:
        notes.append(f"{Path(command[0]).name} ended with status {program.returncode}; "
                     "what it had not measured is missing.")
    return rows


def imports_torch(python):
    if shutil.which(python) is None:
        return False
    return subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode == 0


def torch_rows(arguments, library, effort, notes):
    for python in filter(None, (arguments.python_with_torch, sys.executable)):
        if not imports_torch(python):
            continue
        command = [python, HERE / "torch_rows.py", "--library", library, *effort]
        return stream(command + arguments.torch_arguments.split(), notes)
    notes.append("The rows against PyTorch are left out: `import torch` does not work here; "
                 "./run bench --torch installs it.")
    return []


def rule_rows(arguments, isa, notes):
    """Every named rule, those of the field, logits, then a head; with --peers beside PyTorch, which compiles for
    minutes."""
    peers = arguments.peers and imports_torch(arguments.python_with_torch)
    if arguments.peers and not peers:
        notes.append("Every named rule is measured without its peers: `import torch` does not work here.")
    python, more = (arguments.python_with_torch, ["--peers"]) if peers else (sys.executable, [])
    folder = arguments.rules or arguments.bin / "rules"
    logits_given = arguments.logits_arguments or ("--rows 64,256" if arguments.quick else "")
    head_given = arguments.head_arguments or ("--shape 4x16 --slabs 16,64" if arguments.quick else "")
    rows = []
    for script, library, repeats, given in (
            ("rule_rows.py", "rules", 7, arguments.rule_arguments),
            ("field_rows.py", "rules", 7, arguments.field_arguments),
            ("logits_rows.py", "logits", 5, logits_given),
            ("head_rows.py", "head", 5, head_given)):
        path = folder / f"libcppo_{library}_{isa}.so"
        if not path.exists():
            notes.append(f"The rows of {script} are left out: {path.name} is not built.")
            continue
        command = [python, HERE / script, "--library", path, "--repeats", repeats, *more]
        if library == "head" and peers:
            command += ["--c-library", arguments.c_library]
        rows += stream(command + given.split(), notes)
    return rows


def warnings(rows):
    busy = [row["cpu_share"] for row in rows if row.get("cpu_share", 1.0) < 0.9 and row["suite"] != "threads"]
    if busy:
        yield (f"The machine was busy: in {len(busy)} rows this process got less than 90 % of a core, "
               f"at the worst {100 * min(busy):.0f} %; their times are too long and their ratios uncertain.")
    for row in rows:
        if "skipped" in row:
            yield f"{row['suite']}, {row['name']}: left out. {row['skipped']}"


def print_table(table):
    cells = [table["columns"], *table["rows"]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table["columns"]))]
    text = [not all(bench_page.is_number(row[i]) for row in table["rows"]) for i in range(len(widths))]
    print(f"\n{table['title']}\n  {table['note']}")
    for row in cells:
        line = (c.ljust(w) if left else c.rjust(w) for c, w, left in zip(row, widths, text))
        print("  " + "   ".join(line).rstrip())


def figures(rows):
    drawn = {}
    points = list(rule_tables.points(rows))
    if points:
        drawn["Every named rule"] = bench_page.beside(points, "ns per token, float inputs")
    if curve := field_tables.curve(rows):
        drawn["FIPO against T"] = bench_page.curves(curve, "T", "ns per token")
    for row in bench_tables.of_suite(rows, "lengths"):
        points = {"fixed": [], "calibrated": []}
        for name in row["samples"]:
            rule, length = name.split()
            points[rule].append((int(length), bench_tables.median(row, name)))
        drawn["Cost against T at a constant number of tokens"] = bench_page.curves(points, "T", "ns per token")
    for title, packed in (("Against PyTorch, padded", False), ("Against PyTorch, packed", True)):
        values = []
        for row in bench_tables.of_suite(rows, "torch"):
            if ("packed" in row["name"]) == packed:
                values += [(f"{row['name']}, {name}", bench_tables.ratio(row, name, f"cppo {name.split()[-1]}"))
                           for name in row["samples"] if not name.startswith("cppo")]
        if values:
            drawn[title] = bench_page.bars(values, "x")
    return drawn


def read_arguments():
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--python-with-torch", help=argparse.SUPPRESS)
    parser.add_argument("--rules", type=Path, help=argparse.SUPPRESS)  # folder of the libraries of rules, logits, head
    parser.add_argument("--rule-arguments", default="", help=argparse.SUPPRESS)
    parser.add_argument("--field-arguments", default="", help=argparse.SUPPRESS)
    parser.add_argument("--logits-arguments", default="", help=argparse.SUPPRESS)
    parser.add_argument("--head-arguments", default="", help=argparse.SUPPRESS)
    parser.add_argument("--c-library", default="", help=argparse.SUPPRESS)  # what the package loads beside PyTorch
    parser.add_argument("--peers", action="store_true", help=argparse.SUPPRESS)  # every named rule beside PyTorch
    parser.add_argument("--which", action="store_true", help=argparse.SUPPRESS)  # prints the instruction set, no more
    parser.add_argument("--driver-arguments", default="", help=argparse.SUPPRESS)
    parser.add_argument("--torch-arguments", default="", help=argparse.SUPPRESS)
    parser.add_argument("--compiler", help=argparse.SUPPRESS)  # none: what calls cost to compile is left out
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)  # no other instruction set
    parser.add_argument("--without-torch", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--without-rules", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, required=True, help="folder for report.html and results.json")
    parser.add_argument("--quick", action="store_true", help="no 64M tokens, less time for each row")
    parser.add_argument("--isa", choices=list(NEEDED), help="instead of the best this machine can run")
    return parser.parse_args()


def main():
    arguments = read_arguments()
    model, flags = cpu_info()
    found = libraries(arguments.bin, flags)
    chosen = [pair for pair in found if arguments.isa in (None, pair[0])]
    if not chosen:
        sys.exit(f"bench: no benchmark library in {arguments.bin / 'bench'} that this machine can run")
    isa, library = chosen[0]
    if arguments.which:
        print(isa)
        return 0
    if arguments.alone:
        found = chosen
    others = ", ".join(other for other, _ in found if other != isa)
    print(f"bench: measuring {isa} on {model}" + (f"; also built: {others}" if others else ""), file=sys.stderr)

    effort = ["--repeats", "7", "--seconds", "0.1"] if arguments.quick else ["--repeats", "9", "--seconds", "1"]
    sizes = "65536,4194304" + ("" if arguments.quick else ",67108864")
    command = [arguments.bin / "cppo_bench", "--library", library]
    for other, path in found:
        command += ["--library", path] if other != isa else []
    notes = []
    rows = stream(command + ["--suites", SUITES, "--sizes", sizes, *effort, *arguments.driver_arguments.split()], notes)
    if not arguments.without_torch:
        rows += torch_rows(arguments, library, effort, notes)
    if not arguments.without_rules:
        rows += rule_rows(arguments, isa, notes)
    if arguments.compiler and platform.machine() == "x86_64":
        rows += compiling(arguments.compiler)
    report(arguments, model, isa, rows, notes)
    return 0 if any("samples" in row for row in rows) and not any("ended with status" in note for note in notes) else 1


def compiling(name):
    """What calls cost to compile, as rows for a table."""
    compiler = compile_cost.Compiler(name, HERE.parent / "include", "x86-64-v3")
    for row in compile_cost.rows(compiler):
        print(f"  compiling {row[0]}: {row[1]:.2f} s", file=sys.stderr, flush=True)
        yield {"suite": "compiling", "name": row[0], "seconds": row[1], "bytes": row[2], "symbols": row[3],
               "compiler": f"{name} {compiler.version}"}


def report(arguments, model, isa, rows, notes):
    build = next((row for row in rows if row["suite"] == "build"), {})
    facts = {
        "machine": f"{model}, {platform.machine()}, {platform.system()} {platform.release()}",
        "instruction set": f"{isa} ({build.get('lanes', '?')} floats in a register)",
        "compiler": f"{build.get('compiler', '?')}, {build.get('flags', '?')}",
        "PyTorch": next((row["torch"] for row in rows if "torch" in row), "not measured"),
        "threads": "1 unless a row says otherwise",
        "date": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
    }
    notes += warnings(rows)
    tables = [table.as_json() for table in [bench_targets.targets(rows, isa), *rule_tables.all_tables(rows),
                                           *field_tables.all_tables(rows), *logits_tables.all_tables(rows),
                                           *head_tables.all_tables(rows), *bench_tables.all_tables(rows)]]
    arguments.out.mkdir(parents=True, exist_ok=True)
    results = {"facts": facts, "notes": notes, "tables": tables, "rows": rows}
    (arguments.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    sources = {f"benchmarks/{name}": (HERE / name).read_text() for name in PEERS}
    (arguments.out / "report.html").write_text(bench_page.page(facts, tables, figures(rows), notes, sources))
    for name, value in facts.items():
        print(f"{name}: {value}")
    for table in tables[1:] + tables[:1]:
        print_table(table)
    print("".join(f"\nNote: {note}" for note in notes))
    print(f"bench: {arguments.out / 'report.html'}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
