#!/usr/bin/env python3
"""Tables and targets of the rules of the field, from the rows of field_rows.py.

    field_tables.py build/bench/results.json     the tables as docs/performance.md has them
    field_rows.py ... | field_tables.py -        the same of a run of its own
"""

import sys

from bench_tables import Table, least_share, median, ns, of_suite, ratio, read_rows, size

PEERS = ("eager", "compile")
ENOUGH_OF_TWIN = 60  # percent, at which a rule of one token is fast enough, whatever its peers take


def shape(row):
    return f"{row['responses']} x {row['T']}"


def against(row, name):
    return [ns(median(row, name)), f"{ratio(row, name, 'cppo'):.1f}x"] if name in row["samples"] else ["-", "-"]


def other_tokens(row, names):
    found = [row["agreement"][name]["other_tokens"] for name in names if name in row.get("agreement", {})]
    return str(max(found)) if found else "-"


def percent_of_twin(row):
    return 100 * ratio(row, "twin", "cppo")


def rule_table(rows):
    table = Table("Rules of the field", ["rule", "shape", "levels", "cppo ns", "over fixed", "over calibrated",
                                         "eager ns", "ratio", "compile ns", "ratio", "% of twin", "kept",
                                         "other tokens"],
                  "ns of processor time per token: gradient, mask and report, beside fixed and calibrated CPPO on the "
                  "same streams. Levels: passes for folds, before tokens are decided. Other tokens: those whose "
                  "gradient differs from a peer's by more than 1e-3 of it, or whose mask does.")
    for row in of_suite(rows, "field"):
        cells = [row["name"], shape(row), row["levels"], ns(median(row, "cppo"))]
        cells += [f"{ratio(row, 'cppo', base):.2f}x" for base in ("fixed", "calibrated")]
        for peer in PEERS:
            cells += against(row, peer)
        table.add(*cells, f"{percent_of_twin(row):.0f}", f"{100 * row['kept']:.1f} %", other_tokens(row, PEERS))
    return table


def curve_table(rows):
    table = Table("FIPO against T", ["T", "tokens", "cppo ns", "all pairs ns", "ratio", "eager ns", "ratio",
                                     "compile ns", "ratio"],
                  "ns per token, 64 responses, forward and backward. All pairs: the published sum over later tokens, a "
                  "product with a matrix of T x T numbers, which is made once and not timed; eager and compile: the "
                  "same sum in time linear in T, by scaled sums in double.")
    for row in of_suite(rows, "fipo_curve"):
        cells = [row["T"], size(row["tokens"]), ns(median(row, "cppo"))]
        for peer in ("all pairs", *PEERS):
            cells += against(row, peer)
        table.add(*cells)
    return table


def all_tables(rows):
    return [table for table in (rule_table(rows), curve_table(rows)) if table.rows]


def curve(rows):
    """For a picture: {name: [(T, ns per token)]}."""
    points = {}
    for row in of_suite(rows, "fipo_curve"):
        for name in row["samples"]:
            points.setdefault(name, []).append((row["T"], median(row, name)))
    return points


# ---- targets ----------------------------------------------------------------------------------------------------


def at(rows, levels):
    """The rows at 64 x 8192 of rules with so many levels."""
    return [row for row in of_suite(rows, "field") if row["T"] == 8192 and row["levels"] in levels]


def most_over(rows, levels, base):
    return max((ratio(row, "cppo", base) for row in at(rows, levels)), default=None)


def least_over_peer(rows, levels, peer):
    """The least ratio. Rules of one token that are near their traffic twin are left out."""
    return min((ratio(row, peer, "cppo") for row in at(rows, levels)
                if peer in row["samples"] and (row["levels"] > 0 or percent_of_twin(row) < ENOUGH_OF_TWIN)),
               default=None)


TARGETS = [
    ("a rule of one pass over fixed CPPO, the most", "x", 1.3, 1.3, False, lambda rows: most_over(rows, (0,), "fixed")),
    ("a rule with one more level over calibrated CPPO, the most", "x", 1.5, 1.5, False,
     lambda rows: most_over(rows, (1,), "calibrated")),
    ("rules of one token over torch eager, the least below 60 % of the twin", "x", 3, 3, True,
     lambda rows: least_over_peer(rows, (0,), "eager")),
    ("the same over torch.compile", "x", 1.2, 1.2, True, lambda rows: least_over_peer(rows, (0,), "compile")),
    ("rules with folds over torch eager, the least", "x", 8, 8, True,
     lambda rows: least_over_peer(rows, (1, 2, 3), "eager")),
    ("the same over torch.compile", "x", 4, 4, True, lambda rows: least_over_peer(rows, (1, 2, 3), "compile")),
]


# ---- for docs/performance.md ------------------------------------------------------------------------------------


def brief(row, name):
    return f"{ns(median(row, name))} ({ratio(row, name, 'cppo'):.1f})" if name in row["samples"] else "-"


def markdown(columns, lines):
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in [columns, ["---"] * len(columns), *lines])


def rules_in_brief(rows):
    lines = []
    for row in sorted(at(rows, range(9)), key=lambda row: row["levels"]):
        base = "calibrated" if row["levels"] else "fixed"
        lines.append([row["name"], row["levels"], ns(median(row, "cppo")), f"{ratio(row, 'cppo', base):.2f}",
                      *(brief(row, peer) for peer in PEERS), f"{percent_of_twin(row):.0f} %"])
    return markdown(["rule", "levels", "cppo", "over CPPO", *PEERS, "of twin"], lines)


def curve_in_brief(rows):
    peers = ("all pairs", *PEERS)
    lines = [[row["T"], ns(median(row, "cppo")), *(brief(row, peer) for peer in peers)]
             for row in of_suite(rows, "fipo_curve")]
    return markdown(["T", "cppo", *peers], lines)


def main(path):
    rows = read_rows(path)
    print(f"{least_share(rows)}\n\n{rules_in_brief(rows)}\n\n{curve_in_brief(rows)}")


if __name__ == "__main__":
    main(sys.argv[1])
