"""What GET /adder says of the network: how it adds, and its table where it has one. It needs no torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seesum.data.idx import load_mnist
from seesum.data.operations import ADDENDS, Operation
from seesum.reading.reader import Reader

RESIDUE = 1e-3
"""Largest difference of a probability with which answers still come from a table."""


def describe_adder(reader: Reader) -> dict[str, Any]:
    """What GET /adder says: the network's system, adder and operation, and its table [10, 10, S] where it has one."""
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
    """The table T [10, 10, S] by which a network adds: ``p(s) = sum over d of p(d) T[d, a, s]`` on every image.

    Found by least squares from the network's own answers to 100 test images and 100 blends of two of them, on which it is in
    doubt. So it needs no torch, and holds for any adder: one that computes otherwise leaves a residue, and has no table.
    """
    part = load_mnist().test
    images = np.concatenate([part.images[part.digits == digit][:10] for digit in range(10)])
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
    """By how many places one more addend moves every answer; 0 where that depends on the digit."""
    moves = {int(move) for move in np.diff(operation.tabulate(), axis=1).flatten()}
    return moves.pop() if len(moves) == 1 else 0
