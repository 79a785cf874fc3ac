"""provenance.py: where a figure comes from."""

from __future__ import annotations

import os
import platform

import pytest

from seesum.provenance import describe_measurement


def test_the_first_columns_of_a_row() -> None:
    row = describe_measurement("cores", "python")
    assert list(row) == ["date", "commit", "processor", "cores", "python"]
    assert (row["cores"], row["python"]) == (str(os.cpu_count()), platform.python_version())
    with pytest.raises(KeyError):
        describe_measurement("weather")
