"""Images and digits that users hold in memory: arrays, tensors, dictionaries and torch datasets -> a Dataset. numpy only."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seesum.base.errors import InputError
from seesum.data.idx import NAMINGS, SIDE, Dataset, Digits, Images, LabelledImages, check_digits
from seesum.data.splits import draw_evenly

TEST_SHARE, TEST_SEED = 5, 0
"""Where there are no test images, one image in so many becomes one, each digit in its share, chosen by this seed."""
KEYS = (("images", "digits"), ("train", "test"), ("x_train", "y_train", "x_test", "y_test"))
"""What a dictionary holds, in one of three ways. The test part may be missing."""
LAYOUTS = "[N, 28, 28], [N, 1, 28, 28], [N, 28, 28, 1] or [N, 784]"


class Items(Protocol):
    """A torch ``Dataset`` that is read by index, such as torchvision's MNIST: each item is an image and its digit."""

    def __len__(self) -> int:
        """Return the number of items."""
        ...

    def __getitem__(self, index: int, /) -> Any:
        """Return an image (array, tensor or PIL image) and its digit."""
        ...


def make_dataset(train: LabelledImages, test: LabelledImages | None = None) -> Dataset:
    """Return a data set. Where there is no test part, a fifth of the images becomes one.

    Its SHA-256 are those of the IDX files that would hold the same images, so that a run finds them again in any form.

    Raises:
        InputError: there are too few images for a test part.
    """
    if test is None:
        if len(train.digits) < TEST_SHARE:
            raise InputError(f"there are {len(train.digits)} images and none for the test; give at least {TEST_SHARE}")
        chosen = draw_evenly(train.digits, len(train.digits) // TEST_SHARE, np.random.default_rng(TEST_SEED))
        test = LabelledImages(train.images[chosen], train.digits[chosen])
        train = LabelledImages(train.images[~chosen], train.digits[~chosen])
    naming = NAMINGS["MNIST"]
    sha256 = {
        naming.train_images: hash_as_idx(train.images),
        naming.train_digits: hash_as_idx(train.digits),
        naming.test_images: hash_as_idx(test.images),
        naming.test_digits: hash_as_idx(test.digits),
    }
    return Dataset(train, test, sha256)


def hash_as_idx(values: Images | Digits) -> str:
    """Return the SHA-256 of the IDX file of bytes that would hold these values."""
    digest = hashlib.sha256(struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape))
    digest.update(np.ascontiguousarray(values, np.uint8).data)
    return digest.hexdigest()


def read_pair(pair: Any) -> Dataset:
    """Read images and digits, or a training and a test part, each in any form that ``read_part`` reads.

    Raises:
        InputError: they are not images and digits.
    """
    first, second = pair
    if _is_part(first) and _is_part(second):
        return make_dataset(read_part(first, "the training"), read_part(second, "the test"))
    return make_dataset(read_part(pair, "the"))


def read_dictionary(values: Mapping[str, Any], name: str = "the dictionary") -> Dataset:
    """Read a dictionary with one of ``KEYS``.

    Raises:
        InputError: a key is missing, or its value holds something else.
    """
    if "images" in values:
        return make_dataset(read_part(values, "the", name))
    if "train" in values:
        test = read_part(values["test"], "the test") if "test" in values else None
        return make_dataset(read_part(values["train"], "the training"), test)
    if "x_train" not in values:
        expected = "; ".join(", ".join(keys) for keys in KEYS)
        raise InputError(f"{name} has the keys {', '.join(map(str, values)) or 'none'}; expected one of: {expected}")
    parts: dict[str, LabelledImages] = {}
    for part in ("train", "test"):
        keys = (f"x_{part}", f"y_{part}")
        if keys[0] not in values and keys[1] not in values and part == "test":
            return make_dataset(parts["train"])
        images, digits = (_look_up(values, key, name) for key in keys)
        parts[part] = label_images(images, digits, f"{keys[0]} of {name}", f"{keys[1]} of {name}")
    return make_dataset(parts["train"], parts["test"])


def read_part(part: Any, which: str, name: str = "the dictionary") -> LabelledImages:
    """Read images with their digits: a pair, a dictionary with ``images`` and ``digits``, ``LabelledImages`` or ``Items``.

    Args:
        part: what the user gave.
        which: what messages call the part: ``the test``.
        name: what messages call a dictionary.

    Raises:
        InputError: it is none of these.
    """
    if isinstance(part, LabelledImages):
        part = (part.images, part.digits)
    elif isinstance(part, Mapping):
        part = [_look_up(part, key, name) for key in KEYS[0]]
    elif is_items(part):
        part = _read_items(part, which)
    if not isinstance(part, tuple | list) or len(part) != 2:
        raise InputError(
            f"{which} part is of the type {type(part).__name__}; expected images and digits, or a dataset of such pairs"
        )
    images, digits = part
    return label_images(images, digits, f"{which} images", f"{which} digits")


