"""The adder ``shift`` and the operation ``distance``."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from seesum import Adder, InputError, Operation, Output

DISTANCE = Operation(lambda d, a: abs(d - a), name="distance")


class Shift(Adder):
    """Move the digit by an amount that is learned for each addend: ``p(s) = sum over d of p(d) k[a, s - d]``.

    It fits operations that move every digit by the same amount, such as addition and subtraction. Cost: 10 (S + 9) weights.
    """

    def __init__(self, features: int, operation: Operation) -> None:
        """Start with all moves alike.

        Raises:
            InputError: the operation moves some digits further than others.
        """
        super().__init__(features, operation)
        moves = operation.tabulate() - np.arange(10)[:, None]  # classes less digits, [digit, addend]
        if (moves != moves[:1]).any():
            raise InputError("the adder shift cannot represent this operation, because it does not move all digits alike")
        self.moves = nn.Parameter(torch.zeros(10, self.num_classes + 9))  # from -9 to S - 1

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:
        """Compute both outputs from digit logits [B, 10] and addends [B]."""
        assert digit_logits is not None
        digit_logp = functional.log_softmax(digit_logits.float(), 1)
        moves = (30 * self.moves).softmax(1)  # the gain lets the weights move far in few steps
        # the kernel of each addend for each digit: row d holds k[a, s - d] for the answers s
        rows = torch.stack([moves[:, 9 - d : 9 - d + self.num_classes] for d in range(10)], 1)
        answer_p = torch.einsum("bd,bds->bs", digit_logp.exp(), rows[addend]).clamp_min(1e-30)
        return Output(digit_logp, (answer_p / answer_p.sum(1, keepdim=True)).log())
