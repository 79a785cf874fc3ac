"""The verb calibrate: set a run's temperature and confidence threshold, chosen on images that its twin was not trained on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seesum.base.errors import InputError
from seesum.base.files import PathLike, write_json
from seesum.base.recipe import Recipe
from seesum.data.idx import LabelledImages
from seesum.data.operations import OPERATIONS
from seesum.measuring.calibration import Calibration, choose_threshold, compute_coverage, fit_temperature
from seesum.measuring.evaluation import compute_metrics, predict_every_addend
from seesum.measuring.metrics import Probabilities, compute_pair_metrics
from seesum.reading.preprocessing import BlankError, prepare_picture
from seesum.runs.names import LATEST
from seesum.runs.run import Run, find_run, refuse_shipped

if TYPE_CHECKING:
    from seesum.networks.network import Network


def calibrate(
    run: PathLike | Run = LATEST,
    *,
    twin: PathLike | Run,
    pictures: PathLike | None = None,
    target: float | None = None,
    data: PathLike | None = None,
) -> dict[str, Any]:
    """Set a run's temperature and its confidence threshold, below which an answer is marked unsure.

    Both are chosen on the answers of a twin to images that the twin was not trained on: its validation images or, for a network
    that reads people's own pictures, labelled pictures, prepared as for an answer. Pictures without ink, or not with one digit,
    count as not accepted. Writes ``calibration.json``, and ``metrics.json`` anew: the probabilities change, but not the digit
    that is most probable.

    Args:
        run: to be calibrated: a Run, a run directory, or ``latest``.
        twin: a finished run of the same recipe with ``split="validate"``, whatever its seed.
        pictures: folder with pictures in folders ``0`` to ``9``, of digits that the twin was not trained on.
        target: share of the accepted answers that should be right; None for 0.999 with validation images and 0.995 with
            pictures.
        data: as in ``train``.

    Returns:
        What ``calibration.json`` holds: ``temperature``, ``confidence_threshold``, and what they were chosen on.

    Raises:
        InputError: no such runs; a twin of another recipe, of other data or without validation images; an adder without digit
            logits; a folder without labelled pictures, or with other files among them; or too few images to show that the
            target is reached.
    """
    found, other = find_run(run), find_run(twin)
    refuse_shipped(found)
    _refuse_twin(found, other)
    target = (0.999 if pictures is None else 0.995) if target is None else target
    if not 0 < target < 1:
        raise InputError(f"the target is {target}; expected a share of right answers above 0 and below 1, such as 0.999")
    metrics = found.metrics
    own, name = found.load_splits(data).evaluation_images(test=metrics["evaluated_on"] == "test")
    held = _take_validation(other, data) if pictures is None else _prepare_folder(Path(pictures))
    _refuse_few(held, target)
    chosen = _choose_calibration(other, held, target)
    values = {**chosen, "twin": {name: other.info[name] for name in ("command", "commit", "started")}}
    probabilities = _predict_at(found.load_network(), found.recipe, chosen["temperature"], own)
    measured = compute_metrics(probabilities, own, found.recipe)
    write_json(found.directory / "calibration.json", values)
    write_json(found.directory / "metrics.json", {**metrics, "evaluated_on": name, **measured})
    return values


class _CalibrationSet(NamedTuple):
    """What a calibration is chosen on."""

    labelled: LabelledImages
    """Images that the twin answers."""
    counts: dict[str, int]
    """How many images there were of each kind, those included that were not answered."""


def _take_validation(twin: Run, data: PathLike | None) -> _CalibrationSet:
    labelled, _ = twin.load_splits(data).evaluation_images(test=False)
    return _CalibrationSet(labelled, {"validation_images": len(labelled.digits)})


def _prepare_folder(folder: Path) -> _CalibrationSet:
    """Prepare the pictures in the folders 0 to 9 of a folder; hidden files are left out."""
    files = [(path, digit) for digit in range(10) for path in sorted((folder / str(digit)).glob("[!.]*")) if path.is_file()]
    if not files:
        raise InputError(
            f"{folder} holds no labelled pictures; put those of each digit into a folder named 0, 1, ... or 9 in it"
        )
    counts, images, digits = {"pictures": 0, "pictures_without_ink": 0, "pictures_not_of_one": 0}, [], []
    for path, digit in files:
        try:
            prepared = prepare_picture(path)
        except BlankError:
            counts["pictures_without_ink"] += 1
            continue
        if prepared.digits_found != 1:
            counts["pictures_not_of_one"] += 1
            continue
        counts["pictures"] += 1
        images.append(prepared.image)
        digits.append(digit)
    if not images:
        raise InputError(f"none of the {len(files)} pictures in {folder} shows one digit; give pictures of digits")
    return _CalibrationSet(LabelledImages(np.stack(images), np.array(digits)), counts)


def _refuse_few(held: _CalibrationSet, target: float) -> None:
    """Make sure that one wrong answer would be seen: with 200 pictures it is 0.5 %."""
    needed, given = math.ceil(round(1 / (1 - target), 6)), len(held.labelled.digits)
    if given < needed:
        raise InputError(
            f"{given} images cannot show that {target:.2%} of the accepted answers are right; give at least {needed}, or a "
            f"lower --target"
        )


def _predict_at(network: Network, recipe: Recipe, temperature: float, labelled: LabelledImages) -> Probabilities:
    """Return the probabilities that a network gives when its digit logits are divided by a temperature."""
    import torch

    network.temperature = temperature
    return predict_every_addend(network, labelled.images, recipe, torch.device("cpu"))


def _choose_calibration(twin: Run, held: _CalibrationSet, target: float) -> dict[str, Any]:
    """Choose temperature and threshold, and measure what they give."""
    labelled, network, recipe = held.labelled, twin.load_network(), twin.recipe
    operation = OPERATIONS[recipe.operation]
    before = _predict_at(network, recipe, 1.0, labelled)
    temperature = fit_temperature(before.digit_p[:, 0], labelled.digits)
    after = _predict_at(network, recipe, temperature, labelled)
    threshold, accepted = choose_threshold(after, labelled.digits, operation, target)
    accepted["coverage"] *= len(labelled.digits) / sum(held.counts.values())
    names = ("digit_ece", "sum_ece", "digit_loss", "sum_loss")
    measured = {
        key: compute_pair_metrics(one, labelled.digits, operation) for key, one in (("before", before), ("after", after))
    }
    return {
        **Calibration(temperature, threshold).to_dict(),
        "target": target,
        "chosen_on": held.counts,
        "accepted": accepted,
        **{key: {name: one[name] for name in names} for key, one in measured.items()},
        "coverage": compute_coverage(after, labelled.digits, operation),
    }


def _refuse_twin(run: Run, twin: Run) -> None:
    from seesum.networks.adders import ADDERS

    for one in (run, twin):
        one.check_finished()
    if twin.recipe.split == "full":
        raise InputError(f"{twin.directory} has no validation images; train the twin with --split validate")
    apart = twin.recipe.changes_from(run.recipe).keys() - {"split", "split_seed", "seed"}
    if apart:
        raise InputError(f"{twin.directory} is no twin of {run.directory}: their recipes differ in {', '.join(sorted(apart))}")
    if twin.info["data"]["sha256"] != run.info["data"]["sha256"]:
        raise InputError(f"{twin.directory} is no twin of {run.directory}: it was trained on other data")
    if not ADDERS[run.recipe.adder].reads_logits:
        raise InputError(f"the adder {run.recipe.adder} has no digit logits to divide by a temperature; use another adder")
