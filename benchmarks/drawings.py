"""Measure how drawings are read from their strokes, compared with the same drawings as pictures.

    python benchmarks/drawings.py latency       # milliseconds of a request and of the preparation alone, in turn
    python benchmarks/drawings.py accuracy      # the same drawings both ways: right, wrong, and how many changed
    python benchmarks/drawings.py flicker       # digits that the page shows while somebody writes, in chromium

Digits are simulated: a pen goes through the points of a glyph of ``seesum.data.glyphs``, each with its own handwriting, size
and place on the sheet. ``flicker --address URL`` measures a page that is served already, such as one of an older version. The
rows are written to drawings-latency.csv and so on in the folder that ``--out`` names.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import io
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from seesum.base.files import make_folder, write_csv
from seesum.cli.output import print_rows
from seesum.data.glyphs import DIGITS
from seesum.data.rendering import trace_glyph, vary_handwriting
from seesum.reading.drawings import prepare_strokes
from seesum.reading.preprocessing import prepare_picture
from seesum.reading.reader import Reader
from seesum.runs.provenance import origin_columns
from serve import OURS, start_server

PEN = 1 / 13
"""Width of the page's pen, as a share of the sheet's side."""
POINTS = 40
"""Points of a stroke."""
SEND, MARGIN = 240, 0.14
"""Side and margin of the picture that the page sent of a drawing before it sent strokes."""
SPEED, LIFTED = 1.5, 0.25
"""How fast the pen moves, in sides of the sheet per second, and how many seconds it is lifted between strokes."""
REST = 1.2
"""Seconds to wait after a digit is written."""
WATCH = """
() => {
  window.seen = { shown: [], answers: [] };
  const digit = document.getElementById("digit"), plain = window.fetch;
  new MutationObserver(() => seen.shown.push([performance.now(), digit.textContent]))
    .observe(digit, { childList: true, characterData: true, subtree: true });
  window.fetch = async (...words) => {
    const response = await plain(...words);
    if (/strokes|explain/.test(words[0])) response.clone().json().then(answer => seen.answers.push(String(answer.digit)));
    return response;
  };
}
"""


class Written(NamedTuple):
    """A digit that somebody wrote."""

    strokes: list[NDArray[np.float64]]
    """Points [N, 3] of each stroke: x, y and width, as shares of the sheet's side."""
    digit: int


def write_digits(count: int, seed: int) -> list[Written]:
    """Simulate digits that are written on a sheet. All digits and all their glyphs are equally likely."""
    rng = np.random.default_rng(seed)
    return [_write_digit(int(rng.integers(10)), rng) for _ in range(count)]


def _write_digit(digit: int, rng: Generator) -> Written:
    glyph = DIGITS[digit][rng.integers(len(DIGITS[digit]))]
    curves = [trace_glyph(stroke, 1, POINTS, rng)[0] for stroke in glyph.split(";")]
    points = vary_handwriting(np.concatenate(curves)[None], rng)[0].astype(np.float64)
    low, high = points.min(0), points.max(0)
    size = rng.uniform(0.3, 0.88) / max(high - low)
    room = 1 - PEN - (high - low) * size
    placed = (points - low) * size + PEN / 2 + room * rng.uniform(0, 1, 2)
    inked = np.column_stack([placed, np.full(len(placed), PEN)])
    return Written(np.split(inked, len(curves)), digit)


def draw_picture(written: Written) -> Image.Image:
    """Draw a digit as the page's canvas did: black on white, with smooth edges."""
    fine = 4
    side = round(SEND * (1 + 2 * MARGIN))
    image = Image.new("L", (side * fine, side * fine), 255)
    pen = ImageDraw.Draw(image)
    for stroke in written.strokes:
        points = [((x + MARGIN) * SEND * fine, (y + MARGIN) * SEND * fine) for x, y, _ in stroke]
        radius = PEN * SEND * fine / 2
        pen.line(points, 0, round(2 * radius))
        for x, y in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), 0)
    return image.reduce(fine)


