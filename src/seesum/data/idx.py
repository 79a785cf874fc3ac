"""Read MNIST as arrays, from the embedded files or from a folder of IDX files. No other module parses IDX."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seesum.base.errors import InputError
from seesum.data.embedded import read_embedded_file
from seesum.data.orientation import average_digits, refuse_inverted, refuse_turned

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
    """File name -> SHA-256 of the uncompressed file, for each file that the images came from. Images in another form have the
    names and the SHA-256 of the IDX files that MNIST would keep them in."""
    turns: tuple[str, ...] = ()
    """Those of ``OPTIONS`` that the caller gave."""

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
    folder: str
    """The folder in which torchvision keeps the collection."""


def _name_emnist(split: str) -> Naming:
    train, test = f"emnist-{split}-train", f"emnist-{split}-test"
    images, digits = "images-idx3-ubyte", "labels-idx1-ubyte"
    return Naming(f"{train}-{images}", f"{train}-{digits}", f"{test}-{images}", f"{test}-{digits}", True, "EMNIST")


NAMINGS = {
    "MNIST": Naming(
        "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", False, "MNIST"
    ),
    "EMNIST digits": _name_emnist("digits"),
    "EMNIST mnist": _name_emnist("mnist"),
    "QMNIST": Naming(
        "qmnist-train-images-idx3-ubyte",
        "qmnist-train-labels-idx2-int",
        "qmnist-test-images-idx3-ubyte",
        "qmnist-test-labels-idx2-int",
        False,
        "QMNIST",
    ),
}

TURNS = ("invert", "transpose")
"""The arguments that turn images. A run keeps those that it was made with."""
OPTIONS = (*TURNS, "as_is")
"""All arguments that decide how images are read. A run keeps those that it was made with."""
SUFFIXES = ("", ".gz", ".xz")
OPENERS: dict[bytes, Callable[[bytes], bytes]] = {b"\x1f\x8b": gzip.decompress, b"\xfd7zXZ\x00": lzma.decompress}
"""The first bytes of a packed file -> what unpacks it. The name of a file says nothing: browsers unpack and rename."""
UPRIGHT = 5_000
"""The first training images of MNIST that tell how upright digits lie."""
IDX_TYPES: dict[int, np.dtype[Any]] = {0x08: np.dtype(">u1"), 0x0C: np.dtype(">i4")}


def load_mnist(directory: str | os.PathLike[str] | None = None, *, invert: bool = False, transpose: bool = False) -> Dataset:
    """Load the embedded MNIST, or a folder of IDX files under the names of MNIST, EMNIST or QMNIST.

    Args:
        directory: folder with the four files, each plain, ``.gz`` or ``.xz``; or torchvision's folder above it; or the file of
            the training images. None for the embedded MNIST, which is decompressed once and then read from the user's cache.
        invert: turn black ink on white into bright ink on black.
        transpose: exchange rows and columns. Files under EMNIST's names are turned without it.

    Returns:
        ``.train`` and ``.test``, each with ``.images`` uint8 [N, 28, 28] and ``.digits`` int64 [N].

    Raises:
        InputError: a file is missing, damaged or of the wrong content; the message names the file. Or most images are black
            ink on white, or do not lie upright.
    """
    if directory is None:
        return read_embedded(invert, transpose)
    dataset = turn_images(read_folder(directory), invert, transpose)
    check_images(dataset, str(directory))
    return dataset


def read_embedded(invert: bool = False, transpose: bool = False) -> Dataset:
    """Read the embedded MNIST.

    Raises:
        InputError: it should be turned.
    """
    for wanted, flag in ((invert, "--invert"), (transpose, "--transpose")):
        if wanted:
            raise InputError(f"the embedded MNIST is upright, bright ink on black; leave {flag} out, or give --data")
    return _assemble(NAMINGS["MNIST"], read_embedded_file)


def read_folder(place: str | os.PathLike[str]) -> Dataset:
    """Read a folder of IDX files, not turned but for EMNIST's, and without a look at how the images lie.

    Raises:
        InputError: as for ``load_mnist``.
    """
    path = Path(place)
    if not path.exists():
        raise InputError(f"there is no folder {path}; give one that holds the four IDX files, or leave --data out")
    found = find_collection(path)
    if found is None:
        expected = ", ".join(f"{n.train_images} ({collection})" for collection, n in NAMINGS.items())
        raise InputError(f"{path} holds no training images; expected one of {expected}, plain or with .gz or .xz")
    folder, naming = found
    return _assemble(naming, lambda name: _read_file(folder, name))


def find_collection(path: Path) -> tuple[Path, Naming] | None:
    """Return the folder and the names of the IDX files that a user means; None if there are none.

    The path is that of a folder, or of the file of the training images. The files may be in the folder itself, or where
    torchvision or the archive of EMNIST puts them.
    """
    if path.is_file():
        named = (n for n in NAMINGS.values() if path.name in _spell(n.train_images))
        return next(((path.parent, n) for n in named), None)
    places = ((path / place, n) for n in NAMINGS.values() for place in ("", "raw", f"{n.folder}/raw", "gzip"))
    return next(((folder, n) for folder, n in places if _find(folder, n.train_images)), None)


def turn_images(dataset: Dataset, invert: bool, transpose: bool) -> Dataset:
    """Return a data set turned as the user says."""

    def turn(labelled: LabelledImages) -> LabelledImages:
        images = np.ascontiguousarray(labelled.images.transpose(0, 2, 1)) if transpose else labelled.images
        return LabelledImages(np.uint8(255) - images if invert else images, labelled.digits)

    turns = tuple(name for name, wanted in zip(TURNS, (invert, transpose), strict=True) if wanted)
    return replace(dataset, train=turn(dataset.train), test=turn(dataset.test), turns=turns) if turns else dataset


def check_images(dataset: Dataset, source: str) -> None:
    """Make sure that images are bright ink on black, and lie as those of MNIST do, as far as they tell.

    Raises:
        InputError: they do not.
    """
    parts = {f"the {name} images of {source}": part for name, part in (("training", dataset.train), ("test", dataset.test))}
    for name, labelled in parts.items():
        refuse_inverted(labelled.images, name, dataset.turns)
    naming = NAMINGS["MNIST"]
    images, digits = (parse_idx(read_embedded_file(name), name) for name in (naming.train_images, naming.train_digits))
    upright = average_digits(images[:UPRIGHT], digits[:UPRIGHT])
    for name, labelled in parts.items():
        refuse_turned(labelled.images, labelled.digits, upright, name, dataset.turns)


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


def _assemble(naming: Naming, read: Callable[[str], bytes]) -> Dataset:
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
        check_digits(digits, digits_name)
        if naming.transposed:
            images = np.ascontiguousarray(images.transpose(0, 2, 1))
        return LabelledImages(images.astype(np.uint8, copy=False), digits.astype(np.int64))

    train = read_labelled(naming.train_images, naming.train_digits)
    return Dataset(train, read_labelled(naming.test_images, naming.test_digits), sha256)


def check_digits(digits: NDArray[Any], name: str) -> None:
    """Make sure that labels [N] are digits.

    Raises:
        InputError: one is not from 0 to 9.
    """
    if digits.min() < 0 or digits.max() > 9:
        hint = " (a 10 may stand for the digit 0)" if digits.min() > 0 and digits.max() == 10 else ""
        found = f"labels from {digits.min()} to {digits.max()}{hint}"
        raise InputError(f"{name} holds {found}; give the digit that each image shows, from 0 to 9")


def _spell(name: str) -> list[str]:
    """Return the names that a file may have: some mirrors write train-images.idx3-ubyte, and many pack it."""
    return [spelt + suffix for spelt in (name, name.replace("-idx", ".idx")) for suffix in SUFFIXES]


def _find(folder: Path, name: str) -> Path | None:
    """Return the file with a name, or None. Kaggle unpacks it into a folder of its own name."""
    paths = (path for spelt in _spell(name) for path in (folder / spelt, folder / spelt / spelt))
    return next((path for path in paths if path.is_file()), None)


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
