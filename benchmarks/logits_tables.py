#!/usr/bin/env python3
"""Tables and targets of passes over logits, from the rows of logits_rows.py.

    logits_tables.py build/bench/results.json     the tables as docs/performance.md has them
    logits_rows.py ... | logits_tables.py -       the same of a run of its own
"""

import sys

from bench_tables import Table, median, ns, of_suite, print_markdown, ratio, read_rows

PEERS = ("eager", "compile", "cross_entropy")
TASKS = {"forward": "log-probs", "lists": "20 ids more, entropy", "gradient": "log-probs, gradient"}


def percent(row, bound, name):
    return 100 * ratio(row, bound, name)


def over(row, name, base="log_prob"):
    return f"{ratio(row, name, base):.2f}x"


def cache_table(rows):
    table = Table("Logits in the second-level cache", ["type", "log-prob ns", "exps", "with entropy ns", "exps"],
                  "ns per logit; an exp is one xsimd::exp per element in L1.")
    for row in of_suite(rows, "logits_in_cache"):
        for element in ("float", "bfloat16"):
            cells = [element]
            for name in (f"{element} log_prob", f"{element} entropy"):
                cells += [ns(median(row, name)), f"{ratio(row, name, 'exp'):.2f}"]
            table.add(*cells)
    return table


def pass_table(rows):
    table = Table("Log-probs from logits, 151 936 ids", ["type", "rows", "read ns", "log-prob ns", "% of read",
                                                         "with 20 ids", "with entropy", "with the 20 largest"],
                  "ns per logit. Read: a loop that reads the same bytes. The last three: over the log-prob alone.")
    for row in of_suite(rows, "logits_passes"):
        table.add(row["element"], row["rows"], ns(median(row, "read")), ns(median(row, "log_prob")),
                  f"{percent(row, 'read', 'log_prob'):.0f}", over(row, "K = 20 ids"), over(row, "entropy"),
                  over(row, "20 largest"))
    return table


def gradient_table(rows):
    table = Table("Gradients of logits, and divergences of rows", ["type", "rows", "copy ns", "gradient ns",
                                                                  "% of copy", "in place ns", "full TV ns",
                                                                  "TV and KL ns"],
                  "ns per logit, 151 936 ids. Copy: past the caches where the target can.")
    for row in of_suite(rows, "logits_gradients"):
        table.add(row["element"], row["rows"], ns(median(row, "copy")), ns(median(row, "gradient")),
                  f"{percent(row, 'copy', 'gradient'):.0f}",
                  *(ns(median(row, name)) for name in ("in place", "full TV", "TV and KL")))
    return table


def torch_table(rows):
    columns = ["what", "type", "rows", "cppo ns"]
    for peer in PEERS:
        columns += [f"{peer} ns", "ratio"]
    table = Table("From logits, against PyTorch", columns + ["differ by"],
                  "ns of processor time per logit, 151 936 ids. Differ by: log-probs, entropies or the gradient by a "
                  "slope below 1, from cppo's; PyTorch rounds them to the type of the logits.")
    for row in of_suite(rows, "logits"):
        cells = [TASKS[row["task"]], row["element"], row["rows"], ns(median(row, "cppo"))]
        for peer in PEERS:
            there = peer in row["samples"]
            cells += [ns(median(row, peer)), f"{ratio(row, peer, 'cppo'):.1f}x"] if there else ["-", "-"]
        table.add(*cells, f"{max(found['error'] for found in row['agreement'].values()):.1e}")
    return table


def all_tables(rows):
    tables = [cache_table(rows), pass_table(rows), gradient_table(rows), torch_table(rows)]
    return [table for table in tables if table.rows]


# ---- targets ----------------------------------------------------------------------------------------------------


def least_percent(rows, suite, bound, name, element):
    return min((percent(row, bound, name) for row in of_suite(rows, suite) if row["element"] == element), default=None)


def least_over_peer(rows, task, peer):
    return min((ratio(row, peer, "cppo") for row in of_suite(rows, "logits")
                if row["task"] == task and row["element"] == "float" and peer in row["samples"]), default=None)


def most_over_log_prob(rows, name):
    return max((ratio(row, name, "log_prob") for row in of_suite(rows, "logits_passes")), default=None)


def exps(rows, name):
    row = next(iter(of_suite(rows, "logits_in_cache")), None)
    return None if row is None else ratio(row, name, "exp")


def bfloat16_over_float(rows):
    """The most, by medians: the rows are not of one alternation."""
    took = {(row["element"], row["rows"]): median(row, "log_prob") for row in of_suite(rows, "logits_passes")}
    return max((took["bfloat16", n] / took["float", n] for element, n in took if element == "bfloat16"), default=None)


TARGETS = [
    ("log-probs from logits, float, least % of the read twin", "%", 75, None, True,
     lambda rows: least_percent(rows, "logits_passes", "read", "log_prob", "float")),
    ("log-probs from logits, float, in cache, exps per logit", "", None, 1.15, False,
     lambda rows: exps(rows, "float log_prob")),
    ("bfloat16 over float, 151 936 ids, the most", "x", 1.0, 1.0, False, bfloat16_over_float),
    ("20 ids more over log-probs alone, the most", "x", 1.02, 1.02, False,
     lambda rows: most_over_log_prob(rows, "K = 20 ids")),
    ("gradient of logits, float, least % of the copy twin", "%", 80, 80, True,
     lambda rows: least_percent(rows, "logits_gradients", "copy", "gradient", "float")),
    ("gradient of logits, bfloat16, least % of the copy twin", "%", 80, 80, True,
     lambda rows: least_percent(rows, "logits_gradients", "copy", "gradient", "bfloat16")),
    ("log-probs from logits over torch eager, float, the least", "x", 10, 10, True,
     lambda rows: least_over_peer(rows, "forward", "eager")),
    ("the same over torch.compile", "x", 3.5, 3.5, True, lambda rows: least_over_peer(rows, "forward", "compile")),
    ("log-probs and gradient over torch eager, float, the least", "x", 9, 9, True,
     lambda rows: least_over_peer(rows, "gradient", "eager")),
    ("the same over torch.compile", "x", 7, 7, True, lambda rows: least_over_peer(rows, "gradient", "compile")),
]


if __name__ == "__main__":
    measured = read_rows(sys.argv[1])
    print_markdown(measured, all_tables(measured))
