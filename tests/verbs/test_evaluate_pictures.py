"""verbs/evaluate.py with --pictures: labelled pictures of people's own, in folders or in a CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import seesum
from conftest import Done
from data_forms import draw_page, take_validation, write_classes
from seesum.base.errors import InputError
from seesum.data.idx import Dataset, LabelledImages
from seesum.measuring.metrics import wilson_interval
from seesum.measuring.pictures import Judged, find_mistakes, summarise_pictures
from seesum.showing.mistakes import draw_mistakes


def judge(digit: int, predicted: tuple[int, int] | None, confidence: float = 0.9, unsure: bool = False) -> Judged:
    """Return a picture with the addend 1."""
    return Judged(f"{digit}.png", digit, 1, digit + 1, predicted, confidence, unsure or predicted is None, 0.02)


JUDGED = [
    judge(3, (3, 4)),
    judge(4, (4, 5)),
    judge(5, (5, 7), 0.8),
    judge(6, (8, 9), 0.95),
    judge(7, (1, 8), 0.3, unsure=True),
    judge(8, (8, 9), 0.4, unsure=True),
    judge(9, None, 0.0),
]


def test_each_figure_counts_what_it_says() -> None:
    values = summarise_pictures(JUDGED)
    assert (values["pictures"], values["not_read"]) == (7, 1)
    assert values["digit_accuracy"] == pytest.approx(4 / 7)
    assert values["sum_accuracy"] == pytest.approx(4 / 7), "3, 4, 7 and 8"
    assert values["both_accuracy"] == pytest.approx(3 / 7)
    assert values["both_interval"] == pytest.approx(list(wilson_interval(3 / 7, 7)))
    assert values["accepted"] == pytest.approx(4 / 7)
    assert values["accepted_accuracy"] == pytest.approx(1 / 2)
    assert values["accepted_interval"] == pytest.approx(list(wilson_interval(1 / 2, 4)))
    assert values["milliseconds_per_picture"] == pytest.approx(20)
    confusion = np.array(values["confusion"])
    assert confusion.sum() == 6
    assert confusion[6, 8] == confusion[7, 1] == confusion[5, 5] == 1
    assert [one["picture"] for one in values["mistakes"]] == ["6.png", "5.png", "7.png"], "the surest first"
    assert values["mistakes"][0] == {
        "picture": "6.png",
        "true_digit": 6,
        "digit": 8,
        "addend": 1,
        "true_sum": 7,
        "sum": 9,
        "confidence": 0.95,
        "unsure": False,
    }
    assert [one["picture"] for one in values["failures"]] == ["9.png"]
    json.dumps(values, allow_nan=False)


def test_nothing_accepted_has_no_accuracy() -> None:
    values = summarise_pictures([judge(3, (3, 4), unsure=True)])
    assert values["accepted"] == 0
    assert values["accepted_accuracy"] is None
    assert values["accepted_interval"] is None


def test_the_contact_sheet_shows_the_surest_mistakes() -> None:
    seen = [one._replace(image=np.full((28, 28), 9, np.uint8)) for one in JUDGED]
    figure = draw_mistakes(seen, seesum.OPERATIONS["add"])
    captions = [panel.get_title() for panel in figure.axes if panel.get_title()]
    assert captions[0] == "8 + 1 = 9\nTruth: 6 + 1 = 7\n95.0 %\n6.png"
    assert captions[2].endswith("30.0 %, unsure\n7.png")
    assert len(captions) == len(find_mistakes(JUDGED)) == 3
    many = draw_mistakes(seen * 20, seesum.OPERATIONS["add"])
    assert many.get_suptitle() == "The 30 surest of 60 mistakes"
    assert draw_mistakes(seen[:1], seesum.OPERATIONS["add"]).get_suptitle() == "No mistakes in 1 pictures"


@pytest.fixture(scope="module")
def folder(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 30 pages in class folders. Two have a wrong label, and two cannot be read."""
    some = take_validation(mnist)[0]
    folder = write_classes(tmp_path_factory.mktemp("pages"), LabelledImages(some.images[::10], some.digits[::10]), draw_page)
    for number, (right, wrong) in enumerate((("0", "1"), ("7", "2"))):
        path = sorted((folder / right).iterdir())[0]
        path.rename(folder / wrong / f"wrong{number}.png")
    (folder / "4" / "text.png").write_text("no picture")
    Image.new("L", (40, 40), 255).save(folder / "9" / "blank.png")
    return folder


