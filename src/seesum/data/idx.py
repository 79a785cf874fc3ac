"""Read MNIST as arrays, from the embedded files or from a folder of IDX files.

No other module parses or checks these bytes.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import lzma
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seesum.base.errors import InputError
from seesum.base.files import write_atomically
from seesum.data.orientation import average_digits, find_orientation, is_inverted

Images = NDArray[np.uint8]
Digits = NDArray[np.int64]
SIDE, BOX = 28, 20
"""Pixels of a side of an image, and of the square in its middle that MNIST fits digits into."""


@dataclass(frozen=True)
class LabelledImages:
    """Images and the digits they show."""

    images: Images
    """uint8 [N, 28, 28], bright ink on black."""
    digits: Digits
    """int64 [N], 0..9."""

    def __repr__(self) -> str:
        """Return one short line."""
        return f"LabelledImages({len(self.digits):,} images)"


@dataclass(frozen=True)
class Dataset:
    """Training and test images with their digits."""

    train: LabelledImages
    test: LabelledImages
    sha256: dict[str, str]
    """File name -> SHA-256 of the uncompressed file, for each file that the images came from."""
    turns: tuple[str, ...] = ()
    """Those of ``TURNS`` that the caller asked for."""

    def __repr__(self) -> str:
        """Return one short line."""
        turned = "".join(f", {turn}" for turn in self.turns)
        return f"Dataset({len(self.train.digits):,} training and {len(self.test.digits):,} test images{turned})"


class Naming(NamedTuple):
    """The file names under which a collection is published, without ``.gz`` or ``.xz``."""

    train_images: str
    train_digits: str
    test_images: str
    test_digits: str
    transposed: bool
    """Whether its images are stored with rows and columns exchanged."""


NAMINGS = {
    "MNIST": Naming(
        "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", False
    ),
    "EMNIST digits": Naming(
        "emnist-digits-train-images-idx3-ubyte",
        "emnist-digits-train-labels-idx1-ubyte",
        "emnist-digits-test-images-idx3-ubyte",
        "emnist-digits-test-labels-idx1-ubyte",
        True,
    ),
    "QMNIST": Naming(
        "qmnist-train-images-idx3-ubyte",
        "qmnist-train-labels-idx2-int",
        "qmnist-test-images-idx3-ubyte",
        "qmnist-test-labels-idx2-int",
        False,
    ),
}

CANONICAL_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""SHA-256 of the canonical MNIST files, uncompressed."""

TURNS = ("invert", "transpose")
"""The arguments of ``load_mnist`` that turn images. A run keeps those that it was made with."""
SUFFIXES = ("", ".gz", ".xz")
OPENERS: dict[bytes, Callable[[bytes], bytes]] = {b"\x1f\x8b": gzip.decompress, b"\xfd7zXZ\x00": lzma.decompress}
"""The first bytes of a packed file -> what unpacks it. The name of a file says nothing: browsers unpack and rename."""
UPRIGHT = 5_000
"""The first training images of MNIST that tell how upright digits lie."""
IDX_TYPES: dict[int, np.dtype[Any]] = {0x08: np.dtype(">u1"), 0x0C: np.dtype(">i4")}


def load_mnist(directory: str | os.PathLike[str] | None = None, *, invert: bool = False, transpose: bool = False) -> Dataset:
    """Load the embedded MNIST, or a folder of IDX files under the names of MNIST, EMNIST digits or QMNIST.

    Args:
        directory: folder with the four files, each plain, ``.gz`` or ``.xz``. None for the embedded MNIST, which is
            decompressed once and then read from the user's cache directory.
        invert: turn black ink on white into bright ink on black.
        transpose: exchange rows and columns. Files under EMNIST's names are turned without it.

    Returns:
        ``.train`` and ``.test``, each with ``.images`` uint8 [N, 28, 28] and ``.digits`` int64 [N].

    Raises:
        InputError: a file is missing, damaged or of the wrong content; the message names the file. Or most images are black
            ink on white, or do not lie upright.
    """
    dataset = read_mnist(directory, invert, transpose)
    if directory is not None:
        _check_ink(dataset, directory)
        _check_orientation(dataset, directory)
    return dataset


