"""The plug-in keeps seesum's contracts, and learns."""

from __future__ import annotations

from pathlib import Path

import seesum
import seesum.testing


def test_the_network_keeps_the_contract() -> None:
    seesum.testing.check_system("mixer", export=False)


def test_the_adder_keeps_the_contract() -> None:
    accepted = seesum.testing.check_adder("shift", export=False)
    assert set(accepted) == {"add", "subtract"}


def test_it_learns(tmp_path: Path) -> None:
    run = seesum.train("mixer", adder="shift", images=3000, epochs=3, out=tmp_path / "run", plot=False, quiet=True)
    assert run.metrics["sum_accuracy"] > 0.7
