"""From the rows that were measured to tables. A ratio is the median over repeats of the ratio inside one repeat."""

import json
import statistics
import sys


class Table:
    def __init__(self, title, columns, note=""):
        self.title, self.columns, self.note, self.rows = title, columns, note, []

    def add(self, *cells):
        self.rows.append([str(cell) for cell in cells])

    def as_json(self):
        return {"title": self.title, "note": self.note, "columns": self.columns, "rows": self.rows}


def median(row, name):
    return statistics.median(row["samples"][name])


def ratio(row, upper, lower):
    pairs = zip(row["samples"][upper], row["samples"][lower])
    return statistics.median(a / b for a, b in pairs)


def twin(row):
    """The faster of the two traffic twins."""
    return min(("twin", "twin_non_temporal"), key=lambda name: median(row, name))


def ns(x):
    return f"{x:.3f}" if x < 1 else f"{x:.2f}" if x < 100 else f"{x:.0f}"


def size(n):
    for unit, letter in ((1 << 20, "M"), (1 << 10, "k")):
        if n >= unit and n % unit == 0:
            return f"{n // unit}{letter}"
    return str(n)


def of_suite(rows, suite):
    return [row for row in rows if row.get("suite") == suite and "samples" in row]


def find(rows, suite, **wanted):
    for row in of_suite(rows, suite):
        if all(row.get(key) == value for key, value in wanted.items()):
            return row
    return None


def shapes(rows):
    table = Table("Fixed and calibrated CPPO with report, one thread",
                  ["tokens", "T", "layout", "holes", "twin ns", "fixed ns", "exps", "% of twin", "masked",
                   "calibrated ns", "exps", "% of twin", "cal./fixed"],
                  "ns per slot; gradient, mask and report are written. An exp is one xsimd::exp per element in L1.")
    for row in of_suite(rows, "shapes"):
        cells = [size(row["tokens"]), row["T"], row["layout"], f"{100 * row['holes']:.0f} %",
                 ns(median(row, twin(row)))]
        for rule in ("fixed", "calibrated"):
            cells += [ns(median(row, rule)), f"{ratio(row, rule, 'exp'):.2f}",
                      f"{100 * ratio(row, twin(row), rule):.0f}"]
            if rule == "fixed":
                cells.append(f"{100 * (1 - row[rule]['kept'] / max(row[rule]['tokens'], 1)):.1f} %")
        table.add(*cells, f"{ratio(row, 'calibrated', 'fixed'):.2f}")
    return table


def torch_table(rows, title, peers, pick):
    columns = ["shape", "rule", "cppo ns"]
    for peer in peers:
        columns += [f"{peer} ns", "ratio"]
    table = Table(title, columns + ["other masks"],
                  "ns per token, forward, loss and backward. "
                  "Other masks: tokens that cppo and a peer decide differently.")
    for row in of_suite(rows, "torch"):
        if not pick(row):
            continue
        for rule in ("fixed", "calibrated"):
            cells = [row["name"], rule, ns(median(row, f"cppo {rule}"))]
            for peer in peers:
                name = f"{peer} {rule}"
                measured = name in row["samples"]
                cells += [ns(median(row, name)), f"{ratio(row, name, f'cppo {rule}'):.1f}x"] if measured else ["-", "-"]
            others = max((a["other_masks"] for name, a in row["agreement"].items() if name.endswith(rule)), default=0)
            table.add(*cells, f"{others} of {row['tokens']}")
    return table


def quantiles(rows):
    table = Table("P90 of D, clamped to [lo, 2 lo]: 128 responses of the given length",
                  ["P90 is", "T", "peer", "peer ns", "cppo ns", "ratio"],
                  "ns per element, copying the values included.")
    for row in of_suite(rows, "quantile"):
        for peer in ("nth_element", "cppo::quantile"):
            table.add(row["name"], row["T"], peer, ns(median(row, peer)), ns(median(row, "clamped")),
                      f"{ratio(row, peer, 'clamped'):.1f}x")
    for row in of_suite(rows, "torch_quantile"):
        table.add(row["name"], row["T"], "torch.quantile", ns(median(row, "torch.quantile")),
                  ns(median(row, "clamped")), f"{ratio(row, 'torch.quantile', 'clamped'):.1f}x")
    return table