def read_mnist(directory: str | os.PathLike[str] | None, invert: bool = False, transpose: bool = False) -> Dataset:
    """Load as ``load_mnist``, but without a look at how the images lie: for data that is known by its SHA-256."""
    if directory is None:
        for wanted, flag in ((invert, "--invert"), (transpose, "--transpose")):
            if wanted:
                raise InputError(f"the embedded MNIST is upright, bright ink on black; leave {flag} out, or give --data")
        return _assemble(NAMINGS["MNIST"], _read_embedded)
    folder = Path(directory)
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give one that holds the four IDX files, or leave --data out")
    naming = next((n for n in NAMINGS.values() if _find(folder, n.train_images)), None)
    if naming is None:
        expected = ", ".join(f"{n.train_images} ({collection})" for collection, n in NAMINGS.items())
        raise InputError(f"{folder} holds no training images; expected one of {expected}, plain or with .gz or .xz")
    return _assemble(naming, lambda name: _read_file(folder, name), invert, transpose)


def _check_ink(dataset: Dataset, directory: str | os.PathLike[str]) -> None:
    """Make sure that the images are bright ink on black, as far as they tell."""
    for name, labelled in (("training", dataset.train), ("test", dataset.test)):
        if is_inverted(labelled.images):
            found = "with --invert" if "invert" in dataset.turns else "as they are"
            turn = (
                "leave --invert (invert=True) out"
                if "invert" in dataset.turns
                else "turn them with --invert (in Python: invert=True)"
            )
            raise InputError(f"the {name} images of {directory} are black ink on white {found}; {turn}")


def _check_orientation(dataset: Dataset, directory: str | os.PathLike[str]) -> None:
    """Make sure that the images lie as those of MNIST do, as far as they tell."""
    naming = NAMINGS["MNIST"]
    images, digits = (parse_idx(_read_embedded(name), name) for name in (naming.train_images, naming.train_digits))
    upright = average_digits(images[:UPRIGHT], digits[:UPRIGHT])
    for name, labelled in (("training", dataset.train), ("test", dataset.test)):
        orientation = find_orientation(labelled.images, labelled.digits, upright)
        if orientation is None:
            continue
        if orientation != "transposed":
            turn = "turn the images of the files so that their digits stand upright"
        elif "transpose" in dataset.turns:
            turn = "leave --transpose (transpose=True) out"
        else:
            turn = "turn them with --transpose (in Python: transpose=True)"
        found = " with --transpose" if "transpose" in dataset.turns else ""
        raise InputError(f"the {name} images of {directory} are {orientation}{found}; {turn}")


