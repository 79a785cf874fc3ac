"""The digit's confusion matrix counts each image once where its digit does not depend on the addend."""

from __future__ import annotations

import numpy as np
import pytest

from seesum.measuring.metrics import PredictedClasses
from seesum.showing.reports import draw_digit_confusion


@pytest.mark.parametrize(
    ("changed", "title", "total"), [(0, "Digit (number of images)", 20), (1, "Digit (number of pairs)", 200)]
)
def test_images_or_pairs_are_counted(changed: int, title: str, total: int) -> None:
    truth = np.arange(20)[:, None] % 10
    digit = np.repeat(truth, 10, 1)
    digit[3, :changed] = 8
    panel = draw_digit_confusion(PredictedClasses(digit, digit, truth, digit)).axes[0]
    assert panel.get_title() == title
    assert sum(int(text.get_text().replace(",", "") or 0) for text in panel.texts) == total
