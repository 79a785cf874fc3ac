"""Every Markdown file of the repository: each command in a small form, each Python example, each link and picture.

The documents are found on the disk. Each command and each script runs in a user's directory of its own.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

import seesum
from conftest import Server, start_server
from data_forms import WITH_TEST, draw_page, take_validation, write_classes, write_csv, write_parquet
from documents import DOCUMENTS, GENERATED, ROOT, find_anchors, find_blocks, find_commands, find_links, find_scripts, make_small
from seesum.base.files import read_csv
from seesum.cli.app import app
from seesum.data.idx import Dataset, LabelledImages
from seesum.networks.systems import SYSTEMS
from seesum.runs.run import Run
from seesum.runs.shipped import SHIPPED
from seesum.verbs.train import train

SPECIAL = {
    "examples/plugin/README.md": "test_plugin_package",
    "docs/howto/fine-tuning.md": "test_docs_training",
    "docs/howto/own-loop.md": "test_docs_loop",
    "docs/howto/own-operation.md": "test_docs_operation",
    "docs/howto/watching-training.md": "test_docs_training",
    "docs/tutorials/own-network.md": "test_docs_network",
}
"""Pages whose blocks need the results of those before, or of which more is checked, and the test of each."""
PAGES = [path for path in DOCUMENTS if path.relative_to(ROOT).as_posix() not in SPECIAL]
PLAIN = re.compile(r"seesum [^|<>$&]*")
"""A command that needs no shell."""
INSTALLING = re.compile(r"(\S*python3? -m venv|\S*pip install|small/bin/seesum) ")
ADDRESS = "http://127.0.0.1:8000"
SLOW = re.compile(
    r"seesum (study|compare|reproduce|calibrate|export|serve|report|show samples|predict --random|.*(steps|mistakes)\.png"
    r"|evaluate (latest|model|fast --json)(?!.*pictures)|train (hand|fast --data (?!my_pictures|idx-files)))"
)
PRINTS = {
    "README.md": r"^0\.\d+ 0\.\d+\n3 10 0\.99\d+ False$",
    "evaluate.md": r"^0\.99\d+ 0\.99\d+ \{'digit': 4, .*\}\n[01]\.\d+ \[.*\]$",
    "export.md": r"^model\.onnx \d+ \S+\n1 8$",
    "http-api.md": r"^3 10 False\nthree\.png 3 10\nnine\.jpg 9 13$",
    "own-data.md": r"^(Dataset\(.*\n?){8}$",
    "preparing.md": r"\(28, 28\) 1$",
    "read-pictures.md": r"^3 10 0\.99\d+ False\nAnswer\(3 \+ 7 = 10, .*\nAnswer\(7 \+ 4 = 11, .*\nAnswer\(\d \+ 7 = \d+, ",
    "serve.md": r"^http://127\.0\.0\.1:\d+/",
}
"""What all scripts of a page print together. The others print something."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, mnist: Dataset, small_run: Run) -> Path:
    """Make what users have in these documents: examples, runs, an ONNX file, and their own data in each form."""
    place = tmp_path_factory.mktemp("user")
    shutil.copytree(small_run.directory, place / "runs" / "first")
    shutil.copytree(ROOT / "examples", place / "examples", ignore=shutil.ignore_patterns("plugin"))
    shutil.copy(SHIPPED / "fast" / "model.onnx", place)
    train, test = take_validation(mnist)
    write_classes(place / "my_pictures", LabelledImages(train.images[::15], train.digits[::15]), draw_page)
    write_classes(place / "my_images", train)
    write_csv(place / "train.csv", train)
    forms = {"torchvision": "torchvision's root", "kaggle": "nested IDX files", "emnist": "EMNIST mnist", ".": "mnist.npz"}
    for name, form in {"idx-files": "IDX files", **forms}.items():
        WITH_TEST[form](place / name, train, test)
    lines = [f"{path.relative_to(place)},{path.parent.name}" for path in sorted((place / "my_pictures").glob("*/*"))]
    (place / "list.csv").write_text("\n".join(["file,digit", *lines]))
    return place


