"""The verb calibrate: choose the temperature and the confidence threshold of a run with the help of its twin."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.files import PathLike, check_file, write_json
from seesum.base.locks import hold_folder
from seesum.base.recipe import Recipe
from seesum.data.idx import LabelledImages
from seesum.data.operations import find_operation
from seesum.data.sources import Data
from seesum.measuring.calibration import Calibration, choose_threshold, compute_coverage, fit_temperature
from seesum.measuring.evaluation import compute_metrics, predict_every_addend
from seesum.measuring.metrics import Probabilities, compute_pair_metrics
from seesum.reading.datasets import load_splits
from seesum.reading.labelled import list_class_folders
from seesum.reading.pictures import PictureError
from seesum.reading.preparing import prepare_all
from seesum.reading.preprocessing import BlankError
from seesum.reading.reader import Reader
from seesum.runs.names import LATEST
from seesum.runs.run import Run, find_run, refuse_shipped

if TYPE_CHECKING:
    from seesum.networks.network import Network


@with_own_torch_settings
def calibrate(
    run: PathLike | Run = LATEST,
    *,
    twin: PathLike | Run,
    pictures: PathLike | None = None,
    target: float | None = None,
    data: Data | None = None,
) -> dict[str, Any]:
    """Set the temperature and the confidence threshold of a run. Answers below the threshold are marked unsure.

    Both values are chosen from the answers of a twin to images that the twin was not trained on. These are its validation
    images. For a network that reads people's own pictures, they can also be labelled pictures. Pictures are prepared as
    for ``predict``. A picture without ink, or with no digit or several, counts as not accepted.

    The function writes ``calibration.json``, and writes ``metrics.json`` again. The probabilities change, but the most
    probable digit does not.

    Args:
        run: the run to calibrate: a Run, a run directory, or ``latest``.
        twin: a finished run of the same recipe with ``split="validate"``. Its seed may differ.
        pictures: folder with subfolders ``0`` to ``9``, with pictures of digits that the twin was not trained on. None
            for the validation images.
        target: wanted share of right answers among the accepted ones. None for 0.999 with validation images and 0.995
            with pictures.
        data: as in ``train``.

    Returns:
        The content of ``calibration.json``: ``temperature``, ``confidence_threshold``, and what they were chosen on.

    Raises:
        InputError: a run does not exist or is not finished; the run is a shipped one; the twin has another recipe, other
            data or no validation images; the adder has no digit logits; the target is not between 0 and 1; the folder
            has no labelled pictures or other files among them; or there are too few images for the target.
    """
    calibrated, twin_run = find_run(run), find_run(twin)
    refuse_shipped(calibrated)
    _refuse_twin(calibrated, twin_run)
    path = check_file(calibrated.directory / "calibration.json")
    target = (0.999 if pictures is None else 0.995) if target is None else target
    if not 0 < target < 1:
        raise InputError(f"the target is {target}; expected a share of right answers between 0 and 1, such as 0.999")
    metrics = calibrated.metrics
    labelled, split = load_splits(calibrated, data).evaluation_images(test=metrics["evaluated_on"] == "test")
    calibration_set = (
        _take_validation(twin_run, data) if pictures is None else _prepare_folder(Path(pictures), Reader.load(twin_run))
    )
    _refuse_few(calibration_set, target)
    chosen = _choose_calibration(twin_run, calibration_set, target)
    values = {**chosen, "twin": {name: twin_run.info[name] for name in ("command", "commit", "started")}}
    probabilities = _predict_at(calibrated.load_network(), calibrated.recipe, chosen["temperature"], labelled)
    new_metrics = compute_metrics(probabilities, labelled, calibrated.recipe)
    refusal = f"{calibrated.directory} is being trained or calibrated by another process; try again when that has ended"
    with hold_folder(calibrated.directory, refusal):
        write_json(path, values)
        write_json(calibrated.directory / "metrics.json", {**metrics, "evaluated_on": split, **new_metrics})
    return values


class _CalibrationSet(NamedTuple):
    """The images that a calibration is chosen on."""

    labelled: LabelledImages
    """Images that the twin answers."""
    counts: dict[str, int]
    """Number of images of each kind, including pictures that were not answered."""


def _take_validation(twin: Run, data: Data | None) -> _CalibrationSet:
    labelled, _ = load_splits(twin, data).evaluation_images(test=False)
    return _CalibrationSet(labelled, {"validation_images": len(labelled.digits)})


def _prepare_folder(folder: Path, twin: Reader) -> _CalibrationSet:
    """Prepare the pictures in the subfolders 0 to 9 of a folder. The twin settles what is ink."""
    pictures = list_class_folders(folder)
    counts, images, digits = {"pictures": 0, "pictures_without_ink": 0, "pictures_not_of_one": 0}, [], []
    for picture, result in zip(pictures, prepare_all([picture.path for picture in pictures]), strict=True):
        if isinstance(result, BlankError):
            counts["pictures_without_ink"] += 1
            continue
        if isinstance(result, PictureError):
            raise result
        (prepared,) = twin.settle([result])
        if prepared.digits_found != 1:
            counts["pictures_not_of_one"] += 1
            continue
        counts["pictures"] += 1
        images.append(prepared.image)
        digits.append(picture.digit)
    if not images:
        raise InputError(f"none of the {len(pictures)} pictures in {folder} shows one digit; give pictures of digits")
    return _CalibrationSet(LabelledImages(np.stack(images), np.array(digits)), counts)


def _refuse_few(calibration_set: _CalibrationSet, target: float) -> None:
    """Make sure that there are enough images to see one wrong answer: of 200 images, one is 0.5 %."""
    needed, given = math.ceil(round(1 / (1 - target), 6)), len(calibration_set.labelled.digits)
    if given < needed:
        raise InputError(
            f"{given} images cannot show that {target:.2%} of the accepted answers are right; give at least {needed}, or a "
            f"lower --target"
        )


def _predict_at(network: Network, recipe: Recipe, temperature: float, labelled: LabelledImages) -> Probabilities:
    """Set the temperature of a network, and return its probabilities for images with every addend."""
    import torch

    network.temperature = temperature
    return predict_every_addend(network, labelled.images, recipe, torch.device("cpu"))


def _choose_calibration(twin: Run, calibration_set: _CalibrationSet, target: float) -> dict[str, Any]:
    """Choose the temperature and the confidence threshold, and measure their effect."""
    labelled, network, recipe = calibration_set.labelled, twin.load_network(), twin.recipe
    operation = find_operation(recipe.operation)
    before = _predict_at(network, recipe, 1.0, labelled)
    temperature = fit_temperature(before.digit_p[:, 0], labelled.digits)
    after = _predict_at(network, recipe, temperature, labelled)
    threshold, accepted = choose_threshold(after, labelled.digits, operation, target)
    accepted["coverage"] *= len(labelled.digits) / sum(calibration_set.counts.values())
    names = ("digit_ece", "sum_ece", "digit_loss", "sum_loss")
    measured = {
        key: compute_pair_metrics(probabilities, labelled.digits, operation)
        for key, probabilities in (("before", before), ("after", after))
    }
    return {
        **Calibration(temperature, threshold).to_dict(),
        "target": target,
        "chosen_on": calibration_set.counts,
        "accepted": accepted,
        **{key: {name: metrics[name] for name in names} for key, metrics in measured.items()},
        "coverage": compute_coverage(after, labelled.digits, operation),
    }


def _refuse_twin(run: Run, twin: Run) -> None:
    """Make sure that two finished runs are twins, and that their adder can be calibrated."""
    from seesum.networks.adders import ADDERS

    for one in (run, twin):
        one.check_finished()
    if twin.recipe.split == "full":
        raise InputError(f"{twin.directory} has no validation images; train the twin with --split validate")
    differences = twin.recipe.changes_from(run.recipe).keys() - {"split", "split_seed", "seed"}
    if differences:
        names = ", ".join(sorted(differences))
        raise InputError(
            f"{twin.directory} is not a twin of {run.directory}: their recipes differ in {names}; use a twin of the same recipe"
        )
    if twin.info["data"]["sha256"] != run.info["data"]["sha256"]:
        raise InputError(
            f"{twin.directory} is not a twin of {run.directory}: it was trained on other data; train a twin on the same data"
        )
    if not ADDERS[run.recipe.adder].reads_logits:
        raise InputError(
            f"the adder {run.recipe.adder} has no digit logits to divide by a temperature; calibrate a run with another adder"
        )