def encode_png(image: Image.Image) -> bytes:
    """Return the bytes of a PNG."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def measure_latency(run: str, count: int, seed: int) -> list[dict[str, Any]]:
    """Measure requests on one connection, and the preparation alone. Both ways take turns."""
    digits = write_digits(count, seed)
    bodies = {
        "strokes": [{"strokes": [stroke.round(4).tolist() for stroke in one.strokes], "add": 7} for one in digits],
        "picture": [{"image": base64.b64encode(encode_png(draw_picture(one))).decode(), "add": 7} for one in digits],
    }
    paths = {"strokes": "/strokes", "picture": "/explain"}
    requests: dict[str, list[float]] = {way: [] for way in paths}
    alone: dict[str, list[float]] = {way: [] for way in paths}
    with start_server(OURS.format(run=run, limits="")) as (_, port):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for place in range(-5, count):
            for way, path in paths.items():
                body = json.dumps(bodies[way][place % count])
                started = time.perf_counter()
                connection.request("POST", path, body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                text = response.read()
                if response.status != 200:
                    raise RuntimeError(text.decode())
                if place >= 0:  # the first ones warm the server up
                    requests[way].append(time.perf_counter() - started)
    prepare: dict[str, Callable[[Any], Any]] = {
        "strokes": lambda body: prepare_strokes(body["strokes"]),
        "picture": lambda body: prepare_picture(base64.b64decode(body["image"])),
    }
    for place in range(-5, count):
        for way in paths:
            started = time.perf_counter()
            prepare[way](bodies[way][place % count])
            if place >= 0:
                alone[way].append(time.perf_counter() - started)
    rows = []
    for way in paths:
        for what, seconds in (("request", requests[way]), ("preparation", alone[way])):
            p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1000
            size = int(np.median([len(json.dumps(body)) for body in bodies[way]]))
            row = {"network": run, "way": way, "what": what, "n": count, "p50_ms": f"{p50:.2f}", "p99_ms": f"{p99:.2f}"}
            rows.append({**row, "bytes_sent": size})
    return rows


def measure_accuracy(runs: list[str], count: int, seed: int) -> list[dict[str, Any]]:
    """Read the same drawings both ways."""
    digits = write_digits(count, seed)
    truth, addends = np.array([one.digit for one in digits]), np.full(count, 7)
    ways = {
        "picture": [prepare_picture(draw_picture(one)) for one in digits],
        "strokes": [prepare_strokes(one.strokes) for one in digits],
    }
    rows = []
    for run in runs:
        reader, before = Reader.load(run), np.zeros(count, bool)
        for way, prepared in ways.items():
            answers = reader.answer_prepared(prepared, addends)
            right = np.array([answer.digit for answer in answers]) == truth
            sure = np.array([not answer.unsure for answer in answers])
            row = {"network": run, "way": way, "n": count, "right": int(right.sum()), "accepted": int(sure.sum())}
            row["accepted_and_wrong"] = int((sure & ~right).sum())
            row["one_digit_found"] = sum(one.digits_found == 1 for one in prepared)
            row["right_to_wrong"] = int((before & ~right).sum()) if way == "strokes" else 0
            row["wrong_to_right"] = int((~before & right).sum()) if way == "strokes" else 0
            rows.append(row)
            before = right
    return rows


def measure_flicker(address: str, run: str, count: int, seed: int, chromium: str) -> list[dict[str, Any]]:
    """Write digits on the page, and record which digits it shows meanwhile."""
    from playwright.sync_api import sync_playwright

    serving = nullcontext(None) if address else start_server(OURS.format(run=run, limits=""))
    found: list[tuple[int, int, int, bool, float]] = []
    with sync_playwright() as playwright, serving as server:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address or f"http://127.0.0.1:{server[1] if server else 0}/")
        page.locator("#about:not(:empty)").wait_for()
        page.evaluate(WATCH)
        box = page.locator("#drawing").bounding_box()
        assert box is not None
        for written in write_digits(count, seed):
            page.keyboard.press("c")
            page.wait_for_timeout(300)
            page.evaluate("() => { seen.shown = []; seen.answers = []; }")
            for number, stroke in enumerate(written.strokes):
                if number:
                    page.wait_for_timeout(1000 * LIFTED)
                _write_stroke(page.mouse, stroke, box)
            ended = page.evaluate("performance.now()")
            page.wait_for_timeout(1000 * REST)
            seen = page.evaluate("seen")
            shown = [text for _, text in seen["shown"]]
            late = max(0.0, seen["shown"][-1][0] - ended) if shown else float("nan")
            wrong = sum(text != shown[-1] for text in shown)
            changes = sum(one != other for one, other in pairwise(seen["answers"]))
            found.append((len(shown), wrong, changes, bool(shown) and shown[-1] == str(written.digit), late))
        browser.close()
    shown_count, wrong_count, changes, right, late = (np.array(values, float) for values in zip(*found, strict=True))
    row = {"page": address or "this version", "network": run, "n": count, "right_at_the_end": int(right.sum())}
    row |= {"shown_per_digit": f"{shown_count.mean():.2f}", "other_digits_shown": f"{wrong_count.mean():.2f}"}
    row |= {"digits_with_others_shown": int((wrong_count > 0).sum()), "changes_of_all_answers": f"{changes.mean():.2f}"}
    return [{**row, "late_ms": f"{np.nanmedian(late):.0f}", "late_ms_p90": f"{np.nanquantile(late, 0.9):.0f}"}]


def _write_stroke(mouse: Any, stroke: NDArray[np.float64], box: Any) -> None:
    """Move the mouse along a stroke as fast as a hand writes."""
    places = stroke[:, :2] * (box["width"], box["height"]) + (box["x"], box["y"])
    lengths = np.hypot(*np.diff(stroke[:, :2], axis=0).T)
    mouse.move(*places[0])
    mouse.down()
    due = time.perf_counter()
    for place, length in zip(places[1:], lengths, strict=True):
        due += length / SPEED
        time.sleep(max(0.0, due - time.perf_counter()))
        mouse.move(*place)
    mouse.up()


def main() -> None:
    """Parse the command line, measure, print the rows and store them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["latency", "accuracy", "flicker"], help="the measurement to run")
    parser.add_argument("--run", nargs="*", default=["hand"], help="the networks; latency and flicker take the first")
    parser.add_argument("--count", type=int, default=0, help="simulated digits; 0: 300, 1000 and 40")
    parser.add_argument("--seed", type=int, default=0, help="seed of the simulation")
    parser.add_argument("--address", default="", help="address of a page that is served already, for flicker")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="path of chromium")
    parser.add_argument("--out", default="", help="folder for the CSV; nothing is stored without it")
    arguments = parser.parse_args()
    run, seed = arguments.run[0], arguments.seed
    if arguments.what == "latency":
        rows = measure_latency(run, arguments.count or 300, seed)
    elif arguments.what == "accuracy":
        rows = measure_accuracy(arguments.run, arguments.count or 1000, seed)
    else:
        rows = measure_flicker(arguments.address, run, arguments.count or 40, seed, arguments.chromium)
    print_rows(rows, *rows[0])
    if arguments.out:
        path = make_folder(arguments.out) / f"drawings-{arguments.what}.csv"
        write_csv(path, [{**origin_columns("cores", "python"), **row} for row in rows])
        print(f"The rows are in {path}")


if __name__ == "__main__":
    main()
