"""The data's way is a straight line through the wings: imports, walks, and sizes of files and functions."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "seesum"
LONGEST_FILE, LONGEST_FUNCTION, LONGEST_LOOP = 300, 60, 100
LOOP = ("training/loop.py", ("train_epoch", "train_network"))
"""The training loop stays in plain sight, so its functions may be longer."""


@cache
def read_tree() -> list[str]:
    """The wings in the order of the README's tree."""
    readme = (ROOT / "README.md").read_text()
    block = next(part for part in re.findall(r"```text\n(.*?)```", readme, re.S) if "src/seesum/" in part)
    return re.findall(r"^  (\w+)/ ", block.partition("src/seesum/")[2], re.M)


def list_modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def name_module(path: Path) -> str:
    """``src/seesum/data/idx.py`` -> ``data.idx``; a package is its ``__init__.py``."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


NAMES = {name_module(path): path for path in list_modules()}


@cache
def find_imports(path: Path) -> frozenset[str]:
    """The modules of the package that a file imports anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").startswith("seesum."):
            module = (node.module or "").removeprefix("seesum.")
            inner = {f"{module}.{alias.name}" for alias in node.names}
            found |= (inner & NAMES.keys()) or {module}
        elif isinstance(node, ast.Import):
            found |= {alias.name.removeprefix("seesum.") for alias in node.names if alias.name.startswith("seesum.")}
    assert found <= NAMES.keys(), found - NAMES.keys()
    return frozenset(found)


def test_the_tree_lists_the_wings() -> None:
    there = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert len(read_tree()) == len(there) == 12
    assert set(read_tree()) == there
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py", "testing.py"}


def test_tests_mirror_the_wings() -> None:
    there = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and list(path.glob("*.py"))}
    assert there == set(read_tree())


@pytest.mark.parametrize("path", list_modules(), ids=name_module)
def test_a_wing_imports_only_from_wings_before_it(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0]
    if path.parent == PACKAGE:
        return
    order = read_tree()
    late = [name for name in find_imports(path) if order.index(name.split(".")[0]) > order.index(own)]
    assert not late, f"{name_module(path)} imports {late}, which are in wings after {own}"


def test_files_inside_a_wing_form_no_circle() -> None:
    state: dict[str, str] = {}

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert state.get(name) != "open", " -> ".join([*way, name])
        if name in state:
            return
        state[name] = "open"
        for other in find_imports(NAMES[name]):
            if other != name and other.split(".")[0] == name.split(".")[0]:
                visit(other, (*way, name))
        state[name] = "done"

    for name in NAMES:
        if NAMES[name].parent != PACKAGE:
            visit(name, ())


@pytest.mark.parametrize("wing", read_tree())
def test_a_wing_says_in_which_order_to_read_it(wing: str) -> None:
    tree = ast.parse((PACKAGE / wing / "__init__.py").read_text())
    text = ast.get_docstring(tree) or ""
    assert len(tree.body) == 1, "a wing's __init__.py is a docstring alone"
    files = {path.stem for path in (PACKAGE / wing).glob("*.py")} - {"__init__"}
    folders = {path.name for path in (PACKAGE / wing).iterdir() if path.is_dir() and path.name != "__pycache__"}
    listed = re.findall(r"^- ``(\w+)(?:\.py|/)``", text, re.M)
    assert set(listed) == files | folders, "every file of the wing, and nothing else"
    for place, name in enumerate(listed):
        before = {f"{wing}.{other}" for other in listed[:place]} | {f"{wing}.{name}"}
        late = [
            one
            for one in (find_imports(PACKAGE / wing / f"{name}.py") if name in files else ())
            if one.split(".")[0] == wing and not any(one == other or one.startswith(f"{other}.") for other in before)
        ]
        assert not late, f"{wing}/{name}.py is listed before {late}, which it imports"
    assert re.search(r"^Add ", text, re.M), "what may be added, and where"


def test_every_verb_has_a_file_and_a_command_of_its_name() -> None:
    verbs = {path.stem for path in (PACKAGE / "verbs").glob("*.py")} - {"__init__"}
    shared = {"__init__", "app", "completion", "help", "options", "output"}
    commands = {path.stem for path in (PACKAGE / "cli").glob("*.py")} - shared
    assert verbs == commands
    for name in verbs:
        for wing in ("verbs", "cli"):
            tree = ast.parse((PACKAGE / wing / f"{name}.py").read_text())
            assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{wing}/{name}.py"


def read_walks() -> dict[str, list[tuple[str, str]]]:
    """The walks of CONTRIBUTING.md: for each, its files and the function to read there, in order."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    walks = {}
    for title, body in re.findall(r"^### (.+?)\n(.*?)(?=^#|\Z)", text, re.M | re.S):
        rows = re.findall(r"^\| \d \| `([\w/]+\.py)` \| `([\w.]+)`", body, re.M)
        if rows:
            walks[title] = rows
    return walks


def test_there_are_two_walks_of_at_most_five_files() -> None:
    walks = read_walks()
    assert len(walks) == 2
    for rows in walks.values():
        assert 3 <= len(rows) <= 5


@pytest.mark.parametrize("title", read_walks())
def test_a_walk_follows_the_imports(title: str) -> None:
    """Each file is imported by one before it, with at most one other file in between; a registry is none."""
    reached: set[str] = set()
    for place, (file, function) in enumerate(read_walks()[title]):
        path = PACKAGE / file
        nodes = [*ast.walk(ast.parse(path.read_text()))]
        defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        defined |= {
            name.id for node in nodes if isinstance(node, ast.Assign) for name in node.targets if isinstance(name, ast.Name)
        }
        assert set(function.split(".")) <= defined, f"{file} has no {function}"
        assert not place or name_module(path) in reached, f"nothing before {file} leads to it"
        direct = set(find_imports(path))
        between = direct | {name for one in direct for name in find_imports(NAMES[one])}
        registries = {name for one in between if NAMES[one].name == "__init__.py" for name in find_imports(NAMES[one])}
        reached |= between | registries


def test_files_and_functions_stay_small() -> None:
    for path in list_modules():
        text, where = path.read_text(), path.relative_to(PACKAGE).as_posix()
        assert len(text.splitlines()) <= LONGEST_FILE, where
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                most = LONGEST_LOOP if where == LOOP[0] and node.name in LOOP[1] else LONGEST_FUNCTION
                assert length <= most, f"{where}: {node.name} has {length} lines"
