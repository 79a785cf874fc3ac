"""studies/*.py and verbs/study.py, reproduce.py and compare.py: rows, resuming, published and reproduced figures."""

from __future__ import annotations

import shutil
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seesum
from conftest import write_folder
from seesum.base.errors import InputError
from seesum.base.files import read_csv
from seesum.data.idx import Dataset, LabelledImages
from seesum.networks.system import Published, PublishedFigure
from seesum.networks.systems import SYSTEMS
from seesum.runs.run import Run
from seesum.studies.comparisons import count_steps_to, list_conditions
from seesum.studies.seeds import STUDY_METRICS, Study, compute_spread, find_result
from seesum.studies.tables import append_row
from seesum.training import loop as training
from seesum.verbs import study as study_verb

QUICK: dict[str, Any] = {"images": "500", "plot": False, "quiet": True}
RESULTS = Path(__file__).parents[2] / "results"


def test_spread() -> None:
    spread = compute_spread([1.0, 2.0, 4.0])
    assert spread.mean == pytest.approx(7 / 3)
    assert spread.std == pytest.approx(statistics.stdev([1, 2, 4]))
    assert spread.median == 2
    assert spread.high - spread.mean == pytest.approx(4.302653 * spread.std / 3**0.5, rel=1e-5)  # t of 2 degrees of freedom
    assert compute_spread([5.0]) == compute_spread([5.0])
    assert compute_spread([5.0]).std == 0


def test_an_interval_stays_where_values_can_be() -> None:
    seconds = compute_spread([0.1, 2.0])
    assert (seconds.low, seconds.mean) == (0, 1.05)
    assert seconds.high == pytest.approx(1.05 + 12.7062 * 0.95, abs=1e-3)
    assert compute_spread([0.9, 0.99], most=1.0).high == 1


