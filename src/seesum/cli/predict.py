"""The command predict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from seesum.cli.options import Json, SourceOption
from seesum.cli.output import make_table, print_json, print_table

if TYPE_CHECKING:
    from seesum.verbs.predict import Prediction


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
    import seesum

    predictions = seesum.predict(
        [*(pictures or [])], add=add, run=run, random=random, seed=seed, plot=plot, explain=explain, data=data
    )
    if as_json:
        rows = [{"picture": p.picture, "addend": p.addend, "true_digit": p.digit, **p.answer.to_dict()} for p in predictions]
        print_json({"predictions": rows})
        return
    table = make_table("picture", "digit", "p(digit)", "add", "sum", "p(sum)", "")
    for one in predictions:
        answer = one.answer
        shares = (f"{answer.digit_probabilities.max():.1%}", f"{answer.sum_probabilities.max():.1%}")
        table.add_row(one.picture, str(answer.digit), shares[0], str(one.addend), str(answer.sum), shares[1], _remark(one))
    print_table(table)
    for path in filter(None, (plot, explain)):
        typer.echo(f"The picture is in {path}")


def _remark(one: Prediction) -> str:
    """What a user should know about an answer before relying on it."""
    answer = one.answer
    if one.digit is not None and one.digit != answer.digit:
        return f"wrong: it is {one.digit}"
    if answer.digits_found > 1:
        return f"unsure: {answer.digits_found} digits found, this is the largest"
    if not answer.digits_found:
        return "unsure: nothing in it is like a digit"
    return "unsure" if answer.unsure else ""
