"""Write the pages of the reference from the code before the site is built, so that they cannot drift from it."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from sphinx.application import Sphinx

import seesum
from seesum.cli.app import app as program
from seesum.server.documents import list_fields, name_kind


def write_python() -> str:
    """Return the page of every public function and class."""
    parts: dict[str, list[str]] = {"Verbs": [], "Other functions": [], "Classes": [], "Registries": [], "Errors": []}
    for name in seesum.__all__:
        value = getattr(seesum, name)
        if inspect.isclass(value) and issubclass(value, Exception):
            parts["Errors"].append(_document("autoexception", f"seesum.{name}"))
        elif inspect.isclass(value):
            parts["Classes"].append(_document("autoclass", f"seesum.{name}", ":members:"))
        elif inspect.isroutine(value):
            kind = "Verbs" if value.__module__.startswith("seesum.verbs.") else "Other functions"
            parts[kind].append(_document("autofunction", f"seesum.{name}"))
        else:
            parts["Registries"].append(_document("autodata", f"seesum.{name}", ":no-value:"))
    testing = [_document("autofunction", f"seesum.testing.{name}") for name in ("check_adder", "check_system")]
    parts["Checks for your own adders and systems"] = testing
    text = "# Python\n\nEvery public name of `seesum`. Each command is a function of the same name: a verb.\n"
    return text + "".join(f"\n## {title}\n\n" + "\n".join(blocks) for title, blocks in parts.items())


def _document(directive: str, name: str, *options: str) -> str:
    lines = [f".. {directive}:: {name}", *(f"   {option}" for option in options)]
    return "### " + name.removeprefix("seesum.") + "\n\n```{eval-rst}\n" + "\n".join(lines) + "\n```\n"


def write_commands() -> str:
    """Return the page of every command, from what its ``--help`` says."""
    group: Any = typer.main.get_command(program)
    text = [f"# Commands\n\n{group.help}\n\n`seesum COMMAND --help` says the same on the command line.\n"]
    text.append("\n## seesum\n")
    text.extend(_describe_parameters(group, "seesum"))
    before = ""
    for name, command in group.commands.items():
        if command.rich_help_panel != before:
            before = command.rich_help_panel
            text.append(f"\n## {before}\n")
        context = typer.Context(command, info_name=f"seesum {name}")
        text.append(f"\n### seesum {name}\n\n{command.help}\n\n```text\n{command.get_usage(context)}\n```\n")
        text.extend(_describe_parameters(command, f"seesum {name}"))
        if command.epilog:
            text.append(f"\n```text\n{command.epilog}\n```\n")
    return "".join(text)


def _describe_parameters(command: Any, name: str) -> Iterator[str]:
    """Yield each argument and option with what the help says of it."""
    context = typer.Context(command, info_name=name)
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None:
            yield f"\n`{record[0]}`\n: {_escape(record[1] or '')}\n"


def write_api() -> str:
    """Return the page of the HTTP API, from the OpenAPI document of the server."""
    from seesum.server.app import build_app
    from seesum.server.networks import load_network

    api = build_app(*load_network("fast")).openapi()
    text = ["# HTTP API\n\nThe server says the same at `/docs` for people and at `/openapi.json` for programs.\n"]
    operations = [
        (method.upper(), path, values) for path, methods in api["paths"].items() for method, values in methods.items()
    ]
    for method, path, values in sorted(operations, key=lambda one: one[0], reverse=True):  # POST first: these answer pictures
        text.append(f"\n## {method} {path}\n\n{_escape(values['summary'])}\n")
        text.extend(_describe_operation(values))
    return "".join(text)


def _describe_operation(values: dict[str, Any]) -> Iterator[str]:
    fields = [(f"?{one['name']}=", one["schema"]) for one in values.get("parameters", ())]
    yield from _write_fields("Parameters", fields, set())
    for media, content in values.get("requestBody", {}).get("content", {}).items():
        yield from _write_schema(f"Body as `{media}`", content["schema"])
        for example in content.get("examples", {}).values():
            yield f"\n```json\n{json.dumps(example['value'])}\n```\n"
    for media, content in values["responses"].get("200", {}).get("content", {}).items():
        yield from _write_schema(f"Answer as `{media}`", content["schema"])
    yield "\n| status | meaning |\n|---|---|\n"
    for status, response in values["responses"].items():
        yield f"| {status} | {_escape(response['description'])} |\n"


def _write_schema(title: str, schema: dict[str, Any]) -> Iterator[str]:
    fields = list(list_fields(schema))
    if fields:
        yield from _write_fields(title, fields, set(schema.get("required", ())))
    else:
        yield f"\n**{title}**: {name_kind(schema)}\n"


def _write_fields(title: str, fields: list[tuple[str, dict[str, Any]]], required: set[str]) -> Iterator[str]:
    if not fields:
        return
    yield f"\n**{title}**\n\n| field | type | meaning |\n|---|---|---|\n"
    for name, schema in fields:
        kind = name_kind(schema) + (", required" if name in required else "")
        yield f"| `{name}` | {_escape(kind)} | {_escape(schema.get('description', ''))} |\n"


def _escape(text: str) -> str:
    """Return a text for Markdown in which nothing is a markup sign."""
    return re.sub(r"([\\*_|<>\[\]{}$`])", r"\\\1", " ".join(text.split()))


PAGES = {"python.md": write_python, "commands.md": write_commands, "http-api.md": write_api}
"""The generated pages in docs/reference."""


def write_pages(app: Sphinx) -> None:
    """Write each page that differs from what is there."""
    for name, write in PAGES.items():
        path, text = Path(app.srcdir) / "reference" / name, write()
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def setup(app: Sphinx) -> dict[str, Any]:
    """Take part in the building of the site."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True}
