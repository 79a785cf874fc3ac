"""Samples -> shuffled, augmented, normalised batches on a device. The only place where training pixels change.

The whole data set lives on the device as uint8 and a batch is made by indexing it: a per-sample dataset with a loader
takes most of a minute for an epoch that takes a second or two here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional

from seesum.mnist import Images, Part
from seesum.recipe import Augmentation, Recipe, pick
from seesum.task import STRATEGIES, make_training_samples

SIDE = 28
KNOTS = 7
"""Of elastic distortion, along each side: one every 4.5 pixels."""


class Batch(NamedTuple):
    """One step's samples, on the device."""

    image: Tensor
    """[B, 1, 28, 28] float32, normalised."""
    addend: Tensor
    """[B] int64, 0..9."""
    digit: Tensor
    """[B] int64, 0..9."""
    answer: Tensor
    """[B] int64, answer classes 0..S-1."""


class Batches:
    """An endless supply of epochs over the training images of a recipe."""

    def __init__(self, part: Part, recipe: Recipe, device: torch.device, generator: Generator) -> None:
        """Keep the images on the device.

        Args:
            part: the training images, N of them.
            recipe: says batch size, addend strategy, operation, augmentation, mean, std and seed.
            device: where batches are wanted.
            generator: on the CPU; draws order and augmentation, so that its state is all a checkpoint needs.
        """
        self.part, self.recipe, self.device, self.generator = part, recipe, device, generator
        self.strategy = pick(STRATEGIES, recipe.addends, "addend strategy")
        self._draw(epoch=0)

    def _draw(self, epoch: int) -> None:
        samples = make_training_samples(self.part, self.recipe, epoch)
        arrays = (samples.images, samples.addends, samples.digits, samples.answers)
        self._tensors = tuple(torch.from_numpy(np.ascontiguousarray(array)).to(self.device) for array in arrays)

    def count_steps(self) -> int:
        """Steps of one epoch; the last one may be smaller, but a lone last sample is left out of the epoch."""
        full, left = divmod(len(self._tensors[0]), self.recipe.batch_size)
        return full + (left > 1 or full == 0)

    def shuffle(self, epoch: int) -> Iterator[Batch]:
        """All samples once in random order; ``epoch`` counts from 0 and decides the addends that are drawn anew."""
        if self.strategy.anew:
            self._draw(epoch)
        images, *others = self._tensors
        order = torch.randperm(len(images), generator=self.generator).to(self.device)
        # a batch of one cannot be normalised over, so a lone last sample waits for another epoch
        for rows in torch.split(order, self.recipe.batch_size)[: self.count_steps()]:
            pixels = images[rows].unsqueeze(1).float()
            if self.recipe.augmentation != Augmentation():
                pixels = augment(pixels, self.recipe.augmentation, self.generator)
            yield Batch(scale_pixels(pixels, self.recipe), *(values[rows] for values in others))


def scale_pixels(pixels: Tensor, recipe: Recipe) -> Tensor:
    """Intensities 0..255 of any shape, float -> normalised with the recipe's mean and std."""
    return (pixels - 255 * recipe.mean) / (255 * recipe.std)


def normalise(images: Images, recipe: Recipe, device: torch.device) -> Tensor:
    """Images uint8 [N, 28, 28] -> what a network takes: float32 [N, 1, 28, 28] on the device."""
    pixels = torch.from_numpy(np.ascontiguousarray(images)).to(device).unsqueeze(1).float()
    return scale_pixels(pixels, recipe)


def augment(pixels: Tensor, how: Augmentation, generator: Generator) -> Tensor:
    """Change each image of [B, 1, 28, 28] (0..255, float) at random: first its geometry, then its light.

    Sampling is bilinear and zero outside the image; one grid serves the whole batch.
    """
    count = len(pixels)

    def uniform(width: float) -> Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * width

    if how.rotate or how.shear or how.shift or how.scale or how.stretch or how.elastic:
        angle, slant = torch.deg2rad(uniform(how.rotate)), uniform(how.shear)
        size, ratio = 1 + uniform(how.scale), 1 + uniform(how.stretch)
        cosine, sine = torch.cos(angle), torch.sin(angle)
        # a grid says from where a pixel comes: the inverse of what is done; it counts from -1 to 1 across the image,
        # so a share of the side is twice that share
        wide, high = size * ratio, size / ratio
        columns = [cosine / wide, (slant * cosine - sine) / wide, 2 * uniform(how.shift)]
        columns += [sine / high, (slant * sine + cosine) / high, 2 * uniform(how.shift)]
        grid = functional.affine_grid(torch.stack(columns, 1).view(count, 2, 3), list(pixels.shape), align_corners=False)
        if how.elastic:
            grid += draw_displacement(count, how.elastic, generator)
        pixels = functional.grid_sample(pixels, grid.to(pixels.device), align_corners=False)
    if how.brightness or how.contrast:
        light = (1 + uniform(how.brightness)).view(-1, 1, 1, 1).to(pixels.device)
        spread = (1 + uniform(how.contrast)).view(-1, 1, 1, 1).to(pixels.device)
        pixels = (pixels * light).clamp(0, 255)
        mean = pixels.mean((1, 2, 3), keepdim=True)
        pixels = ((pixels - mean) * spread + mean).clamp(0, 255)
    return pixels


def draw_displacement(count: int, deviation: float, generator: Generator) -> Tensor:
    """Smooth random displacements [count, 28, 28, 2], in units of half a side, of the given standard deviation in pixels.

    Normal numbers on a grid of ``KNOTS`` x ``KNOTS``, joined by cubic B-splines: what a Gaussian filter of about four
    pixels over noise gives (Simard et al. 2003, "Best practices for convolutional neural networks"), as two small products.
    """
    knots = torch.randn(count, 2, KNOTS, KNOTS, generator=generator)
    place = torch.linspace(0, KNOTS - 1, SIDE).unsqueeze(1) - torch.arange(KNOTS)
    distance = place.abs()
    near = 2 / 3 - distance**2 + distance**3 / 2
    weights = torch.where(distance < 1, near, (2 - distance).clamp_min(0) ** 3 / 6)
    weights = weights / weights.square().sum(1, keepdim=True).sqrt()  # so that the deviation is the same everywhere
    return (weights @ knots @ weights.T).permute(0, 2, 3, 1) * (deviation * 2 / SIDE)
