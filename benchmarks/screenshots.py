"""Make the pictures of the page in docs/pictures/: run `seesum serve`, and write digits with the mouse in chromium.

    python benchmarks/screenshots.py

This makes page.png, page-dark.png, page-phone.png and the moving picture page.gif. The frames of page.gif are those that
chromium showed. It needs chromium and the development packages. Run it again after the page has changed.
"""

from __future__ import annotations

import argparse
import base64
import io
import itertools
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from scipy.interpolate import CubicSpline

Points = list[tuple[float, float]]
THREE: Points = [(0.33, 0.27), (0.45, 0.17), (0.6, 0.19), (0.67, 0.31), (0.59, 0.43), (0.47, 0.48), (0.6, 0.52), (0.69, 0.64)]
THREE += [(0.63, 0.78), (0.48, 0.84), (0.32, 0.76)]
FOUR_OR_NINE: Points = [(0.47, 0.2), (0.38, 0.26), (0.34, 0.36), (0.38, 0.48), (0.5, 0.5), (0.62, 0.42), (0.66, 0.22)]
FOUR_OR_NINE += [(0.66, 0.4), (0.64, 0.65), (0.6, 0.86)]
FIVE: list[Points] = [
    [(0.38, 0.2), (0.37, 0.32), (0.36, 0.46), (0.48, 0.43), (0.6, 0.47), (0.66, 0.6), (0.61, 0.75), (0.48, 0.82), (0.32, 0.77)],
    [(0.38, 0.2), (0.46, 0.2), (0.55, 0.195), (0.66, 0.19)],
]
"""Points of the strokes, as fractions of the sheet's side. The mouse follows a smooth curve through them."""


class Shot(NamedTuple):
    """One screenshot."""

    name: str
    run: str
    scheme: str
    """``light`` or ``dark``."""
    width: int
    height: int
    strokes: list[Points]
    keys: str
    """Keys that are pressed after the strokes."""


SHOTS = [
    Shot("page", "fast", "light", 1180, 800, [FOUR_OR_NINE], "6"),
    Shot("page-dark", "hand", "dark", 1180, 800, [THREE], "7s"),
    Shot("page-phone", "hand", "light", 390, 844, [THREE], "7"),
]
MOVING = Shot("page", "hand", "light", 800, 688, FIVE, "24689")
"""The moving picture, as wide as a README is shown."""
TICK = 100
"""Milliseconds of a frame. Every browser shows frames of this length as long as the file says."""
COLOURS, EXACT = 96, 16
"""Colours of the moving picture, which all frames share, and how many of the most frequent ones are kept as they are."""
MOST_BYTES = 1_000_000
MOVES = 3
"""Moves of the mouse for each point of a stroke in the moving picture. The browser shows each of them."""
BEFORE_KEY, LAST = 1300, 2200
"""Milliseconds for which the answer is shown before the next key, and at the end."""


def draw_stroke(page: Page, points: Points, moves: int = 12) -> None:
    """Move the mouse smoothly through the points, with the button pressed: so many moves for each point."""
    box = page.locator("#drawing").bounding_box()
    assert box is not None
    curve = CubicSpline(np.arange(len(points)), np.array(points))(np.linspace(0, len(points) - 1, moves * len(points)))
    for number, (x, y) in enumerate(curve):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if number == 0:
            page.mouse.down()
    page.mouse.up()


def take_shot(page: Page, shot: Shot, target: Path) -> None:
    """Draw the strokes, wait until the animations have ended, and write a small PNG."""
    for points in shot.strokes:
        draw_stroke(page, points)
    for key in shot.keys:
        page.keyboard.press(key)
    page.wait_for_timeout(3000)
    data = page.screenshot(animations="disabled", full_page=shot.width > 500)
    with Image.open(io.BytesIO(data)) as image:
        image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(target, optimize=True)


