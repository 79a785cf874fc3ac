"""README.md fits on a screen, says what is measured, and its figures are those in results/. CITATION.cff agrees with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import seesum
from documents import find_blocks
from seesum.base.files import read_csv
from seesum.runs.shipped import SHIPPED

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
MOST_LINES, MOST_WORDS = 120, 25


def list_sentences(text: str) -> list[str]:
    """Return the sentences of a Markdown text, without code, tables and the targets of links."""
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    lines = [line for line in text.splitlines() if not line.startswith("|")]
    return [sentence for line in lines for sentence in re.split(r"(?<=[.!?]) ", line) if sentence]


def test_it_fits_on_a_screen() -> None:
    text = README.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    assert not [sentence for sentence in list_sentences(text) if len(sentence.split()) > MOST_WORDS]


def read_row(name: str) -> list[str]:
    line = next(line for line in README.read_text().splitlines() if line.startswith(f"| `{name}` |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def write_mean(row: dict[str, str], output: str) -> str:
    mean, std = (row[f"{output}_accuracy_{what}"] for what in ("mean", "std"))
    return f"{100 * float(mean):.2f}" + (f" ± {100 * float(std):.2f}" if int(row["n"]) > 1 else "")


@pytest.mark.parametrize("name", ["best", "hand", "tiny", "micro", "fast"])
def test_the_results_are_those_that_were_measured(name: str) -> None:
    parameters, digit, total, size, training, rate = read_row(name)
    measured = [
        row
        for row in read_csv(ROOT / "results" / "systems.csv")
        if row["system"] == name and row["parameters"] == parameters.replace(",", "") and row["precision"] == "bf16"
    ]
    row = max(measured, key=lambda row: (row["date"], int(row["n"])))
    assert (digit, total) == (write_mean(row, "digit"), write_mean(row, "sum"))
    assert size == f"{(SHIPPED / name / 'weights.safetensors').stat().st_size:,}"
    seconds = float(row["train_seconds_mean"])
    assert training == (f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.0f} min")
    (speed,) = (row for row in read_csv(ROOT / "results" / "speed-infer.csv") if row["system"] == name)
    assert rate == f"{int(speed['onnx_images_per_second']):,}"


def test_each_part_of_the_documentation_is_linked() -> None:
    text = README.read_text()
    for part in ("tutorials", "howto", "explanation", "reference"):
        assert f"(docs/{part}/index.md)" in text


def test_the_python_example_is_short() -> None:
    (block,) = find_blocks(README, "python")
    assert len([line for line in block.splitlines() if line and not line.startswith("import")]) <= 6


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == seesum.__version__
    assert {"cff-version", "message", "title", "authors", "date-released", "license"} <= citation.keys()
