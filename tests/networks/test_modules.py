"""networks/modules.py: modules of users as encoders and as whole networks; the sentence for one that breaks its contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import seesum
from own_modules import Encoder, Whole
from seesum.base.errors import InputError
from seesum.base.recipe import Recipe
from seesum.networks.network import count_parameters, describe_layers
from seesum.networks.plugins import resolve_system
from seesum.networks.systems import build_network

SMALL: dict[str, Any] = {"images": 400, "epochs": 1, "plot": False, "quiet": True}


def build_frozen() -> nn.Module:
    return Encoder(10).requires_grad_(False)


def build_encoder() -> nn.Module:
    return Encoder(10)


@pytest.mark.parametrize(
    ("given", "name", "features"),
    [
        (Encoder, "encoder", 16),
        (build_encoder, "build-encoder", 10),
        (Encoder(7), "encoder", 7),
        (Whole, "whole", 784),
        (Whole(), "whole", 784),
        (seesum.System(Recipe("mine", adder="exact"), Encoder), "mine", 16),
    ],
)
def test_every_kind_of_module_trains_and_reads(given: Any, name: str, features: int, small_data: Path, tmp_path: Path) -> None:
    run = seesum.train(given, data=small_data, out=tmp_path / "run", **SMALL)
    assert run.recipe.system == name
    network = run.load_network()
    assert network.adder.features == features
    assert (network.digit_head is None) == (features in (10, 784))
    answer = seesum.Reader.load(run)(np.zeros((28, 28), np.uint8) + np.eye(28, dtype=np.uint8) * 255, add=3)
    assert 0 <= answer.sum <= 18
    (stored,) = [one for one in run.info["plugins"] if one["kind"] == "system"]
    assert stored["name"] == name


def test_a_module_is_copied_with_its_weights() -> None:
    mine = Encoder()
    network = build_network(resolve_system(mine, "").recipe)
    assert torch.equal(network.state_dict()["encoder.layers.1.weight"], mine.state_dict()["layers.1.weight"])
    with torch.no_grad():
        next(network.parameters()).zero_()
    assert next(mine.parameters()).abs().sum() > 0


class Broken(nn.Module):
    """A module that gives what it is told to."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result

    def forward(self, image: Tensor) -> Any:
        return self.result(image)


def fail(image: Tensor) -> Tensor:
    return image @ image.new_zeros(3, 3)


def test_the_table_of_layers_has_every_parameter_of_any_module() -> None:
    """Attention never calls its last layer, a GRU gives a tuple, and one layer may be used twice."""

    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.TransformerEncoderLayer(28, 2, 16, batch_first=True)
            self.gru, self.twice = nn.GRU(28, 12, batch_first=True), nn.Linear(12, 12)
            self.scale = nn.Parameter(torch.ones(12))

        def forward(self, image: Tensor) -> Tensor:
            rows, _ = self.gru(self.attention(image.squeeze(1)))
            result: Tensor = self.scale * self.twice(self.twice(rows[:, -1]))
            return result

    network = build_network(resolve_system(Odd, "").recipe)
    layers = {layer.name: layer for layer in describe_layers(network)}
    assert sum(layer.parameters for layer in layers.values()) == count_parameters(network)
    assert layers["encoder.gru"].shape == (28, 12)
    assert layers["encoder.twice"].uses == 2
    assert layers["encoder.attention.self_attn"].parameters == 4 * 28 * 28 + 4 * 28


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (Broken(lambda image: image), r"Broken gave a tensor \[2, 1, 28, 28\].*\[B, F\], or digit logits.*nn\.Flatten"),
        (Broken(lambda image: (image, image)), r"Broken gave \(a tensor .*an encoder gives features"),
        (Broken(lambda image: image.flatten(1).long()), r"of torch\.int64 for 2 images"),
        (Broken(lambda _: None), "Broken gave None for 2 images"),
        (Broken(fail), r"Broken fails on inputs of shape \[2, 1, 28, 28\] \(RuntimeError: .*; mend it"),
        (Whole(18), r"Whole gave \(a tensor \[2, 10\], a tensor \[2, 18\]\).*\[B, 19\]"),
        (lambda width: Encoder(width), "cannot be built without width; give a function without arguments"),
        (lambda: 7, "built 7, which is no torch"),
        (lambda: object(), "built an? object, which is no torch"),
        (Broken(lambda image: image.flatten(1).double()), "Broken gave float64.* expected float32"),
        (lambda: Encoder("wide"), "cannot be built .*mend it"),  # type: ignore[arg-type]
        (7, "7 is no network; expected a torch.nn.Module"),
        ("nowhere.py:MINE", "nowhere.py cannot be read"),
        ("nowhere.nets:MINE", "there is no module 'nowhere.nets'"),
        (seesum.System(Recipe("fast"), Encoder), "fast is the name of a built-in system"),
        (seesum.System(Recipe("../up"), Encoder), r"'\.\./up' cannot name a system"),
        (seesum.System(Recipe("idle", adder="exact"), build_frozen), "idle with the adder exact has nothing to train"),
        (seesum.System(Recipe("ten", adder="exact"), Encoder, head=False), "gives the 10 digit logits, but this one gives 16"),
    ],
)
def test_what_breaks_the_contract_is_refused(given: Any, sentence: str, small_data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=sentence):
        seesum.train(given, data=small_data, out=tmp_path / "run", **SMALL)
    assert not (tmp_path / "run").exists()
