"""Draw the plots in results/ and docs/pictures/ again: from stored rows and with shipped networks, without training anything.

    python benchmarks/pictures.py

This makes frontier.png (of systems.csv and public.csv), published.png and adders.png (of the CSV files of their names) in
results/, and answers.png, samples.png, steps.png, table.png, adders-simple.png (of adders.csv) and adding.png in
docs/pictures/. Look at them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import seesum
from seesum.base.files import read_csv
from seesum.networks.systems import SYSTEMS
from seesum.showing.adding import draw_adder_accuracy, draw_adding
from seesum.showing.charts import draw_comparison, draw_frontier, draw_published
from seesum.showing.plots import save_figure
from seesum.studies.seeds import find_result

FOUR_OR_NINE = 2053
"""A test image that may be either."""
RESULTS, DOCS = Path("results"), Path("docs/pictures")


def draw_results() -> None:
    """Draw the newest result of each system beside the public figures, the reproductions, and the adders."""
    rows = {name: read_csv(RESULTS / f"{name}.csv") for name in ("systems", "public", "published", "adders")}
    ours = [row for system in SYSTEMS.values() if (row := find_result(rows["systems"], system))]
    save_figure(draw_frontier(ours, rows["public"]), RESULTS / "frontier.png")
    save_figure(draw_published(rows["published"]), RESULTS / "published.png")
    save_figure(draw_comparison(rows["adders"], {}), RESULTS / "adders.png")


def draw_docs() -> None:
    """Draw answers to random images, samples, the steps of the photos in examples/, a learned table, and how adders add."""
    seesum.predict(random=10, run="fast", plot=DOCS / "answers.png")
    seesum.predict("examples/photo-*.jpg", add=7, explain=DOCS / "steps.png")
    seesum.show("samples", run="hand", plot=DOCS / "samples.png")
    seesum.show("table", run="fast", plot=DOCS / "table.png")
    save_figure(draw_adder_accuracy(read_csv(RESULTS / "adders.csv")), DOCS / "adders-simple.png")
    image = seesum.load_mnist().test.images[FOUR_OR_NINE]
    save_figure(draw_adding(seesum.Reader.load("fast").answer_images(image[None], np.array([7]))[0]), DOCS / "adding.png")


if __name__ == "__main__":
    draw_results()
    draw_docs()
