"""A network and an adder to start from; docs/tutorials/own-network.md explains them."""

import torch
from torch import nn

import seesum


class MyEncoder(nn.Module):
    """Images [B, 1, 28, 28] -> features [B, 64]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU())

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute features."""
        features: torch.Tensor = self.layers(image)
        return features


class MyAdder(seesum.Adder):
    """The sum from digit logits and addend, with a small MLP."""

    def __init__(self, features: int, operation: seesum.Operation) -> None:
        super().__init__(features, operation)
        self.layers = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, self.num_classes))

    def forward(self, features: torch.Tensor, digit_logits: torch.Tensor | None, addend: torch.Tensor) -> seesum.Output:
        """Compute both outputs."""
        assert digit_logits is not None
        joined = torch.cat([digit_logits, nn.functional.one_hot(addend, 10).float()], 1)
        return seesum.Output(digit_logits.log_softmax(1), self.layers(joined).log_softmax(1))


MINE = seesum.System(seesum.Recipe(system="mine", adder="exact", epochs=3, lr=0.002), MyEncoder)
