"""data/idx.py: the embedded files, the cache, folders of files, and what is wrong with them."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest

import seesum
from conftest import write_folder, write_idx
from seesum.base.errors import InputError
from seesum.data.embedded import CANONICAL_SHA256
from seesum.data.idx import NAMINGS, TURNS, Dataset, LabelledImages, load_mnist, parse_idx
from seesum.runs.run import Run
from seesum.training import evaluating


def test_embedded_is_mnist(mnist: Dataset) -> None:
    assert mnist.train.images.shape == (60_000, 28, 28)
    assert mnist.test.images.shape == (10_000, 28, 28)
    assert mnist.train.images.dtype == np.uint8
    assert mnist.train.digits.dtype == np.int64
    assert mnist.sha256 == CANONICAL_SHA256
    assert np.bincount(mnist.test.digits).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist.train.digits[:5].tolist() == [5, 0, 4, 1, 9]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    return tmp_path / "cache" / "mnist"


def test_cache_is_written_and_rebuilt_when_damaged(cache: Path) -> None:
    load_mnist()
    names = sorted(path.name for path in cache.iterdir())
    assert names == sorted(CANONICAL_SHA256)
    damaged = cache / "t10k-labels-idx1-ubyte"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert load_mnist().sha256 == CANONICAL_SHA256
    assert hashlib.sha256(damaged.read_bytes()).hexdigest() == CANONICAL_SHA256[damaged.name]


def test_works_without_a_cache(cache: Path) -> None:
    cache.parent.write_text("a file where the folder should be")
    assert load_mnist().sha256 == CANONICAL_SHA256


@pytest.mark.parametrize(("suffix", "compress"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)])
def test_folder_plain_and_compressed(small_data: Path, tmp_path: Path, suffix: str, compress: object) -> None:
    for path in small_data.iterdir():
        (tmp_path / (path.name + suffix)).write_bytes(compress(path.read_bytes()))  # type: ignore[operator]
    plain, read = load_mnist(small_data), load_mnist(tmp_path)
    assert np.array_equal(plain.train.images, read.train.images)
    assert np.array_equal(plain.test.digits, read.test.digits)
    assert plain.sha256 == read.sha256


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress, lzma.compress])
def test_content_counts_not_the_name(small_data: Path, tmp_path: Path, suffix: str, compress: object) -> None:
    for path in small_data.iterdir():
        (tmp_path / (path.name + suffix)).write_bytes(compress(path.read_bytes()))  # type: ignore[operator]
    assert np.array_equal(load_mnist(small_data).train.images, load_mnist(tmp_path).train.images)


def test_dotted_names(small_data: Path, tmp_path: Path) -> None:
    for path in small_data.iterdir():
        shutil.copy(path, tmp_path / path.name.replace("-idx", ".idx"))
    assert len(load_mnist(tmp_path).train.digits) == 600


def test_emnist_is_transposed_back(mnist: Dataset, tmp_path: Path) -> None:
    naming = NAMINGS["EMNIST digits"]
    for images, digits in ((naming.train_images, naming.train_digits), (naming.test_images, naming.test_digits)):
        write_idx(tmp_path / images, mnist.test.images[:20].transpose(0, 2, 1))
        write_idx(tmp_path / digits, mnist.test.digits[:20])
    assert np.array_equal(load_mnist(tmp_path).train.images, mnist.test.images[:20])


def test_qmnist_labels_have_eight_columns(mnist: Dataset, tmp_path: Path) -> None:
    naming = NAMINGS["QMNIST"]
    labels = np.zeros((20, 8), np.int64)
    labels[:, 0], labels[:, 1] = mnist.test.digits[:20], 4
    for images, digits in ((naming.train_images, naming.train_digits), (naming.test_images, naming.test_digits)):
        write_idx(tmp_path / images, mnist.test.images[:20])
        (tmp_path / digits).write_bytes(struct.pack(">HBBII", 0, 0x0C, 2, 20, 8) + labels.astype(">i4").tobytes())
    assert np.array_equal(load_mnist(tmp_path).test.digits, mnist.test.digits[:20])


def test_bad_folders_are_named(small_data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        load_mnist(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no training images"):
        load_mnist(tmp_path)
    folder = tmp_path / "copy"
    shutil.copytree(small_data, folder)
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(InputError, match="lacks t10k-labels-idx1-ubyte"):
        load_mnist(folder)


def _truncate(data: bytes) -> bytes:
    return data[:-5]


def _grow(data: bytes) -> bytes:
    return data + b"x"


def _wrong_magic(data: bytes) -> bytes:
    return b"\x01" + data[1:]


def _huge_header(data: bytes) -> bytes:
    return data[:4] + b"\xff\xff\xff\xff" + data[8:]


@pytest.mark.parametrize("damage", [_truncate, _grow, _wrong_magic, _huge_header, lambda _: b"", lambda _: b"\x00\x00\x08\x03"])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_damaged_files_are_named(small_data: Path, tmp_path: Path, damage: object, name: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(small_data, folder)
    (folder / name).write_bytes(damage((folder / name).read_bytes()))  # type: ignore[operator]
    with pytest.raises(InputError, match=name):
        load_mnist(folder)


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_truncated_archives_are_named(small_data: Path, tmp_path: Path, suffix: str, compress: object) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(small_data, folder)
    plain = folder / "train-images-idx3-ubyte"
    (folder / f"{plain.name}{suffix}").write_bytes(compress(plain.read_bytes())[:-20])  # type: ignore[operator]
    plain.unlink()
    with pytest.raises(InputError, match="train-images"):
        load_mnist(folder)


def test_labels_out_of_range(small_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(small_data, folder)
    write_idx(folder / "t10k-labels-idx1-ubyte", np.full(100, 10))
    with pytest.raises(InputError, match="labels from 10 to 10"):
        load_mnist(folder)


def test_labels_from_1_to_10_are_explained(small_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(small_data, folder)
    write_idx(folder / "t10k-labels-idx1-ubyte", np.arange(100) % 10 + 1)
    with pytest.raises(InputError, match=r"t10k-labels.*labels from 1 to 10 \(a 10 may stand for the digit 0\)"):
        load_mnist(folder)


@pytest.mark.parametrize("labels", [0, 100])
def test_empty_images_are_named(small_data: Path, tmp_path: Path, labels: int) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(small_data, folder)
    write_idx(folder / "t10k-images-idx3-ubyte", np.zeros((0, 28, 28)))
    write_idx(folder / "t10k-labels-idx1-ubyte", np.zeros(labels))
    with pytest.raises(InputError, match="t10k-images-idx3-ubyte holds no images"):
        load_mnist(folder)


def test_labels_without_columns_are_named(small_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(small_data, folder)
    write_idx(folder / "t10k-labels-idx1-ubyte", np.zeros((100, 0)))
    with pytest.raises(InputError, match="not one label per image"):
        load_mnist(folder)


def test_images_and_labels_must_be_equal_in_number(small_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(small_data, folder)
    write_idx(folder / "t10k-labels-idx1-ubyte", np.zeros(99))
    with pytest.raises(InputError, match="99 labels for 100 images of t10k-images-idx3-ubyte"):
        load_mnist(folder)


def test_black_ink_on_white_is_found_and_turned(mnist: Dataset, small_data: Path, tmp_path: Path) -> None:
    digits = mnist.train.digits[:600]
    white = LabelledImages(255 - mnist.train.images[:600], digits)
    folder = write_folder(tmp_path / "white", white, white)
    with pytest.raises(InputError, match=r"training images of .* are black ink on white.*--invert"):
        load_mnist(folder)
    assert np.array_equal(load_mnist(folder, invert=True).test.images, mnist.train.images[:600])
    with pytest.raises(InputError, match="leave --invert"):
        load_mnist(small_data, invert=True)
    with pytest.raises(InputError, match="embedded MNIST is upright, bright ink"):
        load_mnist(invert=True)
    few = LabelledImages(white.images[:49], digits[:49])
    assert len(load_mnist(write_folder(tmp_path / "few", few, few)).train.digits) == 49


def test_transposed_images_are_found_and_turned(mnist: Dataset, small_data: Path, tmp_path: Path) -> None:
    digits = mnist.train.digits[:600]
    turned = LabelledImages(mnist.train.images[:600].transpose(0, 2, 1), digits)
    folder = write_folder(tmp_path / "turned", turned, turned)
    with pytest.raises(InputError, match=r"training images of .* are transposed; .*--transpose"):
        load_mnist(folder)
    assert np.array_equal(load_mnist(folder, transpose=True).test.images, mnist.train.images[:600])
    with pytest.raises(InputError, match="transposed with --transpose; leave --transpose"):
        load_mnist(small_data, transpose=True)
    with pytest.raises(InputError, match="embedded MNIST is upright"):
        load_mnist(transpose=True)
    both = write_folder(tmp_path / "both", *[LabelledImages(255 - turned.images, digits)] * 2)
    assert np.array_equal(load_mnist(both, invert=True, transpose=True).train.images, mnist.train.images[:600])
    upside = LabelledImages(mnist.train.images[:600, ::-1, ::-1], digits)
    with pytest.raises(InputError, match="are upside down; turn the images"):
        load_mnist(write_folder(tmp_path / "upside", upside, upside))


@pytest.mark.parametrize("turn", [pytest.param(TURNS[0], marks=pytest.mark.slow), *TURNS[1:]])
def test_a_run_keeps_how_its_images_were_turned(
    turn: str, mnist: Dataset, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upright, digits = mnist.train.images[:600], mnist.train.digits[:600]
    turned = LabelledImages({"invert": 255 - upright, "transpose": upright.transpose(0, 2, 1)}[turn], digits)
    folder = write_folder(elsewhere / "turned", turned, turned)
    how: dict[str, Any] = {turn: True}
    settings: dict[str, Any] = {"data": folder, "epochs": 1, "batch_size": 64, "quiet": True, **how}
    with monkeypatch.context() as stopped:
        stopped.setattr(evaluating, "compute_metrics", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            seesum.train("fast", out="run", plot=False, **settings)
    run = seesum.train(resume="run", plot=False, quiet=True)
    assert run.info["data"][turn] is True
    assert f"--{turn}" in run.info["command"]
    assert np.array_equal(run.load_splits().evaluation_images(True)[0].images, upright)
    accuracy = seesum.evaluate(run)["digit_accuracy"]
    assert accuracy == seesum.evaluate(run, data=folder, **how)["digit_accuracy"]
    with pytest.raises(InputError, match=f"--{turn} turns the images of --data; give --data"):
        seesum.evaluate(run, **how)
    assert seesum.show("samples", run=run, **how).is_file()
    first = seesum.study("fast", seeds=1, plot=False, **settings)
    assert seesum.study("fast", seeds=1, plot=False, **settings).runs == first.runs


def test_a_run_is_not_turned_later(small_run: Run) -> None:
    with pytest.raises(InputError, match="was started without --invert"):
        seesum.train(resume=small_run, invert=True, quiet=True)
    with pytest.raises(InputError, match="was started without --transpose"):
        seesum.show("samples", run=small_run, transpose=True)
    with pytest.raises(InputError, match="leave --invert out"):
        seesum.show("table", run=small_run, invert=True)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_repr_is_one_short_line(mnist: Dataset) -> None:
    assert repr(mnist) == "Dataset(60,000 training and 10,000 test images)"
    assert repr(mnist.test) == "LabelledImages(10,000 images)"


def test_parse_keeps_values_and_byte_order() -> None:
    data = struct.pack(">HBBI", 0, 0x0C, 1, 2) + struct.pack(">ii", -7, 70_000)
    assert parse_idx(data, "x").tolist() == [-7, 70_000]
