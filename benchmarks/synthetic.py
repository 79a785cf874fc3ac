"""Show the synthetic images that training adds to MNIST: a row for each digit with all its glyphs, then non-digits.

    python benchmarks/synthetic.py                     # writes docs/pictures/synthetic.png
    python benchmarks/synthetic.py synthetic.png --seed 1

Look at the picture after every change of glyphs. Images that a person would read differently must not be trained on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from seesum.base.style import mix_ink
from seesum.data.glyphs import DIGITS
from seesum.data.rendering import TRACE, render_non_digits, render_traces, trace_glyph, vary_handwriting

COLUMNS, NON_DIGIT_ROWS = max(map(len, DIGITS.values())), 3
"""Images in a row, as many as the most glyphs of a digit, and rows of non-digits."""


def main() -> None:
    """Render the images, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", type=Path, default=Path("docs/pictures/synthetic.png"), help="the PNG file")
    parser.add_argument("--seed", type=int, default=0, help="seed of the images")
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    rows = []
    for glyphs in DIGITS.values():
        traces = [trace_glyph(glyphs[place % len(glyphs)], 1, TRACE, rng) for place in range(COLUMNS)]
        rows.append(render_traces(vary_handwriting(np.concatenate(traces), rng), rng))
    others = render_non_digits(COLUMNS * NON_DIGIT_ROWS, rng)
    rows += np.split(others[rng.permutation(len(others))], NON_DIGIT_ROWS)
    sheet = np.concatenate([np.concatenate(list(row), 1) for row in rows])
    coloured = mix_ink()(sheet, bytes=True)[..., :3]
    picture = Image.fromarray(coloured).resize((2 * sheet.shape[1], 2 * sheet.shape[0]), Image.Resampling.BICUBIC)
    picture.quantize(16).save(arguments.path, optimize=True)
    print(f"The picture is {arguments.path}")


if __name__ == "__main__":
    main()
