"""examples/22_masks.ipynb runs, and prints what it is stored with."""

from __future__ import annotations

import pathlib

import pytest

BOOK = pathlib.Path(__file__).resolve().parents[2] / "examples" / "22_masks.ipynb"


def printed(cell):
    return "".join(o["text"] for o in cell.outputs if o["output_type"] == "stream")


def pictures(cell):
    return sum("image/png" in o.get("data", {}) for o in cell.outputs)


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_prints_what_it_shows():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("matplotlib")
    stored, run = (nbformat.read(BOOK, as_version=4) for _ in range(2))
    nbclient.NotebookClient(run, timeout=300, resources={"metadata": {"path": str(BOOK.parent)}}).execute()
    assert sum(map(pictures, (c for c in run.cells if c.cell_type == "code"))) == 3
    for mine, theirs in zip(run.cells, stored.cells):
        if mine.cell_type == "code":
            assert printed(mine) == printed(theirs), mine.source
            assert pictures(mine) == pictures(theirs), mine.source
