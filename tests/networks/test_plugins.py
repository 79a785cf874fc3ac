"""networks/plugins.py, base/references.py, base/registry.py: every door for what users bring, and its sentence."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

import seesum
from own_modules import Encoder, Whole
from seesum.base.errors import InputError
from seesum.base.references import load_reference
from seesum.base.registry import make_name
from seesum.networks.adders import ADDERS
from seesum.networks.contract import Adder
from seesum.networks.plugins import register
from seesum.networks.systems import SYSTEMS, build_network

SMALL: dict[str, Any] = {"images": 400, "epochs": 1, "plot": False, "quiet": True}
SOURCE = """
import pathlib
import seesum
import torch
from torch import nn

pathlib.Path("imported.txt").write_text("")


class Mine(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.LazyLinear(width), nn.ReLU())

    def forward(self, image):
        return self.layers(image)


class MyAdder(seesum.Adder):
    def __init__(self, features, operation):
        super().__init__(features, operation)
        self.linear = nn.Linear(20, self.num_classes)

    def forward(self, features, digit_logits, addend):
        joined = torch.cat([digit_logits, nn.functional.one_hot(addend, 10).float()], 1)
        return seesum.Output(digit_logits.log_softmax(1), self.linear(joined).log_softmax(1))


MINE = seesum.System(seesum.Recipe(system="from-file", adder="exact"), Mine)
"""


@pytest.fixture
def my_nets(elsewhere: Path) -> Path:
    """Write a user's file into an empty current directory."""
    path = elsewhere / "my_nets.py"
    path.write_text(SOURCE)
    return path


