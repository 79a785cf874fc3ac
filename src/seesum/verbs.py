"""What one can do with one run, a function per verb. The command line parses, calls these, and prints what they give.

What imports torch is imported by the functions that need it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seesum.checkpoint import Run, create_run, find_run, find_unfinished, refuse_shipped
from seesum.files import check_file
from seesum.mnist import Mnist, load_mnist
from seesum.pictures import draw_samples, draw_table, save_figure
from seesum.reader import Reader
from seesum.recipe import LATEST, InputError, Recipe, pick
from seesum.task import OPERATIONS, Splits, sample_splits, split_images

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seesum.exporting import Export

PathLike = str | os.PathLike[str]


def train(
    system: str | None = None,
    *,
    data: PathLike | None = None,
    device: str = "auto",
    out: PathLike | None = None,
    resume: PathLike | Run | None = None,
    test: bool = False,
    plot: bool = True,
    summary: bool = False,
    quiet: bool = False,
    **changes: Any,
) -> Run:
    """Train a system and evaluate it; the run directory has everything.

    Args:
        system: a name in ``SYSTEMS``; None for the default, ``fast``.
        data: folder of IDX files; None for the embedded MNIST.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``mps``.
        out: run directory, new or empty; None for one under ``runs``.
        resume: an unfinished run, or ``latest``, the newest of them, to go on in its directory with its recipe to the
            weights it would have had.
        test: under ``split="validate"``, report the test images rather than the validation images.
        plot: write pictures and ``report.html``.
        summary: first print layers, output shapes and parameter counts, on standard error.
        quiet: show no progress.
        **changes: fields of ``Recipe`` that differ from the system's.

    Raises:
        InputError: an unknown name or an impossible value; a resumed run whose recipe differs from ``changes``.
        JobError: the loss stopped being a number.
    """
    from seesum.network import format_layers
    from seesum.state import settle_precision
    from seesum.systems import DEFAULT_SYSTEM, build_network, find_system
    from seesum.training import train_run

    if resume is not None:
        run = find_unfinished(resume)
        _refuse_changes(run, system, changes, out, test)
        splits = run.load_splits(data)
    else:
        recipe = settle_precision(find_system(system or DEFAULT_SYSTEM).recipe.replaced(changes), device)
        run, splits = start_run(recipe, load_mnist(data), data, device, out, test)
    if summary:
        print(format_layers(build_network(run.recipe)), file=sys.stderr)  # noqa: T201
    if not run.finished:
        train_run(run, splits, device, quiet)
    if plot:
        report_run(run, splits)
    return run


def report(run: PathLike | Run = LATEST, *, data: PathLike | None = None) -> Path:
    """Draw the pictures of a finished run and write its ``report.html``; gives the page's path.

    Raises:
        InputError: no such run, an unfinished one, or damaged weights.
    """
    found = find_run(run)
    found.check_finished()
    return report_run(found, found.load_splits(data))


def report_run(run: Run, splits: Splits) -> Path:
    """``report`` for a finished run whose images are in memory."""
    from seesum.reports import Evidence, write_report

    refuse_shipped(run)
    part, _ = splits.pick_part(test=run.metrics["evaluated_on"] == "test")
    network = run.load_network()
    forecast = Reader(network, run.recipe).forecast(part.images)
    return write_report(Evidence(run, splits, part, network, forecast))


def show(what: str, *, run: PathLike | Run | None = None, plot: PathLike | None = None, data: PathLike | None = None) -> Path:
    """Draw ``samples`` (a grid of each split with its sums) or ``table`` (the learned addition table) of a run.

    Args:
        what: ``samples`` or ``table``.
        run: a Run, a shipped network's name, a run directory, ``latest``, or None: the newest for a table, and for samples
            the newest or, where there is none, what the default system would be trained on.
        plot: PNG file; None for ``samples.png`` or ``table.png`` in the current directory.
        data: where the images of a run on a data set of one's own are now, for samples.

    Raises:
        InputError: another word, no such run, or a run whose adder has no table.
    """
    draw = pick({"samples": _draw_samples, "table": _draw_table}, what, "picture")
    target = check_file(plot if plot is not None else f"{what}.png")
    return save_figure(draw(run, data), target)


def export(run: PathLike | Run = LATEST, *, to: PathLike, float_images: bool = False) -> Export:
    """Write a finished run's network as an ONNX file, compared with the network before it is written.

    Both inputs, both outputs as probabilities; normalisation, temperature and views inside the graph; any batch size.

    Args:
        run: a Run, a shipped network's name, a run directory, or ``latest``.
        to: the ONNX file.
        float_images: images go in as float32, 0..255 as in uint8, but not rounded.

    Raises:
        InputError: no such run, an unfinished one, or a file that cannot be written.
        JobError: a package of the extra ``export`` is missing, or file and network differ by more than 1e-4.
    """
    from seesum.exporting import export_network

    found = find_run(run)
    found.check_finished()
    return export_network(found, check_file(to), float_images)


def list_systems() -> list[dict[str, Any]]:
    """Every system with its parameters, adder and results (None of those that only teach), in the order of ``SYSTEMS``.

    This is the verb ``systems``; its function has another name because ``seesum.systems`` is the folder of systems.
    """
    from seesum.network import count_parameters
    from seesum.systems import SYSTEMS, build_network

    return [
        {
            "system": name,
            "parameters": count_parameters(build_network(system.recipe)),
            "adder": system.recipe.adder,
            "epochs": system.recipe.epochs,
            "digit_accuracy": system.result and system.result.digit,
            "sum_accuracy": system.result and system.result.sum,
            "runs": system.result and system.result.runs,
            "summary": system.summary,
        }
        for name, system in SYSTEMS.items()
    ]


def start_run(
    recipe: Recipe,
    mnist: Mnist,
    data: PathLike | None,
    device: str,
    out: PathLike | None,
    test: bool = False,
    watch: tuple[str, ...] = ("validation",),
) -> tuple[Run, Splits]:
    """A new run directory, made after all that can be wrong has been checked, and its images.

    Args:
        recipe: with a settled precision.
        mnist: the data set, from the folder ``data`` or embedded.
        data: as in ``train``; kept, so that the run finds its images again.
        device: as in ``train``.
        out: as in ``train``.
        test: as in ``train``.
        watch: what is measured after every epoch, of ``validation`` (where the run has it) and ``test``.
    """
    from seesum.provenance import describe_origin
    from seesum.state import check_recipe

    check_recipe(recipe)
    splits = split_images(mnist, recipe)
    return create_run(recipe, describe_origin(recipe, mnist, data, device, test, watch), out), splits


def _refuse_changes(run: Run, system: str | None, changes: dict[str, Any], out: PathLike | None, test: bool) -> None:
    stored = run.recipe
    if system is not None and system != stored.system:
        raise InputError(f"{run.directory} trains {stored.system}, not {system}; a run goes on with its own recipe")
    if out is not None:
        raise InputError(f"a resumed run goes on in its own directory, {run.directory}; leave --out out")
    if test and not run.info["measured"]["test"] and stored.split != "full":
        raise InputError(f"{run.directory} was started without --test; to measure it on test images: seesum evaluate --test")
    if changes.get("precision") == "auto":
        changes = {**changes, "precision": None}
    was = stored.changes_from(stored.replaced(changes))
    for name, value in stored.replaced(changes).changes_from(stored).items():
        raise InputError(
            f"{name} is {value} here but {was[name]} in {run.directory}; leave it out, since a run goes on with its own "
            f"recipe, or train anew"
        )


def _draw_samples(run: PathLike | Run | None, data: PathLike | None) -> Figure:
    from seesum.reports import SHOWN_SAMPLES
    from seesum.systems import DEFAULT_SYSTEM, find_system

    try:
        found = find_run(LATEST if run is None else run)
        recipe, splits = found.recipe, found.load_splits(data)
    except InputError:
        if run is not None:
            raise
        recipe = find_system(DEFAULT_SYSTEM).recipe
        splits = split_images(load_mnist(data), recipe)
    return draw_samples(sample_splits(splits, recipe, SHOWN_SAMPLES), splits.sizes, OPERATIONS[recipe.operation])


def _draw_table(run: PathLike | Run | None, data: PathLike | None) -> Figure:
    from seesum.adders import TableAdder

    if data is not None:
        raise InputError("a table is drawn without images; leave --data out")
    found = find_run(LATEST if run is None else run)
    adder = found.load_network().adder
    if not isinstance(adder, TableAdder):
        raise InputError(f"{found.directory} has the adder {found.recipe.adder}, which holds no table; train with table")
    return draw_table(adder.tabulate().detach().numpy(), OPERATIONS[found.recipe.operation])
