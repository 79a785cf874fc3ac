"""The batches of learning from sums: pieces of written additions, with their images.

A long addition is cut into pieces of at most ``LONGEST`` columns, at other places in every epoch. So the batches of N = 1,000
are as small as those of N = 1. A piece from the middle leaves the carries open at both ends. Its likelihood is exact: the
probability of the digits of the sum that it shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from seesum.base.recipe import Augmentation, Recipe
from seesum.data.augmentation import augment
from seesum.data.batches import scale_pixels
from seesum.data.idx import LabelledImages
from seesum.networks.addition import NEVER
from seesum.networks.columns import count_top_digits
from seesum.training.pairing import WHOLE, Additions, SumTask

LONGEST = WHOLE
"""Columns of a piece."""


class Pieces(NamedTuple):
    """The pieces of one step, on the device: b of them, with L columns each."""

    image: Tensor
    """[b K L, 1, 28, 28] float32, normalised."""
    rows: Tensor
    """[b, K, L] which images they are."""
    sums: Tensor
    """[b, T + L] digits of the sums, -1 where they are not observed. In the middle, the T top digits are not."""
    carry_in: Tensor
    """[b, K] log-weights of the carry from the right."""


class PieceBatches:
    """Makes the batches of any number of epochs over additions."""

    def __init__(
        self,
        labelled: LabelledImages,
        additions: Additions,
        task: SumTask,
        recipe: Recipe,
        device: torch.device,
        generator: Generator,
    ) -> None:
        """Put images and sums on the device.

        Args:
            labelled: the images. Their labels are not read.
            additions: which of them form the additions, and the observed sums.
            task: N and K.
            recipe: decides batch size (in images), augmentation, mean and std.
            device: where the batches are used.
            generator: on the CPU; decides cuts, order and augmentation.
        """
        self.recipe, self.task, self.generator, self.device = recipe, task, generator, device
        self.images = torch.from_numpy(np.ascontiguousarray(labelled.images)).to(device)
        self.rows, self.sums = (torch.from_numpy(np.ascontiguousarray(one)).to(device) for one in additions)

    def count_steps(self) -> int:
        """Return the usual number of steps in an epoch. Where additions are cut, it may differ by a few."""
        length = min(self.task.digits, LONGEST)
        pieces = len(self.rows) * -(-self.task.digits // length)
        return -(-pieces // self._fit(length))

    def _fit(self, length: int) -> int:
        """Return how many pieces of so many columns make a batch."""
        return max(1, self.recipe.batch_size // (self.task.numbers * length))

    def plan(self) -> list[tuple[int, Tensor]]:
        """Return the batches of an epoch in random order: the length of their pieces, and [b, 2] addition and first column."""
        digits = self.task.digits
        offset = int(torch.randint(LONGEST, (), generator=self.generator)) if digits > LONGEST else 0
        cuts = sorted({0, digits, *range(offset, digits, LONGEST)} if digits > LONGEST else {0, digits})
        by_length: dict[int, list[int]] = {}
        for start, end in pairwise(cuts):
            by_length.setdefault(end - start, []).append(start)
        batches = []
        for length, starts in by_length.items():
            pieces = torch.cartesian_prod(torch.arange(len(self.rows)), torch.tensor(starts))
            pieces = pieces[torch.randperm(len(pieces), generator=self.generator)]
            batches += [(length, part) for part in torch.split(pieces, self._fit(length))]
        return [batches[int(place)] for place in torch.randperm(len(batches), generator=self.generator)]

    def gather(self, length: int, pieces: Tensor) -> Pieces:
        """Return a batch of pieces as ``plan`` gives them."""
        addition, start = pieces.to(self.device).unbind(1)
        columns = start.unsqueeze(1) + torch.arange(length, device=self.device)  # [b, L]
        rows = self.rows[addition].gather(2, columns.unsqueeze(1).expand(-1, self.task.numbers, -1))
        top = count_top_digits(self.task.numbers)
        sums = self.sums[addition]
        if length < self.task.digits:
            head = sums[:, :top].where(start.unsqueeze(1) == 0, -1)
            sums = torch.cat([head, sums.gather(1, columns + top)], 1)
        carry_in = torch.zeros(len(rows), self.task.numbers, device=self.device)
        carry_in[:, 1:] = torch.where(start + length == self.task.digits, NEVER, 0.0).unsqueeze(1)
        pixels = self.images[rows.flatten()].unsqueeze(1).float()
        if self.recipe.augmentation != Augmentation():
            pixels = augment(pixels, self.recipe.augmentation, self.generator)
        return Pieces(scale_pixels(pixels, self.recipe), rows, sums, carry_in)

    def shuffle(self) -> Iterator[tuple[float, Pieces]]:
        """Yield the batches of an epoch, each with the share of the epoch that is done before it."""
        planned = self.plan()
        for place, (length, pieces) in enumerate(planned):
            yield place / len(planned), self.gather(length, pieces)
