"""cli/completion.py: what the Tab key completes, in a real bash and by the protocol of the other shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seesum.cli import completion
from seesum.networks.adders import ADDERS
from seesum.networks.systems import SYSTEMS
from seesum.runs.shipped import list_shipped

BASH = shutil.which("bash") or ""
PROGRAM = [sys.executable, "-m", "seesum"]
INSTALLED = str(Path(sys.executable).parent)


def run(words: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder that is the home folder, too."""
    env = os.environ | {"HOME": str(folder), "PATH": f"{INSTALLED}:{os.environ['PATH']}"} | environment
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_names_are_those_of_the_registries() -> None:
    assert completion.list_systems() == sorted(SYSTEMS)
    assert completion.list_published() == sorted(name for name, system in SYSTEMS.items() if system.published)
    assert completion.list_adders() == sorted(ADDERS)


def test_runs_are_listed_without_their_teachers(elsewhere: Path) -> None:
    for place in ("one", "study/0", "one/teacher"):
        (elsewhere / "runs" / place).mkdir(parents=True)
        (elsewhere / "runs" / place / "run.json").write_text("{}")
    (elsewhere / "runs" / "other").mkdir()
    assert completion.list_own_runs() == ["latest", "runs/one", "runs/study/0"]
    assert completion.list_runs() == [*completion.list_own_runs(), *list_shipped()]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("seesum tr", ["train"]),
        ("seesum train f", ["fast"]),
        ("seesum train --ep", ["--epochs"]),
        ("seesum train --adder ex", ["exact"]),
        ("seesum reproduce squeeze w", ["wide"]),
        ("seesum evaluate runs/f", ["runs/first"]),
        ("seesum evaluate model.o", []),
        ("seesum predict three.png --run mi", ["micro"]),
        ("seesum show t", ["table"]),
        ("seesum trian f", []),
        ("seesum train --lr abc --see", ["--seed"]),
        ("seesum train 'an open quote", []),
        ("seesum --install-completion tr", ["train"]),
        ("seesum --show-completion tr", ["train"]),
    ],
)
def test_the_program_says_what_can_follow(
    elsewhere: Path, command: Any, monkeypatch: pytest.MonkeyPatch, line: str, expected: list[str]
) -> None:
    (elsewhere / "runs" / "first").mkdir(parents=True)
    (elsewhere / "runs" / "first" / "run.json").write_text("{}")
    words = line.split(" ")
    variables = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1), completion.VARIABLE: "complete_bash"}
    for name, value in {**variables, "HOME": str(elsewhere)}.items():
        monkeypatch.setenv(name, value)
    done = command()
    assert (done.code, done.out.split()) == (0, expected)
    assert [path.name for path in elsewhere.iterdir()] == ["runs"], "completing writes nothing"


def test_completing_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import atexit, sys\nfrom seesum.cli.app import main\n"
        "heavy = lambda: print({'torch', 'numpy', 'PIL', 'rich'} & set(sys.modules))\natexit.register(heavy)\nmain()\n"
    )
    variables = {"COMP_WORDS": "seesum\ntrain\nfa", "COMP_CWORD": "2", completion.VARIABLE: "complete_bash"}
    assert run([sys.executable, "-c", code], tmp_path, **variables).stdout == "fast\nset()\n"


@pytest.mark.parametrize("instruction", ["complete_bash", "complete_abacus", "nonsense", ""])
def test_no_error_is_printed_into_the_line(tmp_path: Path, instruction: str) -> None:
    done = run([*PROGRAM, "--version"], tmp_path, **{completion.VARIABLE: instruction})
    assert done.stderr == ""
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    ("shell", "expected"), [("zsh", '"fast"\n"fast-concat"'), ("fish", "fast\nfast-concat"), ("powershell", "fast::: ")]
)
def test_other_shells_are_answered(tmp_path: Path, shell: str, expected: str) -> None:
    variables = {"_TYPER_COMPLETE_ARGS": "seesum evaluate fa", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    variables |= {"_TYPER_COMPLETE_WORD_TO_COMPLETE": "fa", completion.VARIABLE: f"complete_{shell}"}
    done = run(PROGRAM, tmp_path, **variables)
    assert expected in done.stdout
    assert done.stderr == ""


@pytest.mark.skipif(not BASH, reason="there is no bash")
def test_bash_completes_with_the_script(tmp_path: Path) -> None:
    """bash itself calls the function. Where it finds nothing, bash completes files."""
    (tmp_path / "script.sh").write_text(run(PROGRAM, tmp_path, **{completion.VARIABLE: "source_bash"}).stdout)
    code = """
        source script.sh
        complete -p seesum
        for COMP_LINE in "seesum tr" "seesum train f" "seesum evaluate nothing" "seesum train '"; do
          read -r -a COMP_WORDS <<< "$COMP_LINE"
          COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
          _seesum_completion seesum
          echo "${#COMPREPLY[@]}: ${COMPREPLY[@]}"
        done
    """
    done = run([BASH, "--norc", "-c", code], tmp_path)
    assert done.stdout.splitlines() == [
        "complete -o default -F _seesum_completion seesum",
        *("1: train", "1: fast", "0: ", f"{len(SYSTEMS)}: {' '.join(sorted(SYSTEMS))}"),
    ], done.stderr
    assert done.stderr == ""


@pytest.mark.skipif(not BASH, reason="there is no bash")
def test_installing_says_what_it_wrote(tmp_path: Path) -> None:
    """The shell is the program's parent, so it is started by one that waits for it."""
    shown = run([BASH, "--norc", "-c", "seesum --show-completion; exit $?"], tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "_seesum_completion() {" in shown.stdout
    assert list(tmp_path.iterdir()) == [], "showing writes nothing"
    done = run([BASH, "--norc", "-c", "seesum --install-completion; exit $?"], tmp_path)
    script = tmp_path / ".bash_completions" / "seesum.sh"
    assert done.stdout == (
        f"The completion for bash is in {script}, and ~/.bashrc loads it\nIt works in every new terminal\n"
    ), done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [".bashrc", "seesum.sh"]
    assert str(script) in (tmp_path / ".bashrc").read_text()
    interactive = "type -t _seesum_completion"
    assert run([BASH, "--rcfile", ".bashrc", "-ic", interactive], tmp_path).stdout.strip() == "function"


def test_a_shell_that_is_not_known_gets_a_sentence(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.completion._get_shell_name", lambda: "sh")
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert "complete --command seesum" in command("--show-completion").out, "the login shell counts then"
    monkeypatch.setenv("SHELL", "/usr/bin/nu")
    for option in ("--install-completion", "--show-completion"):
        done = command(option)
        assert done.code == 2
        assert done.err.startswith("seesum: the shell is sh, and completion is for bash, zsh and fish; ")
