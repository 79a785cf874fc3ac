"""Parameters against accuracy: draws results/frontier.png from results/systems.csv and results/public.csv.

python benchmarks/frontier.py
"""

from __future__ import annotations

from pathlib import Path

from seesum.charts import draw_frontier
from seesum.files import read_csv
from seesum.pictures import save_figure


def main() -> None:
    """Take the newest row without settings of each system."""
    rows = [row for row in read_csv(Path("results/systems.csv")) if not row["settings"] and row["evaluated_on"] == "test"]
    newest = {row["system"]: row for row in rows}
    path = save_figure(draw_frontier([*newest.values()], read_csv(Path("results/public.csv"))), Path("results/frontier.png"))
    print(f"The picture is {path}")


if __name__ == "__main__":
    main()
