"""base/progress.py: a bar in a notebook, plain lines where nobody watches."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from seesum.base import progress as module
from seesum.base.progress import Progress


class Cell:
    """A notebook's cell as IPython gives it: what ``display`` returns. The tests run without IPython."""

    def __init__(self, shell: object, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts: list[str] = []
        ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
        ipython.get_ipython, display.display = lambda: shell, self.display  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        monkeypatch.setitem(sys.modules, "IPython.display", display)

    def display(self, data: dict[str, Any], *, raw: bool, display_id: bool) -> Cell:
        assert display_id
        self.update(data, raw=raw)
        return self

    def update(self, data: dict[str, Any], *, raw: bool) -> None:
        assert raw
        self.texts.append(data["text/plain"])


def test_a_notebook_shows_one_bar_that_changes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    cell = Cell(SimpleNamespace(kernel=object()), monkeypatch)
    monkeypatch.setattr(module, "SECONDS_BETWEEN_UPDATES", 0.0)
    with Progress("a job", 40) as progress:
        progress.update(10, "loss 2")
        progress.note("epoch 1")
        progress.update(40, "loss 1")
        before = len(cell.texts)
    bars = [text.splitlines()[-1] for text in cell.texts]
    assert [(bar.count("█"), bar.count("░")) for bar in bars] == [(0, 30), (7, 23), (7, 23), (30, 0), (30, 0)]
    assert bars[0].startswith("a job  ░")
    assert "  10 of 40  0 s  loss 2" in bars[1]
    assert [text.splitlines()[:-1] for text in cell.texts] == [[], [], ["epoch 1"], ["epoch 1"], ["epoch 1"]]
    assert before == len(cell.texts) - 1, "the end is always shown"
    progress.note("a later line")
    assert capsys.readouterr().err == "a later line\n"


def test_a_notebook_is_not_flooded(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell(SimpleNamespace(kernel=object()), monkeypatch)
    with Progress("a job", 100_000) as progress:
        for step in range(1, 100_001):
            progress.update(step, "")
    assert len(cell.texts) < 500
    assert "100,000 of 100,000" in cell.texts[-1]


@pytest.mark.parametrize("shell", [None, SimpleNamespace(kernel=None), object()], ids=["no shell", "no kernel", "a terminal's"])
def test_without_a_kernel_there_are_plain_lines(
    shell: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = Cell(shell, monkeypatch)
    with Progress("a job", 1_000) as progress:
        progress.update(1, "loss 2")  # less than ten seconds after the first line
        progress.note("epoch 1")
    assert cell.texts == []
    assert capsys.readouterr().err == "a job: 1,000 steps\nepoch 1\n"


def test_quiet_shows_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    cell = Cell(SimpleNamespace(kernel=object()), monkeypatch)
    with Progress("a job", 3, quiet=True) as progress:
        progress.update(3, "")
        progress.note("epoch 1")
    assert cell.texts == []
    assert capsys.readouterr().err == ""
