"""reading/datasets.py: every form of own data gives the same images, in Python, on the command line and for a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest
from PIL import Image

import seesum
from conftest import Done
from data_forms import (
    WITH_TEST,
    WITHOUT_TEST,
    draw_page,
    encode,
    take_validation,
    write_classes,
    write_collection,
    write_npz,
    write_parquet,
)
from seesum.base.errors import InputError, JobError
from seesum.base.files import load_tensors
from seesum.data.arrays import make_dataset
from seesum.data.embedded import CANONICAL_SHA256
from seesum.data.idx import Dataset, LabelledImages
from seesum.reading import datasets
from seesum.reading.datasets import load_data
from seesum.reading.preprocessing import prepare_picture

Parts = tuple[LabelledImages, LabelledImages]
SMALL: dict[str, Any] = {"epochs": 1, "batch_size": 64, "plot": False, "quiet": True}


@pytest.fixture(scope="module")
def parts(mnist: Dataset) -> Parts:
    return take_validation(mnist)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep prepared pictures of these tests out of the user's cache."""
    place = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(place))


def assert_equal(found: Dataset, expected: Dataset) -> None:
    for one, other in ((found.train, expected.train), (found.test, expected.test)):
        assert one.images.dtype == np.uint8
        assert one.digits.dtype == np.int64
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.digits, other.digits)


@pytest.mark.parametrize("form", WITH_TEST)
def test_a_form_with_a_test_part_gives_its_images(form: str, parts: Parts, tmp_path: Path) -> None:
    expected = make_dataset(*parts)
    found = load_data(WITH_TEST[form](tmp_path, *parts), quiet=True)
    assert_equal(found, expected)
    assert found.turns == ()
    if "EMNIST" not in form:
        assert found.sha256 == expected.sha256


@pytest.mark.parametrize("form", WITHOUT_TEST)
def test_a_form_without_a_test_part_keeps_a_fifth(form: str, parts: Parts, tmp_path: Path) -> None:
    expected = make_dataset(parts[0])
    found = load_data(WITHOUT_TEST[form](tmp_path, *parts))
    assert_equal(found, expected)
    assert found.sha256 == expected.sha256
    assert (len(found.train.digits), len(found.test.digits)) == (240, 60)
    shares = np.bincount(found.test.digits) / np.bincount(parts[0].digits)
    assert (abs(shares - 0.2) < 0.05).all(), "each digit in its share"


def test_the_same_images_have_the_same_sha256_in_any_form(mnist: Dataset) -> None:
    assert make_dataset(mnist.train, mnist.test).sha256 == CANONICAL_SHA256


@pytest.mark.parametrize("form", ["pixels", "arrays"])
def test_white_paper_and_exchanged_axes_are_found_and_turned(form: str, parts: Parts, tmp_path: Path) -> None:
    turned = LabelledImages(255 - parts[0].images.transpose(0, 2, 1), parts[0].digits)
    data = turned if form == "arrays" else WITHOUT_TEST["train.csv"](tmp_path, turned, turned)
    with pytest.raises(InputError, match=r"training images of .* are black ink on white as they are; turn them with --invert"):
        load_data(data)
    with pytest.raises(InputError, match=r"training images of .* are transposed; turn them with --transpose"):
        load_data(data, invert=True)
    found = load_data(data, invert=True, transpose=True)
    assert_equal(found, make_dataset(parts[0]))
    assert found.turns == ("invert", "transpose")


def test_pictures_are_prepared_as_predict_prepares_them(parts: Parts, tmp_path: Path) -> None:
    few = LabelledImages(parts[0].images[::13], parts[0].digits[::13])
    folder = write_classes(tmp_path / "pictures", few, draw_page)
    (folder / "3" / ".hidden").write_text("no picture")
    found = load_data(folder, quiet=True)
    paths = sorted(folder.glob("*/[!.]*"))
    images = np.stack([prepare_picture(path).image for path in paths])
    assert_equal(found, make_dataset(LabelledImages(images, few.digits)))
    assert found.sha256 == load_data(folder, quiet=True).sha256
    both = tmp_path / "both"
    both.mkdir()
    folder.rename(both / "train")
    write_classes(both / "test", LabelledImages(parts[1].images[:9], parts[1].digits[:9]), draw_page)
    found = load_data(both, quiet=True)
    assert np.array_equal(found.train.images, images)
    assert len(found.test.digits) == 9


