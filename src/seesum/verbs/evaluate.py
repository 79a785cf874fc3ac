"""The verb evaluate: compute the metrics of a run over all images and all ten addends."""

from __future__ import annotations

from typing import Any

import numpy as np

from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.files import PathLike, check_picture_file
from seesum.data.idx import TURNS, LabelledImages
from seesum.data.sources import Data
from seesum.measuring.calibration import compute_coverage
from seesum.measuring.evaluation import compute_metrics
from seesum.measuring.metrics import Probabilities, compute_breakdown
from seesum.measuring.pictures import summarise_pictures
from seesum.reading.datasets import load_data, load_splits
from seesum.reading.judging import judge_pictures
from seesum.reading.labelled import list_labelled
from seesum.reading.onnx_model import OnnxModel, find_run_or_model
from seesum.reading.reader import Reader
from seesum.runs.names import LATEST
from seesum.runs.run import Run
from seesum.training.pairing import SUM_METRICS, SumTask, evaluate_sums


@with_own_torch_settings
def evaluate(
    run: PathLike | Run | OnnxModel = LATEST,
    *,
    pictures: PathLike | None = None,
    plot: PathLike | None = None,
    data: Data | None = None,
    invert: bool = False,
    transpose: bool = False,
    as_is: bool = False,
    test: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Compute the metrics of a run over all images x 10 addends, or its accuracy on your own ``pictures``.

    A run with validation images is evaluated on them, unless ``data`` or ``test`` is given. Every other run is evaluated on
    the test images.

    Args:
        run: a Run, the name of a shipped network, a run directory, an ONNX file, or ``latest`` for the newest run.
        pictures: folder with pictures in subfolders 0 to 9, or a CSV of file, digit and perhaps addend. They are prepared as
            for ``predict``. Those that cannot be read count as wrong.
        plot: with ``pictures``, picture file (.png, .svg, .pdf or .jpg) for a contact sheet of the surest mistakes.
        data: data whose test images are used, as in ``train``; None for the data of the run.
        invert, transpose, as_is: how the images of ``data`` are read, as in ``train``.
        test: use the test images even if the run has validation images.
        quiet: show no progress.

    Returns:
        The content of ``metrics.json``, with accuracies per digit, per addend and by coverage. With ``pictures``, what
        ``summarise_pictures`` returns.

    Raises:
        InputError: the run or file does not exist, its weights are damaged, or the data or all pictures cannot be read.
        JobError: ``run`` is an ONNX file, and ONNX Runtime is not installed.
    """
    options = {"invert": invert, "transpose": transpose, "as_is": as_is}
    _check_arguments(options, data, pictures, plot, test)
    found = find_run_or_model(run)
    if isinstance(found, Run):
        found.refuse_teacher()
    reader = Reader.load(found)
    if pictures is not None:
        return _evaluate_pictures(reader, pictures, plot, quiet)
    if data is not None:
        labelled, name = load_data(data, **options, quiet=quiet).test, "test"
    else:
        labelled, name = load_splits(found, quiet=quiet).evaluation_images(test)
    probabilities = reader.predict_every_addend(labelled.images)
    return {
        **{key: value for key, value in found.metrics.items() if key not in SUM_METRICS},
        "evaluated_on": name,
        **compute_metrics(probabilities, labelled, found.recipe),
        **_evaluate_sums(found, probabilities, labelled),
        **compute_breakdown(probabilities, labelled.digits, reader.operation),
        "coverage": compute_coverage(probabilities, labelled.digits, reader.operation),
    }


def _evaluate_sums(found: Run | OnnxModel, probabilities: Probabilities, labelled: LabelledImages) -> dict[str, Any]:
    """Return the metrics of sums, of a run that learned from sums, where there are enough images for one."""
    if not (isinstance(found, Run) and "sums" in found.info):
        return {}
    task = SumTask.from_info(found.info["sums"])
    if len(labelled.digits) < task.digits * task.numbers:
        return {}
    return evaluate_sums(np.log(np.maximum(probabilities.digit_p[:, 0], 1e-30)), labelled.digits, task, found.recipe.seed)


def _check_arguments(
    options: dict[str, bool], data: Data | None, pictures: PathLike | None, plot: PathLike | None, test: bool
) -> None:
    for name, wanted in options.items():
        if wanted and data is None:
            flag, what = name.replace("_", "-"), "turns" if name in TURNS else "is for"
            raise InputError(f"--{flag} {what} the images of --data; give --data, or leave --{flag} out")
    if pictures is not None and (test or data is not None):
        raise InputError("--pictures are the images to evaluate on; leave --data and --test out")
    if pictures is None and plot is not None:
        raise InputError("--plot shows the mistakes among --pictures; give --pictures, or leave --plot out")


def _evaluate_pictures(reader: Reader, pictures: PathLike, plot: PathLike | None, quiet: bool) -> dict[str, Any]:
    """Return the accuracy on labelled pictures, and draw the mistakes."""
    from seesum.showing.mistakes import draw_mistakes
    from seesum.showing.plots import save_figure

    target = None if plot is None else check_picture_file(plot)
    judged = judge_pictures(reader, list_labelled(pictures), quiet)
    if target is not None:
        save_figure(draw_mistakes(judged, reader.operation), target)
    return summarise_pictures(judged)