def run_elsewhere(code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a new process, in the current directory."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.usefixtures("my_nets")
def test_a_file_is_trained_and_opened_in_other_processes(small_data: Path, command: Any) -> None:
    small = ["--data", small_data, "--images=400", "--epochs=1", "--no-plot"]
    done = command("train", "my_nets.py:MINE", "--out", "run", *small)
    assert done.code == 0, done.err
    stored = json.loads(Path("run/run.json").read_text())
    (plugin,) = stored["plugins"]
    assert (plugin["kind"], plugin["reference"], len(plugin["sha256"])) == ("system", "my_nets.py:MINE", 64)
    assert "--plugin my_nets.py:MINE" in stored["command"]
    Path("imported.txt").unlink()
    opened = run_elsewhere(
        "import seesum\n"
        "try:\n    seesum.evaluate('run')\nexcept seesum.InputError as error:\n    print(error)\n"
        "import pathlib; print(pathlib.Path('imported.txt').exists())\n"
        "seesum.register('my_nets.py'); print(seesum.evaluate('run')['sum_accuracy'])\n"
    )
    sentence, imported, accuracy = opened.stdout.splitlines()
    assert "--plugin my_nets.py:MINE, or in Python with seesum.register('my_nets.py:MINE')" in sentence
    assert imported == "False"
    assert float(accuracy) == pytest.approx(seesum.evaluate("run")["sum_accuracy"])
    assert command("evaluate", "run", "--plugin", "my_nets.py").code == 0


def test_a_changed_file_is_said_and_weights_that_no_longer_fit_are_refused(
    my_nets: Path, small_data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = seesum.train("my_nets.py:MINE", data=small_data, out="run", **SMALL)
    my_nets.write_text(SOURCE + "\n# a comment\n")
    register("my_nets.py")
    capfd.readouterr()
    seesum.Run(Path("run")).load_network()
    assert "my_nets.py:MINE has changed since run was made with its system from-file" in capfd.readouterr().err
    my_nets.write_text(SOURCE.replace("width=24", "width=25"))
    register("my_nets.py")
    with pytest.raises(InputError, match=r"does not fit the network 'from-file', perhaps because my_nets\.py:MINE has changed"):
        seesum.Run(run.directory).load_network()


@pytest.mark.usefixtures("my_nets")
def test_a_run_of_somebody_else_never_imports(small_run: Any, command: Any) -> None:
    """Whatever names and references the run has, only the user's own words are imported."""
    for change in (
        {"system": "my_nets.py:MINE"},
        {"system": "my_nets:MINE"},
        {"adder": "my_nets.py:MyAdder"},
        {"operation": "my_nets.py:MINE"},
        {"teachers": ["my_nets.py:MINE"]},
    ):
        shutil.rmtree("run", ignore_errors=True)
        shutil.copytree(small_run.directory, "run")
        stored = json.loads(Path("run/run.json").read_text())
        stored["recipe"] |= change
        stored["plugins"] = [{"kind": "system", "name": "x", "reference": "my_nets.py:MINE", "sha256": ""}]
        Path("run/run.json").write_text(json.dumps(stored))
        for words in (("evaluate", "run"), ("report", "run"), ("predict", "--random", "2", "--run", "run")):
            assert command(*words).code == 2
        Path("run/metrics.json").unlink()
        assert command("train", "--resume", "run").code == 2
        assert not Path("imported.txt").exists(), change


@pytest.mark.usefixtures("my_nets")
def test_an_adder_of_a_file_in_the_default_precision(small_data: Path) -> None:
    run = seesum.train("fast", adder="my_nets.py:MyAdder", precision="bf16", data=small_data, out="run", **SMALL)
    assert run.recipe.adder == "my-adder"
    assert [one["kind"] for one in run.info["plugins"]] == ["adder"]


@pytest.mark.slow
@pytest.mark.usefixtures("my_nets")
def test_adders_are_compared_with_an_encoder_of_a_file(small_data: Path) -> None:
    rows = seesum.compare(
        "table",
        "my_nets.py:MyAdder",
        encoder="my_nets.py:MINE",
        seeds=1,
        data=small_data,
        epochs=1,
        images=300,
        out="results",
        quiet=True,
    ).rows
    assert {row["adder"] for row in rows} == {"table", "my-adder"}
    with pytest.raises(InputError, match="whole is a whole network and adds itself"):
        seesum.compare("table", encoder=Whole, data=small_data)


def test_wrong_adders() -> None:
    class Lazy(Adder):
        def __init__(self, features: int, operation: seesum.Operation) -> None:  # noqa: ARG002
            nn.Module.__init__(self)

    class Half(Adder):
        def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Any:  # noqa: ARG002
            return digit_logits

    for given, sentence in (
        (Lazy, r"must call super\(\)\.__init__\(features, operation\)"),
        (Half, r"gave a Tensor for two images; expected seesum\.Output\(digit_logp, sum_logp\) of shapes"),
        (Adder, "fails on two images"),
        (Encoder, r"no adder; an adder is a subclass of seesum\.Adder"),
        ("abacus", "there is no adder 'abacus'"),
    ):
        with pytest.raises(InputError, match=sentence):
            seesum.train("fast", adder=given, **SMALL)


def test_references_lead_where_they_say(my_nets: Path) -> None:
    module, thing, origin = load_reference("my_nets.py:MINE")
    assert thing is module.MINE
    assert load_reference(str(my_nets))[0] is not None
    assert load_reference("my_nets.py")[0] is module, "the same content is the same module"
    assert origin.reference == "my_nets.py:MINE"
    with pytest.raises(InputError, match=r"my_nets\.py has no YOURS; it defines Mine, MyAdder, MINE"):
        load_reference("my_nets.py:YOURS")
    assert sorted(register("my_nets.py")) == ["from-file", "my-adder"]
    my_nets.write_text("raise ValueError('no')")
    with pytest.raises(InputError, match=r"cannot be imported \(ValueError: no\)"):
        load_reference("my_nets.py")
    assert str(my_nets.parent) not in sys.path


def find_one() -> None:
    """Only its name matters."""


def test_names_of_classes() -> None:
    assert [make_name(one) for one in (Encoder, find_one, Encoder(), type("MyCNN2Net", (), {}))] == [
        *("encoder", "find-one", "encoder", "my-cnn2-net")
    ]


PACKAGES = """
import sys
sys.path.insert(0, "packages")
import seesum
rows = {row["system"]: row for row in seesum.systems()}
print(rows["theirs"]["from"], len(rows) == len([*seesum.SYSTEMS]) - 2)
seesum.train("theirs", images=300, epochs=1, plot=False, quiet=True, out="theirs")
print(sorted(seesum.Run("theirs").info["plugins"][0].items()))
try:
    seesum.train("broken")
except seesum.InputError as error:
    print(error)
"""


@pytest.mark.slow
def test_installed_packages_are_found_and_a_broken_one_does_not_stop_the_rest(elsewhere: Path) -> None:
    meta = elsewhere / "packages" / "theirs-1.0.dist-info"
    meta.mkdir(parents=True)
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (meta / "entry_points.txt").write_text(
        "[seesum.systems]\ntheirs = theirs:MINE\nbroken = nothing_there:X\nwrong = theirs:pathlib\n"
    )
    (elsewhere / "packages" / "theirs.py").write_text(SOURCE)
    done = run_elsewhere(PACKAGES)
    listed, stored, refused = done.stdout.splitlines()
    assert listed == "theirs:MINE True"
    assert "('name', 'theirs'), ('reference', 'theirs:MINE')" in stored
    assert refused.startswith("the system broken of the package theirs cannot be imported (ModuleNotFoundError")
    assert "the system broken of the package theirs cannot be imported" in done.stderr
    assert "the system wrong of the package theirs cannot be used" in done.stderr


def test_a_cell_that_runs_again_replaces_what_it_registered() -> None:
    first, second = type("Again", (Encoder,), {}), type("Again", (Encoder,), {})
    for one in (first, second):
        assert register(one) == ["again"]
        assert type(build_network(SYSTEMS["again"].recipe).encoder) is one
    assert "again" not in ADDERS
