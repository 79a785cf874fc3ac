"""studies/tables.py: processes that write the same CSV file at the same time."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from seesum.base.errors import InputError
from seesum.base.files import read_csv
from seesum.base.locks import hold_folder
from seesum.studies import comparisons, reproductions, tables

APPEND = """
import sys
from pathlib import Path
from seesum.studies.tables import append_row, merge_rows
for number in range(int(sys.argv[3])):
    name = f"{sys.argv[2]}-{number}"
    if sys.argv[4] == "append":
        append_row(Path(sys.argv[1]), {"name": name, "value": 1})
    else:
        merge_rows(Path(sys.argv[1]), "name", [name], [{"name": name, "value": 1}], [])
"""


@pytest.mark.parametrize(("how", "count"), [("append", 100), ("merge", 30)])
def test_processes_that_write_at_once_lose_no_row(tmp_path: Path, how: str, count: int) -> None:
    words = [sys.executable, "-c", APPEND, str(tmp_path / "rows.csv")]
    processes = [subprocess.Popen([*words, name, str(count), how]) for name in ("one", "other")]
    assert [process.wait(120) for process in processes] == [0, 0]
    names = [row["name"] for row in read_csv(tmp_path / "rows.csv")]
    assert sorted(names) == sorted(f"{name}-{number}" for name in ("one", "other") for number in range(count))
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_results_print_as_one_short_line_and_as_a_table() -> None:
    rows = [{"adder": "<exact>", "sum_accuracy_mean": "0.98", "date": "today"}]
    table = tables.ResultTable(Path("runs/trial"), rows, ("adder", "sum_accuracy_mean"))
    assert repr(table) == "ResultTable(runs/trial, 1 row)"
    page = table._repr_html_()
    assert re.findall(r"<t[hd]>([^<]+)", page) == ["Adder", "Sum accuracy mean", "&lt;exact&gt;", "0.98"]


@pytest.mark.parametrize("name", ["adders", "published"])
def test_shown_columns_are_those_of_stored_rows(name: str) -> None:
    columns = {"adders": comparisons.COLUMNS, "published": reproductions.COLUMNS}[name]
    assert set(columns) <= read_csv(Path(__file__).parents[2] / "results" / f"{name}.csv")[0].keys()


def test_nobody_waits_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "PATIENCE", 0.1)
    refused = pytest.raises(InputError, match=r"rows\.csv is being written by another process; try again")
    with hold_folder(tmp_path, ""), refused:
        tables.append_row(tmp_path / "rows.csv", {"a": 1})
    assert not list(tmp_path.iterdir())
