"""The verb compare: train one encoder with every adder, in several conditions."""

from __future__ import annotations

from typing import Any

from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.files import PathLike, read_csv
from seesum.base.recipe import Recipe
from seesum.data.idx import Dataset
from seesum.data.sources import Data
from seesum.data.splits import split_images
from seesum.networks.adders import ADDERS
from seesum.networks.contract import Adder
from seesum.networks.plugins import SystemLike, resolve_system
from seesum.networks.system import System
from seesum.networks.tables import TableAdder
from seesum.reading.datasets import load_data
from seesum.showing.charts import draw_comparison, draw_tables
from seesum.showing.plots import save_figure
from seesum.studies.comparisons import (
    COLUMNS,
    ENCODER,
    SHARED_RECIPE,
    compare_study,
    count_compared,
    find_adders,
    list_conditions,
    name_share,
    trace_learning,
)
from seesum.studies.tables import ResultTable, choose_folder, merge_rows
from seesum.verbs.study import study


@with_own_torch_settings
def compare(
    *adders: str | type[Adder],
    encoder: SystemLike | None = None,
    seeds: int = 5,
    data: Data | None = None,
    invert: bool = False,
    transpose: bool = False,
    as_is: bool = False,
    out: PathLike | None = None,
    device: str = "auto",
    quiet: bool = False,
    **changes: Any,
) -> ResultTable:
    """Train the same encoder with every adder: on all images, on few, with pairs held out, and on other operations.

    The runs are evaluated on the validation images. Finished runs are kept under ``runs``, so that the same call continues a
    stopped comparison.

    Args:
        *adders: names in ``ADDERS``, references as in ``train``, or subclasses of ``Adder``; none for all.
        encoder: the system whose encoder every adder gets, as in ``train``; None for ``fast``.
        seeds: number of seeds, at least 1.
        data, invert, transpose, as_is, device: as in ``train``.
        out: folder for ``adders.csv``, ``adders.png`` and, if ``table`` is among the adders, ``operations.png``. Rows of
            other adders are kept. None for ``results`` or, with other data or ``changes``, for ``runs/trial``.
        quiet: show no progress.
        **changes: recipe fields to change in every condition, such as ``epochs``. ``images`` is the number of images that
            the comparison uses, and of which the conditions take 10 % and 1 %. The comparison is then only a trial.

    Raises:
        InputError: an adder is unknown, or a value is wrong as in ``train``.
    """
    names = find_adders(adders)
    system = _find_encoder(encoder)
    changed = {name: value for name, value in changes.items() if value is not None}
    source: dict[str, Any] = {"data": data, "invert": invert, "transpose": transpose, "as_is": as_is}
    images = _count_images(load_data(**source, quiet=quiet), changed)
    folder = choose_folder(out, data, {**changes, "encoder": encoder})
    read_csv(folder / "adders.csv")
    rows: list[dict[str, Any]] = []
    traces: dict[str, list[Any]] = {}
    tables: dict[str, Any] = {}
    for adder in names:
        for condition, condition_changes in list_conditions(adder, images).items():
            # what the user changes holds in every condition; the number of images is in the conditions already
            recipe = {**SHARED_RECIPE, **condition_changes, **changed, "adder": adder}
            finished = study(system, seeds=seeds, device=device, monitor=(), plot=False, quiet=quiet, **source, **recipe)
            rows.append(compare_study(adder, condition, finished))
            if condition == name_share(100, images):
                traces[adder] = trace_learning(finished)
            learned, operation = finished.runs[0].load_network().adder, finished.runs[0].recipe.operation
            shown = condition in (name_share(100, images), operation)
            if shown and isinstance(learned, TableAdder) and learned.compares_operations:
                tables[operation] = learned.tabulate().detach().numpy()
    merge_rows(folder / "adders.csv", "adder", names, rows, list(ADDERS))
    save_figure(draw_comparison(rows, traces, images), folder / "adders.png")
    if tables:
        save_figure(draw_tables(tables), folder / "operations.png")
    return ResultTable(folder, rows, COLUMNS)


def _find_encoder(encoder: SystemLike | None) -> System:
    """Return the system whose encoder every adder gets."""
    system = resolve_system(encoder, ENCODER)
    if system.recipe.adder in ADDERS and not ADDERS[system.recipe.adder].takes_any_encoder:
        raise InputError(f"{system.recipe.system} is a whole network and adds itself; to compare adders, give an encoder")
    return system


def _count_images(dataset: Dataset, changed: dict[str, Any]) -> int | None:
    """Take the number of images out of what the user changes. Return how many that is, or None for all."""
    recipe = Recipe(ENCODER, split=changed.get("split", SHARED_RECIPE["split"]))
    return count_compared(str(changed.pop("images", "all")), len(split_images(dataset, recipe).train.digits))