def label_images(images: Any, digits: Any, images_name: str, digits_name: str) -> LabelledImages:
    """Turn images and digits in any layout into uint8 [N, 28, 28] and int64 [N].

    Raises:
        InputError: they have another shape or other values; the message calls them by their names.
    """
    pixels, labels = _take_images(images, images_name), _take_digits(digits, digits_name)
    if len(labels) != len(pixels):
        raise InputError(f"{digits_name} hold {len(labels):,} labels for {len(pixels):,} images; give one label per image")
    return LabelledImages(pixels, labels)


def is_items(data: Any) -> bool:
    """Return whether something is read item by item, and is no array, list or dictionary."""
    if isinstance(data, list | tuple | Mapping | str | bytes) or hasattr(data, "__array__"):
        return False
    return hasattr(data, "__getitem__") and hasattr(data, "__len__")


def _is_part(data: Any) -> bool:
    """Return whether one of a pair is images with digits, and not images or digits alone."""
    if isinstance(data, LabelledImages | Mapping) or is_items(data):
        return True
    return isinstance(data, tuple | list) and len(data) == 2 and all(_count_axes(one) for one in data)


def _count_axes(values: Any) -> int:
    if isinstance(values, list | tuple):
        return 1
    return len(getattr(values, "shape", ()))


def _look_up(values: Mapping[str, Any], key: str, name: str) -> Any:
    if key not in values:
        raise InputError(f"{name} has no {key}; its keys are {', '.join(map(str, values))}")
    return values[key]


def _read_items(items: Items, which: str) -> tuple[list[NDArray[Any]], list[Any]]:
    """Read all items of a torch dataset."""
    images, digits = [], []
    for index in range(len(items)):
        item = items[index]
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise InputError(f"item {index} of {which} dataset is no pair of an image and its digit; give such pairs")
        image = _to_array(item[0], f"the image {index} of {which} dataset")
        if image.size != SIDE * SIDE:
            raise InputError(f"the image {index} of {which} dataset has the shape {image.shape}; expected 28x28 grey levels")
        images.append(image.reshape(SIDE, SIDE))
        digits.append(_to_array(item[1], f"the digit {index} of {which} dataset"))
    return images, digits


def _to_array(values: Any, name: str) -> NDArray[Any]:
    """Turn an array, a tensor on any device, a PIL image or nested lists into an array of numbers."""
    if callable(getattr(values, "detach", None)) and callable(getattr(values, "cpu", None)):
        tensor = values.detach().cpu()
        values = (tensor.float() if tensor.is_floating_point() else tensor).numpy()  # numpy has no bfloat16
    elif isinstance(values, list | tuple) and values and callable(getattr(values[0], "detach", None)):
        values = [_to_array(one, name) for one in values]
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InputError(f"{name} have different shapes; give images of one shape, {LAYOUTS}") from error
    if array.dtype.kind not in "buif":
        raise InputError(f"{name} hold {array.dtype} and no numbers; give arrays or tensors of numbers")
    return array


def _take_images(values: Any, name: str) -> Images:
    """Turn images in one of ``LAYOUTS`` into uint8 [N, 28, 28]."""
    array = _to_array(values, name)
    inner = tuple(length for length in array.shape[1:] if length != 1)
    if inner not in ((SIDE, SIDE), (SIDE * SIDE,)):
        raise InputError(f"{name} have the shape {array.shape}; expected {LAYOUTS}, or pictures in folders 0 to 9")
    if not len(array):
        raise InputError(f"{name} hold no image; give at least one")
    return _take_levels(array.reshape(-1, SIDE, SIDE), name)


def _take_levels(array: NDArray[Any], name: str) -> Images:
    """Turn levels 0..255 or 0..1 into uint8."""
    least, most = float(array.min()), float(array.max())  # NaN where one is
    if not (least >= 0 and most <= 255):
        raise InputError(f"{name} have values from {least:g} to {most:g}; expected 0 to 255, or 0 to 1, before normalisation")
    if most <= 1:
        array = array * np.float32(255)
    return np.ascontiguousarray(array if array.dtype == np.uint8 else np.rint(array).astype(np.uint8))


def _take_digits(values: Any, name: str) -> Digits:
    """Turn labels into int64 [N]."""
    array = _to_array(values, name)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        hint = " (for rows of 0 and 1: digits.argmax(1))" if array.ndim == 2 and array.shape[1] == 10 else ""
        raise InputError(f"{name} have the shape {array.shape}; expected one number from 0 to 9 per image{hint}")
    if array.size and not (array == np.rint(array)).all():
        raise InputError(f"{name} hold numbers that are not whole; give the digit that each image shows, from 0 to 9")
    digits = array.astype(np.int64)
    if digits.size:
        check_digits(digits, name)
    return digits
