"""The verb evaluate: compute the metrics of a run over all images and all ten addends."""

from __future__ import annotations

from typing import Any

from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.files import PathLike
from seesum.data.idx import load_mnist
from seesum.measuring.calibration import compute_coverage
from seesum.measuring.evaluation import compute_metrics
from seesum.measuring.metrics import compute_breakdown
from seesum.reading.onnx_model import OnnxModel, find_run_or_model
from seesum.reading.reader import Reader
from seesum.runs.names import LATEST
from seesum.runs.run import Run


@with_own_torch_settings
def evaluate(
    run: PathLike | Run | OnnxModel = LATEST,
    *,
    data: PathLike | None = None,
    invert: bool = False,
    transpose: bool = False,
    test: bool = False,
) -> dict[str, Any]:
    """Compute the metrics of a run over all images x 10 addends.

    A run with validation images is evaluated on them, unless ``data`` or ``test`` is given. Every other run is evaluated on
    the test images.

    Args:
        run: a Run, the name of a shipped network, a run directory, an ONNX file, or ``latest`` for the newest run.
        data: folder of IDX files whose test images are used; None for the data of the run.
        invert, transpose: turn the images of ``data``, as in ``train``.
        test: use the test images even if the run has validation images.

    Returns:
        The content of ``metrics.json``, with accuracies per digit, per addend and by coverage.

    Raises:
        InputError: the run or file does not exist, its weights are damaged, or the data cannot be read.
        JobError: ``run`` is an ONNX file, and ONNX Runtime is not installed.
    """
    for name, wanted in {"invert": invert, "transpose": transpose}.items():
        if wanted and data is None:
            raise InputError(f"--{name} turns the images of --data; give --data, or leave --{name} out")
    found = find_run_or_model(run)
    if isinstance(found, Run):
        found.refuse_teacher()
    reader = Reader.load(found)
    if data is not None:
        labelled, name = load_mnist(data, invert=invert, transpose=transpose).test, "test"
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
