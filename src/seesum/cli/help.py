"""How ``--help`` looks: the commands in groups, and examples at the end of each command's help. Its lines are not wrapped."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from typer.core import TyperCommand, TyperGroup

EXAMPLES = "\n\nExamples:\n"
"""Separates the examples of a command from what its docstring says before."""


class Verb(TyperCommand):
    """A command whose help ends with examples, each on a line of its own."""

    def __init__(self, **settings: Any) -> None:
        """Take what typer gives. The help names arguments without their types."""
        super().__init__(**settings)
        for parameter in self.params:
            if parameter.param_type_name == "argument":
                parameter.display_type_rich = lambda ctx: None  # type: ignore[attr-defined]  # noqa: ARG005

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the examples as they are."""
        if self.epilog:
            with formatter.section("Examples"):
                indent = " " * formatter.current_indent
                formatter.write("".join(f"{indent}{line}\n" for line in self.epilog.splitlines()))


class Program(TyperGroup):
    """A program whose help lists its commands in groups. A command's ``rich_help_panel`` is the name of its group."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write a section for each group, in the order in which the commands were added."""
        width = max(map(len, self.commands))
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            row = (name.ljust(width), command.get_short_help_str(formatter.width - width - 6))
            groups.setdefault(getattr(command, "rich_help_panel", ""), []).append(row)
        for group, rows in groups.items():
            with formatter.section(group):
                formatter.write_dl(rows)


def split_docstring(command: Callable[..., None]) -> tuple[str, str]:
    """Return what a command's docstring says, and its examples."""
    text, _, examples = inspect.cleandoc(command.__doc__ or "").partition(EXAMPLES)
    return text, inspect.cleandoc(examples)
