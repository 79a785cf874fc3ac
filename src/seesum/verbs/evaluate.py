"""The verb evaluate: a run's metrics over all images and all ten addends."""

from __future__ import annotations

from typing import Any

from seesum.base.files import PathLike
from seesum.data.idx import load_mnist
from seesum.measuring.calibration import compute_coverage
from seesum.measuring.evaluation import compute_metrics
from seesum.measuring.metrics import compute_breakdown
from seesum.reading.onnx_model import OnnxModel, find_run_or_model
from seesum.reading.reader import Reader
from seesum.runs.names import LATEST
from seesum.runs.run import Run


def evaluate(run: PathLike | Run | OnnxModel = LATEST, *, data: PathLike | None = None, test: bool = False) -> dict[str, Any]:
    """Measure a run over all images x 10 addends; returns ``metrics.json`` with details per digit, per addend and by coverage.

    A run that has validation images is measured on them, unless ``data`` or ``test`` is given; any other on the test images.

    Args:
        run: a Run, a shipped network's name, a run directory, an ONNX file, or ``latest``, the newest run.
        data: folder of IDX files whose test images are used; None for the data of the run.
        test: use the test images of a run that has validation images.

    Raises:
        InputError: no such run or file, damaged weights, or data that cannot be read.
        JobError: an ONNX file, and ONNX Runtime is not installed.
    """
    found = find_run_or_model(run)
    if isinstance(found, Run):
        found.refuse_teacher()
    reader = Reader.load(found)
    if data is not None:
        labelled, name = load_mnist(data).test, "test"
    else:
        labelled, name = found.load_splits().evaluation_images(test)
    probabilities = reader.predict_every_addend(labelled.images)
    return {
        **found.metrics,
        "evaluated_on": name,
        **compute_metrics(probabilities, labelled, found.recipe),
        **compute_breakdown(probabilities, labelled.digits, reader.operation),
        "coverage": compute_coverage(probabilities, labelled.digits, reader.operation),
    }
