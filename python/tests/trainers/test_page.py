"""What docs/pytorch.md tells a newcomer to run, run as it stands there: but for the installation, which is this one."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest

pytest.importorskip("trl", reason="TRL is not installed: ./run test-trainers installs it")

PAGE = (pathlib.Path(__file__).resolve().parents[3] / "docs" / "pytorch.md").read_text()


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.S | re.M)


def changed(script):
    """The script after the page's changes."""
    for diff in blocks("diff"):
        lines = diff.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] == "-")
        assert script.count(old) == 1
        script = script.replace(old, "".join(line[1:] for line in lines if line[0] == "+"))
    return script


def run(folder, name):
    done = subprocess.run([sys.executable, name], cwd=folder, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return done.stdout


def numbers(printed, name):
    return [float(x) for x in re.findall(rf"'{name}': '?([-+.e\d]+)", printed)]


def test_every_command_of_the_page(tmp_path):
    names = re.findall(r"^\$ venv/bin/python (\w+\.py)$", "\n".join(blocks("console")), re.M)
    scripts = dict(zip(names, blocks("python"), strict=True))
    assert names == ["tiny_model.py", "grpo.py", "loop.py", "from_logits.py"]
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
    run(tmp_path, "tiny_model.py")
    before = run(tmp_path, "grpo.py")
    (tmp_path / "grpo.py").write_text(changed(scripts["grpo.py"]))
    after = run(tmp_path, "grpo.py")
    for printed in (before, after):
        reward = numbers(printed, "reward")
        assert len(reward) >= 15 and sum(reward[-5:]) > sum(reward[:5]) + 0.25
    shown = re.findall(r"`((?:cppo|clip_ratio)/\w+)`", PAGE)
    assert len(shown) == 4 and all(len(numbers(after, name)) == 30 for name in shown)
    assert max(numbers(after, "clip_ratio/region_mean")) > 0.0
    assert "kept" in run(tmp_path, "loop.py") and "kept" in run(tmp_path, "from_logits.py")
