"""The verb export: a finished run -> an ONNX file that answers without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seesum.base.files import PathLike, check_file
from seesum.runs.names import LATEST
from seesum.runs.run import Run, find_run

if TYPE_CHECKING:
    from seesum.reading.exporting import Export


def export(run: PathLike | Run = LATEST, *, to: PathLike, float_images: bool = False) -> Export:
    """Write a finished run's network as an ONNX file, after comparing the file with the network.

    The graph takes both inputs and gives both outputs as probabilities. Normalisation, temperature and views are inside it, and
    it takes any batch size.

    Args:
        run: a Run, a shipped network's name, a run directory, or ``latest``.
        to: the ONNX file.
        float_images: images go in as float32 instead of uint8, 0..255 as well, but not rounded.

    Raises:
        InputError: no such run, an unfinished one, or a file that cannot be written.
        JobError: a package of the extra ``export`` is missing, or file and network differ by more than 1e-4.
    """
    from seesum.reading.exporting import export_network

    found = find_run(run)
    found.check_finished()
    return export_network(found, check_file(to), float_images)
