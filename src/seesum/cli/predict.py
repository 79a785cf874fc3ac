"""The command predict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from seesum.base.errors import JobError
from seesum.cli.options import Json, SourceOption
from seesum.cli.output import make_table, print_json, print_table

if TYPE_CHECKING:
    from seesum.verbs.predict import Failure, Prediction


def predict(
    pictures: Annotated[
        list[str] | None, typer.Argument(metavar="IMAGE", help="Pictures of digits: files, or patterns in quotes.")
    ] = None,
    add: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="The number to add, 0 to 9. With --random, its default is a random number for each image."
        ),
    ] = None,
    run: SourceOption = None,
    random: Annotated[int | None, typer.Option(metavar="N", help="Answer N random test images instead of pictures.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="With --random: the seed for the choice of images and addends.")] = 0,
    plot: Annotated[
        str | None, typer.Option(metavar="FILE", help="PNG, SVG, PDF or JPEG file for the 28x28 images that the network gets.")
    ] = None,
    explain: Annotated[
        str | None, typer.Option(metavar="FILE", help="PNG, SVG, PDF or JPEG file for the steps from picture to answer.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="PATH", help="With --random: the run's own data, if it has moved.")
    ] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first picture that cannot be read.")] = False,
    as_json: Json = False,
) -> None:
    """Answer pictures of digits, or random test images. Wrong answers to test images are marked.

    Examples:
        seesum predict examples/three.png --add 7
        seesum predict "examples/photo-*.jpg" --add 7 --explain steps.png
        seesum predict --random 25 --plot random.png
    """
    import seesum

    given = [*(pictures or [])]
    # a single picture that cannot be read is bad input; among several, the others are answered
    failures: list[Failure] | None = None if fail_fast or random is not None or is_single(given) else []
    predictions = seesum.predict(
        [*given], add=add, run=run, random=random, seed=seed, plot=plot, explain=explain, data=data, failures=failures
    )
    rows = merge_rows(predictions, failures or [])
    if as_json:
        print_json({"predictions": [describe_row(row, add) for row in rows]})
    else:
        print_predictions(rows)
        for path in filter(None, (plot, explain)) if predictions else ():
            typer.echo(f"The picture is in {path}")
    if failures:
        names = ", ".join(failure.picture for failure in failures)
        raise JobError(f"{len(failures)} of {len(rows)} pictures could not be read: {names}; see their rows")


def is_single(pictures: list[str]) -> bool:
    """Whether the user named one picture, and not a pattern."""
    from glob import has_magic

    return len(pictures) == 1 and not has_magic(pictures[0])


def merge_rows(predictions: list[Prediction], failures: list[Failure]) -> list[Prediction | Failure]:
    """Put answers and failures in the order of the pictures."""
    rows: list[Prediction | Failure] = [*predictions]
    for failure in failures:
        rows.insert(failure.place, failure)
    return rows


def describe_row(row: Prediction | Failure, add: str | None) -> dict[str, Any]:
    """Return one row as plain values, for JSON."""
    from seesum.verbs.predict import Prediction

    if isinstance(row, Prediction):
        return {"picture": row.picture, "addend": row.addend, "true_digit": row.digit, **row.answer.to_dict()}
    return {"picture": row.picture, "addend": int(add or 0), "true_digit": None, "error": row.error}


def print_predictions(rows: list[Prediction | Failure]) -> None:
    """Print answers and failures as a table."""
    from seesum.verbs.predict import Prediction

    table = make_table("picture", "digit", "p(digit)", "add", "sum", "p(sum)", "")
    for row in rows:
        if not isinstance(row, Prediction):
            table.add_row(row.picture, "", "", "", "", "", "not read")
            continue
        answer = row.answer
        shares = (f"{answer.digit_probabilities.max():.1%}", f"{answer.sum_probabilities.max():.1%}")
        cells = (row.picture, answer.digit, shares[0], row.addend, answer.sum, shares[1], _remark(row))
        table.add_row(*map(str, cells))
    print_table(table)
    for row in rows:
        if not isinstance(row, Prediction):
            typer.echo(row.error)


def _remark(prediction: Prediction) -> str:
    """Return a warning for an answer that is wrong or unsure, or an empty text."""
    answer = prediction.answer
    if prediction.digit is not None and prediction.digit != answer.digit:
        return f"wrong: it is {prediction.digit}"
    if answer.digits_found > 1:
        return f"unsure: {answer.digits_found} digits found, this is the largest one"
    if not answer.digits_found:
        return "unsure: nothing in the picture looks like a digit"
    return "unsure" if answer.unsure else ""
