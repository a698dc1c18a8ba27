#!/usr/bin/env python3
"""The checker notices one wrong value, and the runner refuses what is not in the format, whatever is wrong with it.

    refusals_test.py RUNNER CHECKER VECTORS FOLDER
"""
import copy
import json
import random
import subprocess
import sys
from pathlib import Path

runner, checker, vectors, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
results, scratch = folder / "refusals.json", folder / "refusals_scratch.json"
failures = 0


def expect(what, good):
    global failures
    print(("ok      " if good else "FAILED  ") + what)
    failures += 0 if good else 1


def run(*flags):
    return subprocess.run([runner, *map(str, flags)], capture_output=True, text=True)


def run_on(content):
    path = folder / "refusals_input.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return run("--executor", "seq", "--vectors", path, "--results", scratch)


def expect_refused(what, done):
    said = done.stderr.strip()
    expect(f"{what} is refused: {said}", done.returncode == 2 and len(said.splitlines()) == 1)


def check(path):
    command = [sys.executable, checker, "--complete", str(vectors), str(path)]
    return subprocess.run(command, capture_output=True).returncode


# ---- the check can fail

done = run("--executor", "seq", "--vectors", vectors, "--results", results)
expect("the vectors as they are pass", done.returncode == 0 and check(results) == 0)
answer = json.loads(results.read_text())
changes = {"mask": lambda x: 1 - x, "loss_per_token": lambda x: x + 1e-3, "grad_logp": lambda x: x + 1e-3,
           "c": lambda x: x + 1e-3, "delta_b_seq": lambda x: x + 1e-3}
for field, change in changes.items():
    wrong = copy.deepcopy(answer)
    values = next(r for r in wrong["results"] if r.get(field))[field]
    values[0] = change(values[0])
    scratch.write_text(json.dumps(wrong))
    expect(f"one wrong value of {field} is noticed", check(scratch) == 1)
for what, change in {"count": lambda r: r["metrics"].update(kept=r["metrics"]["kept"] + 1),
                     "scalar": lambda r: r["scalars"].update({"token-mean": r["scalars"]["token-mean"] + 1e-3}),
                     "field left out": lambda r: r.pop("Z")}.items():
    wrong = copy.deepcopy(answer)
    change(wrong["results"][0])
    scratch.write_text(json.dumps(wrong))
    expect(f"one {what} is noticed", check(scratch) == 1)

# ---- what is not in the format is refused

cases = json.loads(vectors.read_text())
# Every parameter of a calibrated case with weights is read, so that none may be missing or of another type.
case = next(c for c in cases if c["params"].get("calibrate") and c["params"].get("position_weight") == "linear")


def edited(edit):
    changed = copy.deepcopy(case)
    edit(changed)
    return [changed]


for key in case["params"]:
    expect_refused(f"a case without params.{key}", run_on(edited(lambda c: c["params"].pop(key))))
    expect_refused(f"a case with an array as params.{key}", run_on(edited(lambda c: c["params"].update({key: []}))))
for key in ("params", "inputs", "layout", "lengths", "name"):
    expect_refused(f"a case without {key}", run_on(edited(lambda c: c.pop(key))))
    expect_refused(f"a case with null as {key}", run_on(edited(lambda c: c.update({key: None}))))
for key in case["inputs"]:
    expect_refused(f"a case without inputs.{key}", run_on(edited(lambda c: c["inputs"].pop(key))))
    for what, value in {"a number": 3, "one value too many": [-1.0] * (len(case["inputs"][key]) + 1),
                        "a word": ["x"] * len(case["inputs"][key])}.items():
        expect_refused(f"a case with {what} as inputs.{key}",
                       run_on(edited(lambda c: c["inputs"].update({key: value}))))
expect_refused("a layout of another name", run_on(edited(lambda c: c.update(layout="diagonal"))))
expect_refused("a negative length", run_on(edited(lambda c: c.update(lengths=[-1]))))
expect_refused("a huge shape", run_on(edited(lambda c: c.update(layout="padded", shape=[1 << 30, 1 << 30]))))
expect_refused("a response mask of 2", run_on(edited(lambda c: c.update(response_mask=[2] * sum(case["lengths"])))))
expect_refused("an array of numbers", run_on([1, 2]))
expect_refused("an object", run_on({}))

text = vectors.read_bytes()
for part in range(10):
    expect_refused(f"a file cut after {part}/10", run_on(text[: len(text) * part // 10]))
unused = ("--results", scratch)
expect_refused("a missing file", run("--executor", "seq", "--vectors", folder / "no_such_file.json", *unused))
expect_refused("a folder", run("--executor", "seq", "--vectors", folder, *unused))
expect_refused("a place that cannot be written",
               run("--executor", "seq", "--vectors", vectors, "--results", folder / "no_such_folder" / "x.json"))
expect_refused("another executor", run("--executor", "gpu", "--vectors", vectors, *unused))
expect_refused("double on simd", run("--executor", "simd", "--double", "--vectors", vectors, *unused))
expect_refused("an unknown flag", run("--executor", "seq", "--vectors", vectors, *unused, "--frobnicate"))
expect_refused("no flag at all", run())

# ---- a case that the library turns away has no fields, so that a complete check fails

for what, edit in {"a log-prob above 0": lambda c: c["inputs"]["logp_new"].__setitem__(0, 0.5),
                   "a delta of 0": lambda c: c["params"].update(delta=0)}.items():
    done = run_on(edited(edit))
    answered = json.loads(scratch.read_text())["results"][0]
    expect(f"{what} is reported: {done.stderr.strip()}", done.returncode == 0 and set(answered) == {"name", "rejected"})

# ---- nothing crashes it: the same damage every time

damage = random.Random(7)
base = json.dumps(edited(lambda c: None)).encode()
codes = set()
for _ in range(150):
    broken = bytearray(base)
    for _ in range(damage.randint(1, 4)):
        at = damage.randrange(len(broken))
        pieces = [b"", b"-", b"9", b"e99", b"null", b"[]", b"\"", b"\xff", b"1e400"]
        broken[at : at + damage.randint(0, 3)] = damage.choice(pieces)
    codes.add(run_on(bytes(broken)).returncode)
expect(f"150 damaged files end in order, with status {sorted(codes)}", codes <= {0, 2})

print(f"{failures} failed")
sys.exit(1 if failures else 0)
