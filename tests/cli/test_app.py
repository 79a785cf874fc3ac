"""cli/*.py: what each command prints, and one sentence for each mistake."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from seesum.base.settings import FLAGS
from seesum.cli import app as cli
from seesum.runs.run import Run

ROOT = Path(__file__).parents[2]


def measure(path: str) -> int:
    """Return the width of a picture in pixels."""
    with Image.open(path) as image:
        return image.width


def test_help_names_every_command_and_needs_no_torch() -> None:
    code = (
        "import sys\nfrom seesum.cli.app import main\nsys.argv = ['seesum', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'scipy', 'PIL'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for command in cli.app.registered_commands:
        assert command.callback is not None
        assert command.callback.__name__ in done.stdout
        assert command.callback.__doc__


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("train", "--help")])
def test_help_and_bare_command(command: Any, words: tuple[str, ...]) -> None:
    done = command(*words)
    assert "Usage: seesum" in done.out + done.err


def test_version(command: Any) -> None:
    import seesum as package

    assert command("--version").out == f"seesum {package.__version__}\n"


def test_train_has_a_flag_for_each_of_the_recipes_flags(command: Any) -> None:
    text = command("train", "--help").out
    assert [name for name in FLAGS if f"--{name.replace('_', '-')}" not in text] == []


@pytest.mark.usefixtures("elsewhere")
def test_train_evaluate_predict_show(command: Any, small_data: Path) -> None:
    settings = ("--images", 500, "--seed", 3, "--set", "label_smoothing=0.05")
    trained = command("train", "fast", "--data", small_data, "--summary", *settings)
    assert trained.code == 0
    assert "digit" in trained.out
    assert "report.html" in trained.out
    assert "110,774" in trained.err
    (directory,) = Path("runs").iterdir()
    assert directory.name.startswith("fast-")
    assert directory.name.endswith("-s3")
    assert Run(directory).info["command"].startswith("seesum train fast")
    assert "--set label_smoothing=0.05" in Run(directory).info["command"]

    evaluated = command("evaluate", "latest", "--json")
    assert evaluated.json["sum_accuracy"] == Run(directory).metrics["sum_accuracy"]
    assert len(evaluated.json["per_digit"]) == len(evaluated.json["per_addend"]) == 10
    assert "addend" in command("evaluate").out
    assert command("evaluate", directory).code == 0

    pictures = [str(path) for path in sorted((ROOT / "examples").glob("*.[jp][pn]g"))]
    predicted = command("predict", *pictures, "--add", 7, "--json").json["predictions"]
    assert [row["addend"] for row in predicted] == [7] * len(pictures)
    assert all(len(row["sum_probabilities"]) == 19 for row in predicted)
    shown = command("predict", *pictures, "--add", "7").out
    assert all(name in shown for name in pictures)
    photos = command("predict", ROOT / "examples" / "photo-*.jpg", "--add", 7, "--explain", "steps.png", "--json").json
    assert [row["digit"] for row in photos["predictions"]] == [4, 6, 8]
    assert measure("steps.png") > 900
    assert command("predict", "--random", 25, "--plot", "answers.png").code == 0
    assert measure("answers.png") > 500
    assert len(command("predict", "--random", 4, "--add", 2, "--json").json["predictions"]) == 4

    for what in ("samples", "table"):
        assert command("show", what).code == 0
        assert measure(f"{what}.png") > 300
    assert (directory / "report.html").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("elsewhere")
def test_the_report_is_made_again(command: Any, small_data: Path) -> None:
    assert command("train", "fast", "--data", small_data, "--images", 500, "--no-plot", "--out", "runs/one").code == 0
    assert not Path("runs/one/report.html").exists()
    assert command("report").code == 0
    assert Path("runs/one/report.html").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("elsewhere")
def test_json_is_one_object_and_nothing_else(command: Any, small_data: Path) -> None:
    small = ("--data", small_data, "--json")
    assert command("train", *small, "--no-plot").json["system"] == "fast"
    assert command("study", "--seeds", 2, *small).json["n"] == 2
    assert {row["system"] for row in command("systems", "--json").json["systems"]} >= {"fast", "squeeze"}
    assert command("show", "samples", "--json").json == {"picture": "samples.png"}
    reproduced = command("reproduce", "squeeze", "--epochs", 1, "--seeds", 1, *small)
    assert reproduced.json["rows"][0]["system"] == "squeeze"


@pytest.mark.usefixtures("elsewhere")
def test_recorded_command_makes_the_same_run(command: Any, small_data: Path) -> None:
    words = f"train fast --data {small_data} --images 400 --batch-size 50 --lr 0.003 --epochs 2 --seed 5"
    assert (
        command(
            *words.split(),
            "--no-plot",
            "--adder",
            "concat",
            "--split",
            "validate",
            "--precision",
            "fp32",
            "--out",
            "first",
            "--set",
            "betas=0.8,0.9",
            "--set",
            "augmentation.rotate=4",
        ).code
        == 0
    )
    first = Run(Path("first"))
    recorded = first.info["command"].split()
    assert recorded[0] == "seesum"
    assert command(*recorded[1:], "--no-plot", "--out", "second").code == 0
    second = Run(Path("second"))
    assert first.recipe == second.recipe
    assert (Path("first") / "weights.safetensors").read_bytes() == (Path("second") / "weights.safetensors").read_bytes()


def test_interrupted_run_is_kept_and_resumed(elsewhere: Path) -> None:
    words = "-m seesum train logit --images 3000 --epochs 40 --out run --no-plot"
    process = subprocess.Popen([sys.executable, *words.split()], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (elsewhere / "run" / "history.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "--resume" in err
    done = len(Run(elsewhere / "run").read_rows("history.csv"))
    assert 1 <= done < 40
    assert not (elsewhere / "run" / "weights.safetensors").exists()
    assert not [path for path in (elsewhere / "run").iterdir() if path.name.startswith(".")]


MISTAKES: dict[str, tuple[list[str], str]] = {
    "unknown system": (["train", "abacus"], "known are squeeze, wide"),
    "misspelt system": (["train", "fsat"], "there is no system 'fsat' (did you mean 'fast'?); known are"),
    "misspelt field": (["train", "--set", "epoch=3"], "no field 'epoch' (did you mean 'epochs'?)"),
    "misspelt command": (["trian"], "Did you mean 'train'?"),
    "rate in words": (["train", "--lr", "abc"], "--lr is 'abc'; expected a number\n"),
    "half an epoch": (["train", "--epochs", "1.5"], "--epochs is '1.5'; expected a whole number\n"),
    "unknown system of a study": (["study", "abacus"], "known are squeeze, wide"),
    "unknown command": (["fly"], "fly"),
    "unknown flag": (["train", "--wings", "2"], "--wings"),
    "no epochs": (["train", "--epochs", "0"], "epochs is 0"),
    "epochs in words": (["train", "--epochs", "many"], "--epochs"),
    "bad rate": (["train", "--lr", "-1"], "lr is -1"),
    "bad images": (["train", "--images", "some"], "images is 'some'"),
    "unknown adder": (["train", "--adder", "abacus"], "known are concat"),
    "unknown operation": (["train", "--operation", "divide"], "known are add"),
    "exact with multiply": (["train", "--adder", "exact", "--operation", "multiply"], "exact cannot represent"),
    "a second system": (["train", "--set", "system=wide"], "not with --set"),
    "betas of one": (["train", "--set", "betas=0.9"], "betas is (0.9,)"),
    "resume elsewhere": (["train", "--resume", "whole", "--out", "other"], "leave --out out"),
    "rows into nowhere": (["study", "--csv", "no/rows.csv"], "cannot be written"),
    "report of the unfinished": (["report", "unfinished"], "is not finished"),
    "unknown adder to compare": (["compare", "abacus"], "known are concat"),
    "a long name": (["predict", "x" * 300, "--add", "3", "--run", "whole"], "File name too long"),
    "unknown field": (["train", "--set", "flavour=3"], "no field 'flavour'"),
    "no change": (["train", "--set", "flavour"], "FIELD=VALUE"),
    "bad value": (["train", "--set", "label_smoothing=much"], "label_smoothing is 'much'"),
    "no such device": (["train", "--device", "abacus"], "known are cuda"),
    "no such data": (["train", "--data", "nowhere"], "no folder nowhere"),
    "data without files": (["train", "--data", "empty"], "holds no training images"),
    "out is taken": (["train", "--out", "taken"], "is not empty"),
    "no run": (["evaluate"], "make one with: seesum train"),
    "no such run": (["evaluate", "nowhere"], "neither a run directory"),
    "damaged weights": (["evaluate", "damaged"], "damaged"),
    "run without weights": (["predict", "three.png", "--add", "1", "--run", "weightless"], "no weights yet"),
    "resume of nothing": (["train", "--resume", "nowhere"], "neither a run directory"),
    "resume with another recipe": (["train", "--resume", "whole", "--epochs", "3"], "epochs is 3 here but 1"),
    "addend too large": (["predict", "three.png", "--add", "10", "--run", "whole"], "the addend is '10'"),
    "addend below zero": (["predict", "three.png", "--add", "-1", "--run", "whole"], "addend"),
    "addend in words": (["predict", "three.png", "--add", "seven", "--run", "whole"], "the addend is 'seven'"),
    "no addend": (["predict", "three.png", "--run", "whole"], "--add"),
    "no picture": (["predict", "--add", "3", "--run", "whole"], "--random"),
    "missing picture": (["predict", "four.png", "--add", "3", "--run", "whole"], "there is no picture four.png"),
    "not an image": (["predict", "text.png", "--add", "3", "--run", "whole"], "not an image"),
    "blank": (["predict", "blank.png", "--add", "3", "--run", "whole"], "blank.png holds no ink"),
    "huge": (["predict", "huge.png", "--add", "3", "--run", "whole"], "50 megapixels"),
    "no random images": (["predict", "--random", "0", "--run", "whole"], "--random is 0"),
    "random and pictures": (["predict", "three.png", "--add", "1", "--random", "3", "--run", "whole"], "not both"),
    "no file fits": (["predict", "four*.png", "--add", "3", "--run", "whole"], "no file fits four"),
    "a folder as a picture": (["predict", "empty", "--add", "3", "--run", "whole"], "empty is a folder; give image files"),
    "more random images than there are": (["predict", "--random", "10001", "--run", "whole"], "there are 10,000 test images"),
    "seed below zero": (["predict", "--random", "1", "--seed", "-1", "--run", "whole"], "the seed is -1"),
    "data for pictures": (["predict", "three.png", "--add", "1", "--data", "empty", "--run", "whole"], "leave it out"),
    "seed given twice": (["train", "--seed", "1", "--set", "seed=2"], "seed is given twice"),
    "rows into a text": (["study", "--csv", "text.png"], "text.png has text but no rows"),
    "no unfinished run": (["train", "--resume", "latest"], "there is no unfinished run"),
    "too many digits to add": (["predict", "three.png", "--add", "7" * 5000, "--run", "whole"], "expected a whole number"),
    "a host that none can be called": (["serve", "--host", "127.0.0..1"], "cannot listen on 127.0.0..1"),
    "too many to explain": (["predict", "--random", "51", "--run", "whole", "--explain", "x.png"], "at most 50"),
    "plot into nowhere": (["predict", "three.png", "--add", "1", "--run", "whole", "--plot", "no/x.png"], "cannot be written"),
    "unknown picture": (["show", "nothing"], "samples and table"),
    "no table": (["show", "table", "--run", "tableless"], "holds no table"),
    "no seeds": (["study", "--seeds", "0"], "--seeds"),
    "nothing published": (["reproduce", "fast"], "not a published system"),
}


@pytest.fixture(scope="module")
def mistaken(small_run: Run, tableless: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for mistakes, with whole and damaged runs and pictures. No mistake changes it."""
    folder = tmp_path_factory.mktemp("mistaken")
    (folder / "empty").mkdir()
    (folder / "taken").mkdir()
    (folder / "taken" / "thesis.txt").write_text("mine")
    for name in ("whole", "damaged", "weightless", "unfinished"):
        shutil.copytree(small_run.directory, folder / name)
    shutil.copytree(tableless, folder / "tableless")
    (folder / "weightless" / "weights.safetensors").unlink()
    (folder / "unfinished" / "metrics.json").unlink()
    damaged = folder / "damaged" / "weights.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    shutil.copy(ROOT / "examples" / "three.png", folder)
    (folder / "text.png").write_text("this is text")
    Image.new("L", (60, 60), 255).save(folder / "blank.png")
    Image.new("1", (8000, 7000)).save(folder / "huge.png")
    return folder


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_sentence(command: Any, mistaken: Path, monkeypatch: pytest.MonkeyPatch, mistake: str) -> None:
    monkeypatch.chdir(mistaken)
    before = {path: path.stat().st_mtime_ns for path in mistaken.rglob("*")}

    words, expected = MISTAKES[mistake]
    done = command(*words)

    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("seesum: ")
    assert done.err.count("\n") == 1, done.err
    assert expected in done.err
    assert {path: path.stat().st_mtime_ns for path in mistaken.rglob("*")} == before


@pytest.fixture(scope="session")
def tableless(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import seesum as package

    out = tmp_path_factory.mktemp("run") / "tableless"
    return package.train("fast", adder="concat", data=small_data, out=out, plot=False, quiet=True).directory


@pytest.mark.parametrize("pattern", ["digits/*", "digits/**.png", "**/*.png"])
def test_patterns_fit_pictures_alone(command: Any, elsewhere: Path, pattern: str) -> None:
    """Folders and hidden files are left out. File managers leave hidden files behind."""
    (elsewhere / "digits" / "folder").mkdir(parents=True)
    (elsewhere / "digits" / ".DS_Store").write_text("no picture")
    for name in ("b.png", "a.png"):
        shutil.copy(ROOT / "examples" / "three.png", elsewhere / "digits" / name)
    done = command("predict", pattern, "--add", "1", "--json")
    assert [one["picture"] for one in json.loads(done.out)["predictions"]] == ["digits/a.png", "digits/b.png"]


def test_closed_pipe_is_quiet() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "seesum", "predict", str(ROOT / "examples" / "three.png"), "--add", "7", "--json"]
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")
