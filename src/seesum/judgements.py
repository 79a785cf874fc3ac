"""The verbs that measure finished runs: evaluate, calibrate."""

from __future__ import annotations

from typing import Any

from seesum.calibration import Calibration, choose_threshold, fit_temperature, measure_coverage
from seesum.checkpoint import Run, find_run, refuse_shipped, write_json
from seesum.evaluation import measure_answers
from seesum.metrics import Forecast, detail_forecast, measure_forecast
from seesum.mnist import load_mnist
from seesum.models import Model, find_source
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
    run: PathLike | Run = LATEST, *, twin: PathLike | Run, target: float = 0.999, data: PathLike | None = None
) -> dict[str, Any]:
    """Set a run's temperature and the confidence under which it is unsure, chosen on the validation images of its twin.

    Writes ``calibration.json``, and ``metrics.json`` anew, since probabilities change (which digit wins does not).

    Args:
        run: to be calibrated: a Run, a run directory, or ``latest``.
        twin: a finished run of the same recipe with ``split="validate"``, whatever its seed.
        target: share of accepted answers that shall be right.
        data: as in ``train``.

    Raises:
        InputError: no such runs, a twin of another recipe or without validation images, or an adder without digit logits.
    """
    found, other = find_run(run), find_run(twin)
    refuse_shipped(found)
    _refuse_twin(found, other)
    if not 0 < target < 1:
        raise InputError(f"the target is {target}; expected a share of right answers above 0 and below 1, such as 0.999")
    operation, network = OPERATIONS[other.recipe.operation], other.load_network()
    part, _ = other.load_splits(data).pick_part(test=False)

    def forecast(temperature: float) -> Forecast:
        network.temperature = temperature
        return Reader(network, other.recipe).forecast(part.images)

    before = forecast(1.0)
    temperature = fit_temperature(before.digit_p[:, 0], part.digits)
    after = forecast(temperature)
    threshold, accepted = choose_threshold(after, part.digits, operation, target)
    eces = ("digit_ece", "sum_ece", "digit_loss", "sum_loss")
    measured = {name: measure_forecast(one, part.digits, operation) for name, one in (("before", before), ("after", after))}
    values = {
        **Calibration(temperature, threshold).to_dict(),
        "target": target,
        "accepted": accepted,
        **{name: {key: one[key] for key in eces} for name, one in measured.items()},
        "coverage": measure_coverage(after, part.digits, operation),
        "twin": {name: other.info[name] for name in ("command", "commit", "started")},
    }
    write_json(found.directory / "calibration.json", values)
    fresh = Run(found.directory)
    own, name = fresh.load_splits(data).pick_part(test=fresh.metrics["evaluated_on"] == "test")
    answers = measure_answers(Reader.load(fresh).forecast(own.images), own, fresh.recipe)
    write_json(found.directory / "metrics.json", {**fresh.metrics, "evaluated_on": name, **answers})
    return values


def _refuse_twin(run: Run, twin: Run) -> None:
    from seesum.systems import find_system

    for one in (run, twin):
        if not one.finished:
            raise InputError(f"{one.directory} is not finished; finish it with: seesum train --resume {one.directory}")
    if twin.recipe.split == "full":
        raise InputError(f"{twin.directory} has no validation images; train the twin with --split validate")
    apart = twin.recipe.changes_from(run.recipe).keys() - {"split", "split_seed", "seed"}
    if apart:
        raise InputError(f"{twin.directory} is no twin of {run.directory}: their recipes differ in {', '.join(sorted(apart))}")
    if not find_system(run.recipe.system).build_network(run.recipe).adder.reads_logits:
        raise InputError(f"the adder {run.recipe.adder} has no digit logits to divide by a temperature; use another adder")
