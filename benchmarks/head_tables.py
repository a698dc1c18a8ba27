#!/usr/bin/env python3
"""Tables of the loss from a linear head, from the rows of head_rows.py.

    head_tables.py build/bench/results.json     the tables as docs/performance.md has them
    head_rows.py ... | head_tables.py -         the same of a run of its own
"""

import sys

from bench_tables import Table, median, ns, of_suite, print_markdown, ratio, read_rows

FORWARD = {"checked_first": "default", "once": "`once`"}


def products_table(rows):
    table = Table("A linear head, beside its products",
                  ["C", "tokens", "forward", "rows of logits", "rows with a gradient", "products µs", "call µs",
                   "call over products"],
                  "µs per token; the products are Eigen's, in float, one thread.")
    for row in of_suite(rows, "head_products"):
        for name, word in FORWARD.items():
            work = row["rows_of"][name]
            table.add(row["slab"], row["name"].partition(", ")[2], word, work["logits"], work["gradient"],
                      ns(median(row, f"{name} products")), ns(median(row, name)),
                      f"{ratio(row, name, f'{name} products'):.3f}")
    return table


def torch_table(rows):
    table = Table("A linear head in PyTorch", ["tokens", "what", "µs", "over the fastest cppo", "differs by"],
                  "µs per token, forward and backward, float, one thread. Differs by: loss and gradients, as a part of "
                  "their largest number, from cppo's first row.")
    for row in of_suite(rows, "head_torch"):
        ours = min((name for name in row["samples"] if name.startswith("cppo")), key=lambda name: median(row, name))
        for name in row["samples"]:
            table.add(row["name"], name, ns(median(row, name)), f"{ratio(row, name, ours):.2f}x",
                      f"{row['agreement'][name]['error']:.1e}")
    return table


def all_tables(rows):
    return [table for table in (products_table(rows), torch_table(rows)) if table.rows]


if __name__ == "__main__":
    measured = read_rows(sys.argv[1])
    print_markdown(measured, all_tables(measured))
