"""Ways of preparing a picture, and the steps of ``prepare_picture`` that can be switched off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image

from seesum.reading import candidates, cutout, location, plain, preprocessing, segmentation, widths
from seesum.reading.decoding import Plane, decode_picture
from seesum.reading.pictures import Picture, PictureError
from seesum.reading.preprocessing import Prepared, centre_by_mass, fit_into_box, prepare_picture

Way = Callable[[Picture], Prepared]


def resize_picture(picture: Picture) -> Prepared:
    """Prepare a picture with the least effort: grey, 28x28, bright ink on black."""
    grey = decode_picture(picture).mean(2)
    small = np.asarray(Image.fromarray(grey).resize((28, 28), Image.Resampling.BILINEAR))
    return Prepared((255 - small if small.mean() > 127 else small).clip(0, 255).astype(np.uint8))


def binarise_picture(picture: Picture) -> Prepared:
    """Prepare a picture in the usual way: Otsu's threshold, crop, 20x20 box, centre of mass in the middle of 28x28."""
    grey = decode_picture(picture).mean(2)
    if np.median(grey) > (grey.min() + grey.max()) / 2:
        grey = grey.max() - grey
    ink = grey > split_levels(grey)
    if not ink.any():
        raise PictureError("the picture holds no ink")
    return Prepared(centre_by_mass(fit_into_box(ink.astype(np.float32))))


def split_levels(grey: Plane) -> float:
    """Return the threshold between two classes of grey levels 0..255 with the least variance inside them (Otsu 1979)."""
    counts, edges = np.histogram(grey, 256, (0, 256))
    weights, sums = np.cumsum(counts)[:-1], np.cumsum(counts * edges[:-1])[:-1]
    rest = np.maximum(counts.sum() - weights, 1)
    apart = sums / np.maximum(weights, 1) - ((counts * edges[:-1]).sum() - sums) / rest
    return float(edges[1 + int(np.argmax(weights * rest * apart**2))]) - 0.5


WAYS: dict[str, Way] = {
    "resize, invert": resize_picture,
    "Otsu, crop, centre": binarise_picture,
    "prepare_picture": prepare_picture,
}


def _keep_apart(parts: segmentation.Parts, gap: int = 2) -> tuple[Any, list[Any]]:  # noqa: ARG001
    sides = zip(parts.tops.tolist(), parts.lefts.tolist(), parts.heights.tolist(), parts.widths.tolist(), strict=True)
    return parts.labels, [(slice(top, top + tall), slice(left, left + wide)) for top, left, tall, wide in sides]


def _take_brightest(levels: Any, window: int) -> Plane:  # noqa: ARG001
    return np.full(levels.shape, levels.max(), np.float32)


def _take_mean(_: Plane) -> cutout.Projection:
    return cutout.Projection(np.full(3, 1 / 3, np.float32))


def _keep(ink: Any, *_: Any) -> Any:
    return ink


STEPS: dict[str, dict[tuple[Any, str], Any]] = {
    "none": {},
    "plain paper before any search": {(preprocessing, "find_plain"): lambda _: []},
    "grey along the greatest contrast": {(module, "find_projection"): _take_mean for module in (cutout, preprocessing)},
    "even light": {(module, "estimate_background"): _take_brightest for module in (segmentation, location)},
    "several widths of strokes": {(location, "WINDOWS"): (0.32,)},
    "less noise": {(location, "measure_noise"): lambda _: 0.0},
    "rim dropped": {(location, "drop_rim"): _keep},
    "paper on all sides": {(location, "_measure_openness"): lambda *_: 1.0},
    "little contact with the rim": {(location, "measure_contact"): lambda *_: 1.0},
    "steep outlines": {(location, "SHARP"): 0.0, (location, "FAINTEST_OUTLINE"): 0.0},
    "thin strokes": {(candidates, "THICK"): np.inf},
    "several blurs": {(cutout, "BLURS"): (0.0,)},
    "second cut-out": {(cutout.Area, "fit_to_ink"): lambda area, *_: area},
    "ruled lines removed": {(module, "remove_ruled_lines"): _keep for module in (plain, location, cutout)},
    "ruled lines removed from the cut-out": {(cutout, "remove_ruled_lines"): _keep},
    "only what was found": {(cutout, "keep_touching"): _keep},
    "strokes joined": {(module, "group_strokes"): _keep_apart for module in (plain, location, cutout)},
    "strokes evened": {(widths, "THINNEST"): 0.0, (widths, "THICKEST"): np.inf},
}
"""For each step of the preparation: what replaces the step when it is switched off."""


@contextmanager
def switch_off(step: str) -> Iterator[None]:
    """Switch off one step of the preparation inside the context."""
    originals = {(owner, name): getattr(owner, name) for owner, name in STEPS[step]}
    try:
        for (owner, name), replacement in STEPS[step].items():
            setattr(owner, name, replacement)
        yield
    finally:
        for (owner, name), original in originals.items():
            setattr(owner, name, original)
