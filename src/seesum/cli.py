"""The command ``seesum``: parse, call the verb of the same name, print. Imports no torch before a verb needs it."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from seesum import __version__
from seesum.commands import compare, reproduce, study
from seesum.console import make_table, print_json, print_metrics, print_rows, print_table
from seesum.options import (
    Addends,
    Adder,
    BatchSize,
    Data,
    Device,
    Epochs,
    Images,
    Json,
    Operation,
    Precision,
    Rate,
    RunArgument,
    RunOption,
    Seed,
    Set,
    SourceArgument,
    SourceOption,
    Split,
    System,
    Test,
    gather_changes,
)
from seesum.recipe import LATEST, InputError, JobError
from seesum.serve_command import serve

app = typer.Typer(
    name="seesum",
    help="See a digit, say the sum: train, evaluate and use networks with two inputs (a picture, a number) and two "
    "outputs (the digit, the sum).",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    if version:
        typer.echo(f"seesum {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def train(
    system: System = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    lr: Rate = None,
    seed: Seed = None,
    images: Images = None,
    adder: Adder = None,
    operation: Operation = None,
    addends: Addends = None,
    split: Split = None,
    precision: Precision = None,
    change: Set = None,
    test: Test = False,
    data: Data = None,
    device: Device = "auto",
    out: Annotated[str | None, typer.Option(metavar="DIR", help="Run directory. Default: a new one under runs.")] = None,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Go on with an unfinished run; latest: the newest.")] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Print layers, output shapes and parameter counts.")] = False,
    plot: Annotated[bool, typer.Option(help="Write pictures and report.html.")] = True,
    as_json: Json = False,
) -> None:
    """Train a system, evaluate it over all ten addends, and write a run directory with a report."""
    from seesum import verbs

    changes = gather_changes(locals(), system, change, resume)
    run = verbs.train(
        system, data=data, device=device, out=out, resume=resume, test=test, plot=plot, summary=summary, **changes
    )
    if as_json:
        print_json({"run": str(run.directory), **run.metrics})
        return
    print_metrics(run.metrics)
    typer.echo(f"\nThe run is in {run.directory}" + (f"; open {run.directory / 'report.html'}" if plot else ""))


@app.command()
def evaluate(
    run: SourceArgument = LATEST,
    data: Annotated[str | None, typer.Option(metavar="DIR", help="Measure on the test images in this folder.")] = None,
    test: Annotated[bool, typer.Option("--test", help="Use the test images of a run that has validation images.")] = False,
    as_json: Json = False,
) -> None:
    """Measure a run over all images x 10 addends, per digit and per addend too."""
    from seesum import judgements
    from seesum.metrics import format_share

    metrics = judgements.evaluate(run, data=data, test=test)
    if as_json:
        print_json(metrics)
        return
    print_metrics(metrics)
    table = make_table("digit", "images", "digit right", "sum right", "addend", "digit right", "sum right")
    for digit, addend in zip(metrics["per_digit"], metrics["per_addend"], strict=True):
        halves = [[format_share(row[name]) for name in ("digit_accuracy", "sum_accuracy")] for row in (digit, addend)]
        table.add_row(str(digit["digit"]), f"{digit['images']:,}", *halves[0], str(addend["addend"]), *halves[1])
    print_table(table)


@app.command()
def predict(
    pictures: Annotated[list[str] | None, typer.Argument(metavar="IMAGE...", help="Pictures of a digit.")] = None,
    add: Annotated[str | None, typer.Option(metavar="N", help="The number to add, 0 to 9.")] = None,
    run: SourceOption = None,
    random: Annotated[int | None, typer.Option(metavar="N", help="Instead: N random test images.")] = None,
    seed: Annotated[int, typer.Option(help="Which test images and addends are random.")] = 0,
    plot: Annotated[str | None, typer.Option(metavar="FILE", help="PNG of the images as the network saw them.")] = None,
    explain: Annotated[str | None, typer.Option(metavar="FILE", help="PNG of the steps from picture to answer.")] = None,
    data: Annotated[str | None, typer.Option(metavar="DIR", help="With --random: the images of a run on your own.")] = None,
    as_json: Json = False,
) -> None:
    """Answer pictures of digits, with probabilities; or random test images, with the wrong ones marked."""
    from seesum import predictions

    predicted = predictions.predict(
        [*(pictures or [])], add=add, run=run, random=random, seed=seed, plot=plot, explain=explain, data=data
    )
    if as_json:
        rows = [{"picture": p.picture, "addend": p.addend, "true_digit": p.digit, **p.answer.to_dict()} for p in predicted]
        print_json({"predictions": rows})
        return
    table = make_table("picture", "digit", "p(digit)", "add", "sum", "p(sum)", "")
    for one in predicted:
        answer = one.answer
        remark = "unsure" if answer.unsure else ""
        if answer.found > 1:
            remark = f"unsure: {answer.found} digits found, this is the largest"
        elif not answer.found:
            remark = "unsure: nothing in it is like a digit"
        if one.digit is not None and one.digit != answer.digit:
            remark = f"wrong: it is {one.digit}"
        shares = (f"{answer.digit_probabilities.max():.1%}", f"{answer.sum_probabilities.max():.1%}")
        table.add_row(one.picture, str(answer.digit), shares[0], str(one.addend), str(answer.sum), shares[1], remark)
    print_table(table)
    for path in filter(None, (plot, explain)):
        typer.echo(f"The picture is in {path}")


@app.command()
def calibrate(
    twin: Annotated[str, typer.Option(metavar="RUN", help="A run of the same recipe with --split validate.")],
    run: RunArgument = LATEST,
    pictures: Annotated[
        str | None, typer.Option(metavar="DIR", help="Pictures in folders 0 to 9, instead of the twin's validation images.")
    ] = None,
    target: Annotated[
        float | None, typer.Option(help="Share of accepted answers that shall be right. Default: 0.999; of pictures 0.995.")
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Set a run's temperature, and when it is unsure, chosen on its twin's validation images, or on pictures."""
    from seesum import judgements

    chosen = judgements.calibrate(run, twin=twin, pictures=pictures, target=target, data=data)
    if as_json:
        print_json(chosen)
        return
    eces = (chosen[name]["digit_ece"] for name in ("before", "after"))
    typer.echo("temperature {:.3f}: ECE of the digit {:.3%} -> {:.3%}".format(chosen["temperature"], *eces))
    accepted = chosen["accepted"]
    typer.echo(
        f"unsure below {chosen['unsure_below']:.3f}: {accepted['coverage']:.2%} of what was asked is accepted, "
        f"{accepted['both_accuracy']:.3%} of that right; chosen on "
        + ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in chosen["chosen_on"].items())
    )


