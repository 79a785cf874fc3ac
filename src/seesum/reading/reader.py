"""Reader: pictures in, answers out. The single way of inference, and the only place that turns outputs into answers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.markup import format_table
from seesum.base.recipe import Recipe
from seesum.base.style import format_share
from seesum.data.idx import SIDE, Digits, Images
from seesum.data.operations import ADDENDS, SMALLEST, Operation, find_operation
from seesum.measuring.calibration import Calibration
from seesum.measuring.evaluation import predict_every_addend
from seesum.measuring.metrics import Probabilities
from seesum.reading.answer import Answer
from seesum.reading.drawings import Drawing, prepare_strokes
from seesum.reading.onnx_model import OnnxModel, find_run_or_model
from seesum.reading.pictures import Picture, PictureError, Pictures, list_pictures
from seesum.reading.preprocessing import Prepared, prepare_picture
from seesum.runs.run import Run

if TYPE_CHECKING:
    from torch import Tensor

    from seesum.networks.network import Network

BATCH = 1000
"""Images that go through a torch network together."""
Addends = int | str | Sequence[int] | NDArray[Any]
"""One addend for all pictures, or one for each of them."""


class Reader:
    """A loaded network that answers pictures: ``Reader.load()("three.png", add=7)``.

    Several threads may use one reader. It can be sent to another process, and takes its network along.
    """

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

    def __repr__(self) -> str:
        """Return one short line, such as ``Reader(hand, ONNX Runtime, 288,170 parameters, unsure below 68.0 %)``."""
        name, runtime, parameters, threshold = self._describe().values()
        return f"Reader({name}, {runtime}, {parameters} parameters, unsure below {threshold})"

    def _repr_html_(self) -> str:
        """Return the same as a table, for a notebook."""
        facts = self._describe()
        return format_table(list(facts), [list(facts.values())])

    def _describe(self) -> dict[str, str]:
        if isinstance(self.network, OnnxModel):
            runtime, parameters = "ONNX Runtime", self.network.metadata["metrics"]["parameters"]
        else:
            from seesum.networks.network import count_parameters

            runtime, parameters = "torch", count_parameters(self.network)
        threshold = format_share(self.confidence_threshold)
        return {"network": self.recipe.system, "runtime": runtime, "parameters": f"{parameters:,}", "unsure below": threshold}

    @property
    def operation(self) -> Operation:
        """The operation of the recipe."""
        return find_operation(self.recipe.operation)

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
    def __call__(self, picture: NDArray[Any] | Tensor, add: Addends | Tensor) -> Any: ...
    @overload
    def __call__(self, picture: Picture, add: Addends | Tensor) -> Answer: ...
    @overload
    def __call__(self, picture: Pictures, add: Addends | Tensor) -> list[Answer]: ...

    def __call__(self, picture: Picture | Pictures | Tensor, add: Addends | Tensor) -> Answer | list[Answer]:
        """Answer a picture and an addend. Several pictures, as a list or as a batch in an array, give a list of answers.

        Pictures that already are as MNIST makes them go through the network together, and so do the others once they are
        prepared, one after the other.

        Decoding a file is given up after 5 seconds of processor time. PNG and JPEG files are decoded in this process, and other
        large files in one that can be killed. It starts with the first of them and ends with this process. A PIL image is
        decoded without such a limit.

        Args:
            picture: a path, bytes, a binary file, a PIL image, an array or a tensor (grey or colours, any size), or a list of
                them. An array or tensor may also hold several pictures: see ``pictures.list_pictures``.
            add: the addend, 0..9. For several pictures, also one addend for each, as a list, an array or a tensor.

        Raises:
            PictureError: a picture cannot be decoded, takes too long, or holds no ink.
            InputError: an addend is not a whole number from 0 to 9, or there are more or fewer addends than pictures.
        """
        pictures, many = list_pictures(picture)
        addends = check_addends(add, len(pictures), many)
        if not pictures:
            return []
        prepared = [_prepare(one, f"picture {number} of the list" if many else "") for number, one in enumerate(pictures, 1)]
        answers = self.answer_prepared(prepared, addends)
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
        return [self._decide(*row) for row in zip(settled, addends.tolist(), digit_p, sum_p, strict=True)]

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

    def _decide(self, prepared: Prepared, addend: int, digit_p: NDArray[np.float32], sum_p: NDArray[np.float32]) -> Answer:
        """Turn both distributions, [10] and [S], into an answer."""
        digits_found, operation = prepared.digits_found, self.operation
        confidence = float(min(digit_p.max(), sum_p.max())) / (digits_found or 2)
        return Answer(
            digit=int(digit_p.argmax()),
            sum=operation.values[int(sum_p.argmax())],
            digit_probabilities=digit_p,
            sum_probabilities=sum_p,
            confidence=confidence,
            unsure=confidence < self.confidence_threshold or digits_found != 1,
            digits_found=digits_found,
            addend=addend,
            operation=operation,
            image=prepared.image,
        )


def check_addends(add: object, count: int, many: bool) -> Digits:
    """Return the addends of ``count`` pictures, int64 [count], from one addend for all or one for each.

    Raises:
        InputError: one is not a whole number from 0 to 9, or there are more or fewer than pictures.
    """
    values = add.tolist() if getattr(add, "shape", ()) else add  # type: ignore[attr-defined]
    if not isinstance(values, list | tuple):
        return np.full(count, check_addend(values))
    addends = [check_addend(one) for one in values]
    if len(addends) != count:
        pictures, hint = f"{count} pictures", ""
        if not many:
            pictures, hint = "one picture", " (an array [3, H, W] is one colour picture; three grey ones are [3, 1, H, W])"
        raise InputError(f"for {pictures}, give one addend, or a list of {count} instead of {len(addends)}{hint}")
    return np.array(addends, np.int64)


def check_addend(addend: object) -> int:
    """Return the addend as an int, from an int, its text, or an array or tensor without axes.

    Raises:
        InputError: it is not a whole number from 0 to 9.
    """
    if getattr(addend, "shape", None) == ():
        addend = addend.item()  # type: ignore[attr-defined]
    # int() itself refuses texts of thousands of digits
    number = int(addend) if isinstance(addend, str) and addend.strip().isdecimal() and len(addend) < 20 else addend
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < ADDENDS:
        raise InputError(f"the addend is {addend!r}; expected a whole number from 0 to 9")
    return number


def _prepare(picture: Picture, position: str) -> Prepared:
    """Prepare a picture. If it fails, the message gives its position in the list, unless the picture has a path."""
    try:
        return prepare_picture(picture)
    except PictureError as error:
        if not position or isinstance(picture, str | os.PathLike):
            raise
        raise type(error)(f"{position}: {error}") from error
