"""Describe for GET /adder how the network adds, with its table where it has one. It needs no torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seesum.data.idx import load_mnist
from seesum.data.operations import ADDENDS, Operation
from seesum.reading.reader import Reader

RESIDUE = 1e-3
"""A network has a table if its answers differ from it by no more than this."""


def describe_adder(reader: Reader) -> dict[str, Any]:
    """Return what GET /adder answers: system, adder, operation, and the table [10, 10, S] of a network that has one."""
    operation, table = reader.operation, measure_table(reader)
    return {
        "system": reader.recipe.system,
        "adder": reader.recipe.adder,
        "given": reader.adder_knows_rule,
        "operation": reader.recipe.operation,
        "symbol": operation.symbol,
        "lowest": operation.lowest,
        "answers": operation.num_classes,
        "slide": _find_slide(operation),
        "table": None if table is None else np.round(table, 4).tolist(),
    }


def measure_table(reader: Reader) -> NDArray[np.float64] | None:
    """Measure the table T [10, 10, S] by which a network adds: ``p(s) = sum over d of p(d) T[d, a, s]`` on every image.

    It is fitted by least squares to the network's answers to 100 test images, and to 100 blends of two of them, which leave it
    in doubt. So it needs no torch and works for any adder. An adder that computes otherwise leaves a residue and has no table:
    None.
    """
    test = load_mnist().test
    images = np.concatenate([test.images[test.digits == digit][:10] for digit in range(10)])
    blends = images // 2 + np.roll(images, 37, 0) // 2
    probabilities = reader.predict_every_addend(np.concatenate([images, blends]))
    table = np.empty((10, ADDENDS, reader.operation.num_classes))
    for addend in range(ADDENDS):
        digit_p, sum_p = probabilities.digit_p[:, addend].astype(np.float64), probabilities.sum_p[:, addend].astype(np.float64)
        table[:, addend] = np.linalg.lstsq(digit_p, sum_p)[0]
        if np.abs(digit_p @ table[:, addend] - sum_p).max() > RESIDUE:
            return None
    return table.clip(0, 1)


def _find_slide(operation: Operation) -> int:
    """Return by how many places one more addend moves every answer; 0 where that depends on the digit."""
    moves = {int(move) for move in np.diff(operation.tabulate(), axis=1).flatten()}
    return moves.pop() if len(moves) == 1 else 0
