"""The data's way is a straight line: a module imports only from modules before it in the README's tree."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "seesum"


def read_tree() -> list[str]:
    """Modules in the order of the README's annotated tree; a folder stands for the modules in it."""
    readme = (ROOT / "README.md").read_text()
    block = next(part for part in re.findall(r"```text\n(.*?)```", readme, re.S) if "src/seesum/" in part)
    inside = block.partition("src/seesum/")[2]
    names = re.findall(r"^  (\w+)(?:\.py|/) ", inside, re.M)
    return [name for name in names if name != "data"]


def list_modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def find_imports(path: Path) -> set[str]:
    """Modules of the package that a file imports anywhere in it, by their name in the tree."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            parts = node.module.split(".")
            if parts[0] == "seesum":
                found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("seesum.")}
    return found


def test_the_tree_lists_every_module() -> None:
    there = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in list_modules()}
    assert set(read_tree()) == there - {"__init__", "__main__"}
    assert len(read_tree()) == len(set(read_tree()))


@pytest.mark.parametrize("path", list_modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_come_from_before(path: Path) -> None:
    order = read_tree()
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own in ("__init__", "__main__"):
        return
    imported = find_imports(path) - {"__version__"}
    assert imported <= set(order), imported
    late = [name for name in imported if order.index(name) >= order.index(own) and name != own]
    assert not late, f"{own} imports {late}, which come after it"


def test_files_and_functions_stay_small() -> None:
    for path in list_modules():
        text = path.read_text()
        assert len(text.splitlines()) <= 340, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                assert length <= 100, f"{path.name}: {node.name} has {length} lines"
