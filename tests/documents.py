"""The Markdown files of the repository: their commands, their Python, their links. Tests import this."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("benchmarks", "docs", "examples", "results", "src", "tests")
GENERATED = {ROOT / line for line in (ROOT / ".gitignore").read_text().split() if line.endswith(".md")}
"""The pages that are there once the site was built. They are made from the code, whose tests check them."""
DOCUMENTS = sorted(
    path
    for found in (ROOT.glob("*.md"), *((ROOT / folder).rglob("*.md") for folder in FOLDERS))
    for path in found
    if "_build" not in path.parts and path not in GENERATED
)
"""All others, found on the disk."""
QUICK = [
    *("--epochs=1", "--images=500"),
    *("--set=synthetic_digits=20", "--set=synthetic_non_digits=20", "--set=teachers="),
]
SMALL = {
    "train": [*QUICK, "--no-plot"],
    "study": [*QUICK, "--seeds=1"],
    "reproduce": ["--epochs", "1", "--images", "64", "--seeds", "1"],
    "compare": ["--epochs", "1", "--images", "200", "--seeds", "1"],
    "sums": ["--epochs", "1", "--no-plot"],
}
"""Options that make a command small. If an option is given twice, click takes the last."""


def find_blocks(path: Path, language: str) -> list[str]:
    """Return the blocks of a language in a document, such as sh or python."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.S | re.M)


def find_cells(path: Path) -> list[str]:
    """Return the Python of the cells that a page of the site shows, without their settings."""
    cells = find_blocks(path, r"\{code-cell\} ipython3")
    return [re.sub(r"\A(?::.*\n)*\n*", "", cell) for cell in cells if ":tags: [remove-cell]" not in cell]


def find_commands(start: str, documents: Sequence[Path] = DOCUMENTS) -> list[str]:
    """Return the lines of the sh blocks that begin with a word, without their comments and each once."""
    blocks = [re.sub(r"\\\n *", "", block) for path in documents for block in find_blocks(path, "sh")]
    lines = [line for block in blocks for line in block.splitlines()]
    return list(dict.fromkeys(line.partition("  #")[0].strip() for line in lines if line.startswith(start) and line))


def find_scripts(path: Path) -> list[str]:
    """Return the Python of a document as scripts that run alone.

    A block that uses names which it does not define goes on with the script before it.
    """
    scripts: list[str] = []
    for block in find_blocks(path, "python"):
        if scripts and find_free_names(block):
            scripts[-1] += "\n" + block
        else:
            scripts.append(block)
    return scripts


def find_free_names(code: str) -> set[str]:
    """Return the names that Python code uses and nowhere defines."""
    used, defined = set(), set(dir(builtins)) | {"__name__"}
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                defined.add(name)
            case ast.AsyncFunctionDef(name=name):
                defined.add(name)
            case ast.alias():
                defined.add((node.asname or node.name).partition(".")[0])
    return used - defined


def make_small(verb: str, data: Path) -> list[str]:
    """Return the options that make a command small."""
    small = SMALL.get(verb, [])
    return [*small, "--data", str(data)] if verb in ("study", "reproduce", "compare", "sums") else small


def find_links(path: Path) -> list[tuple[str, str]]:
    """Return the links and pictures of a document that lead into the repository: the path, and the heading or an empty text."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.S | re.M)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'<img [^>]*src="([^"]+)"', text)
    return [target.partition("#")[::2] for target in targets if not re.match(r"[a-z]+:", target)]


def find_anchors(path: Path) -> set[str]:
    """Return the names under which links find the headings of a document, as code hosts and MyST write them."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.S | re.M)
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    plain = [re.sub(r"\]\([^)]*\)", "", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}
