#!/usr/bin/env python3
"""The study with the real program: it reads every region of the plan, and makes two runs and no third.

    smoke_test.py PROGRAM FOLDER
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import plan as plans

HERE = Path(__file__).resolve().parent
TINY = {"steps": 1, "every": 1, "responses": 16, "group": 8, "evaluated": 8, "lessons": 2}


def regions_are_read(program):
    plan = plans.read()
    texts = {plans.region(plan, arm, plans.number(s)) for arm, of in plan["arms"].items() for s in of["grid"] or [1]}
    for text in sorted(texts):
        told = subprocess.run([program, "--plan", "--region", text], capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
    print(f"{len(texts)} regions of the plan are read")


def settings_are_what_was_asked(line):
    for key, asked in line["asked"].items():
        assert key == "region" or line["settings"][key] == asked, (key, asked, line["settings"])


def tiny_study(program, models, folder):
    plan = plans.read(HERE / "fixtures/plan.json")
    plan["tasks"] = {"registers": plan["tasks"]["registers"] | TINY}
    plan["arms"] = {arm: plan["arms"][arm] | {"grid": plan["arms"][arm]["grid"][:1]} for arm in ("CPPO", "PPO")}
    plan["confirmed"] = plan["matched"] = ["CPPO", "PPO"]
    plan["explored_tasks"], plan["seeds"]["tune"] = ["registers"], [1001]
    (folder / "plan.json").write_text(json.dumps(plan))
    command = [sys.executable, HERE / "study.py", "--plan", folder / "plan.json", "--runs", folder / "runs.jsonl",
               "--kept", folder / "none", "--program", program, "--models", models, "--out", folder / "out"]
    for _ in range(2):
        told = subprocess.run([*command, "--stage", "tune"], capture_output=True, text=True)
        assert told.returncode == 0 and "tune: 2 of 2 runs are there" in told.stdout, told.stdout + told.stderr
        lines = [json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()]
        assert len(lines) == 2, lines
    for line in lines:
        settings_are_what_was_asked(line)
    told = subprocess.run([*command, "--report"], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert "Strengths chosen" in (folder / "out/report.html").read_text(encoding="utf-8")


def main():
    program, models = map(Path, sys.argv[1:])
    regions_are_read(program)
    with tempfile.TemporaryDirectory() as folder:
        tiny_study(program, models, Path(folder))


if __name__ == "__main__":
    main()
