"""runs/provenance.py: the origin of a figure."""

from __future__ import annotations

import os
import platform

import pytest

from seesum.runs.provenance import origin_columns


def test_the_first_columns_of_a_row() -> None:
    row = origin_columns("cores", "python")
    assert list(row) == ["date", "commit", "processor", "cores", "python"]
    assert (row["cores"], row["python"]) == (str(os.cpu_count()), platform.python_version())
    with pytest.raises(KeyError):
        origin_columns("weather")
