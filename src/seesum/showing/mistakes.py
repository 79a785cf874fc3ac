"""The contact sheet of the pictures that a network read wrongly, the surest first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seesum.base.style import format_share
from seesum.data.operations import Operation
from seesum.measuring.pictures import Judged, find_mistakes
from seesum.showing.plots import caption_answer, draw_grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_SHOWN = 30


def draw_mistakes(judged: Sequence[Judged], operation: Operation) -> Figure:
    """Draw the mistakes, as the network saw the pictures, with answer, truth, confidence and file name."""
    mistakes = find_mistakes(judged)
    shown = [one for one in mistakes[:MOST_SHOWN] if one.image is not None and one.predicted is not None]
    captions = [
        f"{caption_answer(operation, one.addend, one.predicted, (one.digit, one.true_sum))}\n"
        f"{format_share(one.confidence)}{', unsure' * one.unsure}\n{Path(one.picture).name[-24:]}"
        for one in shown
        if one.predicted is not None
    ]
    images = np.stack([one.image for one in shown if one.image is not None]) if shown else np.zeros((0, 28, 28), np.uint8)
    title = (
        f"The {len(shown)} surest of {len(mistakes)} mistakes" if len(shown) < len(mistakes) else f"All {len(shown)} mistakes"
    )
    return draw_grid(images, captions, [True] * len(shown), title if shown else f"No mistakes in {len(judged)} pictures")
