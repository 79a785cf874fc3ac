"""data/augmentation.py: every field changes something and stays within grey levels; a field at zero changes nothing."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch

from seesum.base.recipe import Augmentation
from seesum.data.augmentation import augment, change_stroke_width, draw_line_pieces
from seesum.data.idx import Dataset

MILD = {"rotate": 10.0, "brightness": 0.2, "contrast": 0.2, "elastic": 0.5, "shift": 0.1}
"""Values of fields that are not a share of the images. Shares are almost 1, and all other fields are 0.1."""
EACH = ("low_resolution", "stroke_width", "blur", "stroke_gaps", "clutter")


@pytest.fixture(scope="module")
def pixels(mnist: Dataset) -> torch.Tensor:
    return torch.from_numpy(mnist.train.images[:64]).unsqueeze(1).float()


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_no_augmentation_changes_nothing_and_uses_no_random_numbers(pixels: torch.Tensor) -> None:
    used = generator()
    assert torch.equal(augment(pixels, Augmentation(), used), pixels)
    assert torch.equal(used.get_state(), generator().get_state())


@pytest.mark.parametrize("field", [field.name for field in fields(Augmentation) if field.name != "extreme"])
def test_each_field_changes_something_within_grey_levels(pixels: torch.Tensor, field: str) -> None:
    before = pixels.clone()
    value = 0.999999 if field in EACH else MILD.get(field, 0.1)
    changed = augment(pixels, Augmentation(**{field: value}), generator())
    assert torch.equal(pixels, before), "the input stays as it is"
    assert changed.shape == pixels.shape
    assert torch.isfinite(changed).all()
    assert changed.min() >= 0
    assert changed.max() <= 255.001
    different = (changed - pixels).abs().amax((1, 2, 3)) > 1
    assert different.float().mean() > 0.5


@pytest.mark.parametrize("field", EACH)
def test_a_share_is_of_the_images(mnist: Dataset, field: str) -> None:
    pixels = torch.from_numpy(mnist.train.images[:400]).unsqueeze(1).float()
    changed = augment(pixels, Augmentation(**{field: 0.25}), generator())
    share = (changed != pixels).flatten(1).any(1).float().mean()
    assert 0.1 < share < 0.32


def test_extreme_images_move_three_times_as_much() -> None:
    dot = torch.zeros(4000, 1, 28, 28)
    dot[:, :, 14, 14] = 255
    moved = augment(dot, Augmentation(shift=0.05, extreme=0.5), generator())
    offsets = ((moved[:, 0].sum(1) * torch.arange(28.0)).sum(1) / moved.sum((1, 2, 3)) - 14).abs()
    assert offsets.max() <= 4.21
    assert offsets.max() > 3.8
    near = (offsets <= 1.41).float().mean()  # all of one half, and a third of the other
    assert near == pytest.approx(2 / 3, abs=0.03)


@pytest.mark.parametrize("level", [0, 255])
def test_blank_and_full_images_stay_finite(level: int) -> None:
    everything = Augmentation(**dict.fromkeys((*EACH, "extreme"), 0.999999), rotate=10, elastic=0.5)
    changed = augment(torch.full((8, 1, 28, 28), float(level)), everything, generator())
    assert torch.isfinite(changed).all()
    assert changed.min() >= 0
    assert changed.max() <= 255.001


def test_strokes_become_thicker_or_thinner_and_stay_readable() -> None:
    bar = torch.zeros(500, 1, 28, 28)
    bar[:, :, 4:24, 12:15] = 255
    ink = change_stroke_width(bar, generator()).sum((1, 2, 3)) / bar.sum((1, 2, 3))
    assert ink.min() > 0.5
    assert ink.min() < 0.8
    assert ink.max() > 1.25
    hair = torch.zeros(500, 1, 28, 28)
    hair[:, :, 4:24, 13] = 120
    assert (change_stroke_width(hair, generator()).sum((1, 2, 3)) > hair.sum((1, 2, 3)) / 2).all(), "thin strokes are not lost"


def test_line_pieces_have_their_length_and_width() -> None:
    shape = (300, 1)
    pieces = draw_line_pieces(torch.full(shape, 4.0), torch.full(shape, 1.0), torch.zeros(shape), 0.0, generator())
    areas = pieces.sum((1, 2, 3))
    there = areas > 0
    assert 0.3 < there.float().mean() < 0.7
    assert torch.allclose(areas[there], torch.tensor(2 * 8 + np.pi).float(), rtol=0.05)
    assert (pieces[there].amax((1, 2, 3)) == 1).all()


def test_a_tiny_rotation_changes_nothing(mnist: Dataset) -> None:
    pixels = torch.from_numpy(mnist.train.images[:4]).unsqueeze(1).float()
    turned = augment(pixels, Augmentation(rotate=1e-9), torch.Generator())
    assert torch.allclose(turned, pixels, atol=0.05)


def test_shift_stays_within_its_share() -> None:
    dot = torch.zeros(500, 1, 28, 28)
    dot[:, :, 14, 14] = 255
    moved = augment(dot, Augmentation(shift=0.1), torch.Generator().manual_seed(0))
    rows, columns = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    for axis in (rows, columns):
        offsets = (moved[:, 0] * axis).sum((1, 2)) / moved.sum((1, 2, 3)) - 14
        assert offsets.abs().max() <= 2.81
        assert offsets.abs().max() > 2.0


def test_rotation_keeps_lengths_and_the_middle() -> None:
    line = torch.zeros(200, 1, 28, 28)
    line[:, :, 4:24, 13:15] = 255
    turned = augment(line, Augmentation(rotate=20), torch.Generator().manual_seed(0))
    assert torch.allclose(turned.sum((1, 2, 3)), line.sum((1, 2, 3)), rtol=0.05)
    rows, columns = torch.meshgrid(torch.arange(28.0) - 13.5, torch.arange(28.0) - 13.5, indexing="ij")
    mass = turned[:, 0] / turned.sum((1, 2, 3)).view(-1, 1, 1)
    along, across, both = ((mass * product).sum((1, 2)) for product in (rows**2, columns**2, rows * columns))
    angles = torch.rad2deg(0.5 * torch.atan2(2 * both, along - across))
    assert angles.abs().max() <= 20.5
    assert angles.abs().max() > 17
    assert angles.mean().abs() < 3


def test_light_stays_in_range(mnist: Dataset) -> None:
    pixels = torch.from_numpy(mnist.train.images[:64]).unsqueeze(1).float()
    lit = augment(pixels, Augmentation(brightness=0.2, contrast=0.2), torch.Generator().manual_seed(0))
    assert lit.min() >= 0
    assert lit.max() <= 255
    assert not torch.equal(lit, pixels)
