#!/usr/bin/env python3
"""Do the benchmark programs run, and can what they save be read? Nothing is said about times."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

SUITES = {"build", "shapes", "variants", "lengths", "threads", "quantile", "memory", "instruction_sets"}
TINY = "--sizes 4096 --tokens 4096 --lengths 64,1024 --one-round"
TINY_TORCH = "--shapes 4x64 --packed 3 --no-compile --repeats 1 --seconds 0"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--isa", required=True)
    parser.add_argument("--python-with-torch", default="")
    parser.add_argument("--without-torch", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = [sys.executable, Path(__file__).with_name("bench.py"), "--bin", arguments.bin, "--out", folder,
                 "--isa", arguments.isa, "--alone", "--driver-arguments", TINY, "--torch-arguments", TINY_TORCH,
                 "--python-with-torch", arguments.python_with_torch]
        bench += ["--without-torch"] if arguments.without_torch else []
        done = subprocess.run(bench, capture_output=True, text=True, check=False)
        print(done.stdout, done.stderr)
        if done.returncode != 0:
            return f"bench.py ended with status {done.returncode}"
        results = json.loads((Path(folder) / "results.json").read_text())
        page = (Path(folder) / "report.html").read_text()
    missing = SUITES - {row["suite"] for row in results["rows"]}
    if missing:
        return f"no rows of {', '.join(sorted(missing))}"
    if not all(table["rows"] for table in results["tables"]):
        return "a table is empty"
    for row in results["rows"]:
        for peer, found in row.get("agreement", {}).items():
            if found["other_masks"] > row["tokens"] / 1000:
                return f"{row['name']}: cppo and {peer} decide {found['other_masks']} tokens differently"
    if "<svg" not in page or "</html>" not in page or "http" in page.replace("http://www.w3.org", ""):
        return "the page has no curve, is cut off, or is not self-contained"
    return 0


if __name__ == "__main__":
    sys.exit(main())