@pytest.fixture(scope="module")
def twins(small_run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a run and its twin."""
    out = tmp_path_factory.mktemp("twins") / "twin"
    # not seesum.train, which some tests replace
    train("fast", images="6000", batch_size=64, split="validate", out=out, plot=False, quiet=True)
    return {"mine": small_run.directory, "twin": out}


@pytest.fixture
def desk(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a user's directory for one test: the files are shared, and the runs are copies. It is the home folder, too."""
    for path in place.iterdir():
        if path.name != "runs":
            (tmp_path / path.name).symlink_to(path)
    shutil.copytree(place / "runs", tmp_path / "runs")
    (tmp_path / "results").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def prepare_desk(desk: Path, text: str, mnist: Dataset, request: pytest.FixtureRequest) -> None:
    """Add what only few examples need."""
    if "--resume" in text:
        interrupt_training(request.getfixturevalue("small_data"))
    if ".parquet" in text:
        pytest.importorskip("pyarrow", reason="the extra scale is not installed")
        write_parquet(desk / "digits.parquet", take_validation(mnist)[0])
    if "calibrate" in text:
        for name, directory in request.getfixturevalue("twins").items():
            shutil.copytree(directory, desk / "runs" / name, dirs_exist_ok=True)


def interrupt_training(data: Path) -> None:
    """Leave a run that is not finished."""

    def interrupt(_: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seesum.train("fast", epochs=2, data=data, quiet=True, on_epoch=interrupt)


def list_commands() -> list[Any]:
    lines = find_commands("", PAGES)
    return [pytest.param(line, marks=pytest.mark.slow if SLOW.match(line) else ()) for line in lines]


@pytest.mark.parametrize("line", list_commands())
def test_command(line: str, desk: Path, command: Any, small_data: Path, mnist: Dataset, request: pytest.FixtureRequest) -> None:
    prepare_desk(desk, line, mnist, request)
    if INSTALLING.match(line):
        check_installing(line)
    elif line.startswith("make"):
        done = subprocess.run([*shlex.split(line), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    elif line.startswith("source "):
        assert line == "source .venv/bin/activate"
    elif line.startswith("seesum serve"):
        words = re.sub(r" --(open|port \d+)", "", line).split()[2:]
        with start_server(*words) as server:
            assert b"seesum" in urlopen(server.address).read()
    elif PLAIN.fullmatch(line):
        words = shlex.split(line)[1:]
        done = command(*words, *shrink(words, small_data))
        assert done.code == 0, done.err
        assert done.out.strip()
    else:
        with serve_if_needed(line, request) as text:
            run_in_shell(text)


def shrink(words: list[str], data: Path) -> list[str]:
    """Return the options that make a command small, and lead its run away from those that other commands use."""
    own = "--data" in words
    small = make_small(words[0], data)
    if "--resume" in words:
        return ["--no-plot"]
    if words[0] == "train":
        small = [*small, "--out", "trained", *(["--batch-size=8"] if own else ["--data", str(data)])]
    return small


@contextmanager
def serve_if_needed(text: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Return a text with the address of a server in it, where it has one."""
    if ADDRESS in text:
        server: Server = request.getfixturevalue("server")
        text = text.replace(ADDRESS, server.address)
    yield text


def run_in_shell(line: str) -> None:
    """Run a line in a shell, as users do. curl must get an answer that is no error."""
    line = line.replace("curl ", "curl --silent --fail-with-body ") if line.startswith("curl ") else line
    code = f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; {line}"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


def check_installing(line: str) -> None:
    """Check what a line installs: extras exist, and versions are those of CI. A slow test runs those of the small one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extras in re.findall(r"\.\[([\w,]+)\]", line):
        assert project["optional-dependencies"].keys() >= set(extras.split(","))
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    for package in re.findall(r"[\w-]+==\S+", line):
        assert package in pinned
    assert shlex.split(line)


SCRIPTS = [
    pytest.param(path, marks=() if path.stem in ("README", "preparing", "read-pictures") else pytest.mark.slow, id=path.stem)
    for path in PAGES
    if find_scripts(path)
]


@pytest.mark.parametrize("page", SCRIPTS)
def test_python(
    page: Path,
    desk: Path,
    small_data: Path,
    mnist: Dataset,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, few = {name: getattr(seesum, name) for name in ("train", "study", "reproduce")}, {"data": small_data, "quiet": True}
    for name, images in (("train", "500"), ("study", "500"), ("reproduce", "64")):
        small = {"epochs": 1, "images": images, **few, **({"batch_size": 8, "plot": False} if name == "train" else {})}
        monkeypatch.setattr(seesum, name, lambda *words, _run=real[name], _small=small, **given: _run(*words, **_small | given))
    for script in find_scripts(page):
        prepare_desk(desk, script, mnist, request)
        with serve_if_needed(script, request) as text:
            exec(compile(text, page.name, "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out.strip()
    assert re.search(PRINTS.get(page.name, "."), printed), printed


def test_no_block_is_left_out() -> None:
    """Blocks run above, or in the tests of their page. Each fence of Python or shell is one that these tests find."""
    for page, module in SPECIAL.items():
        assert page in (ROOT / "tests" / f"{module}.py").read_text()
    for path in DOCUMENTS:
        fences = re.findall(r"^[ \t]*(?:```|~~~)[ \t]*(\S+)", path.read_text(), re.M)
        assert not {"bash", "shell", "console", "py", "python3", "pycon"} & set(fences), path
        for language in ("sh", "python"):
            assert fences.count(language) == len(find_blocks(path, language)), path
    shown = {line.split()[1] for line in find_commands("seesum ")}
    assert {one.callback.__name__ for one in app.registered_commands if one.callback} <= shown, "each command is shown"


def test_every_form_of_data_is_shown() -> None:
    commands = find_commands("seesum ", [ROOT / "docs" / "howto" / "own-data.md"])
    assert sum("--data" in line for line in commands) == 9
    assert sum("--pictures" in line for line in commands) == 3


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_and_pictures_are_there(path: Path) -> None:
    for target, anchor in find_links(path):
        found = (path.parent / target).resolve() if target else path
        assert found in GENERATED or found.exists(), target
        assert not anchor or anchor in find_anchors(found), f"{target}#{anchor}"
    pictures = re.findall(r"!\[(.*?)\]\(|<img [^>]*alt=\"(.*?)\"", path.read_text())
    assert all(markdown or html for markdown, html in pictures), "each picture has a text"


def test_every_page_of_the_howto_is_listed() -> None:
    folder = ROOT / "docs" / "howto"
    text = (folder / "index.md").read_text()
    (tree,) = re.findall(r"```\{toctree\}\n:hidden:\n\n(.*?)```", text, re.S)
    pages = {path.stem for path in folder.glob("*.md")} - {"index"}
    assert set(tree.split()) == pages
    assert {Path(target).stem for target, _ in find_links(folder / "index.md")} >= pages


def test_published_figures_are_those_that_are_stored() -> None:
    """Each reproduced figure on the page must be in results/published.csv, and each result in its system."""
    text = (ROOT / "docs" / "howto" / "reproduce.md").read_text()
    rows = {
        (row["system"], row["output"], row["on"], row["epoch"]): row for row in read_csv(ROOT / "results" / "published.csv")
    }
    shown = re.findall(r"^\| ([\w-]+) \| (digit|sum|both) \| (\w+) \| (\w+) \| ([\d.]+) \| ([\d.]+)", text, re.M)
    assert len(shown) >= 10
    for system, output, on, epoch, published, reproduced in shown:
        row = rows[system, output, on, epoch]
        assert float(published) == float(row["published"])
        assert float(reproduced) == pytest.approx(float(row["reproduced_mean"]), abs=0.0051)
    for name, system in SYSTEMS.items():
        if system.published:
            (row,) = re.findall(rf"^\| `{name}` \|.*", text, re.M)
            assert system.result
            assert f"| {system.result.digit:.2f}" in row, row
            assert f"| {system.result.sum:.2f}" in row, row


def test_no_machine_is_named() -> None:
    for path in [*DOCUMENTS, *(ROOT / "results").glob("*.csv")]:
        assert not re.search(r"(?<!\w)/(home|root|tmp|work|Users)/", path.read_text()), path