@app.command()
def show(
    what: Annotated[str, typer.Argument(metavar="samples|table", help="What to draw.")],
    run: RunOption = None,
    plot: Annotated[str | None, typer.Option(metavar="FILE", help="PNG. Default: samples.png or table.png.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Draw samples of each split with their sums, or the addition table that a run has learned."""
    from seesum import verbs

    path = verbs.show(what, run=run, plot=plot, data=data)
    print_json({"picture": str(path)}) if as_json else typer.echo(f"The picture is in {path}")


@app.command()
def report(run: RunArgument = LATEST, data: Data = None, as_json: Json = False) -> None:
    """Draw the pictures of a finished run again and write its report.html."""
    from seesum import verbs

    path = verbs.report(run, data=data)
    print_json({"report": str(path)}) if as_json else typer.echo(f"The report is in {path}")


@app.command()
def export(
    to: Annotated[str, typer.Option(metavar="FILE", help="The ONNX file.")],
    run: RunArgument = LATEST,
    float_images: Annotated[bool, typer.Option("--float", help="Images as float32, 0 to 255, instead of uint8.")] = False,
    as_json: Json = False,
) -> None:
    """Write a run's network as an ONNX file that answers without torch."""
    from seesum import verbs

    made = verbs.export(run, to=to, float_images=float_images)
    if as_json:
        print_json({"file": str(made.path), "bytes": made.bytes, "largest_difference": made.largest_difference})
        return
    typer.echo(f"{made.path}: {made.bytes:,} bytes; its probabilities are the network's within {made.largest_difference:.1e}")


for _command in (study, reproduce, compare, serve):
    app.command()(_command)


@app.command()
def systems(as_json: Json = False) -> None:
    """List the systems with their parameters, adder and results."""
    from seesum import verbs

    rows = verbs.list_systems()
    if as_json:
        print_json({"systems": rows})
        return
    print_rows(rows, *rows[0])


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 a failure, 2 bad input, 130 interrupted (typer's own)."""
    from typer.exceptions import TyperException

    try:
        code = app(prog_name="seesum", standalone_mode=False)
    except TyperException as error:
        _complain(error.format_message(), 2)
    except InputError as error:
        _complain(str(error), 2)
    except JobError as error:
        _complain(str(error), 1)
    except ModuleNotFoundError as error:
        package = (error.name or "seesum").partition(".")[0]
        if package == "seesum":
            raise
        _complain(f"this needs {package}, which is not installed; install it with: pip install {package}", 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        _complain(f"{error.filename or 'a file'} cannot be read or written ({error.strerror or error})", 1)
    else:
        raise SystemExit(code if isinstance(code, int) else 0)


def _complain(sentence: str, code: int) -> None:
    typer.echo(f"seesum: {sentence}", err=True)
    raise SystemExit(code)
