"""Completion in the shell: the names that can follow, and the options that install it. torch is never imported."""

from __future__ import annotations

import os
import re
from pathlib import Path

import typer

from seesum.base.errors import InputError, join_names
from seesum.runs.names import LATEST, RUNS
from seesum.runs.shipped import SHIPPED, list_shipped

NETWORKS = SHIPPED.parent
"""The folder of the code of systems and adders. Their names are read from it, since importing it needs torch."""
VARIABLE = "_SEESUM_COMPLETE"
"""The environment variable by which a shell's script makes ``seesum`` print what can follow."""
START_FILES = {"bash": "~/.bashrc", "zsh": "~/.zshrc", "fish": None}
"""The shells for which completion is installed, and the file that loads it there. fish needs none."""


def list_systems() -> list[str]:
    """Return the names of all systems, also those of installed packages. Each built-in one has the name of its file."""
    return sorted([*_read_systems(), *_list_installed("seesum.systems")])


def list_published() -> list[str]:
    """Return the names of the published systems."""
    return sorted(name for name, text in _read_systems().items() if "published=" in text)


def list_adders() -> list[str]:
    """Return the names of all adders, also those of installed packages. The built-in ones are read from the source."""
    registry = (NETWORKS / "adders.py").read_text("utf-8").partition("\nADDERS")[2]
    return sorted([*re.findall(r'^ +"([\w-]+)": \w+,$', registry, re.M), *_list_installed("seesum.adders")])


def list_runs() -> list[str]:
    """Return what names a run: ``latest``, the shipped networks, and the run directories under ``runs``."""
    return [*list_own_runs(), *list_shipped()]


def list_own_runs() -> list[str]:
    """Return what names a run of the user: ``latest``, and the run directories under ``runs``. Teachers are left out."""
    found = (path.parent for pattern in ("*", "*/*") for path in Path(RUNS).glob(f"{pattern}/run.json"))
    return [LATEST, *sorted(path.as_posix() for path in found if not (path.parent / "run.json").is_file())]


def _read_systems() -> dict[str, str]:
    """Return the source of each built-in system by its name."""
    sources = (path for path in (NETWORKS / "systems").glob("*.py") if not path.name.startswith("_"))
    return {path.stem.replace("_", "-"): path.read_text("utf-8") for path in sources}


def _list_installed(group: str) -> list[str]:
    from seesum.base.registry import list_entry_points

    return [*list_entry_points(group)]


def start() -> None:
    """Make the shells known to typer, so that it answers when a shell's script runs ``seesum``."""
    from typer.completion import completion_init  # type: ignore[attr-defined]

    completion_init()


def show(context: typer.Context, wanted: bool) -> None:
    """Print the script for the user's shell, and end the program.

    Raises:
        InputError: the shell cannot be told, or is none of ``START_FILES``.
    """
    if not wanted or context.resilient_parsing:  # while a shell completes a line, its options are parsed too
        return
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    typer.echo(get_completion_script(prog_name="seesum", complete_var=VARIABLE, shell=_find_shell()))
    raise typer.Exit


def install(context: typer.Context, wanted: bool) -> None:
    """Write the script for the user's shell where the shell finds it, print which files were written, and end the program.

    Raises:
        InputError: the shell cannot be told, or is none of ``START_FILES``.
    """
    if not wanted or context.resilient_parsing:  # while a shell completes a line, its options are parsed too
        return
    from typer.completion import install as install_script  # type: ignore[attr-defined]

    shell = _find_shell()
    _, path = install_script(shell=shell, prog_name="seesum", complete_var=VARIABLE)
    loader = START_FILES[shell]
    typer.echo(f"The completion for {shell} is in {path}" + (f", and {loader} loads it" if loader else ""))
    typer.echo("It works in every new terminal")
    raise typer.Exit


def _find_shell() -> str:
    """Return the name of the shell that started the program, or of the user's login shell where that one is not known."""
    from typer.completion import _get_shell_name  # type: ignore[attr-defined]

    shells = (_get_shell_name(), Path(os.environ.get("SHELL", "")).name)
    shell = next((one for one in shells if one in START_FILES), None)
    if shell is None:
        raise InputError(
            f"the shell is {shells[0] or 'unknown'}, and completion is for {join_names(START_FILES)}; start one of "
            f"them, or print the script with: {VARIABLE}=source_bash seesum"
        )
    return shell
