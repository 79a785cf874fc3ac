"""reading/pictures.py: every kind of object that shows a digit is read, and other objects get a true sentence."""

from __future__ import annotations

import base64
import copy
import io
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import seesum
from seesum.data.idx import Dataset
from seesum.reading.decoding import decode_picture
from seesum.reading.pictures import PictureError, list_pictures
from seesum.reading.preprocessing import prepare_picture
from seesum.verbs.predict import Failure

ROOT = Path(__file__).parents[2]
THREE = ROOT / "examples" / "three.png"


def share_right(reader: seesum.Reader, pictures: list[Any], digits: Any) -> float:
    answers = [reader(picture, add=3).digit for picture in pictures]
    return float(np.mean(np.array(answers) == digits))


@pytest.mark.parametrize("most", [1, 7, 16, 63])
@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.uint16])
def test_arrays_of_few_levels_are_read(most: int, kind: Any, mnist: Dataset) -> None:
    reader, rows = seesum.Reader.load(), slice(0, 60)
    images = np.round(mnist.test.images[rows] / 255 * most).astype(kind)
    assert images.max() == most
    assert share_right(reader, list(images), mnist.test.digits[rows]) >= 0.98


def test_a_mask_of_two_levels_prepares_as_a_truth_value(mnist: Dataset) -> None:
    mask = mnist.test.images[0] > 100
    expected = prepare_picture(mask).image
    assert expected.max() == 255
    np.testing.assert_array_equal(prepare_picture(mask.astype(np.uint8)).image, expected)


@pytest.mark.parametrize("shape", [(784,), (1, 784), (784, 1), (1, 28, 28), (28, 28, 1)])
def test_784_values_are_an_image(shape: tuple[int, ...], mnist: Dataset) -> None:
    image = mnist.test.images[3]
    np.testing.assert_array_equal(prepare_picture(image.reshape(shape)).image, prepare_picture(image).image)


def test_colours_may_come_first(mnist: Dataset) -> None:
    colours = np.stack([mnist.test.images[3]] * 3)
    np.testing.assert_array_equal(decode_picture(colours), decode_picture(colours.transpose(1, 2, 0)))


def make_objects() -> dict[str, Any]:
    image = np.asarray(Image.open(THREE).convert("L").resize((96, 96)))
    data = THREE.read_bytes()
    return {
        "nested lists": image.tolist(),
        "nested tuples": tuple(map(tuple, image.tolist())),
        "a row of 784 numbers": np.asarray(Image.fromarray(255 - image).resize((28, 28))).ravel().tolist(),
        "matrix": image.view(np.matrix),
        "masked array without a mask": np.ma.masked_array(image),
        "tensor": torch.from_numpy(image.copy()),
        "bf16 tensor": torch.from_numpy(image / 255).bfloat16(),
        "tensor with gradient": torch.from_numpy(image / 255).requires_grad_(),
        "BytesIO": io.BytesIO(data),
        "bytearray": bytearray(data),
        "data address": "data:image/png;base64," + base64.b64encode(data).decode(),
        "data address in lines": "data:image/png;base64," + base64.encodebytes(data).decode(),
        "sketchpad": {"background": None, "layers": [image], "composite": image},
        "PIL": Image.fromarray(image),
    }


@pytest.mark.parametrize("name", make_objects())
def test_objects_are_read(name: str) -> None:
    assert seesum.Reader.load()(make_objects()[name], add=4).digit == 3


def test_an_open_file_is_read() -> None:
    with THREE.open("rb") as file:
        assert seesum.Reader.load()(file, add=4).digit == 3


def closed_image() -> Image.Image:
    image = Image.open(THREE)
    image.close()
    return image


def closed_file() -> Any:
    file = io.BytesIO(THREE.read_bytes())
    file.close()
    return file


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: np.ma.masked_array(np.ones((28, 28)), mask=np.eye(28, dtype=bool)), "masked pixels, which have no value"),
        (closed_image, "closed before its pixels were read"),
        (closed_file, "is closed; give it while it is open"),
        (lambda: io.StringIO("text"), "was opened as text"),
        (lambda: io.BytesIO(b""), "no bytes left"),
        (lambda: io.BytesIO(b"hello"), "not an image that can be decoded"),
        (dict, "a dictionary is a picture only with the key composite"),
        (lambda: "data:image/png;base64", "no comma"),
        (lambda: "data:image/png;base64,***", "not valid base64"),
        (lambda: [[1, 2], [3]], "all rows have the same length"),
        (lambda: np.array("three"), "is not a picture"),
        (lambda: np.ones((2, 5, 5, 3)), r"shape \(2, 5, 5, 3\) is not a picture"),
    ],
)
def test_what_is_no_picture_gets_a_true_sentence(make: Any, sentence: str) -> None:
    with pytest.raises(PictureError, match=sentence):
        prepare_picture(make())


