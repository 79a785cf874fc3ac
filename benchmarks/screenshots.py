"""Make the screenshots of the page in docs/pictures/: run `seesum serve`, and write digits with the mouse in chromium.

    python benchmarks/screenshots.py

This needs chromium and the development packages. Run it again after the page has changed.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from scipy.interpolate import CubicSpline

Points = list[tuple[float, float]]
THREE: Points = [(0.33, 0.27), (0.45, 0.17), (0.6, 0.19), (0.67, 0.31), (0.59, 0.43), (0.47, 0.48), (0.6, 0.52), (0.69, 0.64)]
THREE += [(0.63, 0.78), (0.48, 0.84), (0.32, 0.76)]
FOUR_OR_NINE: Points = [(0.47, 0.2), (0.38, 0.26), (0.34, 0.36), (0.38, 0.48), (0.5, 0.5), (0.62, 0.42), (0.66, 0.22)]
FOUR_OR_NINE += [(0.66, 0.4), (0.64, 0.65), (0.6, 0.86)]
"""Points of the strokes, as fractions of the sheet's side. The mouse follows a smooth curve through them."""


class Shot(NamedTuple):
    """One screenshot."""

    name: str
    run: str
    scheme: str
    """``light`` or ``dark``."""
    width: int
    height: int
    points: Points
    keys: str
    """Keys that are pressed after the stroke."""


SHOTS = [
    Shot("page", "fast", "light", 1180, 800, FOUR_OR_NINE, "6"),
    Shot("page-dark", "hand", "dark", 1180, 800, THREE, "7s"),
    Shot("page-phone", "hand", "light", 390, 844, THREE, "7"),
]


def draw_stroke(page: Page, points: Points) -> None:
    """Move the mouse smoothly through the points, with the button pressed."""
    box = page.locator("#drawing").bounding_box()
    assert box is not None
    curve = CubicSpline(np.arange(len(points)), np.array(points))(np.linspace(0, len(points) - 1, 12 * len(points)))
    for number, (x, y) in enumerate(curve):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if number == 0:
            page.mouse.down()
    page.mouse.up()


def take_shot(page: Page, shot: Shot, target: Path) -> None:
    """Draw the stroke, wait until the animations have ended, and write a small PNG."""
    draw_stroke(page, shot.points)
    for key in shot.keys:
        page.keyboard.press(key)
    page.wait_for_timeout(3000)
    data = page.screenshot(animations="disabled", full_page=shot.width > 500)
    with Image.open(io.BytesIO(data)) as image:
        image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(target, optimize=True)


def main() -> None:
    """Parse the command line, and make all screenshots."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="docs/pictures", help="folder for the screenshots")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="path of chromium")
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox", "--disable-gpu"])
        for shot in SHOTS:
            command = [sys.executable, "-m", "seesum", "serve", "--port", "0", "--run", shot.run]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
                assert server.stdout is not None
                address = next(word for word in server.stdout.readline().split() if word.startswith("http"))
                size = {"width": shot.width, "height": shot.height}
                page = browser.new_page(viewport=size, color_scheme=shot.scheme)  # type: ignore[arg-type]
                page.goto(address)
                page.locator("#about:not(:empty)").wait_for()
                target = Path(arguments.out) / f"{shot.name}.png"
                take_shot(page, shot, target)
                page.close()
                server.terminate()
            print(f"{target}: {target.stat().st_size:,} bytes")
        browser.close()


if __name__ == "__main__":
    main()
