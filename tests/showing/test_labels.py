"""showing/labels.py: no text covers another one, a marker or an error bar."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes

from seesum.base.files import read_csv
from seesum.base.style import house_style, make_figure
from seesum.networks.systems import SYSTEMS
from seesum.showing import charts
from seesum.showing.labels import Label, find_box, find_marks, write_labels
from seesum.studies.seeds import find_result

ROOT = Path(__file__).parents[2]


def check_labels(panel: Axes, labels: list[Label]) -> int:
    """Make sure that the labels of a panel cover nothing, and return how many have a line."""
    texts = {text.get_text(): text for text in panel.texts if text.get_text() in {label.text for label in labels}}
    assert len(texts) == len(labels)
    boxes = {name: find_box(text) for name, text in texts.items()}  # type: ignore[arg-type]
    marks = dict(zip([label.text for label in labels], find_marks(panel, labels), strict=True))
    assert not [pair for pair in combinations(boxes, 2) if boxes[pair[0]].overlaps(boxes[pair[1]])]
    assert not [(name, other) for name, box in boxes.items() for other, mark in marks.items() if box.overlaps(mark)]
    for box in boxes.values():
        assert panel.bbox.x0 <= box.x0 <= box.x1 <= panel.bbox.x1
        assert panel.bbox.y0 <= box.y0 <= box.y1 <= panel.bbox.y1
    return sum(text.arrow_patch.get_visible() for text in texts.values())  # type: ignore[attr-defined]


def test_labels_of_the_frontier(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = read_csv(ROOT / "results" / "systems.csv")
    ours = [row for system in SYSTEMS.values() if (row := find_result(rows, system))]
    seen: list[Label] = []

    def write_and_keep(panel: Axes, labels: list[Label]) -> None:
        seen.extend(labels)
        write_labels(panel, labels)

    monkeypatch.setattr(charts, "write_labels", write_and_keep)
    figure = charts.draw_frontier(ours, read_csv(ROOT / "results" / "public.csv"))
    assert len(seen) > 10
    assert check_labels(figure.axes[0], seen) <= 2, "most texts are beside their points"


@pytest.mark.parametrize("seed", range(5))
def test_labels_of_a_crowd(seed: int) -> None:
    """Points that lie close together, with error bars: texts go further away, and get a line to their point."""
    rng = np.random.default_rng(seed)
    with house_style():
        figure = make_figure(8.4, 6)
        panel = figure.subplots()
        panel.set(xlim=(0, 10), ylim=(0, 10))
        places, errors = rng.normal(5, 0.7, (12, 2)), rng.uniform(0, 0.6, 12)
        labels = [Label(f"point {k}", x, y, error) for k, ((x, y), error) in enumerate(zip(places, errors, strict=True))]
        write_labels(panel, labels)
    assert check_labels(panel, labels) >= 1
