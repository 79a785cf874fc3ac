"""Operations of the user through every verb: trained, shown, reported, exported, served, opened again without their code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, expect

import seesum
from conftest import Server, start_server, train_once, write_folder
from pages import THREE, Visit
from seesum.base.errors import InputError
from seesum.base.references import describe_origin_of
from seesum.data.idx import Dataset, LabelledImages
from seesum.data.operations import OPERATIONS, find_operation
from seesum.networks.tables import TableAdder
from seesum.reading.exporting import describe_run
from seesum.reading.pictures import Picture
from seesum.runs.run import Run

EXAMPLES = Path(__file__).parents[2] / "examples"
GAPS = "(d - a) ** 2"
"""Ten answers with gaps between them: 0, 1, 4, 9 and so on to 81."""
SMALL: dict[str, Any] = {"epochs": 2, "batch_size": 64, "quiet": True}


@pytest.fixture(scope="module")
def data(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with 4,000 training images, enough to see each pair about 40 times, and 300 test images."""
    train, test = mnist.train, mnist.test
    parts = LabelledImages(train.images[:4000], train.digits[:4000]), LabelledImages(test.images[:300], test.digits[:300])
    return write_folder(tmp_path_factory.mktemp("data") / "4000", *parts)


@pytest.fixture(scope="module")
def squares(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Train ``fast`` on squares of differences, with its report."""
    return train_once(tmp_path_factory, "squares", operation=GAPS, data=data, epochs=2, batch_size=64)


def check_table(run: Run) -> None:
    """Make sure that every cell of a learned table is right."""
    adder = run.load_network().adder
    assert isinstance(adder, TableAdder)
    assert np.array_equal(adder.tabulate().detach().numpy().argmax(2), find_operation(run.recipe.operation).tabulate())


def test_a_table_learns_a_formula(squares: Run) -> None:
    check_table(squares)
    assert squares.recipe.operation == GAPS
    assert squares.metrics["sum_accuracy"] > 0.93
    assert f"--operation '{GAPS}'" in squares.info["command"]


def test_a_table_learns_a_hundred_answers(data: Path, tmp_path: Path) -> None:
    run = seesum.train("fast", operation="10 * d + a", data=data, out=tmp_path / "run", plot=False, **SMALL)
    check_table(run)
    assert find_operation(run.recipe.operation).num_classes == 100


def test_the_command_line_takes_a_formula(squares: Run, elsewhere: Path, command: Any) -> None:
    three = EXAMPLES / "three.png"
    predicted = command("predict", three, "--add", 7, "--run", squares.directory, "--json", "--explain", "steps.png")
    assert predicted.code == 0, predicted.err
    (row,) = predicted.json["predictions"]
    assert (row["digit"], row["sum"], len(row["sum_probabilities"])) == (3, 16, 10)
    assert command("predict", "--random", 4, "--run", squares.directory, "--plot", "grid.png").code == 0
    for words in (["show", "table", "--run", squares.directory], ["show", "samples", "--run", squares.directory]):
        assert command(*words).code == 0
    assert {path.name for path in elsewhere.glob("*.png")} == {"steps.png", "grid.png", "table.png", "samples.png"}
    evaluated = command("evaluate", squares.directory, "--json")
    assert evaluated.json["sum_accuracy"] == squares.metrics["sum_accuracy"]
    wrong = command("train", "fast", "--operation", "d / a", "--out", "wrong")
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    assert "divides by zero for d = 0 and a = 0" in wrong.err
    assert not Path("wrong").exists()


def test_the_report_shows_a_formula(squares: Run) -> None:
    page = (squares.directory / "report.html").read_text()
    assert "the result of (digit - addend) ** 2." in page
    assert "The answer is one of 10 classes: 0, 1, 4, 9, 16, 25, 36, 49, 64 and 81." in page


def test_a_function_without_a_name_is_opened_without_its_code(data: Path, tmp_path: Path, command: Any) -> None:
    operation = seesum.Operation(lambda d, a: d if d > a else 20)
    run = seesum.train("fast", operation=operation, data=data, out=tmp_path / "run", plot=False, **SMALL)
    assert run.recipe.operation == operation.formula
    assert seesum.Reader.load(run)(EXAMPLES / "three.png", add=2).sum == 3
    del operation
    done = command("predict", EXAMPLES / "three.png", "--add", 7, "--run", run.directory, "--json")
    assert done.code == 0, done.err
    assert done.json["predictions"][0]["sum"] == 20


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register an operation that is forgotten after the test."""
    monkeypatch.setattr(OPERATIONS, "_added", {})
    monkeypatch.setattr(OPERATIONS, "_origins", {})
    seesum.register(seesum.Operation(lambda d, a: (d - a) ** 2, name="squares"))


@pytest.mark.usefixtures("registered")
def test_a_named_operation_is_exported_as_a_formula(data: Path, tmp_path: Path) -> None:
    run = seesum.train("fast", operation="squares", data=data, out=tmp_path / "run", plot=False, **SMALL)
    metadata = describe_run(run, False)
    assert metadata["labels"]["sum_probabilities"] == [n * n for n in range(10)]
    assert run.recipe.operation == "squares"
    assert find_operation(metadata["run"]["recipe"]["operation"]).answers == find_operation(GAPS).answers
    OPERATIONS._added.clear()
    with pytest.raises(InputError, match="squares"):
        seesum.Reader.load(run)(EXAMPLES / "three.png", add=7)


def test_a_registered_operation_comes_from_the_file_that_has_it(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "ops_of_mine.py").write_text('import seesum\nNEAR = seesum.Operation("abs(d - a) < 2", name="near")\n')
    monkeypatch.syspath_prepend(str(elsewhere))
    origin = describe_origin_of(import_module("ops_of_mine").NEAR)
    assert origin.reference == "ops_of_mine.py:NEAR"
    assert len(origin.sha256) == 64
    assert describe_origin_of(seesum.Operation("d > a")).reference == "", "nobody else can name it"


@pytest.mark.slow
@pytest.mark.usefixtures("registered")
def test_an_exported_file_answers_without_the_code(data: Path, tmp_path: Path) -> None:
    run = seesum.train("fast", operation="squares", data=data, out=tmp_path / "run", plot=False, **SMALL)
    pictures: list[Picture] = [EXAMPLES / "three.png", EXAMPLES / "nine.jpg"]
    expected = [answer.sum for answer in seesum.Reader.load(run)(pictures, add=1)]
    seesum.export(run, to=tmp_path / "model.onnx")
    OPERATIONS._added.clear()
    assert [answer.sum for answer in seesum.Reader.load(tmp_path / "model.onnx")(pictures, add=1)] == expected == [4, 64]


def test_exact_follows_its_digit_and_held_out_pairs_are_measured(data: Path, tmp_path: Path) -> None:
    common: dict[str, Any] = {"data": data, "plot": False, **SMALL}
    known = seesum.train("fast", adder="exact", operation="10 * d - 3 * a", out=tmp_path / "exact", **common)
    assert known.metrics["sum_accuracy"] == known.metrics["digit_accuracy"] > 0.9
    assert known.metrics["consistency"] == 1
    held = seesum.train("fast", operation=GAPS, held_out_pairs=3, out=tmp_path / "held", **common)
    assert held.metrics["held_out_sum_accuracy"] < held.metrics["sum_accuracy"]


@pytest.fixture(scope="module")
def server(squares: Run) -> Iterator[Server]:
    with start_server("--run", squares.directory) as server:
        yield server


def test_the_server_tells_answers_by_their_values(server: Server) -> None:
    with httpx.Client(base_url=server.address, trust_env=False) as client:
        told = client.get("/adder").json()
        assert (told["written"], told["values"], told["slide"]) == ("({d} - {a}) ** 2", [n * n for n in range(10)], 0)
        assert told["truth"][3][7] == 16
        assert np.array_equal(np.array(told["table"]).argmax(2), find_operation(GAPS).tabulate())
        answer = client.post("/predict", files={"image": (EXAMPLES / "three.png").read_bytes()}, data={"add": "9"}).json()
        assert (answer["digit"], answer["sum"]) == (3, 36)
        described = json.dumps(client.get("/openapi.json").json())
        assert "Probabilities of the sums 0, 1, 4, 9, 16, 25, 36, 49, 64 and 81." in described


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_shows_formula_and_answers(server: Server, browser: Browser, width: int) -> None:
    with Visit(browser, server.address, viewport={"width": width, "height": 1000}) as visit:
        page = visit.page
        visit.draw(THREE)
        visit.choose(9)
        visit.expect("3", "9", "36")
        assert page.locator("#equation > *").all_inner_texts() == ["(", "3", "-", "9", ") ** 2", "=", "36"]
        expect(page.locator("#spoken")).to_contain_text("(3 - 9) ** 2 = 36, ")
        expect(page.locator("#table td.on")).to_have_text("36")
        assert "Answer 36: " in (page.locator("#flow").get_attribute("aria-label") or "")
        labels = page.locator("#flow text").all_text_contents()
        squares = [str(n * n) for n in range(4, 10)]
        assert [label for label in labels if label in squares] == squares
        last = page.locator("#sum").bounding_box()
        assert last is not None
        assert last["x"] + last["width"] <= width, "the equation is not cut off"
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.slow
def test_the_page_names_an_answer_that_does_not_fit(server: Server, browser: Browser) -> None:
    """The network is made to answer 25 where its digit and the addend give 36."""
    with Visit(browser, server.address) as visit:
        visit.page.route("**/strokes?*", lambda route: route.fulfill(json={**route.fetch().json(), "sum": 25}))
        visit.draw(THREE)
        visit.choose(9)
        visit.expect("3", "9", "25")
        expect(visit.page.locator("#message")).to_contain_text("Its answer does not fit its digit.")