def alternatives(rows, suite, title, baseline_of, note=""):
    """Rows whose contenders are compared with one of them."""
    table = Table(title, ["", "tokens", "", "ns", "over"], note)
    for row in of_suite(rows, suite):
        for name in row["samples"]:
            base = baseline_of(row, name)
            table.add(row["name"], size(row["tokens"]), name, ns(median(row, name)),
                      "" if name == base else f"{ratio(row, name, base):.2f}x of {base}")
    return table


def first_of_kind(row, name):
    """The first contender that begins with the same word before a comma."""
    kind = name.split(",")[0] if "," in name and name.split(",")[0] in ("fixed", "calibrated") else None
    return next(other for other in row["samples"] if kind is None or other.split(",")[0] == kind)


def lengths(rows):
    table = Table("Cost against T at a constant number of tokens", ["T", "fixed ns", "calibrated ns"],
                  "ns per token; all points in one alternation.")
    for row in of_suite(rows, "lengths"):
        for name in row["samples"]:
            rule, length = name.split()
            if rule == "fixed":
                table.add(size(int(length)), ns(median(row, name)), ns(median(row, f"calibrated {length}")))
    return table


def memory(rows):
    table = Table("Memory beyond inputs and outputs", ["rule", "tokens", "T", "heap allocations", "bytes at the peak"],
                  "A second call of the same shape, one thread, by a counting operator new; the stack is not counted.")
    for row in rows:
        if row.get("suite") == "memory":
            table.add(row["name"], size(row["tokens"]), row["T"], row["allocations"], row["bytes_at_peak"])
    return table


def instruction_sets(rows):
    table = Table("Instruction sets", ["built for", "exp ns", "fixed ns", "exps", "calibrated ns", "exps"],
                  "The same batch of 64k tokens, T = 8192, in one alternation.")
    for row in of_suite(rows, "instruction_sets"):
        for name in row["samples"]:
            if name.endswith(" exp"):
                isa = name[:-len(" exp")]
                table.add(isa, ns(median(row, name)), ns(median(row, f"{isa} fixed")),
                          f"{ratio(row, f'{isa} fixed', name):.2f}", ns(median(row, f"{isa} calibrated")),
                          f"{ratio(row, f'{isa} calibrated', name):.2f}")
    return table


def compiling(rows):
    of = [row for row in rows if row.get("suite") == "compiling"]
    table = Table("What it costs to compile", ["a file with", "seconds", "bytes of code", "symbols"],
                  f"{of[0]['compiler']} -O2 -march=x86-64-v3, seconds of processor time, the least of three."
                  if of else "")
    for row in of:
        table.add(row["name"], f"{row['seconds']:.2f}", row["bytes"], row["symbols"])
    return table


def all_tables(rows):
    tables = [
        shapes(rows),
        torch_table(rows, "Against PyTorch, padded", ["eager", "compile"], lambda row: "packed" not in row["name"]),
        torch_table(rows, "Against PyTorch, packed", ["loop", "as padded"], lambda row: "packed" in row["name"]),
        quantiles(rows),
        alternatives(rows, "variants", "One against the other", first_of_kind,
                     "64k tokens, T = 8192, padded, all tokens valid unless said."),
        lengths(rows),
        alternatives(rows, "threads", "Threads", first_of_kind, "Meaningful on an idle machine only."),
        memory(rows),
        instruction_sets(rows),
        compiling(rows),
    ]
    return [table for table in tables if table.rows]


# ---- for docs/performance.md ------------------------------------------------------------------------------------


def read_rows(path):
    """Of results.json; or, if the path is -, lines of JSON from the standard input."""
    if path == "-":
        return [json.loads(line) for line in sys.stdin]
    with open(path, encoding="utf-8") as results:
        return json.load(results)["rows"]


def least_share(rows):
    busy = min((row["cpu_share"] for row in rows if "cpu_share" in row), default=1.0)
    return f"At the worst {100 * busy:.0f} % of a core."


def markdown(table):
    lines = [table.columns, ["---"] * len(table.columns), *table.rows]
    return f"{table.title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def print_markdown(rows, tables):
    print("\n\n".join([least_share(rows), *map(markdown, tables)]))
