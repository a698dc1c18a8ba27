#!/usr/bin/env python3
"""Do the benchmark programs run, and can what they save be read? Nothing is said about times."""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

SUITES = {"build", "shapes", "variants", "lengths", "threads", "quantile", "memory", "instruction_sets"}
TINY = "--sizes 4096 --tokens 4096 --lengths 64,1024 --one-round"
TINY_TORCH = "--shapes 4x64 --packed 3 --no-compile --repeats 1 --seconds 0"
TINY_RULES = "--shape 4x64 --packed 3 --compile nothing --repeats 1 --seconds 0"
TINY_FIELD = "--shapes 4x64 --curve 64 --compile nothing --repeats 1 --seconds 0"
TINY_LOGITS = "--rows 2 --ids 1300 --compile nothing --repeats 1 --seconds 0"
TINY_HEAD = "--shape 3x8 --hidden 16 --ids 500 --slabs 8,32 --compile no --repeats 1 --seconds 0"
# The divergences whose rows say what a gate and what bfloat16 costs.
IN_ALL_FORMS = {"binary_tv", "binary_kl", "binary_kl_reverse", "top_k_tv", "top_k_kl", "k1", "k2", "k3", "precomputed"}
FORMS = {"hard float", "soft float", "hard bfloat16", "soft bfloat16"}


def missing_rules(rows):
    """Regions of the library of rules, and divergences of cppo, that have no row."""
    names = next(row for row in rows if row["suite"] == "rule_names")
    measured = [row for row in rows if row["suite"] == "rules" and "kept" in row]
    regions = {row["region"] for row in measured}
    regions |= {f"{row['region']}_soft" for row in measured if "soft float" in row["kept"]}
    divergences = {row["divergence"] for row in measured}
    whole = {row["divergence"] for row in measured if FORMS <= set(row["kept"])}
    lengths = {(row["divergence"], row["k"]) for row in measured}
    top_k = {(name, k) for name in ("top_k_tv", "top_k_kl") for k in (8, 20, 64)}
    field = next(set(row["names"]) for row in rows if row["suite"] == "field_names")
    field -= {row["name"] for row in rows if row["suite"] == "field" and "samples" in row}
    field |= {"fipo_curve"} - {row["suite"] for row in rows if "samples" in row}
    return [*(set(names["regions"]) - regions), *field, *(set(names["divergences"]) - divergences),
            *(IN_ALL_FORMS - whole), *map(str, top_k - lengths)]


def missing_logits(rows):
    """Rows of passes over logits that are not there; those beside PyTorch where rules have some."""
    there = {(row["suite"], row.get("name", "")) for row in rows if "samples" in row}
    each = [f"{element}, 2 rows" for element in ("float", "bfloat16")]
    wanted = {(suite, name) for suite in ("logits_passes", "logits_gradients") for name in each}
    if any("agreement" in row for row in rows if row["suite"] == "rules"):
        wanted |= {("logits", f"{task}, {name}") for task in ("forward", "lists", "gradient") for name in each}
    in_cache = set() if "logits_in_cache" in {suite for suite, _ in there} else {("logits_in_cache", "any")}
    return [", ".join(row) for row in wanted - there | in_cache]


def missing_head(rows, beside_torch):
    """Rows of the head that are not there; and those whose products are not as docs/logits.md counts them."""
    there = {(row["suite"], row["name"]): row for row in rows if row["suite"].startswith("head") and "samples" in row}
    each = {"all tokens": 24, "half excluded": 12}
    wanted = {("head_products", f"C = {c}, {name}") for c in (8, 32) for name in each}
    if beside_torch:
        wanted |= {("head_torch", name) for name in each}
    wrong = []
    for c, (name, n) in itertools.product((8, 32), each.items()):
        row = there.get(("head_products", f"C = {c}, {name}"))
        last = (n - 1) % c + 1  # rows of the last slab, which are not computed again
        counts = {"checked_first": {"logits": 2 * n - last, "gradient": n}, "once": {"logits": n, "gradient": n}}
        if row is not None and row["rows_of"] != counts:
            wrong.append(f"{row['name']} with products of {counts}, but of {row['rows_of']}")
    return [", ".join(row) for row in wanted - set(there)] + wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--rules", required=True)
    parser.add_argument("--isa", required=True)
    parser.add_argument("--python-with-torch", default="")
    parser.add_argument("--c-library", default="", help="none: no head beside PyTorch")
    parser.add_argument("--without-torch", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = [sys.executable, Path(__file__).with_name("bench.py"), "--bin", arguments.bin, "--out", folder,
                 "--isa", arguments.isa, "--alone", "--driver-arguments", TINY, "--torch-arguments", TINY_TORCH,
                 "--python-with-torch", arguments.python_with_torch, "--rules", arguments.rules, "--rule-arguments",
                 TINY_RULES, "--field-arguments", TINY_FIELD, "--logits-arguments", TINY_LOGITS, "--head-arguments",
                 TINY_HEAD, "--c-library", arguments.c_library]
        bench += ["--without-torch", "--without-rules"] if arguments.without_torch else ["--peers"]
        done = subprocess.run(bench, capture_output=True, text=True, check=False)
        print(done.stdout, done.stderr)
        if done.returncode != 0:
            return f"bench.py ended with status {done.returncode}"
        results = json.loads((Path(folder) / "results.json").read_text())
        page = (Path(folder) / "report.html").read_text()
    missing = SUITES - {row["suite"] for row in results["rows"]}
    if missing:
        return f"no rows of {', '.join(sorted(missing))}"
    rows = [] if arguments.without_torch else results["rows"]
    missing = missing_rules(rows) + missing_logits(rows) if rows else []
    if rows and (Path(arguments.rules) / f"libcppo_head_{arguments.isa}.so").exists():  # built where Eigen is
        peers = any("agreement" in row for row in rows if row["suite"] == "rules")
        missing += missing_head(rows, peers and bool(arguments.c_library))
    if missing:
        return f"no row of {', '.join(sorted(missing))}"
    if not all(table["rows"] for table in results["tables"]):
        return "a table is empty"
    for row in results["rows"]:
        for peer, found in row.get("agreement", {}).items():
            # Rows of the field, of logits and of the head end by an error.
            if "other_masks" in found and found["other_masks"] > row["tokens"] / 1000:
                return f"{row['name']}: cppo and {peer} decide {found['other_masks']} tokens differently"
    if "<svg" not in page or "</html>" not in page or "http" in page.replace("http://www.w3.org", ""):
        return "the page has no curve, is cut off, or is not self-contained"
    return 0


if __name__ == "__main__":
    sys.exit(main())
