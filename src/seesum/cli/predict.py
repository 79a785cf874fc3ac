"""The command predict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from seesum.cli.options import Json, SourceOption
from seesum.cli.output import make_table, print_json, print_table

if TYPE_CHECKING:
    from seesum.verbs.predict import Prediction


def predict(
    pictures: Annotated[list[str] | None, typer.Argument(metavar="IMAGE...", help="Pictures of digits.")] = None,
    add: Annotated[str | None, typer.Option(metavar="N", help="The number to add, 0 to 9.")] = None,
    run: SourceOption = None,
    random: Annotated[int | None, typer.Option(metavar="N", help="Answer N random test images instead of pictures.")] = None,
    seed: Annotated[int, typer.Option(help="Seed for the choice of test images and addends.")] = 0,
    plot: Annotated[
        str | None, typer.Option(metavar="FILE", help="PNG file for the 28x28 images that the network gets.")
    ] = None,
    explain: Annotated[str | None, typer.Option(metavar="FILE", help="PNG file for the steps from picture to answer.")] = None,
    data: Annotated[
        str | None, typer.Option(metavar="DIR", help="With --random: folder of the run's own data, if it has moved.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer pictures of digits or random test images. Wrong answers to test images are marked."""
    import seesum

    predictions = seesum.predict(
        [*(pictures or [])], add=add, run=run, random=random, seed=seed, plot=plot, explain=explain, data=data
    )
    if as_json:
        rows = [{"picture": p.picture, "addend": p.addend, "true_digit": p.digit, **p.answer.to_dict()} for p in predictions]
        print_json({"predictions": rows})
        return
    table = make_table("picture", "digit", "p(digit)", "add", "sum", "p(sum)", "")
    for prediction in predictions:
        answer = prediction.answer
        shares = (f"{answer.digit_probabilities.max():.1%}", f"{answer.sum_probabilities.max():.1%}")
        cells = (prediction.picture, answer.digit, shares[0], prediction.addend, answer.sum, shares[1], _remark(prediction))
        table.add_row(*map(str, cells))
    print_table(table)
    for path in filter(None, (plot, explain)):
        typer.echo(f"The picture is in {path}")


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
