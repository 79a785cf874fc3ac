"""networks/blocks.py: each layer against the plain way of computing it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from seesum.networks.blocks import Crop, Deskew, Loop, Readout, ShiftNorm, View, Views, separate_convolution
from seesum.networks.network import count_parameters


def make_random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_crop_takes_the_middle() -> None:
    image = make_random(2, 1, 28, 28)
    assert torch.equal(Crop(2)(image), image[:, :, 2:26, 2:26])


def test_views_are_the_mean_over_shifted_images_in_evaluation_mode() -> None:
    encoder = nn.Flatten()
    views = Views(encoder, (View(), View(down=1), View(right=-2)), side=6)
    image = make_random(3, 1, 6, 6)
    image[:, :, [0, 1, -1, -2]] = image[:, :, :, [0, 1, -1, -2]] = 0  # a rim of one value, as images of digits have
    shifted = [image, torch.roll(image, 1, 2), torch.roll(image, -2, 3)]
    assert torch.allclose(views.eval()(image), torch.stack(shifted).mean(0).flatten(1), atol=1e-6)
    assert torch.equal(views.train()(image), encoder(image))
    assert count_parameters(views) == 0


@pytest.mark.parametrize(
    ("view", "turned"),
    [(View(rotate=90), lambda image: torch.rot90(image, -1, (2, 3))), (View(scale=2), None)],
)
def test_views_turn_clockwise_and_enlarge(view: View, turned: Any) -> None:
    image = torch.zeros(1, 1, 28, 28)
    image[:, :, 10:18, 12:14] = 1
    seen = Views(nn.Identity(), (view,)).eval()(image)
    if turned is not None:
        assert torch.allclose(seen, turned(image), atol=1e-5)
    else:
        assert float(seen.sum()) == pytest.approx(4 * 16, rel=0.02)


def test_deskew_removes_the_slant_and_centres() -> None:
    image = torch.zeros(2, 1, 28, 28)
    for row in range(4, 20):
        image[0, 0, row, 20 - row // 2 : 23 - row // 2] = 1
    image[1, 0, 3:19, 5:8] = 1
    slanted, straight = Deskew()(image - 0.4242) + 0.4242
    for seen in (slanted[0], straight[0]):
        columns, rows = seen.sum(0), seen.sum(1)
        assert (columns > 0.5).sum() <= 5, "upright ink fills few columns"
        places = torch.arange(28.0)
        assert float((columns * places).sum() / columns.sum()) == pytest.approx(13.5, abs=0.1)
        assert float((rows * places).sum() / rows.sum()) == pytest.approx(13.5, abs=0.1)
        assert float(seen.sum()) == pytest.approx(48, rel=0.05)
    blank = torch.full((1, 1, 28, 28), -0.4242)
    assert torch.allclose(Deskew()(blank), blank)


def test_shift_norm_normalises_and_shifts() -> None:
    norm = ShiftNorm(4)
    nn.init.constant_(norm.shift, 3)
    image = make_random(8, 4, 5, 5) * 7 + 2
    out = norm(image)
    assert torch.allclose(out.mean((0, 2, 3)), torch.full((4,), 3.0), atol=1e-5)
    assert torch.allclose(out.std((0, 2, 3)), torch.ones(4), atol=1e-2)
    assert count_parameters(norm) == 4


def test_a_loop_uses_its_convolutions_again_with_norms_of_their_own() -> None:
    loop = Loop(4, [nn.Conv2d(4, 4, 3, padding=1, bias=False) for _ in range(2)], (0, 1, Loop.POOL, 0)).eval()
    assert count_parameters(loop) == 2 * 4 * 4 * 9 + 3 * 4
    image = make_random(2, 4, 8, 8)
    by_hand = image
    for place, convolution in enumerate((0, 1, 0)):
        if place == 2:
            by_hand = nn.functional.max_pool2d(by_hand, 2)
        by_hand = by_hand + torch.relu(loop.norms[place](loop.convolutions[convolution](by_hand)))
    assert torch.equal(loop(image), by_hand)


def test_a_readout_is_a_linear_layer_of_rank_one_weights() -> None:
    readout = Readout(3, 5, 7)
    image = make_random(4, 3, 5, 5)
    weights = torch.einsum("fc,fh,fw->fchw", readout.mix.weight[:, :, 0, 0], readout.rows, readout.columns)
    assert torch.allclose(readout(image), image.flatten(1) @ weights.flatten(1).T, atol=1e-4)
    assert count_parameters(readout) == 7 * (3 + 5 + 5)


def test_separate_convolution_has_9_c_plus_c_c_weights() -> None:
    assert count_parameters(separate_convolution(8, 12)) == 9 * 8 + 8 * 12
