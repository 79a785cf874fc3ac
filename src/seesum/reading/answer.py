"""Answer: what a network says about one picture and one addend, as text, as a figure, and in a notebook."""

from __future__ import annotations

import io
import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seesum.base.style import LONG_LABEL, ON_ANY_PAGE, OUTPUTS, format_share, format_value, house_style, make_figure, mix_ink
from seesum.data.operations import Operation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LABELS = 19
"""A row of bars has at most this many values written below it."""
LABELS_PER_INCH = 7
"""A plot has at most this many labels below an inch of its bars."""
BAR_WIDTH, BAR_HEIGHT = 22, 48
"""Pixels of a bar with its space, and of a bar with the probability 1, in a notebook."""


@dataclass(frozen=True, eq=False)
class Answer:
    """A network's answer to one picture and one addend."""

    digit: int
    """The digit in the picture."""
    sum: int
    """Digit + addend: the network's second output."""
    digit_probabilities: NDArray[np.float32]
    """[10], of the digits 0..9."""
    sum_probabilities: NDArray[np.float32]
    """[19], of the sums 0..18. For another operation [S], of its answers in the order of ``operation.values``."""
    confidence: float
    """Probability of the less certain output. Where the picture seems to hold several digits it is divided by their number,
    since any of them may be meant; where nothing looks like a digit, by two."""
    unsure: bool
    """Whether not to rely on it: the confidence is too low, or the picture does not seem to hold exactly one digit."""
    digits_found: int = 1
    """How many digits the picture seems to hold. The answer is for the largest or, with 0, for the ink that looks most like
    one."""
    addend: int = field(kw_only=True)
    """The addend, 0..9."""
    operation: Operation = field(kw_only=True)
    """What the network computes from digit and addend."""
    image: NDArray[np.uint8] = field(kw_only=True)
    """[28, 28], bright ink on black: the image that the network saw. Equal answers may have different images."""

    def __eq__(self, other: object) -> bool:
        """Return whether all values are equal, including those of both distributions. The image does not count."""
        return self._to_key() == other._to_key() if isinstance(other, Answer) else NotImplemented

    def __hash__(self) -> int:
        """Return the same number for equal answers."""
        return hash(self._to_key())

    def _to_key(self) -> tuple[Any, ...]:
        values = (self.digit, self.sum, self.addend, self.operation, self.confidence, self.unsure, self.digits_found)
        return (*values, *map(tuple, (self.digit_probabilities.tolist(), self.sum_probabilities.tolist())))

    def __repr__(self) -> str:
        """Return one short line, such as ``Answer(3 + 7 = 10, 99.8 % sure)``."""
        return f"Answer({self._write()}, {self._judge()})"

    def _write(self) -> str:
        return f"{self.operation.write(self.digit, self.addend)} = {format_value(self.sum)}"

    def _judge(self) -> str:
        """Return how sure the network is, and why one should not rely on the answer."""
        found = {0: ", no digit found", 1: ""}.get(self.digits_found, f", {self.digits_found} digits found")
        return f"{format_share(self.confidence)} sure{', unsure' * self.unsure}{found}"

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain values, for JSON."""
        return {
            "digit": self.digit,
            "sum": self.sum,
            "digit_probabilities": [float(p) for p in self.digit_probabilities],
            "sum_probabilities": [float(p) for p in self.sum_probabilities],
            "confidence": self.confidence,
            "unsure": self.unsure,
            "digits_found": self.digits_found,
        }

    @house_style()
    def plot(self) -> Figure:
        """Draw the image that the network saw, and the probabilities of both outputs."""
        figure = make_figure(8, 2.2)
        picture, digits, sums = figure.subplots(1, 3, width_ratios=(1, 1.2, 2.2))
        picture.imshow(self.image, cmap=mix_ink(OUTPUTS["digit"].colour), vmin=0, vmax=255)
        picture.axis("off")
        picture.set_title("28x28")
        draw_bars(digits, self.digit_probabilities, range(10), "digit")
        draw_bars(sums, self.sum_probabilities, self.operation.values, "sum")
        figure.suptitle(f"{self._write()}, {self._judge()}")
        return figure

    def _repr_html_(self) -> str:
        """Return the answer for a notebook: the image that the network saw, and the probabilities of both outputs as bars."""
        data = io.BytesIO()
        ink = Image.new("RGB", self.image.shape[::-1], ON_ANY_PAGE["digit"])
        ink.putalpha(Image.fromarray(self.image))
        ink.save(data, "PNG")
        rows = "".join(
            f"<div>{_title(output, probabilities)}<br>{_draw_svg(probabilities, values, output)}</div>"
            for output, probabilities, values in (
                ("digit", self.digit_probabilities, range(10)),
                ("sum", self.sum_probabilities, self.operation.values),
            )
        )
        return (
            f'<div style="display:flex;flex-wrap:wrap;gap:16px;align-items:center"><img alt="the image that the network saw" '
            f'width="112" height="112" style="image-rendering:pixelated" '
            f'src="data:image/png;base64,{b64encode(data.getvalue()).decode()}">'
            f"<div><b>{escape(self._write())}</b>, {escape(self._judge())}{rows}</div></div>"
        )


def draw_bars(panel: Axes, probabilities: NDArray[np.float32], values: Sequence[int], output: str) -> None:
    """Draw the probabilities of the values of one output. A narrow panel has fewer labels."""
    inches = panel.bbox.width / panel.figure.dpi
    panel.bar(range(len(values)), probabilities, color=OUTPUTS[output].colour)
    ticks = range(0, len(values), max(1, len(values) // 9, math.ceil(len(values) / (LABELS_PER_INCH * inches))))
    panel.set(ylim=(0, 1), yticks=[], xlabel=_title(output, probabilities))
    labels = [format_value(values[tick]) for tick in ticks]
    panel.set_xticks(ticks, labels, rotation=90 if max(map(len, labels)) > LONG_LABEL else 0)
    panel.grid(visible=False)
    panel.spines["left"].set_visible(False)


def _title(output: str, probabilities: NDArray[np.float32]) -> str:
    return f"{output.capitalize()} ({format_share(probabilities.max())})"


def _draw_svg(probabilities: NDArray[np.float32], values: Sequence[int], output: str) -> str:
    """Return the probabilities of the values of one output as a small drawing with texts in the colour around it."""
    every = math.ceil(len(values) / MOST_LABELS)
    step = BAR_WIDTH / every
    bars, labels = [], []
    for place, (value, probability) in enumerate(zip(values, probabilities.tolist(), strict=True)):
        height = round(BAR_HEIGHT * probability, 1)
        if height:
            bars.append(f"M{place * step:g} {BAR_HEIGHT}v-{height:g}h{0.8 * step:.3g}v{height:g}z")
        if place % every == 0:
            labels.append(f'<text x="{(place + 0.4) * step:g}" y="{BAR_HEIGHT + 13}">{format_value(value)}</text>')
    width = math.ceil(len(values) * step)
    best = f"{output} {format_value(values[int(probabilities.argmax())])}: {format_share(probabilities.max())}"
    return (
        f'<svg width="{width}" viewBox="0 0 {width} {BAR_HEIGHT + 16}" style="max-width:100%;height:auto" role="img" '
        f'aria-label="{best}">'
        f'<path d="{"".join(bars)}" fill="{ON_ANY_PAGE[output]}"/><g fill="currentColor" font-size="11" '
        f'text-anchor="middle">{"".join(labels)}</g></svg>'
    )
