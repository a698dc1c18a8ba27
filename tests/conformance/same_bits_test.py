#!/usr/bin/env python3
"""Every value that `seq` and `simd` write for the vectors is the same, to the bit.

    same_bits_test.py RUNNER VECTORS_FOLDER FOLDER
"""
import subprocess
import sys
from pathlib import Path

runner, vectors, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
files = sorted(vectors.glob("*.json"))
different = []
for path in files:
    answers = []
    for executor in ("seq", "simd"):
        results = folder / f"same_bits_{executor}.json"
        subprocess.run([runner, "--executor", executor, "--vectors", path, "--results", results], check=True)
        answers.append(results.read_bytes())
    if answers[0] != answers[1]:
        different.append(path.name)
print(f"{len(files)} files, different: {different or 'none'}")
sys.exit(1 if different or not files else 0)
