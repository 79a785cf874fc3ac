"""The program ``seesum``: all commands, and how errors are printed.

torch is not imported until a verb needs it.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from seesum import __version__
from seesum.base.environment import limit_spinning
from seesum.base.errors import InputError, JobError
from seesum.base.interrupts import end_in_imports
from seesum.cli.calibrate import calibrate
from seesum.cli.check import check
from seesum.cli.compare import compare
from seesum.cli.completion import VARIABLE, install, show as show_script, start
from seesum.cli.evaluate import evaluate
from seesum.cli.export import export
from seesum.cli.help import Program, Verb, split_docstring
from seesum.cli.options import add_plugin_option
from seesum.cli.predict import predict
from seesum.cli.report import report
from seesum.cli.reproduce import reproduce
from seesum.cli.serve import serve
from seesum.cli.show import show
from seesum.cli.study import study
from seesum.cli.sums import sums
from seesum.cli.systems import systems
from seesum.cli.train import train

if TYPE_CHECKING:
    from typer.exceptions import TyperException

app = typer.Typer(
    name="seesum",
    cls=Program,
    help="See a digit, say the sum. Train, evaluate and use networks with two inputs (a picture of a digit, a number) and "
    "two outputs (the digit, the sum).",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


DEBUG = "--debug"
"""The option for whoever reports an error of seesum itself. It stands before the command."""


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    install_completion: Annotated[  # noqa: ARG001
        bool,
        typer.Option(
            "--install-completion", callback=install, help="Write a script for your shell, so that the Tab key completes words."
        ),
    ] = False,
    show_completion: Annotated[  # noqa: ARG001
        bool, typer.Option("--show-completion", callback=show_script, help="Print that script, and write nothing.")
    ] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show where in seesum an unforeseen error arose.")] = False,  # noqa: ARG001
) -> None:
    if version:
        typer.echo(f"seesum {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


GROUPS: dict[str, tuple[Callable[..., None], ...]] = {
    "Train": (train, sums, systems),
    "Use": (predict, serve, export),
    "Measure": (evaluate, calibrate, show, report, check),
    "Many runs": (study, compare, reproduce),
}
"""The commands, in the order and under the headings of the help."""

for _group, _commands in GROUPS.items():
    for _command in _commands:
        _help, _examples = split_docstring(_command)
        _register = app.command(cls=Verb, help=_help, epilog=_examples, rich_help_panel=_group)
        _register(_command if _command is check else add_plugin_option(_command))


def main() -> None:
    """Run the command line.

    Exit codes: 0 for success, 1 for a failure, 2 for wrong input, 130 for an interruption (set by typer).
    """
    from typer.exceptions import TyperException

    limit_spinning()
    _accept_every_letter()
    if os.environ.get(VARIABLE):  # the shell shows what can follow, and an error would stand in the user's line
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        start()
    try:
        with end_in_imports():
            code = app(prog_name="seesum", standalone_mode=False)
    except TyperException as error:
        _fail(_describe_mistake(error), 2)
    except InputError as error:
        _fail(str(error), 2)
    except JobError as error:
        _fail(str(error), 1)
    except ModuleNotFoundError as error:
        package = (error.name or "seesum").partition(".")[0]
        if package == "seesum":
            raise
        _fail(f"this needs {package}, which is not installed; install it with: pip install {package}", 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        _fail(f"{error.filename or 'a file'} cannot be read or written ({error.strerror or error})", 1)
    except Exception as error:
        if sys.argv[1:2] == [DEBUG]:
            raise
        text = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        _fail(f"this is an error of seesum itself ({text}); report it with what this prints: seesum {DEBUG} COMMAND ...", 1)
    else:
        raise SystemExit(code if isinstance(code, int) else 0)


def _describe_mistake(error: TyperException) -> str:
    """Return the sentence for a command line that cannot be parsed, without the words of the library that parses it."""
    found = getattr(error.__cause__, "errors", None)  # of pydantic, which checks the values for typer
    parameter = getattr(error, "param", None)
    if found is None or parameter is None:
        return error.format_message()
    first = found()[0]
    expected = {"int_parsing": "a whole number", "float_parsing": "a number"}.get(first["type"])
    if expected is None:
        return error.format_message()
    return f"{max(parameter.opts, key=len)} is {first['input']!r}; expected {expected}"


def _accept_every_letter() -> None:
    """Print letters that the terminal's encoding lacks as ``\\u0436`` instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")


def _fail(sentence: str, code: int) -> None:
    typer.echo(f"seesum: {sentence}", err=True)
    raise SystemExit(code)