def parse_idx(data: bytes, name: str) -> NDArray[Any]:
    """Parse an IDX file of unsigned bytes or 32-bit integers.

    Returns:
        An array of the shape that the header gives.

    Raises:
        InputError: the header is not an IDX header, or the length of the file does not match it.
    """
    if len(data) < 4 or data[0] or data[1] or data[2] not in IDX_TYPES or len(data) < 4 + 4 * data[3]:
        raise InputError(f"{name} is not an IDX file of bytes or integers; download it again")
    dtype = IDX_TYPES[data[2]]
    shape = tuple(int(n) for n in np.frombuffer(data, ">u4", count=data[3], offset=4))
    start = 4 + 4 * data[3]
    expected = start + dtype.itemsize * int(np.prod(shape, dtype=object))
    if len(data) != expected:
        raise InputError(f"{name} has {len(data):,} bytes, but its header promises {expected:,}; download it again")
    array: NDArray[Any] = np.frombuffer(data, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def _assemble(naming: Naming, read: Callable[[str], bytes], invert: bool = False, transpose: bool = False) -> Dataset:
    """Read, check and combine the four files. ``read`` returns the uncompressed bytes of a file name."""
    sha256: dict[str, str] = {}

    def read_labelled(images_name: str, digits_name: str) -> LabelledImages:
        raw = {name: read(name) for name in (images_name, digits_name)}
        sha256.update({name: hashlib.sha256(data).hexdigest() for name, data in raw.items()})
        images, digits = (parse_idx(data, name) for name, data in raw.items())
        if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE) or images.dtype != np.uint8:
            raise InputError(
                f"{images_name} holds {images.dtype} of shape {images.shape}, not uint8 [N, 28, 28]; give another file"
            )
        if not len(images):
            raise InputError(f"{images_name} holds no images (0 of 28x28); give a file with at least one")
        if digits.ndim not in (1, 2) or 0 in digits.shape[1:]:
            raise InputError(f"{digits_name} holds labels of shape {digits.shape}, not one label per image; give another file")
        if digits.ndim == 2:
            digits = digits[:, 0]  # QMNIST labels have eight columns; the first is the digit
        if digits.shape != images.shape[:1]:
            raise InputError(
                f"{digits_name} holds {len(digits):,} labels for {len(images):,} images of {images_name}; "
                f"give the labels that belong to these images, one per image"
            )
        if digits.min() < 0 or digits.max() > 9:
            hint = " (a 10 may stand for the digit 0)" if digits.min() > 0 and digits.max() == 10 else ""
            found = f"labels from {digits.min()} to {digits.max()}{hint}"
            raise InputError(f"{digits_name} holds {found}; give the digit that each image shows, from 0 to 9")
        if naming.transposed != transpose:
            images = np.ascontiguousarray(images.transpose(0, 2, 1))
        if invert:
            images = np.uint8(255) - images
        return LabelledImages(images.astype(np.uint8, copy=False), digits.astype(np.int64))

    turns = tuple(name for name, wanted in zip(TURNS, (invert, transpose), strict=True) if wanted)
    train = read_labelled(naming.train_images, naming.train_digits)
    return Dataset(train, read_labelled(naming.test_images, naming.test_digits), sha256, turns)


def _find(folder: Path, name: str) -> Path | None:
    spellings = (name, name.replace("-idx", ".idx"))  # some mirrors write train-images.idx3-ubyte
    return next((p for n in spellings for suffix in SUFFIXES if (p := folder / (n + suffix)).is_file()), None)


def _read_file(folder: Path, name: str) -> bytes:
    path = _find(folder, name)
    if path is None:
        raise InputError(f"{folder} lacks {name} (plain, .gz or .xz); put it beside the other three files")
    try:
        data = path.read_bytes()
        unpack = next((opener for magic, opener in OPENERS.items() if data.startswith(magic)), bytes)
        return unpack(data)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}); download it again") from error


def _read_embedded(name: str) -> bytes:
    """Return the uncompressed bytes of an embedded file.

    They come from the cache if its checksum is right. Otherwise the file is decompressed and cached.
    """
    expected = CANONICAL_SHA256[name]
    folder = _find_cache()
    with contextlib.suppress(OSError):
        data = b"" if folder is None else (folder / name).read_bytes()
        if hashlib.sha256(data).hexdigest() == expected:
            return data
    try:
        data = lzma.decompress((files("seesum") / "data" / "mnist" / f"{name}.xz").read_bytes())
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise InputError(f"the embedded file {name}.xz cannot be read ({error}); install seesum again") from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise InputError(f"the embedded file {name}.xz is not the canonical one; install seesum again")
    with contextlib.suppress(OSError):  # without a cache, each run takes a second longer
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / name, data)
    return data


def _find_cache() -> Path | None:
    """Return the folder for uncompressed files, or None for a user without a home directory."""
    import platformdirs

    try:
        folder = Path(platformdirs.user_cache_dir("seesum", appauthor=False)) / "mnist"
    except RuntimeError:  # what platformdirs raises where it finds no home; older ones return a path from "~" on
        return None
    return folder if folder.is_absolute() else None
