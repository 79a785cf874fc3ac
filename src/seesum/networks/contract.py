"""The contract between the parts of a network: what an encoder gives, what an adder does, what a network answers.

An adder is called as ``adder(features [B, F], digit_logits [B, 10] or None, addend [B]) -> Output(digit_logp, sum_logp)``.
Adders compute in float32, whatever the precision of the encoder.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from seesum.data.operations import ADDENDS, Operation


class Output(NamedTuple):
    """What a network answers for a batch: log-probabilities of both outputs."""

    digit_logp: Tensor
    """[B, 10], float32."""
    sum_logp: Tensor
    """[B, S], float32; S answer classes of the operation, 19 for addition."""


class Encoded(NamedTuple):
    """What the encoder and the digit head make of a batch of images, before the adder."""

    features: Tensor
    """[B, F]."""
    digit_logits: Tensor | None
    """[B, 10], or None where the adder makes the digit from the features itself."""


class Adder(nn.Module):
    """The base class of all adders."""

    reads_logits: ClassVar[bool] = True
    """Whether it joins the digit logits, or else the features, with the addend."""
    knows_rule: ClassVar[bool] = False
    """Whether it was given the rule of the operation, instead of learning it from samples."""
    compares_operations: ClassVar[bool] = False
    """Whether ``seesum compare`` also trains it on every other operation."""

    def __init__(self, features: int, operation: Operation) -> None:
        """Store what the network needs to know about the answers.

        Args:
            features: F, the width of the features.
            operation: decides S, the number of answer classes.
        """
        super().__init__()
        self.features, self.num_classes = features, operation.num_classes

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:
        """Features [B, F], digit logits [B, 10] or None, addend [B] int64 -> both outputs."""
        raise NotImplementedError


def compute_digit_logp(digit_logits: Tensor | None) -> Tensor:
    """Digit logits [B, 10] -> log-probabilities in float32.

    Raises:
        ValueError: there are no logits.
    """
    if digit_logits is None:
        raise ValueError("this adder joins digit logits with the addend, but the network gave none")
    return functional.log_softmax(digit_logits.float(), 1)


def append_addend(values: Tensor, addend: Tensor) -> Tensor:
    """Values [B, V] and addend [B] int64 -> [B, V + 10], the addend as a one-hot vector."""
    return torch.cat([values, functional.one_hot(addend, ADDENDS).to(values.dtype)], 1)
