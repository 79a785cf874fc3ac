"""What is drawn for training beside MNIST: a row of each digit in all its forms, then non-digits.

    python benchmarks/drawn.py                     # writes docs/drawn.png
    python benchmarks/drawn.py drawn.png --seed 1

Look at it after every change of forms: what a person would read otherwise must not be taught.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from seesum.forms import DIGITS
from seesum.strokes import TRACE, draw_non_digits, ink_traces, trace_form, vary_hands

COLUMNS, BLANKS = 20, 3
"""Images in a row, and rows of non-digits."""


def main() -> None:
    """Draw, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", type=Path, default=Path("docs/drawn.png"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    rows = []
    for forms in DIGITS.values():
        traces = [trace_form(forms[place % len(forms)], 1, TRACE, rng) for place in range(COLUMNS)]
        rows.append(ink_traces(vary_hands(np.concatenate(traces), rng), rng))
    blanks = draw_non_digits(COLUMNS * BLANKS, rng)
    rows += np.split(blanks[rng.permutation(len(blanks))], BLANKS)
    sheet = 255 - np.concatenate([np.concatenate(list(row), 1) for row in rows])
    picture = Image.fromarray(sheet).resize((2 * sheet.shape[1], 2 * sheet.shape[0]), Image.Resampling.BICUBIC)
    picture.quantize(16).save(options.path, optimize=True)
    print(f"The picture is {options.path}")


if __name__ == "__main__":
    main()
