"""The verb show: draw samples, or the table that a run has learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.files import PathLike, check_picture_file
from seesum.base.registry import look_up
from seesum.data.operations import find_operation
from seesum.data.sources import Data
from seesum.data.splits import preview_samples, split_images
from seesum.reading.datasets import load_data, load_splits
from seesum.runs.names import LATEST
from seesum.runs.run import Run, find_run
from seesum.showing.plots import SHOWN_SAMPLES, draw_samples, draw_table, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@with_own_torch_settings
def show(
    what: str,
    *,
    run: PathLike | Run | None = None,
    plot: PathLike | None = None,
    data: Data | None = None,
    invert: bool = False,
    transpose: bool = False,
    as_is: bool = False,
) -> Path:
    """Draw ``samples`` (a row for each split, with sums) or ``table`` (the learned addition table), and return the file.

    Args:
        what: ``samples`` or ``table``.
        run: a Run, the name of a shipped network, a run directory or ``latest``. None for the newest run. If there is no
            run, ``samples`` shows the training data of the default system.
        plot: picture file (.png, .svg, .pdf or .jpg); None for ``samples.png`` or ``table.png`` in the current directory.
        data: for ``samples``, the images of a run that was trained on your own data, as in ``train``. They are only needed if
            they have moved, or were arrays.
        invert, transpose, as_is: as in ``train``, where there is no run. A run's images are read as when it was made.

    Raises:
        InputError: ``what`` is another word, the run does not exist, or its adder has no table.
    """
    draw = look_up({"samples": _draw_samples, "table": _draw_table}, what, "picture")
    target = check_picture_file(plot if plot is not None else f"{what}.png")
    return save_figure(draw(run, data, invert=invert, transpose=transpose, as_is=as_is), target)


def _draw_samples(run: PathLike | Run | None, data: Data | None, **options: bool) -> Figure:
    from seesum.networks.systems import DEFAULT_SYSTEM, find_system

    try:
        found = find_run(LATEST if run is None else run)
        found.check_turns(**options)
        recipe, splits = found.recipe, load_splits(found, data)
    except InputError:
        if run is not None:
            raise
        recipe = find_system(DEFAULT_SYSTEM).recipe
        splits = split_images(load_data(data, **options), recipe)
    return draw_samples(preview_samples(splits, recipe, SHOWN_SAMPLES), splits.sizes, find_operation(recipe.operation))


def _draw_table(run: PathLike | Run | None, data: Data | None, **options: bool) -> Figure:
    from seesum.networks.tables import TableAdder

    given = [*["data"] * (data is not None), *(name.replace("_", "-") for name, wanted in options.items() if wanted)]
    if given:
        raise InputError(f"a table is plotted without images; leave --{given[0]} out")
    found = find_run(LATEST if run is None else run)
    adder = found.load_network().adder
    if not isinstance(adder, TableAdder):
        raise InputError(
            f"{found.directory} has the adder {found.recipe.adder}, which holds no table; train with --adder table"
        )
    return draw_table(adder.tabulate().detach().numpy(), find_operation(found.recipe.operation))
