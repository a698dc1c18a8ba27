"""Tables and the picture of every named rule, from the rows of rule_rows.py."""

from bench_tables import Table, median, ns, of_suite, ratio, size

PEERS = ("eager", "compile")
MEMORY_BOUND = 70  # % of the twin's speed


def named(rows):
    """The rows of rules on padded batches; what is packed has a table of its own."""
    return [row for row in of_suite(rows, "rules") if "packed" not in row]


def cases(row):
    """`hard float`, ... of a row."""
    return [name[len("cppo "):] for name in row["samples"] if name.startswith("cppo ")]


def percent_of_twin(row, case):
    return 100 * ratio(row, f"twin {case.split()[-1]}", f"cppo {case}")


def peer_cells(row, name, ours):
    return [ns(median(row, name)), f"{ratio(row, name, ours):.1f}x"] if name in row["samples"] else ["-", "-"]


def other_masks(row, names):
    found = [row["agreement"][name]["other_masks"] for name in names if name in row.get("agreement", {})]
    return f"{max(found)} of {row['tokens']}" if found else "-"


def rule_table(rows):
    table = Table("Every named rule", ["rule", "mask", "inputs", "cppo ns", "eager ns", "ratio", "compile ns", "ratio",
                                       "bytes", "twin ns", "% of twin", "bound by", "kept", "other masks"],
                  "ns of processor time per token: gradient, mask and report of 64 responses of 1024 tokens. Bytes: "
                  "what a token's inputs and outputs take. The twin is a loop that moves them and computes nothing.")
    for row in named(rows):
        for case in cases(row):
            kind, element = case.split()
            cells = [row["name"], kind, element, ns(median(row, f"cppo {case}"))]
            for peer in PEERS:
                cells += peer_cells(row, f"{peer} {case}", f"cppo {case}")
            share = percent_of_twin(row, case)
            cells += [row["bytes"][element], ns(median(row, f"twin {element}")), f"{share:.0f}",
                      "memory" if share >= MEMORY_BOUND else "arithmetic", f"{100 * row['kept'][case]:.1f} %"]
            table.add(*cells, other_masks(row, [f"{peer} {case}" for peer in PEERS]))
    return table


def over(row, upper, lower):
    """The ratio of two cases of a row; None: it has not both."""
    upper, lower = f"cppo {upper}", f"cppo {lower}"
    return ratio(row, upper, lower) if {upper, lower} <= set(row["samples"]) else None


KINDS = (("soft float", "hard float"), ("soft bfloat16", "hard bfloat16"), ("hard bfloat16", "hard float"),
         ("soft bfloat16", "soft float"))


def kind_table(rows):
    table = Table("Soft over hard, and bfloat16 over float",
                  ["rule", "soft over hard", "the same in bfloat16", "bfloat16 over float", "the same, soft"],
                  "Ratios inside the rows of the table above.")
    for row in named(rows):
        found = [over(row, *pair) for pair in KINDS]
        if any(found):
            table.add(row["name"], *("-" if x is None else f"{x:.2f}x" for x in found))
    return table


def packed_table(rows):
    table = Table("Short packed chats", ["responses", "tokens", "rule", "cppo ns", "over T = 4096", "fastest eager",
                                         "ns", "ratio", "fastest compiled", "ns", "ratio", "other masks"],
                  "ns per token. Responses of 16 to 256 tokens, log-uniform, Binary-TV, beside the same tokens as "
                  "responses of 4096; the peers padded first, or packed with a scan over the batch.")
    for row in of_suite(rows, "rules"):
        for kind in ("fixed", "calibrated", "soft") if "packed" in row else ():
            ours = f"cppo {kind}"
            cells = [row["packed"], size(row["tokens"]), kind, ns(median(row, ours)),
                     f"{ratio(row, ours, f'{ours}, T = 4096'):.2f}x"]
            peers = [name for name in row["samples"] if name.endswith(f" {kind}") and name != ours]
            for compiled in (False, True):
                names = [name for name in peers if name.startswith("compile") == compiled]
                best = min(names, key=lambda name: median(row, name), default=None)
                cells += ["-"] * 3 if best is None else [best[:-len(kind) - 1], *peer_cells(row, best, ours)]
            table.add(*cells, other_masks(row, peers))
    return table


def points(rows):
    """For the picture: [(rule, {cppo, eager, compile: ns per token})], float inputs."""
    for row in named(rows):
        for case in cases(row):
            kind, element = case.split()
            if element == "float":
                name = row["name"] + (", soft" if kind == "soft" else "")
                yield name, {who: median(row, f"{who} {case}") for who in ("cppo", *PEERS)
                             if f"{who} {case}" in row["samples"]}


def all_tables(rows):
    return [table for table in (rule_table(rows), kind_table(rows), packed_table(rows)) if table.rows]


# ---- targets ----------------------------------------------------------------------------------------------------


def least_ratio(rows, peer, names):
    """The least ratio over `names`, hard masks and float inputs."""
    found = {row["name"]: row for row in named(rows)}
    peer = f"{peer} hard float"
    if not all(name in found and peer in found[name]["samples"] for name in names):
        return None
    return min(ratio(found[name], peer, "cppo hard float") for name in names)


def largest_over(rows, pairs):
    found = [x for row in named(rows) for x in (over(row, *pair) for pair in pairs) if x is not None]
    return max(found, default=None)


def least_of_all(rows):
    """The least ratio over every rule, kind, element type and peer."""
    return min((ratio(row, f"{peer} {case}", f"cppo {case}") for row in named(rows) for case in cases(row)
                for peer in PEERS if f"{peer} {case}" in row["samples"]), default=None)


def packed_ratio(rows, rule):
    found = [ratio(row, f"cppo {rule}", f"cppo {rule}, T = 4096")
             for row in of_suite(rows, "rules") if "packed" in row]
    return max(found, default=None)


TOP_K, KL = ("top_k_tv, K = 20", "top_k_kl, K = 20"), ("binary_kl", "binary_kl_reverse")


def peer_targets():
    """Rows of bench_targets.TARGETS."""
    for what, names, eager, compiled in (("Top-K TV and KL, K = 20", TOP_K, (10, 6), (2.5, 1.5)),
                                         ("Binary-KL both ways", KL, (3, 2), (2, 1.5)),
                                         ("TRM-Max", ("trm_max",), (3, 2), (2, 1.5)),
                                         ("k3", ("k3",), (5, 3.5), (3, 2))):
        yield (f"{what}, over torch eager", "x", *eager, True,
               lambda rows, names=names: least_ratio(rows, "eager", names))
        yield (f"{what}, over torch.compile", "x", *compiled, True,
               lambda rows, names=names: least_ratio(rows, "compile", names))


TARGETS = [
    *peer_targets(),
    ("any rule over any peer, the least", "x", 1, 1, True, least_of_all),
    ("soft over hard, the same divergence, the most", "x", 1.5, 1.5, False,
     lambda rows: largest_over(rows, KINDS[:2])),
    ("bfloat16 inputs over float, the most", "x", 1.2, 1.2, False, lambda rows: largest_over(rows, KINDS[2:])),
    ("packed chats of 16 to 256 tokens over T = 4096, fixed", "x", 1.4, 1.4, False,
     lambda rows: packed_ratio(rows, "fixed")),
    ("packed chats of 16 to 256 tokens over T = 4096, calibrated", "x", 1.8, 1.8, False,
     lambda rows: packed_ratio(rows, "calibrated")),
]