def test_28x28_pictures_are_taken_as_they_are(parts: Parts, tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "pictures", parts[0])
    found = load_data(folder, as_is=True)
    assert_equal(found, make_dataset(parts[0]))
    assert found.turns == ("as_is",)
    Image.new("L", (30, 28)).save(folder / "7" / "wide.png")
    with pytest.raises(InputError, match=r"1 of 301 .*wide.png has 30 x 28 pixels; expected 28 x 28, or leave --as-is"):
        load_data(folder, as_is=True)


def test_pictures_that_cannot_be_read_are_named(tmp_path: Path, parts: Parts) -> None:
    folder = write_classes(tmp_path / "pictures", LabelledImages(parts[0].images[:3], parts[0].digits[:3]), draw_page)
    (folder / "5").mkdir()
    (folder / "5" / "notes.txt").write_text("five")
    Image.new("L", (40, 40), 255).save(folder / "5" / "blank.png")
    with pytest.raises(InputError, match=r"2 of 5 pictures cannot be read: .*blank.png, .*notes.txt; remove or replace"):
        load_data(folder, quiet=True)


def test_parquet_gives_its_images(parts: Parts, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra scale is not installed")
    train = write_parquet(tmp_path / "data" / "train-00000-of-00001.parquet", parts[0])
    assert_equal(load_data(train, as_is=True), make_dataset(parts[0]))
    write_parquet(tmp_path / "data" / "test-00000-of-00001.parquet", parts[1])
    assert_equal(load_data(tmp_path, as_is=True), make_dataset(*parts))
    few = LabelledImages(parts[0].images[::50], parts[0].digits[::50])
    images = np.stack([prepare_picture(encode(Image.fromarray(image))).image for image in few.images])
    prepared = load_data(write_parquet(tmp_path / "few.parquet", few), quiet=True)
    assert_equal(prepared, make_dataset(LabelledImages(images, few.digits)))


def test_wrong_parquet_is_explained(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra scale is not installed")
    from pyarrow import parquet

    for columns, sentence in (
        ({"image": [b"x"], "name": ["x"]}, r"has the columns image, name; expected image and label"),
        ({"image": [{"bytes": None, "path": "x.png"}], "label": [1]}, r"does not hold the bytes of all its pictures"),
        ({"image": [b"x"], "label": ["one"]}, r"the digits of .* are no whole numbers"),
        ({"image": [b"x"], "label": [10]}, r"holds labels from 10 to 10"),
        ({"image": [b"x"], "label": [1]}, r"1 of 1 pictures cannot be read: row 0 of .*wrong.parquet"),
    ):
        parquet.write_table(pyarrow.table(columns), tmp_path / "wrong.parquet")
        with pytest.raises(InputError, match=sentence):
            load_data(tmp_path / "wrong.parquet", quiet=True)
    (tmp_path / "wrong.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"wrong.parquet cannot be read"):
        load_data(tmp_path / "wrong.parquet")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(JobError, match=r'pip install "seesum\[scale\]"'):
        load_data(tmp_path / "x.parquet")


def test_what_has_no_form_is_refused(tmp_path: Path, parts: Parts) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("no image")
    for data, sentence in (
        (tmp_path / "nowhere", r"there is no folder .*nowhere and no such file; give one with images"),
        (
            tmp_path / "empty",
            r"empty holds no training images that can be read; give a folder of IDX files; or .*subfolders 0 to 9",
        ),
        (tmp_path / "text", r"text holds no training images that can be read"),
        (7, r"data of the type int holds no training images that can be read; give a seesum.Dataset"),
    ):
        with pytest.raises(InputError, match=sentence):
            load_data(data)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"is an .npz with arrays, which is taken as it is anyway; leave --as-is out"):
        load_data(write_npz(tmp_path / "mnist.npz", *parts), as_is=True)
    with pytest.raises(InputError, match="--as-is is for picture files"):
        load_data(as_is=True)
    (tmp_path / "pictures" / "1").mkdir(parents=True)
    with pytest.raises(InputError, match="holds no labelled pictures"):
        load_data(tmp_path / "pictures")


def read_weights(run: seesum.Run) -> dict[str, Any]:
    return {name: tensor.numpy() for name, tensor in load_tensors(run.weights)[0].items()}


def test_the_same_images_train_the_same_weights(parts: Parts, elsewhere: Path, command: Any) -> None:
    # preparing would move these images back into the middle
    parts = (LabelledImages(np.roll(parts[0].images, 3, 2), parts[0].digits), parts[1])
    expected = read_weights(
        seesum.train("fast", data=write_collection(elsewhere / "idx", "MNIST", *parts), out="idx-run", **SMALL)
    )
    arrays = seesum.train("fast", data={"train": parts[0], "test": parts[1]}, out="array-run", **SMALL)
    both = elsewhere / "both"
    for name, part in zip(("train", "test"), parts, strict=True):
        write_classes(both / name, part)
    words = ("train", "fast", "--data", both, "--as-is", "--out", "own", "--epochs", 1, "--batch-size", 64, "--no-plot")
    done: Done = command(*words)
    assert done.code == 0, done.err
    own = seesum.Run(elsewhere / "own")
    for run in (arrays, own):
        found = read_weights(run)
        assert all(np.array_equal(found[name], values) for name, values in expected.items())
    assert "--as-is" in own.info["command"]
    assert own.info["data"]["as_is"] is True
    assert command("evaluate", own.directory, "--json").json["images"] == 60
    assert seesum.show("samples", run=own).is_file()
    assert seesum.predict(random=3, run=own)
    with pytest.raises(InputError, match=r"holds no IDX files; load it with seesum.load_data"):
        own.load_splits()
    assert own.load_splits(load_data(both, as_is=True)).sizes == {"train": 300, "test": 60}
    with pytest.raises(InputError, match="SHA-256 differs"):
        seesum.report(own, data=parts[0])
    assert seesum.predict(random=3, run=own, data=parts)
    (both / "test").rename(elsewhere / "gone")
    with pytest.raises(InputError, match="SHA-256 differs"):
        seesum.evaluate(own)


def test_a_run_of_arrays_asks_for_them(parts: Parts, elsewhere: Path) -> None:
    run = seesum.train("fast", data=parts[0], out="run", split="validate", **SMALL)
    with pytest.raises(InputError, match=r"run was made with arrays, .*; give them with data="):
        seesum.evaluate(run)
    assert seesum.show("samples", run=run, data=parts[0]).is_file()
    digits = [
        prediction.digit for prediction in seesum.predict(random=60, run=run, data=WITHOUT_TEST["train.csv"](elsewhere, *parts))
    ]
    assert sorted(map(int, filter(None, digits))) == sorted(filter(None, make_dataset(parts[0]).test.digits.tolist()))
    first = seesum.study("fast", seeds=1, data=parts[0], **SMALL)
    other = seesum.study("fast", seeds=1, data=parts, **SMALL)
    assert first.directory != other.directory
    assert seesum.study("fast", seeds=1, data=parts[0], **SMALL).runs == first.runs


def test_where_ink_may_be_paper_the_network_decides(mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = mnist.train.images[157]
    rows, columns = np.nonzero(image > 100)
    tight = Image.fromarray(image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])
    small = np.where(np.asarray(tight.resize((8, 8), Image.Resampling.BOX)) > 100, 255, 0).astype(np.uint8)
    first = prepare_picture(small)
    (second,) = first.others
    folder = write_classes(tmp_path / "pictures", LabelledImages(np.stack([small] * 5), np.full(5, 3)))
    assert np.array_equal(load_data(folder, quiet=True).train.images[0], first.image), "hand is surer of the first way"
    undecided = replace(second, others=(replace(first, others=()),))
    monkeypatch.setattr(datasets, "prepare_all", lambda pictures, _: [undecided] * len(pictures))
    assert np.array_equal(load_data(folder, quiet=True).train.images[0], first.image)
