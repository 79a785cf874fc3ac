"""The verb export: write the network of a finished run as an ONNX file that runs without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seesum.base.environment import remove_empty_caches, with_own_torch_settings
from seesum.base.files import PathLike, check_file
from seesum.runs.names import LATEST
from seesum.runs.run import Run, find_run

if TYPE_CHECKING:
    from seesum.reading.exporting import Export


@with_own_torch_settings
def export(run: PathLike | Run = LATEST, *, to: PathLike, float_images: bool = False, simple: bool = False) -> Export:
    """Write the network of a finished run as an ONNX file.

    The graph takes both inputs, and gives the probabilities of both outputs. It includes normalisation, temperature and views,
    and accepts any batch size. Before the file is written, its output is compared with that of the network.

    Args:
        run: a Run, the name of a shipped network, a run directory, or ``latest``.
        to: path of the ONNX file.
        float_images: the graph takes images as float32 instead of uint8. The range is 0..255 in both cases, but float32 is
            not rounded.
        simple: the graph takes one addend for each image, as OpenCV and other small runtimes need it. Evaluation with such a
            file encodes each image ten times.

    Returns:
        Path and size of the file, and the largest difference of a probability between file and network.

    Raises:
        InputError: the run does not exist or is not finished, or the file cannot be written.
        JobError: a package of the extra ``export`` is missing, or file and network differ by more than 1e-4.
    """
    from seesum.reading.exporting import export_network

    found = find_run(run)
    found.check_finished()
    with remove_empty_caches():
        return export_network(found, check_file(to), float_images, simple)