def test_lists_of_pictures_stay_lists(mnist: Dataset) -> None:
    images = mnist.test.images[:3]
    assert list_pictures([image.tolist() for image in images])[1]
    assert len(list_pictures(list(images))[0]) == 3
    assert not list_pictures(images[0].tolist())[1]
    assert list_pictures([]) == ([], True)


def test_an_error_in_a_list_says_which_picture(mnist: Dataset) -> None:
    with pytest.raises(PictureError, match="picture 2 of the list: the picture holds no ink"):
        seesum.Reader.load()([mnist.test.images[0], np.zeros((50, 50), np.uint8)], add=1)


def fill(pipe: int) -> None:
    with os.fdopen(pipe, "wb") as file:
        file.write(THREE.read_bytes())


def test_home_and_pipes_and_standard_input(command: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "three.png").write_bytes(THREE.read_bytes())
    monkeypatch.setenv("HOME", str(tmp_path))
    words = ("predict", "--add", "7", "--json")
    home = command(*words, "~/three.png")
    read, write = os.pipe()
    threading.Thread(target=fill, args=(write,)).start()
    passed = command(*words, f"/dev/fd/{read}")
    os.close(read)
    program = [sys.executable, "-m", "seesum", *words, "-"]
    piped = subprocess.run(program, input=THREE.read_bytes(), capture_output=True, check=True)
    for printed in (home.out, piped.stdout.decode(), passed.out):
        assert '"digit": 3' in printed


@pytest.mark.parametrize("source", ["hand", "run"])
def test_answers_compare_and_readers_travel(source: str, small_run: seesum.Run) -> None:
    reader = seesum.Reader.load(small_run if source == "run" else None)
    answer = reader(THREE, add=7)
    again = pickle.loads(pickle.dumps(reader))(THREE, add=7)  # noqa: S301 (our own bytes)
    assert answer == again
    assert hash(answer) == hash(again)
    assert answer != reader(THREE, add=6)
    assert answer != "an answer"
    assert copy.deepcopy(answer) in {answer}


def write_pictures(folder: Path) -> list[str]:
    (folder / "bad.png").write_text("no picture")
    Image.new("L", (60, 60), 250).save(folder / "blank.png")
    return [str(THREE), str(folder / "bad.png"), str(folder / "blank.png"), str(ROOT / "examples" / "seven.png")]


def test_a_bad_picture_does_not_stop_the_others(command: Any, elsewhere: Path) -> None:
    paths = write_pictures(elsewhere)
    done = command("predict", *paths, "--add", 7, "--json", "--plot", "plot.png")
    rows = done.json["predictions"]
    assert done.code == 1
    assert [row["picture"] for row in rows] == paths
    assert [row.get("digit") for row in rows] == [3, None, None, 7]
    assert "not an image" in rows[1]["error"]
    assert "holds no ink" in rows[2]["error"]
    assert f"2 of 4 pictures could not be read: {paths[1]}, {paths[2]}" in done.err
    assert Path("plot.png").exists()
    shown = command("predict", *paths, "--add", 7)
    assert shown.code == 1
    assert "not read" in shown.out
    assert "holds no ink" in shown.out


def test_fail_fast_stops_at_the_first_bad_picture(command: Any, elsewhere: Path) -> None:
    done = command("predict", *write_pictures(elsewhere), "--add", 7, "--fail-fast")
    assert (done.code, done.out) == (2, "")
    assert "bad.png is not an image" in done.err


def test_failures_are_collected_in_python(elsewhere: Path) -> None:
    paths, failures = write_pictures(elsewhere), list[Failure]()
    predictions = seesum.predict([*paths], add=7, failures=failures)
    assert [prediction.answer.digit for prediction in predictions] == [3, 7]
    assert [failure.place for failure in failures] == [1, 2]
    with pytest.raises(PictureError, match="not an image"):
        seesum.predict([*paths], add=7)
    assert seesum.predict([paths[1], paths[2]], add=7, failures=[]) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of the memory from /proc")
def test_many_images_take_no_more_memory_than_a_batch() -> None:
    """In one batch, 4,000 images took 960 MB. With batches, the process stays below 600 MB."""
    program = (
        "import seesum; seesum.predict(random=4000);"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) / 1024 < 600
