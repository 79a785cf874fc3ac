"""The verbs that measure finished runs: evaluate, calibrate."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seesum.calibration import Calibration, choose_threshold, fit_temperature, measure_coverage
from seesum.checkpoint import Run, find_run, refuse_shipped
from seesum.evaluation import measure_answers
from seesum.files import write_json
from seesum.metrics import Forecast, detail_forecast, measure_forecast
from seesum.mnist import Part, load_mnist
from seesum.models import Model, find_source
from seesum.preprocess import BlankError, prepare_picture
from seesum.reader import Reader
from seesum.recipe import LATEST, InputError
from seesum.task import OPERATIONS
from seesum.verbs import PathLike


def evaluate(run: PathLike | Run | Model = LATEST, *, data: PathLike | None = None, test: bool = False) -> dict[str, Any]:
    """Metrics of a run over all images x 10 addends, as in ``metrics.json``, with details per digit, addend and coverage.

    Measures on test images, but on the validation images of a run that has them, unless ``data`` or ``test`` is given.

    Args:
        run: a Run, a shipped network's name, a run directory, an ONNX file, or ``latest``, the newest run.
        data: folder of IDX files whose test images are used; None for the data of the run.
        test: use the test images of a run that has validation images.

    Raises:
        InputError: no such run or file, damaged weights, or data that cannot be read.
        JobError: an ONNX file, and ONNX Runtime is not installed.
    """
    found = find_source(run)
    if isinstance(found, Run):
        found.check_whole()
    reader = Reader.load(found)
    if data is not None:
        part, name = load_mnist(data).test, "test"
    else:
        part, name = found.load_splits().pick_part(test)
    forecast = reader.forecast(part.images)
    measured = {"evaluated_on": name, **measure_answers(forecast, part, found.recipe)}
    details: dict[str, Any] = {**detail_forecast(forecast, part.digits, reader.operation)}
    return {**found.metrics, **measured, **details, "coverage": measure_coverage(forecast, part.digits, reader.operation)}


def calibrate(
    run: PathLike | Run = LATEST,
    *,
    twin: PathLike | Run,
    pictures: PathLike | None = None,
    target: float | None = None,
    data: PathLike | None = None,
) -> dict[str, Any]:
    """Set a run's temperature and the confidence under which it is unsure, chosen on what its twin makes of other images.

    Those are the twin's validation images or, for a network that shall read people's own pictures, labelled pictures, which
    are prepared as for an answer. Pictures without ink or with several digits count as not accepted. Writes
    ``calibration.json``, and ``metrics.json`` anew, since probabilities change (which digit wins does not).

    Args:
        run: to be calibrated: a Run, a run directory, or ``latest``.
        twin: a finished run of the same recipe with ``split="validate"``, whatever its seed.
        pictures: folder with pictures in folders ``0`` to ``9``, of digits that the twin was not trained on.
        target: share of accepted answers that shall be right; None for 0.999 of the validation images' and 0.995 of the
            pictures'.
        data: as in ``train``.

    Raises:
        InputError: no such runs, a twin of another recipe, of other data or without validation images, an adder without
            digit logits, a folder without labelled pictures or with other files among them, or too few images to show that
            the target is reached.
    """
    found, other = find_run(run), find_run(twin)
    refuse_shipped(found)
    _refuse_twin(found, other)
    target = (0.999 if pictures is None else 0.995) if target is None else target
    if not 0 < target < 1:
        raise InputError(f"the target is {target}; expected a share of right answers above 0 and below 1, such as 0.999")
    metrics = found.metrics
    own, name = found.load_splits(data).pick_part(test=metrics["evaluated_on"] == "test")
    asked = _take_validation(other, data) if pictures is None else _prepare_folder(Path(pictures))
    _refuse_few(asked, target)
    chosen = _choose_calibration(other, asked, target)
    values = {**chosen, "twin": {name: other.info[name] for name in ("command", "commit", "started")}}
    answers = measure_answers(_forecast_at(found, chosen["temperature"], own), own, found.recipe)
    write_json(found.directory / "calibration.json", values)
    write_json(found.directory / "metrics.json", {**metrics, "evaluated_on": name, **answers})
    return values


class _Asked(NamedTuple):
    """What a calibration is chosen on."""

    part: Part
    """Images that a network answers."""
    counts: dict[str, int]
    """Where the images come from, and how many there were of each kind; they add up to all that was asked."""


def _take_validation(twin: Run, data: PathLike | None) -> _Asked:
    part, _ = twin.load_splits(data).pick_part(test=False)
    return _Asked(part, {"validation_images": len(part.digits)})


def _prepare_folder(folder: Path) -> _Asked:
    """Pictures in the folders 0 to 9 of a folder, prepared; hidden files are left out."""
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
        if prepared.found != 1:
            counts["pictures_not_of_one"] += 1
            continue
        counts["pictures"] += 1
        images.append(prepared.image)
        digits.append(digit)
    if not images:
        raise InputError(f"none of the {len(files)} pictures in {folder} shows one digit; give pictures of digits")
    return _Asked(Part(np.stack(images), np.array(digits)), counts)


def _refuse_few(asked: _Asked, target: float) -> None:
    """One wrong answer has to be visible: of 200 pictures it is 0.5 %."""
    needed, given = math.ceil(round(1 / (1 - target), 6)), len(asked.part.digits)
    if given < needed:
        raise InputError(
            f"{given} images cannot show that {target:.2%} of the accepted answers are right; give at least {needed}, or a "
            f"lower --target"
        )


def _forecast_at(run: Run, temperature: float, part: Part) -> Forecast:
    network = run.load_network()
    network.temperature = temperature
    return Reader(network, run.recipe).forecast(part.images)


def _choose_calibration(twin: Run, asked: _Asked, target: float) -> dict[str, Any]:
    """Temperature and threshold, what they give, and what they were chosen on."""
    part, operation = asked.part, OPERATIONS[twin.recipe.operation]
    before = _forecast_at(twin, 1.0, part)
    temperature = fit_temperature(before.digit_p[:, 0], part.digits)
    after = _forecast_at(twin, temperature, part)
    threshold, accepted = choose_threshold(after, part.digits, operation, target)
    accepted["coverage"] *= len(part.digits) / sum(asked.counts.values())
    eces = ("digit_ece", "sum_ece", "digit_loss", "sum_loss")
    measured = {name: measure_forecast(one, part.digits, operation) for name, one in (("before", before), ("after", after))}
    return {
        **Calibration(temperature, threshold).to_dict(),
        "target": target,
        "chosen_on": asked.counts,
        "accepted": accepted,
        **{name: {key: one[key] for key in eces} for name, one in measured.items()},
        "coverage": measure_coverage(after, part.digits, operation),
    }


def _refuse_twin(run: Run, twin: Run) -> None:
    from seesum.systems import find_system

    for one in (run, twin):
        one.check_finished()
    if twin.recipe.split == "full":
        raise InputError(f"{twin.directory} has no validation images; train the twin with --split validate")
    apart = twin.recipe.changes_from(run.recipe).keys() - {"split", "split_seed", "seed"}
    if apart:
        raise InputError(f"{twin.directory} is no twin of {run.directory}: their recipes differ in {', '.join(sorted(apart))}")
    if twin.info["data"]["sha256"] != run.info["data"]["sha256"]:
        raise InputError(f"{twin.directory} is no twin of {run.directory}: it was trained on other data")
    if not find_system(run.recipe.system).build_network(run.recipe).adder.reads_logits:
        raise InputError(f"the adder {run.recipe.adder} has no digit logits to divide by a temperature; use another adder")