def film(page: Page, shot: Shot, target: Path) -> None:
    """Write a digit stroke by stroke, change the addend, and write what chromium showed meanwhile as an animated GIF."""
    session = page.context.new_cdp_session(page)
    frames: list[tuple[float, bytes]] = []

    def keep(frame: dict[str, Any]) -> None:
        frames.append((1000 * frame["metadata"]["timestamp"], base64.b64decode(frame["data"])))
        session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    session.on("Page.screencastFrame", keep)
    draw_stroke(page, shot.strokes[0])  # the first answer of a server takes longer than all others
    page.wait_for_timeout(2000)
    page.reload()
    page.locator("#about:not(:empty)").wait_for()
    page.keyboard.press(shot.keys[0])
    page.wait_for_timeout(500)
    session.send("Page.startScreencast", {"format": "png"})
    page.wait_for_timeout(600)
    for points in shot.strokes:
        draw_stroke(page, points, MOVES)
    for key in shot.keys[1:]:
        page.wait_for_timeout(BEFORE_KEY)
        page.keyboard.press(key)
    page.wait_for_timeout(LAST)
    session.send("Page.stopScreencast")
    write_gif(frames, target)


def write_gif(frames: list[tuple[float, bytes]], target: Path) -> None:
    """Write frames with their times in milliseconds as a GIF that repeats. Equal frames become one that is shown longer.

    The GIF begins with the last frame, the finished answer. A print or a still shows the first frame alone.
    """
    times = [time for time, _ in frames]
    ticks = np.arange(times[0], times[-1] + TICK, TICK)
    shown = [(number, len(list(same))) for number, same in itertools.groupby(bisect_right(times, tick) - 1 for tick in ticks)]
    shown = [shown[-1], *shown[:-1]]
    images = [Image.open(io.BytesIO(frames[number][1])).convert("RGB") for number, _ in shown]
    palette = choose_palette(images[:: max(1, len(images) // 8)])
    first, *others = [use_palette(image, palette) for image in images]
    durations = [TICK * count for _, count in shown]
    durations[0] += LAST
    first.save(target, save_all=True, append_images=others, duration=durations, loop=0, disposal=1)


def choose_palette(images: list[Image.Image]) -> NDArray[np.uint8]:
    """Return the colours [N, 3] for several images: the most frequent ones as they are, and means of the others."""
    sample = np.concatenate([np.asarray(image).reshape(-1, 3) for image in images])
    colours, place, counts = np.unique(sample, axis=0, return_inverse=True, return_counts=True)
    frequent = np.argsort(-counts, kind="stable")[:EXACT]
    others = sample[~np.isin(place.ravel(), frequent)][None]
    means = Image.fromarray(others).quantize(COLOURS - EXACT, method=Image.Quantize.MEDIANCUT).getpalette()
    return np.concatenate([colours[frequent], np.array(means, np.uint8).reshape(-1, 3)])


def use_palette(image: Image.Image, palette: NDArray[np.uint8]) -> Image.Image:
    """Return an image with the nearest colours of a palette. Pillow's own way rounds the colours before it compares them."""
    packed = np.asarray(image).astype(np.int32) @ np.array([1 << 16, 1 << 8, 1])
    codes, place = np.unique(packed, return_inverse=True)
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1)
    nearest = np.square(colours[:, None] - palette[None].astype(np.int64)).sum(2).argmin(1)
    found = Image.fromarray(nearest.astype(np.uint8)[place].reshape(packed.shape))
    found.putpalette(palette.ravel().tolist())
    return found


@contextmanager
def open_page(browser: Browser, shot: Shot) -> Iterator[Page]:
    """Serve the page with the network of a shot, and open it in a window of its size."""
    command = [sys.executable, "-m", "seesum", "serve", "--port", "0", "--run", shot.run]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = next(word for word in server.stdout.readline().split() if word.startswith("http"))
        size = {"width": shot.width, "height": shot.height}
        page = browser.new_page(viewport=size, color_scheme=shot.scheme)  # type: ignore[arg-type]
        page.goto(address)
        page.locator("#about:not(:empty)").wait_for()
        yield page
        page.close()
        server.terminate()


def main() -> None:
    """Parse the command line, and make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="docs/pictures", help="folder for the pictures")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="path of chromium")
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox", "--disable-gpu"])
        for shot in [*SHOTS, MOVING]:
            moving = shot is MOVING
            target = Path(arguments.out) / f"{shot.name}.{'gif' if moving else 'png'}"
            with open_page(browser, shot) as page:
                (film if moving else take_shot)(page, shot, target)
            size = target.stat().st_size
            print(f"{target}: {size:,} bytes")
            if size > MOST_BYTES:
                raise SystemExit(f"{target} is too large for a README; make it again while the machine has less to do")
        browser.close()


if __name__ == "__main__":
    main()
