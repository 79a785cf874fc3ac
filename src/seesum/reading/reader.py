"""Reader: pictures in, answers out. The single way of inference, and the only place that turns outputs into answers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.recipe import Recipe
from seesum.data.idx import SIDE, Digits, Images
from seesum.data.operations import ADDENDS, OPERATIONS, SMALLEST, Operation
from seesum.measuring.calibration import Calibration
from seesum.measuring.evaluation import predict_every_addend
from seesum.measuring.metrics import Probabilities
from seesum.reading.drawings import Drawing, prepare_strokes
from seesum.reading.onnx_model import OnnxModel, find_run_or_model
from seesum.reading.pictures import Picture, PictureError, Pictures, list_pictures
from seesum.reading.preprocessing import Prepared, prepare_picture
from seesum.runs.run import Run

if TYPE_CHECKING:
    from seesum.networks.network import Network

BATCH = 1000
"""Images that go through a torch network together."""


@dataclass(frozen=True, eq=False)
class Answer:
    """A network's answer to one picture and one addend."""

    digit: int
    """The digit in the picture."""
    sum: int
    """Digit + addend: the network's second output."""
    digit_probabilities: NDArray[np.float32]
    """[10], of the digits 0..9."""
    sum_probabilities: NDArray[np.float32]
    """[19], of the sums 0..18 (or S answers of another operation, from its lowest up)."""
    confidence: float
    """Probability of the less certain output. Where the picture seems to hold several digits it is divided by their number,
    since any of them may be meant; where nothing looks like a digit, by two."""
    unsure: bool
    """Whether not to rely on it: the confidence is too low, or the picture does not seem to hold exactly one digit."""
    digits_found: int = 1
    """How many digits the picture seems to hold. The answer is for the largest or, with 0, for the ink that looks most like
    one."""

    def __eq__(self, other: object) -> bool:
        """Return whether all values are equal, including those of both distributions."""
        return self._to_key() == other._to_key() if isinstance(other, Answer) else NotImplemented

    def __hash__(self) -> int:
        """Return the same number for equal answers."""
        return hash(self._to_key())

    def _to_key(self) -> tuple[Any, ...]:
        values = (self.digit, self.sum, self.confidence, self.unsure, self.digits_found)
        return (*values, *map(tuple, (self.digit_probabilities.tolist(), self.sum_probabilities.tolist())))

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain values, for JSON."""
        return {
            "digit": self.digit,
            "sum": self.sum,
            "digit_probabilities": [float(p) for p in self.digit_probabilities],
            "sum_probabilities": [float(p) for p in self.sum_probabilities],
            "confidence": self.confidence,
            "unsure": self.unsure,
            "digits_found": self.digits_found,
        }


class Reader:
    """A loaded network that answers pictures: ``Reader.load()("three.png", add=7)``."""

    def __init__(
        self, network: Network | OnnxModel, recipe: Recipe, confidence_threshold: float = Calibration().confidence_threshold
    ) -> None:
        """Take a network on the CPU.

        Args:
            network: trained; of torch, or an ``OnnxModel``, which needs no torch.
            recipe: the recipe that trained it; decides how images are normalised and what the answers mean.
            confidence_threshold: an answer with less confidence is marked unsure.
        """
        self.network, self.recipe, self.confidence_threshold = network, recipe, confidence_threshold

    @property
    def operation(self) -> Operation:
        """The operation of the recipe."""
        return OPERATIONS[self.recipe.operation]

    @classmethod
    @with_own_torch_settings
    def load(cls, source: str | os.PathLike[str] | Run | OnnxModel | None = None) -> Reader:
        """Load a ``Run``, a shipped network's name, ``latest``, a run directory, an ONNX file, or None: the shipped ``hand``.

        ONNX Runtime answers ONNX files, and shipped networks that have one, without torch. Torch answers runs, and shipped
        networks where ONNX Runtime is not installed.

        Raises:
            InputError: there is no such run or file, or its weights are missing or damaged.
            JobError: an ONNX file, and ONNX Runtime is not installed.
        """
        found = find_run_or_model(source)
        network = found if isinstance(found, OnnxModel) else found.load_network()
        return cls(network, found.recipe, found.calibration.confidence_threshold)

    @property
    def adder_knows_rule(self) -> bool:
        """Whether the adder was given the rule of the operation, instead of learning it."""
        if isinstance(self.network, OnnxModel):
            return bool(self.network.metadata["adder_knows_rule"])
        return self.network.adder.knows_rule

    @overload
    def __call__(self, picture: Picture, add: int) -> Answer: ...
    @overload
    def __call__(self, picture: Pictures, add: int) -> list[Answer]: ...

    def __call__(self, picture: Picture | Pictures, add: int) -> Answer | list[Answer]:
        """Answer a picture and an addend; a list of pictures gives a list.

        Decoding a file is given up after 5 seconds of processor time. PNG and JPEG files are decoded in this process, and other
        large files in one that can be killed. It starts with the first of them and ends with this process. A PIL image is
        decoded without such a limit.

        Args:
            picture: a path, bytes, a PIL image or an array (grey or RGB, any size), or a list of them.
            add: the addend, 0..9.

        Raises:
            PictureError: a picture cannot be decoded, takes too long, or holds no ink.
            InputError: the addend is not a whole number from 0 to 9.
        """
        addend = check_addend(add)
        pictures, many = list_pictures(picture)
        if not pictures:
            return []
        prepared = [_prepare(one, f"picture {number} of the list" if many else "") for number, one in enumerate(pictures, 1)]
        answers = self.answer_prepared(prepared, np.full(len(pictures), addend))
        return answers if many else answers[0]

    def read_strokes(self, strokes: Drawing, add: int) -> Answer:
        """Answer a drawing, given as the strokes of its pen, and an addend.

        This takes a few milliseconds, since no digit has to be found in a picture.

        Args:
            strokes: each a list of points [x, y] or [x, y, width], or an array [N, 2] or [N, 3]; x to the right, y downwards.
            add: the addend, 0..9.

        Raises:
            PictureError: these are no strokes, or too many.
            InputError: the addend is not a whole number from 0 to 9.
        """
        addend = check_addend(add)
        return self.answer_prepared([prepare_strokes(strokes)], np.array([addend]))[0]

    @with_own_torch_settings
    def predict_every_addend(self, images: Images) -> Probabilities:
        """Predict the probabilities of images uint8 [N, 28, 28] with every addend: [N, 10, 10] and [N, 10, S]."""
        if isinstance(self.network, OnnxModel):
            return self.network.predict_every_addend(images)
        import torch

        return predict_every_addend(self.network, images, self.recipe, torch.device("cpu"))

    def answer_images(self, images: Images, addends: Digits) -> list[Answer]:
        """Answer images uint8 [N, 28, 28] that need no preparation, with addends [N]."""
        return self.answer_prepared([Prepared(image) for image in images], addends)

    @with_own_torch_settings
    def answer_prepared(self, prepared: Sequence[Prepared], addends: Digits) -> list[Answer]:
        """Answer N pictures that ``prepare_picture`` has prepared, with addends [N]."""
        settled = self.settle(prepared)
        digit_p, sum_p = self._compute(np.stack([one.image for one in settled]), addends)
        return [self._decide(*row) for row in zip(digit_p, sum_p, (one.digits_found for one in settled), strict=True)]

    @with_own_torch_settings
    def settle(self, prepared: Sequence[Prepared]) -> list[Prepared]:
        """Return prepared pictures with one way each: of several, the one whose digit is most certain."""
        settled = list(prepared)
        for row, one in enumerate(prepared):
            if one.others:
                ways = (one, *one.others)
                digit_p, _ = self._compute(np.stack([way.image for way in ways]), np.zeros(len(ways), np.int64))
                settled[row] = replace(ways[int(digit_p.max(1).argmax())], others=())
        return settled

    def _compute(self, images: Images, addends: Digits) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute the probabilities of both outputs, [N, 10] and [N, S], from images uint8 [N, 28, 28] and addends [N]."""
        if isinstance(self.network, OnnxModel):
            return self.network.predict(images, addends)
        import torch

        from seesum.data.batches import normalise

        outputs = []
        with torch.inference_mode():
            for start in range(0, len(images), BATCH):
                rows = slice(start, start + BATCH)
                image = normalise(images[rows], self.recipe, torch.device("cpu")).contiguous(memory_format=torch.channels_last)
                outputs.append(self.network(image, torch.from_numpy(addends[rows])))
        return tuple(torch.cat(logp).exp().numpy() for logp in zip(*outputs, strict=True))  # type: ignore[return-value]

    @with_own_torch_settings
    def compute_saliency(self, image: NDArray[np.uint8], digit: int) -> NDArray[np.float32]:
        """Compute how much each pixel's ink supports a digit, [28, 28], 0 to 1 (all 0 where no ink does).

        The image is uint8 [28, 28].

        By occlusion (Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks"): how much less likely the
        digit becomes when a patch of 5x5 pixels is wiped out, as a mean over the patches that cover a pixel. There is a patch
        around every second pixel of every second row, 196 in all, in one batch.
        """
        centres = [(row, column) for row in range(0, SIDE, 2) for column in range(0, SIDE, 2)]
        covered = np.repeat(image[None], len(centres) + 1, axis=0)
        for one, (row, column) in zip(covered[1:], centres, strict=True):
            one[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = 0
        logp = np.log(np.maximum(self.predict_every_addend(covered).digit_p[:, 0, digit], SMALLEST))
        lost, count = np.zeros((2, SIDE, SIDE), np.float32)
        for (row, column), fall in zip(centres, logp[0] - logp[1:], strict=True):
            patch = np.s_[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
            lost[patch] += max(0.0, float(fall))
            count[patch] += 1
        lost /= count
        return lost / lost.max() if lost.max() > 0 else lost

    def _decide(self, digit_p: NDArray[np.float32], sum_p: NDArray[np.float32], digits_found: int) -> Answer:
        """Turn both distributions, [10] and [S], into an answer."""
        confidence = float(min(digit_p.max(), sum_p.max())) / (digits_found or 2)
        return Answer(
            digit=int(digit_p.argmax()),
            sum=int(sum_p.argmax()) + self.operation.lowest,
            digit_probabilities=digit_p,
            sum_probabilities=sum_p,
            confidence=confidence,
            unsure=confidence < self.confidence_threshold or digits_found != 1,
            digits_found=digits_found,
        )


def check_addend(addend: object) -> int:
    """Return the addend as an int, from an int or its text.

    Raises:
        InputError: it is not a whole number from 0 to 9.
    """
    # int() itself refuses texts of thousands of digits
    number = int(addend) if isinstance(addend, str) and addend.strip().isdecimal() and len(addend) < 20 else addend
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or not 0 <= number < ADDENDS:
        raise InputError(f"the addend is {addend!r}; expected a whole number from 0 to 9")
    return int(number)


def _prepare(picture: Picture, position: str) -> Prepared:
    """Prepare a picture. If it fails, the message gives its position in the list, unless the picture has a path."""
    try:
        return prepare_picture(picture)
    except PictureError as error:
        if not position or isinstance(picture, str | os.PathLike):
            raise
        raise type(error)(f"{position}: {error}") from error
