"""Choose the weights that a fine-tuned network ends with: those of its start, or of the epoch that reads best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


class Kept:
    """The best weights so far. An epoch is better if its loss is smaller and it gets no fewer answers right.

    So the final weights are never worse than those of the start, by loss or by accuracy. The start counts as epoch 0.
    """

    def __init__(self, weights: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Keep weights.

        Args:
            weights: of a network, by name.
            numbers: as ``numbers`` returns them.
        """
        self.weights = _copy(weights)
        self.epoch: int = numbers["epoch"]
        self.loss, self.accuracy = float(numbers["loss"]), float(numbers["accuracy"])
        self.start_loss, self.start_accuracy = float(numbers["start_loss"]), float(numbers["start_accuracy"])

    @classmethod
    def of_start(cls, weights: Mapping[str, Tensor], metrics: Mapping[str, Any]) -> Kept:
        """Keep the weights of the start, with its metrics on the validation images."""
        loss, accuracy = metrics["loss"], metrics["both_accuracy"]
        numbers = {"epoch": 0, "loss": loss, "accuracy": accuracy, "start_loss": loss, "start_accuracy": accuracy}
        return cls(weights, numbers)

    @property
    def numbers(self) -> dict[str, float | int]:
        """The epoch of the kept weights, and loss and accuracy of both outputs for them and for the start."""
        return {name: value for name, value in vars(self).items() if name != "weights"}

    def offer(self, epoch: int, weights: Mapping[str, Tensor], loss: float, accuracy: float) -> None:
        """Keep the weights of an epoch if they are better."""
        if loss < self.loss and accuracy >= self.accuracy:
            self.weights, self.epoch, self.loss, self.accuracy = _copy(weights), epoch, loss, accuracy

    def to_metrics(self) -> dict[str, float | int]:
        """Return what ``metrics.json`` holds of the choice: the kept epoch, and how good the start was."""
        return {"kept_epoch": self.epoch, "start_both_accuracy": self.start_accuracy, "start_loss": self.start_loss}

    def describe(self, name: str, images: int) -> str:
        """Return the sentence that says what was kept, and how much better it is.

        Args:
            name: of the start.
            images: how many validation images there are.
        """
        measured = f"{self.accuracy:.2%} right on {images:,} validation images, loss {self.loss:.4f}"
        if not self.epoch:
            return f"no epoch is better than {name}, so its weights are kept: {measured}"
        return f"kept epoch {self.epoch}: {measured} ({name}: {self.start_accuracy:.2%}, loss {self.start_loss:.4f})"


def _copy(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in weights.items()}
