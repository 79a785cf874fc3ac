"""The verb show: a picture of samples, or of the table that a run has learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seesum.base.errors import InputError
from seesum.base.files import PathLike, check_file
from seesum.base.registry import look_up
from seesum.data.idx import load_mnist
from seesum.data.operations import OPERATIONS
from seesum.data.splits import preview_samples, split_images
from seesum.runs.names import LATEST
from seesum.runs.run import Run, find_run
from seesum.showing.plots import SHOWN_SAMPLES, draw_samples, draw_table, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def show(what: str, *, run: PathLike | Run | None = None, plot: PathLike | None = None, data: PathLike | None = None) -> Path:
    """Draw ``samples`` (a grid of each split with its sums) or ``table`` (the learned addition table); returns the file.

    Args:
        what: ``samples`` or ``table``.
        run: a Run, a shipped network's name, a run directory or ``latest``. None: the newest run; for samples, where there is
            no run, what the default system would be trained on.
        plot: PNG file; None for ``samples.png`` or ``table.png`` in the current directory.
        data: where the images of a run on a data set of one's own are now, for samples.

    Raises:
        InputError: another word, no such run, or a run whose adder has no table.
    """
    draw = look_up({"samples": _draw_samples, "table": _draw_table}, what, "picture")
    target = check_file(plot if plot is not None else f"{what}.png")
    return save_figure(draw(run, data), target)


def _draw_samples(run: PathLike | Run | None, data: PathLike | None) -> Figure:
    from seesum.networks.systems import DEFAULT_SYSTEM, find_system

    try:
        found = find_run(LATEST if run is None else run)
        recipe, splits = found.recipe, found.load_splits(data)
    except InputError:
        if run is not None:
            raise
        recipe = find_system(DEFAULT_SYSTEM).recipe
        splits = split_images(load_mnist(data), recipe)
    return draw_samples(preview_samples(splits, recipe, SHOWN_SAMPLES), splits.sizes, OPERATIONS[recipe.operation])


def _draw_table(run: PathLike | Run | None, data: PathLike | None) -> Figure:
    from seesum.networks.tables import TableAdder

    if data is not None:
        raise InputError("a table is drawn without images; leave --data out")
    found = find_run(LATEST if run is None else run)
    adder = found.load_network().adder
    if not isinstance(adder, TableAdder):
        raise InputError(f"{found.directory} has the adder {found.recipe.adder}, which holds no table; train with table")
    return draw_table(adder.tabulate().detach().numpy(), OPERATIONS[found.recipe.operation])
