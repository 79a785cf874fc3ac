"""The contract between encoders, adders and networks: the inputs and outputs of each.

An adder is called as ``adder(features [B, F], digit_logits [B, 10] or None, addend [B]) -> Output(digit_logp, sum_logp)``.
Adders compute in float32, whatever the precision of the encoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from seesum.data.operations import ADDENDS, Operation


class Output(NamedTuple):
    """The outputs of a network for a batch: log-probabilities of the digit and the sum."""

    digit_logp: Tensor
    """[B, 10], float32."""
    sum_logp: Tensor
    """[B, S], float32. S is the number of answer classes of the operation, 19 for addition."""


class Encoded(NamedTuple):
    """The outputs of the encoder and the digit head for a batch of images. They are the inputs of the adder."""

    features: Tensor
    """[B, F]."""
    digit_logits: Tensor | None
    """[B, 10], or None if the adder computes the digit from the features."""


class Adder(nn.Module):
    """The base class of all adders."""

    reads_logits: ClassVar[bool] = True
    """Whether the adder reads the digit logits. If not, it reads the features, and the network has no digit head."""
    knows_rule: ClassVar[bool] = False
    """Whether the adder is given the rule of the operation. If not, it learns the rule from samples."""
    takes_any_encoder: ClassVar[bool] = True
    """Whether it works with every encoder."""
    compares_operations: ClassVar[bool] = False
    """Whether ``seesum compare`` also trains the adder on every other operation."""

    def __init__(self, features: int, operation: Operation) -> None:
        """Store the width of the features and the number of answer classes.

        Args:
            features: F, the width of the features.
            operation: decides S, the number of answer classes.
        """
        super().__init__()
        self.features, self.num_classes = features, operation.num_classes

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:
        """Compute both outputs from features [B, F], digit logits [B, 10] or None, and addends [B] int64."""
        raise NotImplementedError


@contextmanager
def in_evaluation(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode, without gradients, within a block."""
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(was_training)


def compute_digit_logp(digit_logits: Tensor | None) -> Tensor:
    """Compute the log-probabilities [B, 10], in float32, of digit logits [B, 10].

    Raises:
        ValueError: there are no logits.
    """
    if digit_logits is None:
        raise ValueError("this adder needs digit logits, but got None; give it the logits of the digit head")
    return functional.log_softmax(digit_logits.float(), 1)


def append_addend(values: Tensor, addend: Tensor) -> Tensor:
    """Append the addend [B] int64, as a one-hot vector, to values [B, V]. Return [B, V + 10]."""
    return torch.cat([values, functional.one_hot(addend, ADDENDS).to(values.dtype)], 1)
