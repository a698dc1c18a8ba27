#!/usr/bin/env python3
"""A run is what its settings say: the same line at any number of threads, and another hash for other settings.

    same_bits_test.py PROGRAM [ARGUMENT...]
"""

import json
import subprocess
import sys


def run(*more):
    line = subprocess.run([*sys.argv[1:], "--json", *more], check=True, capture_output=True, text=True).stdout
    assert line.count("\n") == 1, line
    found = json.loads(line)
    found.pop("seconds")
    return found


one = run("--threads", "1")
assert run("--threads", "3") == one
plan = json.loads(subprocess.run([*sys.argv[1:], "--plan"], check=True, capture_output=True, text=True).stdout)
assert plan == {"hash": one["hash"], "settings": one["settings"]}

other = run("--seed", "2", "--threads", "1")
assert other["hash"] != one["hash"] and other["by_step"] != one["by_step"]

curve = one["curve"]
assert one["start"] == curve["success"][0] and one["best"] == max(curve["success"])
assert abs(one["final"] - sum(curve["success"][-2:]) / 2) < 1e-12
assert abs(one["area"] - sum(curve["success"]) / 2) < 1e-12  # two evaluations, a step apart: one trapezoid
assert one["collapsed"] == (one["final"] < one["best"] / 2)
bins = one["by_position"]["divergence"]
assert len(bins) == 20 and abs(sum(bins) / 20 - one["mean_binary_tv"]) < 0.2 * one["mean_binary_tv"]
assert abs(one["mean_drift"] - 64 * one["mean_binary_tv"]) < 1e-9  # every response has 64 tokens