def test_a_stopped_study_goes_on(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[int] = []
    train_run = training.train_run

    def stop_at_third(run: Run, *rest: Any, **named: Any) -> Run:
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(run.recipe.seed)
        return train_run(run, *rest, **named)

    monkeypatch.setattr(study_verb, "train_run", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        seesum.study("fast", seeds=3, csv="rows.csv", **QUICK)
    assert not (elsewhere / "rows.csv").exists()
    monkeypatch.setattr(study_verb, "train_run", train_run)
    study = seesum.study("fast", seeds=3, csv="rows.csv", **QUICK)
    assert trained == [0, 1]
    assert [run.recipe.seed for run in study.runs] == [0, 1, 2]
    assert study.directory.parent.name == "runs"
    accuracies = [run.metrics["sum_accuracy"] for run in study.runs]
    (row,) = read_csv(elsewhere / "rows.csv")
    assert float(row["sum_accuracy_mean"]) == pytest.approx(statistics.fmean(accuracies), abs=1e-6)
    assert float(row["sum_accuracy_std"]) == pytest.approx(statistics.stdev(accuracies), abs=1e-6)
    assert (row["n"], row["seeds"], row["settings"], row["system"]) == ("3", "0-2", "images=500", "fast")
    alone = seesum.train("fast", images="500", seed=2, out="alone", plot=False, quiet=True)
    assert {**alone.metrics, "train_seconds": 0} == {**study.runs[2].metrics, "train_seconds": 0}


def test_a_study_does_not_mix_recipes(tmp_path: Path, small_data: Path) -> None:
    seesum.study("fast", seeds=1, data=small_data, out=tmp_path, **QUICK)
    with pytest.raises(InputError, match="another recipe"):
        seesum.study("fast", seeds=1, data=small_data, out=tmp_path, lr=0.02, **QUICK)


def test_a_study_does_not_mix_data_or_evaluated_images(elsewhere: Path, small_data: Path) -> None:
    common: dict[str, Any] = {"seeds": 1, "split": "validate", "plot": False, "quiet": True}
    validated = seesum.study("fast", data=small_data, **common)
    tested = seesum.study("fast", data=small_data, test=True, **common)
    shutil.copytree(small_data, elsewhere / "copy")
    elsewhere_too = seesum.study("fast", data=elsewhere / "copy", **common)
    assert len({validated.directory, tested.directory, elsewhere_too.directory}) == 3
    assert [study.runs[0].metrics["evaluated_on"] for study in (validated, tested)] == ["validation", "test"]
    with pytest.raises(InputError, match="other data"):
        seesum.study("fast", data=elsewhere / "copy", out=validated.directory, **common)
    with pytest.raises(InputError, match="measures other images"):
        seesum.study("fast", data=small_data, test=True, out=validated.directory, **common)


def test_a_study_does_not_take_the_runs_of_another_network(
    tmp_path: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seesum.study("fast", seeds=1, data=small_data, out=tmp_path, **QUICK)
    changed = replace(SYSTEMS["fast"], features=SYSTEMS["tiny"].features, build_encoder=SYSTEMS["tiny"].build_encoder)
    monkeypatch.setitem(SYSTEMS._built_in, "fast", changed)  # as editing its file does
    with pytest.raises(InputError, match="does not fit the network 'fast'"):
        seesum.study("fast", seeds=1, data=small_data, out=tmp_path, **QUICK)


def test_a_study_does_not_take_other_images_under_the_same_name(small_data: Path, mnist: Dataset, tmp_path: Path) -> None:
    data = shutil.copytree(small_data, tmp_path / "data")
    common: dict[str, Any] = {"seeds": 1, "data": data, "out": tmp_path / "study", "plot": False, "quiet": True}
    seesum.study("fast", **common)
    write_folder(
        data,
        LabelledImages(mnist.train.images[-600:], mnist.train.digits[-600:]),
        LabelledImages(mnist.test.images[:50], mnist.test.digits[:50]),
    )
    with pytest.raises(InputError, match="other data"):
        seesum.study("fast", **common)


@pytest.mark.parametrize("bad", [{"seeds": 0}, {"seed": 3}])
def test_bad_studies(bad: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="--seeds"):
        seesum.study("fast", **bad)


def test_rows_are_appended_and_other_columns_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    append_row(path, {"a": 1, "b": "x, y"})
    append_row(path, {"a": 2, "b": "z"})
    append_row(path, {"a": 1, "b": "x, y"})
    assert read_csv(path) == [{"a": "1", "b": "x, y"}, {"a": "2", "b": "z"}]
    with pytest.raises(InputError, match="other columns"):
        append_row(path, {"a": 1})
    with pytest.raises(InputError, match="cannot be written"):
        append_row(tmp_path / "nowhere" / "rows.csv", {"a": 1})


@pytest.mark.slow
def test_reproduce_sets_published_beside_reproduced(elsewhere: Path, small_data: Path) -> None:
    reproduced = seesum.reproduce("logit", "squeeze", data=small_data, seeds=2, epochs=2, quiet=True)
    assert reproduced.folder == Path("runs") / "trial"
    assert not (elsewhere / "results").exists(), "a trial must not take the place of results"
    assert [(row["system"], row["output"], row["on"], row["epoch"]) for row in reproduced.rows] == [
        *(("squeeze", output, "test", "1") for output in ("digit", "sum", "mean")),
        *(("squeeze", output, "train", "1") for output in ("digit", "sum", "mean")),
    ]
    assert (reproduced.folder / "published.png").stat().st_size > 10_000
    first = reproduced.rows[0]
    assert (first["published"], first["n"]) == ("95.28", "2")
    runs = [Run(path.parent) for path in sorted(Path("runs").glob("squeeze-study-*/s*/run.json"))]
    assert [(run.directory / "report.html").exists() for run in runs] == [True, False]
    histories = [run.read_rows("history.csv") for run in runs]
    reached = [100 * history[0]["test_digit_accuracy"] for history in histories]
    assert float(first["reproduced_mean"]) == pytest.approx(statistics.fmean(reached), abs=1e-3)
    assert float(first["gap"]) == pytest.approx(statistics.fmean(reached) - 95.28, abs=1e-3)


@pytest.mark.slow
def test_reproduce_best_and_last(elsewhere: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs have the published number of epochs, on little data."""
    system = seesum.SYSTEMS["logit"]
    shorter = replace(system, recipe=system.recipe.replaced({"epochs": 3}))
    assert system.published is not None
    figures = (
        PublishedFigure("sum", "best", 97.0),
        PublishedFigure("digit", "last", 98.0),
        PublishedFigure("sum", 3, 96.0, on="train"),
    )
    monkeypatch.setitem(seesum.SYSTEMS._built_in, "logit", replace(shorter, published=Published(figures)))
    rows = seesum.reproduce("logit", data=small_data, seeds=2, out="results", quiet=True).rows
    assert [(row["output"], row["on"], row["epoch"], row["published"]) for row in rows] == [
        *(("sum", "test", "best", "97.00"), ("digit", "test", "last", "98.00"), ("sum", "train", "3", "96.00")),
        *(("sum", "test", "last", ""), ("both", "test", "last", "")),
    ]
    histories = [Run(path.parent).read_rows("history.csv") for path in Path("runs").glob("logit-study-*/s*/run.json")]
    best = statistics.fmean(max(100 * row["test_sum_accuracy"] for row in history) for history in histories)
    last = statistics.fmean(100 * history[-1]["test_digit_accuracy"] for history in histories)
    assert float(rows[0]["reproduced_mean"]) == pytest.approx(best, abs=1e-3)
    assert float(rows[1]["reproduced_mean"]) == pytest.approx(last, abs=1e-3)
    seesum.reproduce("squeeze", data=small_data, seeds=1, epochs=1, out="results", quiet=True)
    kept = read_csv(elsewhere / "results" / "published.csv")
    assert [row["system"] for row in kept] == ["squeeze"] * 6 + ["logit"] * 5
    assert [row["system"] for row in read_csv(elsewhere / "results" / "systems.csv")] == ["logit", "squeeze"]


@pytest.mark.slow
def test_reproduce_needs_an_epoch_with_a_figure(elsewhere: Path, small_data: Path) -> None:
    with pytest.raises(InputError, match="train for longer"):
        seesum.reproduce("logit", data=small_data, seeds=1, epochs=1, quiet=True)
    assert not list(elsewhere.glob("runs/trial/*"))


@pytest.mark.parametrize("verb", ["reproduce", "compare"])
def test_a_folder_that_cannot_be_made_is_noticed_first(elsewhere: Path, verb: str) -> None:
    (elsewhere / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made a folder"):
        getattr(seesum, verb)(out="file", quiet=True)
    with pytest.raises(InputError, match="cannot be written"):
        seesum.study("fast", csv="nowhere/rows.csv", quiet=True)
    (elsewhere / "rows.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read as CSV"):
        seesum.study("fast", csv="rows.csv", quiet=True)
    assert not (elsewhere / "runs").exists()


def test_reproduce_refuses_our_own() -> None:
    with pytest.raises(InputError, match="not a published system"):
        seesum.reproduce("fast")


def test_results_in_the_systems_are_the_newest_rows() -> None:
    """``seesum systems`` prints ``System.result``, which must come from the newest rows in results/."""
    for name, system in seesum.SYSTEMS.items():
        if system.result is None:
            continue
        newest = find_result(read_csv(RESULTS / "systems.csv"), system)
        assert newest is not None, name
        assert system.result.digit == pytest.approx(100 * float(newest["digit_accuracy_mean"]), abs=0.006), name
        assert system.result.sum == pytest.approx(100 * float(newest["sum_accuracy_mean"]), abs=0.006), name
        assert system.result.runs == int(newest["n"]), name


def test_a_result_is_of_the_unchanged_system() -> None:
    row = {"system": "fast", "settings": "", "precision": "bf16", "evaluated_on": "test", "n": "1"}
    others = [row | change for change in ({"settings": "epochs=2"}, {"precision": "fp32"}, {"system": "tiny"})]
    assert find_result([row | {"n": "9"}, row, *others, row | {"evaluated_on": "validation"}], SYSTEMS["fast"]) == row
    assert find_result(others, SYSTEMS["fast"]) is None


@pytest.mark.slow
def test_compare_has_a_row_for_every_adder_and_condition(elsewhere: Path, small_data: Path) -> None:
    compared = seesum.compare("table", "exact", data=small_data, seeds=2, images=200, epochs=1, out="results", quiet=True)
    rows = compared.rows
    conditions = ["200 images", "10 % of 200 images", "1 % of 200 images", "10 pairs held out"]
    others = ["subtract", "multiply", "max", "add-modulo-10"]
    assert [row["condition"] for row in rows if row["adder"] == "exact"] == conditions
    assert [row["condition"] for row in rows if row["adder"] == "table"] == conditions + others
    assert [row["adder_parameters"] for row in rows if row["condition"] == "200 images"] == [1900, 0]
    assert all(row["evaluated_on"] == "validation" and row["n"] == 2 for row in rows)
    assert [row["condition"] for row in rows if row["held_out_sum_accuracy_mean"]] == ["10 pairs held out"] * 2
    for name in ("adders.png", "operations.png"):
        assert (elsewhere / "results" / name).stat().st_size > 10_000
    runs = list(Path("runs").glob("*/s0/metrics.json"))
    assert len(runs) == 12  # four for each adder, and four other operations of the table
    counts = [Run(path.parent).load_splits().sizes["train"] for path in runs]
    assert sorted(counts) == [2, 2, 20, 20] + [200] * 8
    seesum.compare("exact", data=small_data, seeds=1, images=200, epochs=1, out="results", quiet=True)
    kept = read_csv(elsewhere / "results" / "adders.csv")
    assert [(row["adder"], row["n"]) for row in kept] == [("table", "2")] * 8 + [("exact", "1")] * 4
    with pytest.raises(InputError, match="known are concat"):
        seesum.compare("abacus")
    with pytest.raises(InputError, match=r"images is 199.*needs 200"):
        seesum.compare("exact", data=small_data, images=199, quiet=True)


def test_conditions_of_all_images_keep_their_recipes() -> None:
    """Otherwise, the rows in results/ and the finished runs of earlier versions would be those of other conditions."""
    expected = {
        "all images": {},
        "10 % of the images": {"images": "10%", "epochs": 10},
        "1 % of the images": {"images": "1%", "epochs": 94},
        "10 pairs held out": {"held_out_pairs": 10},
    }
    assert list_conditions("exact") == expected
    assert set(expected) <= {row["condition"] for row in read_csv(RESULTS / "adders.csv")}


def test_steps_to_an_accuracy() -> None:
    assert count_steps_to(np.array([0.1, 0.5, 0.9, 0.8, 0.95]), 0.9) == 3
    assert count_steps_to(np.array([0.1, 0.5]), 0.9) is None


def test_a_study_prints_as_one_short_line_and_as_a_table(small_run: Run) -> None:
    study = Study(Path("runs/one"), (small_run, small_run))
    assert repr(study) == "Study(runs/one, 2 runs)"
    page = study._repr_html_()
    accuracy = f"{small_run.metrics['sum_accuracy']:.2%}"
    assert f"<td>sum accuracy<td>{accuracy}<td>0.00%<td>{accuracy} to {accuracy}" in page
    assert page.count("<tr>") == 1 + len(STUDY_METRICS)
