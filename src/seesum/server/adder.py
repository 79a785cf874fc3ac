"""Describe for GET /adder how the network adds. This needs no torch."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seesum.data.idx import load_mnist
from seesum.data.operations import ADDENDS, Operation
from seesum.measuring.metrics import Probabilities
from seesum.reading.reader import Reader

RESIDUE = 1e-3
"""The largest error of a fitted table. If the error is larger, the network has no table."""


def describe_adder(reader: Reader) -> dict[str, Any]:
    """Return the JSON of GET /adder: system, adder, operation, table, and an id of the network.

    The table is a list [10, 10, S], or None if the network has no table. The id is made from all the rest and from the
    network's probabilities for some images. So the same network has the same id after a restart.
    """
    operation, probabilities = reader.operation, _predict_samples(reader)
    table = _fit_table(probabilities, operation)
    about = {
        "system": reader.recipe.system,
        "adder": reader.recipe.adder,
        "given": reader.adder_knows_rule,
        "operation": reader.recipe.operation,
        "symbol": operation.symbol,
        "written": operation.template,
        "values": operation.values,
        "truth": operation.answers,
        "slide": _find_slide(operation),
        "table": None if table is None else np.round(table, 4).tolist(),
    }
    answers = b"".join(np.round(one, 3).tobytes() for one in (probabilities.digit_p, probabilities.sum_p))
    return {**about, "network": hashlib.sha256(json.dumps(about).encode() + answers).hexdigest()[:16]}


def _predict_samples(reader: Reader) -> Probabilities:
    """Predict 200 images with every addend: 100 test images, and 100 blends of two of them, which are uncertain."""
    test = load_mnist().test
    images = np.concatenate([test.images[test.digits == digit][:10] for digit in range(10)])
    blends = images // 2 + np.roll(images, 37, 0) // 2
    return reader.predict_every_addend(np.concatenate([images, blends]))


def _fit_table(probabilities: Probabilities, operation: Operation) -> NDArray[np.float64] | None:
    """Estimate the addition table T [10, 10, S] of a network, or return None if it does not add with a table.

    With a table, ``p(s) = sum over d of p(d) T[d, a, s]`` holds for every image. The table is fitted by least squares to the
    network's probabilities. So this needs no torch and works for any adder. If the fit has an error above ``RESIDUE``, the
    adder uses no table.
    """
    table = np.empty((10, ADDENDS, operation.num_classes))
    for addend in range(ADDENDS):
        digit_p, sum_p = probabilities.digit_p[:, addend].astype(np.float64), probabilities.sum_p[:, addend].astype(np.float64)
        table[:, addend] = np.linalg.lstsq(digit_p, sum_p)[0]
        if np.abs(digit_p @ table[:, addend] - sum_p).max() > RESIDUE:
            return None
    return table.clip(0, 1)


def _find_slide(operation: Operation) -> int:
    """Return 1 if the addend moves the digits that many answers up, and -1 if down; 0 if it does not only move them."""
    classes, pairs = operation.tabulate(), np.arange(10)[:, None] + np.arange(ADDENDS)
    if np.array_equal(classes, pairs):
        return 1
    return -1 if np.array_equal(classes, pairs[:, ::-1]) else 0