def test_class_folders_on_the_command_line(folder: Path, elsewhere: Path, command: Any) -> None:
    values = command("evaluate", "hand", "--pictures", folder, "--json").json
    assert (values["pictures"], values["not_read"]) == (32, 2)
    assert values["digit_accuracy"] == pytest.approx(28 / 32), (
        "all but the two that were mixed up and the two that were not read"
    )
    assert values["digit_interval"] == pytest.approx(list(wilson_interval(28 / 32, 32)))
    assert {Path(one["picture"]).name for one in values["mistakes"]} == {"wrong0.png", "wrong1.png"}
    assert {Path(one["picture"]).name for one in values["failures"]} == {"text.png", "blank.png"}
    assert 0 < values["milliseconds_per_picture"] < 5000
    done: Done = command("evaluate", "hand", "--pictures", folder, "--plot", "sheet.png")
    assert done.code == 0, done.err
    assert "87.50%" in done.out
    assert "wrong0.png" in done.out
    assert done.out.count("not read, counted as wrong") == 2
    with Image.open(elsewhere / "sheet.png") as sheet:
        assert sheet.width > 500


def test_a_csv_in_python_is_answered_as_predict_answers(folder: Path, tmp_path: Path) -> None:
    paths = sorted(folder.glob("[358]/*.png"))
    path = folder / "list.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "digit", "addend"])
        writer.writerows([one.relative_to(folder), one.parent.name, 9 - row % 10] for row, one in enumerate(paths))
    values = seesum.evaluate("fast", pictures=path, quiet=True)
    reader = seesum.Reader.load("fast")
    answers = [reader(one, add=9 - row % 10) for row, one in enumerate(paths)]
    right = [answer.digit == int(one.parent.name) for answer, one in zip(answers, paths, strict=True)]
    assert values["digit_accuracy"] == pytest.approx(np.mean(right))
    assert values["accepted"] == pytest.approx(np.mean([not answer.unsure for answer in answers]))
    path.write_text(f"{paths[0].relative_to(folder)},{paths[0].parent.name}\nnowhere.png,3,\n", encoding="utf-8-sig")
    values = seesum.evaluate("fast", pictures=path, quiet=True)
    assert (values["pictures"], values["not_read"]) == (2, 1)
    assert "there is no picture" in values["failures"][0]["error"]
    path.unlink()
    assert tmp_path.is_dir()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"list.csv lists no picture; expected lines of file, digit, addend"),
        ("file,digit\n", r"lists no picture"),
        ("x.png\n", r"line 1 of .*list.csv has 1 columns"),
        ("file,digit\nx.png,ten\n", r"the digit in line 2 of .*list.csv is 'ten'; expected a whole number from 0 to 9"),
        ("x.png,3,10\n", r"the addend in line 1 of .*list.csv is '10'"),
        ("x.png,3\n", r"none of the 1 pictures can be read; the first: there is no picture .*x.png"),
    ],
)
def test_a_wrong_csv_is_explained(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=sentence):
        seesum.evaluate("fast", pictures=tmp_path / "list.csv", quiet=True)


def test_what_does_not_fit_is_refused(tmp_path: Path, small_data: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"\xff\xfe\xfd,3")
    for arguments, sentence in (
        ({"pictures": tmp_path / "nowhere"}, "there is no folder or file .*nowhere; give a folder with subfolders 0 to 9"),
        ({"pictures": tmp_path}, "holds no labelled pictures; put the pictures of each digit into a subfolder"),
        ({"pictures": tmp_path / "list.csv"}, "list.csv cannot be read as CSV"),
        ({"pictures": tmp_path, "data": small_data}, "leave --data and --test out"),
        ({"pictures": tmp_path, "test": True}, "leave --data and --test out"),
        ({"pictures": tmp_path, "plot": "sheet.doc"}, "ends in no format for a picture"),
        ({"plot": "sheet.png"}, "--plot shows the mistakes among --pictures"),
        ({"as_is": True}, "--as-is is for the images of --data; give --data"),
    ):
        with pytest.raises(InputError, match=sentence):
            seesum.evaluate("fast", quiet=True, **arguments)
