"""The verb show: draw samples, or the table that a run has learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.files import PathLike, check_picture_file
from seesum.base.registry import look_up
from seesum.data.idx import load_mnist
from seesum.data.operations import OPERATIONS
from seesum.data.splits import preview_samples, split_images
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
    data: PathLike | None = None,
    invert: bool = False,
    transpose: bool = False,
) -> Path:
    """Draw ``samples`` (a row for each split, with sums) or ``table`` (the learned addition table), and return the file.

    Args:
        what: ``samples`` or ``table``.
        run: a Run, the name of a shipped network, a run directory or ``latest``. None for the newest run. If there is no
            run, ``samples`` shows the training data of the default system.
        plot: picture file (.png, .svg, .pdf or .jpg); None for ``samples.png`` or ``table.png`` in the current directory.
        data: for ``samples``, folder of the images of a run that was trained on your own data. It is only needed if that
            folder has moved.
        invert, transpose: turn the images of ``data``, as in ``train``, where there is no run. A run's are turned anyway.

    Raises:
        InputError: ``what`` is another word, the run does not exist, or its adder has no table.
    """
    draw = look_up({"samples": _draw_samples, "table": _draw_table}, what, "picture")
    target = check_picture_file(plot if plot is not None else f"{what}.png")
    return save_figure(draw(run, data, invert=invert, transpose=transpose), target)


def _draw_samples(run: PathLike | Run | None, data: PathLike | None, **turns: bool) -> Figure:
    from seesum.networks.systems import DEFAULT_SYSTEM, find_system

    try:
        found = find_run(LATEST if run is None else run)
        found.check_turns(**turns)
        recipe, splits = found.recipe, found.load_splits(data)
    except InputError:
        if run is not None:
            raise
        recipe = find_system(DEFAULT_SYSTEM).recipe
        splits = split_images(load_mnist(data, **turns), recipe)
    return draw_samples(preview_samples(splits, recipe, SHOWN_SAMPLES), splits.sizes, OPERATIONS[recipe.operation])


def _draw_table(run: PathLike | Run | None, data: PathLike | None, **turns: bool) -> Figure:
    from seesum.networks.tables import TableAdder

    given = [*["data"] * (data is not None), *(name for name, wanted in turns.items() if wanted)]
    if given:
        raise InputError(f"a table is plotted without images; leave --{given[0]} out")
    found = find_run(LATEST if run is None else run)
    adder = found.load_network().adder
    if not isinstance(adder, TableAdder):
        raise InputError(
            f"{found.directory} has the adder {found.recipe.adder}, which holds no table; train with --adder table"
        )
    return draw_table(adder.tabulate().detach().numpy(), OPERATIONS[found.recipe.operation])
