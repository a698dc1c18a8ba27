"""Types: the package and a user's file that names all of it, under mypy and pyright, where they are installed."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys

import cppo
import pytest
from cppo import audit, theory

HERE = pathlib.Path(__file__).resolve().parent
USER = HERE / "typed_user.py"
SETTINGS = HERE.parent / "pyproject.toml"


def run(command, **environment):
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_users_file_names_all_of_the_package():
    text = USER.read_text()
    distributed = re.search(r"__all__ = \[(.*?)\]", (HERE.parent / "src/cppo/distributed.py").read_text(), re.DOTALL)
    public = {"cppo": cppo.__all__, "theory": theory.__all__, "audit": audit.__all__,
              "presets": cppo.presets.__all__, "distributed": re.findall(r'"(\w+)"', distributed[1])}
    modules = {"advantages", "parity", "presets", "rules", "theory"}
    missing = [f"{module}.{name}" for module, names in public.items() for name in names
               if name not in modules and not re.search(rf"\b{module}\.{name}\b", text)]
    assert missing == []


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy(tmp_path):
    source = str(HERE.parent / "src")
    run([sys.executable, "-m", "mypy", "--config-file", str(SETTINGS), f"--cache-dir={tmp_path}",
         source + "/cppo", str(USER)], MYPYPATH=source)


@pytest.mark.skipif(shutil.which("pyright") is None, reason="pyright is not installed")
def test_pyright():
    run(["pyright", "--project", str(SETTINGS), "--pythonpath", sys.executable])
