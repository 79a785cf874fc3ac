"""showing/adding.py: the two pictures for beginners show the stored figures, and what the network computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seesum
from seesum.base.files import read_csv
from seesum.showing.adding import draw_adder_accuracy, draw_adding

ROWS = read_csv(Path(__file__).parents[2] / "results" / "adders.csv")


@pytest.mark.parametrize("addend", [0, 7, 9])
def test_bars_are_the_probabilities_of_both_outputs(addend: int) -> None:
    image = seesum.load_mnist().test.images[2053]
    answer = seesum.Reader.load("fast").answer_images(image[None], np.array([addend]))[0]
    picture, panel = draw_adding(answer).axes
    assert picture.images[0].get_array() is not None
    digits, sums = panel.containers
    assert [bar.get_height() for bar in digits] == pytest.approx(answer.digit_probabilities.tolist())
    assert [bar.get_height() for bar in sums] == pytest.approx(answer.sum_probabilities.tolist())
    collections: list[Any] = [*panel.collections]
    ways = [collection.get_segments() for collection in collections]
    assert [(way[0][0][0], way[-1][-1][0]) for way in ways] == [(digit, digit + addend) for digit in range(10)]
    widths = [collection.get_linewidths()[0] for collection in collections]
    assert np.argmax(widths) == answer.digit
    assert f"+ {addend}" in {text.get_text() for text in panel.texts}


def test_dots_are_the_stored_accuracies() -> None:
    panels = draw_adder_accuracy(ROWS).axes
    names = [label.get_text() for label in panels[0].get_yticklabels()]
    assert set(names) == {row["adder"] for row in ROWS}
    for panel, condition in zip(panels, ("all images", "1 % of the images"), strict=True):
        texts = [text.get_text() for text in panel.texts]
        for height, name in enumerate(names):
            (row,) = [row for row in ROWS if (row["adder"], row["condition"]) == (name, condition)]
            shares = [100 * float(row[f"{output}_accuracy_mean"]) for output in ("digit", "sum")]
            assert texts[2 * height : 2 * height + 2] == [f"{share:.1f}" for share in shares]
            dots = [line for line in panel.lines if len(line.get_xdata()) == 1 and line.get_ydata()[0] == height]  # type: ignore[arg-type, index]
            assert [line.get_xdata()[0] for line in dots] == pytest.approx(shares)  # type: ignore[index]
    few = [
        float(row["sum_accuracy_mean"])
        for name in names
        for row in ROWS
        if (row["adder"], row["condition"]) == (name, "1 % of the images")
    ]
    assert few == sorted(few), "the best adder is at the top"
