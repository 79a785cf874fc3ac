"""Plot accuracy against parameters: write results/frontier.png from results/systems.csv and results/public.csv.

python benchmarks/frontier.py
"""

from __future__ import annotations

from pathlib import Path

from seesum.base.files import read_csv
from seesum.networks.systems import SYSTEMS
from seesum.showing.charts import draw_frontier
from seesum.showing.plots import save_figure
from seesum.studies.seeds import find_result


def main() -> None:
    """Plot the newest result of each system, beside the public results."""
    rows = read_csv(Path("results/systems.csv"))
    ours = [row for system in SYSTEMS.values() if (row := find_result(rows, system))]
    path = save_figure(draw_frontier(ours, read_csv(Path("results/public.csv"))), Path("results/frontier.png"))
    print(f"The picture is {path}")


if __name__ == "__main__":
    main()
