"""A real notebook: every cell shows one thing, which looks right there, and nothing is said twice."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from seesum.base.style import DPI, SHOWN_DPI

TRAIN = 'seesum.train("fast", images="500", batch_size=64, split="validate", plot=False, out="run")'
CELLS: dict[str, set[str]] = {
    "import seesum": set(),
    TRAIN: {"bar", "text/html"},
    'run = seesum.Run("run")\nrun.plot()': {"image/png"},
    "reader = seesum.Reader.load(run)\nreader": {"text/html"},
    "answer = reader(seesum.load_mnist().test.images[0], add=7)\nanswer": {"text/html"},
    "answer.plot()": {"image/png"},
    "figure = answer.plot()": set(),
    'seesum.study("fast", seeds=1, images="200", plot=False, out="study")': {"bar", "text/html"},
    "from seesum.studies.tables import ResultTable\nResultTable(run.directory, [run.metrics], ('system',))": {"text/html"},
    "%matplotlib inline\nanswer.plot()": {"image/png"},
}
"""Cells, and what each of them shows."""


@pytest.mark.slow
def test_a_notebook(tmp_path: Path) -> None:
    form: Any = nbformat.v4  # it has no types
    notebook = form.new_notebook(cells=[form.new_code_cell(cell) for cell in CELLS])
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env={**os.environ, "OMP_NUM_THREADS": "1", "IPYTHONDIR": str(tmp_path / "ipython")})
    outputs = {cell.source: cell.outputs for cell in notebook.cells}
    for cell, expected in CELLS.items():
        check_cell(cell, outputs[cell], expected)

    (bar,) = [output for output in outputs[TRAIN] if output.output_type == "display_data"]
    *_, last = bar.data["text/plain"].splitlines()
    assert "█" * 30 in last, "the bar is full"
    assert last.count("fast") == 1

    (figure,) = outputs["answer.plot()"]
    width = int.from_bytes(base64.b64decode(figure.data["image/png"])[16:20])
    assert figure.metadata["image/png"]["width"] == pytest.approx(width * SHOWN_DPI / DPI, abs=1), "it is sharp"


def check_cell(cell: str, outputs: list[Any], expected: set[str]) -> None:
    """Make sure that a cell shows a bar or one result, as expected, and nothing else: no warning, and no text twice."""
    assert {output.output_type for output in outputs} <= {"execute_result", "display_data"}, (cell, outputs)
    shown = [output for output in outputs if output.output_type == "execute_result"]
    assert len(shown) == bool(expected - {"bar"}), cell
    assert len(outputs) - len(shown) == ("bar" in expected), cell
    for output in shown:
        assert {"text/html", "image/png"} & output.data.keys() == expected - {"bar"}, cell
        assert len(output.data["text/plain"]) < 120, "the text is short"
        page = output.data.get("text/html", "").lower()
        assert not [word for word in ("background", "white", "#fff", "black", "#000") if word in page], "light or dark"
