"""The targets: what was to be reached, what was measured, and whether it was."""

import field_tables
import logits_tables
import rule_tables
from bench_tables import Table, find, of_suite, ratio, twin

K64, M1, M4, M64 = 1 << 16, 1 << 20, 1 << 22, 1 << 26


def shape(rows, tokens):
    return find(rows, "shapes", tokens=tokens, T=8192, layout="padded", holes=0.0)


def of(row, function):
    return None if row is None else function(row)


def torch_ratio(rows, name, peer, rule):
    row = find(rows, "torch", name=name)
    if row is None or f"{peer} {rule}" not in row["samples"]:
        return None
    return ratio(row, f"{peer} {rule}", f"cppo {rule}")


def clamped(rows, *names):
    found = [find(rows, "quantile", name=name) for name in names]
    return None if None in found else min(ratio(row, "nth_element", "clamped") for row in found)


def short_over_long(rows, rule):
    row = next(iter(of_suite(rows, "lengths")), None)
    if row is None or f"{rule} 4096" not in row["samples"]:
        return None
    return ratio(row, f"{rule} 64", f"{rule} 4096")


def variant(rows, name, upper, lower):
    return of(find(rows, "variants", name=name), lambda row: ratio(row, upper, lower))


def percent_of_twin(rows, tokens):
    return of(shape(rows, tokens), lambda row: 100 * ratio(row, twin(row), "fixed"))


def two_threads(rows, tokens):
    return of(find(rows, "threads", tokens=tokens), lambda row: ratio(row, "fixed, 1", "fixed, 2"))


def heap(rows):
    counts = [row["allocations"] for row in rows if row.get("suite") == "memory"]
    return max(counts) if counts else None


# What, unit, limits with AVX-512 and with AVX2 only (None: no target), is more better?, measured.
TARGETS = [
    ("fixed + report, 64k tokens, exps per token", "", 3.5, 5.0, False,
     lambda rows: of(shape(rows, K64), lambda row: ratio(row, "fixed", "exp"))),
    ("fixed + report, 64M tokens, % of twin", "%", 85, None, True, lambda rows: percent_of_twin(rows, M64)),
    ("fixed + report, 4M tokens, % of twin", "%", 75, None, True, lambda rows: percent_of_twin(rows, M4)),
    ("calibrated over fixed, 64k tokens", "x", 1.25, 1.15, False,
     lambda rows: of(shape(rows, K64), lambda row: ratio(row, "calibrated", "fixed"))),
    ("calibrated over fixed, 64M tokens", "x", 1.35, 1.3, False,
     lambda rows: of(shape(rows, M64), lambda row: ratio(row, "calibrated", "fixed"))),
    ("torch eager 64x8192, fixed", "x", 22, 15, True, lambda rows: torch_ratio(rows, "64x8192", "eager", "fixed")),
    ("torch eager 64x8192, calibrated", "x", 55, 40, True,
     lambda rows: torch_ratio(rows, "64x8192", "eager", "calibrated")),
    ("torch.compile 64x8192, fixed", "x", 18, 13, True, lambda rows: torch_ratio(rows, "64x8192", "compile", "fixed")),
    ("torch.compile 64x8192, calibrated", "x", 40, 30, True,
     lambda rows: torch_ratio(rows, "64x8192", "compile", "calibrated")),
    ("torch per-response loop, packed 64..16384, fixed", "x", 34, 25, True,
     lambda rows: torch_ratio(rows, "packed 256", "loop", "fixed")),
    ("torch per-response loop, packed 64..16384, calibrated", "x", 63, 50, True,
     lambda rows: torch_ratio(rows, "packed 256", "loop", "calibrated")),
    ("clamped P90 over nth_element, outside", "x", 45, 25, True, lambda rows: clamped(rows, "above", "below")),
    ("clamped P90 over nth_element, inside", "x", 18, 8, True, lambda rows: clamped(rows, "inside")),
    ("T = 64 over T = 4096, fixed", "x", 1.4, 1.4, False, lambda rows: short_over_long(rows, "fixed")),
    ("T = 64 over T = 4096, calibrated", "x", 1.6, 1.6, False, lambda rows: short_over_long(rows, "calibrated")),
    ("10 % holes over none, fixed", "x", 1.2, 1.35, False,
     lambda rows: variant(rows, "holes", "fixed, 10 %", "fixed, none")),
    ("10 % holes over none, calibrated", "x", 1.2, 1.35, False,
     lambda rows: variant(rows, "holes", "calibrated, 10 %", "calibrated, none")),
    ("a user's composed policy over the built-in one", "x", 1.05, 1.05, False,
     lambda rows: variant(rows, "composed", "own parts", "built-in")),
    ("two threads over one, 1M tokens, idle machine", "x", 1.8, 1.8, True, lambda rows: two_threads(rows, M1)),
    ("two threads over one, 4M tokens, idle machine", "x", 1.8, 1.8, True, lambda rows: two_threads(rows, M4)),
    ("heap allocations of a repeated call", "", 0, 0, False, heap),
    *rule_tables.TARGETS,
    *field_tables.TARGETS,
    *logits_tables.TARGETS,
]


def targets(rows, isa):
    """The table, by the column of the instruction set."""
    wide = isa == "x86-64-v4"
    table = Table("Targets", ["", "target", "measured", "met?"],
                  f"Column for {'AVX-512' if wide else 'AVX2 only'}; one thread unless said; "
                  "ratios inside one process.")
    for what, unit, with_avx512, with_avx2, more_is_better, measure in TARGETS:
        limit, value = with_avx512 if wide else with_avx2, measure(rows)
        target = "-" if limit is None else f"{'≥' if more_is_better else '≤'} {limit}{unit}"
        if value is None:
            table.add(what, target, "not measured", "-")
            continue
        met = "-" if limit is None else "yes" if (value >= limit if more_is_better else value <= limit) else "no"
        table.add(what, target, f"{value:.3g}{unit}", met)
    return table
