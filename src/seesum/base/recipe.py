"""Recipe: everything that decides which weights come out of a training run. Imports no torch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from seesum.base.compatibility import find_new_name
from seesum.base.errors import InputError, suggest_name
from seesum.base.schema import check_fields


@dataclass(frozen=True)
class Augmentation:
    """Random changes of the training images, new for each image in every epoch. All zero: images stay as they are."""

    rotate: float = 0.0
    """Rotation, uniform between minus and plus this many degrees."""
    shear: float = 0.0
    """Slant: columns move sideways by their height times a factor, uniform between minus and plus this."""
    shift: float = 0.0
    """Translation along each axis, uniform between minus and plus this share of the side."""
    scale: float = 0.0
    """Size, uniform within 1 - scale and 1 + scale."""
    stretch: float = 0.0
    """Width times a factor and height divided by it, uniform within 1 - stretch and 1 + stretch."""
    elastic: float = 0.0
    """Elastic distortion: standard deviation, in pixels, of a smooth random displacement of each point."""
    brightness: float = 0.0
    """Factor on the intensity, uniform within 1 - brightness and 1 + brightness."""
    contrast: float = 0.0
    """Factor on the distance from the image's mean, uniform within 1 - contrast and 1 + contrast."""
    extreme: float = 0.0
    """Share of the images that are rotated, slanted, shifted and scaled up to three times as much as the others."""
    low_resolution: float = 0.0
    """Share of the images that are reduced to 9 to 18 pixels and enlarged again."""
    stroke_width: float = 0.0
    """Share of the images whose strokes become thicker or thinner, with harder or softer edges."""
    blur: float = 0.0
    """Share of the images that are blurred or sharpened, with their grey levels raised or lowered."""
    stroke_gaps: float = 0.0
    """Share of the images with pieces of their strokes erased."""
    clutter: float = 0.0
    """Share of the images with specks and pieces of ruled lines that do not belong to the digit."""


SHARES = ("scale", "stretch", "extreme", "low_resolution", "stroke_width", "blur", "stroke_gaps", "clutter")
"""Fields of ``Augmentation`` that must be below 1."""
WHOLE_NUMBERS = {
    "epochs": (1, 1_000_000),
    "batch_size": (1, 1_000_000),
    "held_out_pairs": (0, 10),
    "seed": (0, 2**32 - 1),
    "split_seed": (0, 2**32 - 1),
    "synthetic_digits": (0, 1_000_000),
    "synthetic_non_digits": (0, 1_000_000),
    "teachers_per_batch": (1, 100),
}
"""Fields that are whole numbers, and their range."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides which weights come out of a training run, and nothing else."""

    system: str
    """The network: a name in ``SYSTEMS``."""
    adder: str = "table"
    """How the two inputs are combined: a name in ``ADDERS``."""
    operation: str = "add"
    """What is computed from digit and addend: a name in ``OPERATIONS``, or a formula of d and a, such as ``abs(d - a)``."""
    addends: str = "fixed"
    """How training images get their addends: ``fixed`` (chosen once), ``fresh`` (in every epoch), ``every`` (all ten)."""
    held_out_pairs: int = 0
    """How many of the 100 (digit, addend) pairs are never shown in training, at most one per digit; ``seed`` chooses them."""
    split: str = "full"
    """``full`` trains on all training images; ``validate`` keeps a fifth of them (12,000 of MNIST's) for choosing."""
    split_seed: int = 0
    """Which fifth ``validate`` keeps. Apart from ``seed``, so that runs with several seeds use the same validation images."""
    images: str = "all"
    """How many training images: ``all``, at most a number (``500``) or a share (``10%``), chosen by ``seed``, digits evenly."""
    epochs: int = 1
    """How often each training image is seen."""
    batch_size: int = 256
    """Images per step."""
    optimiser: str = "adam"
    """A name in ``OPTIMISERS``."""
    lr: float = 0.001
    """Learning rate; its peak where the schedule has one."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's decay rates of the gradient's mean and square."""
    momentum: float = 0.9
    """Momentum of SGD and Muon."""
    muon_lr: float = 0.2
    """Peak learning rate of Muon, which moves the encoder's matrices: the length of a step in every direction."""
    weight_decay: float = 0.0
    """Weight decay of the optimiser."""
    schedule: str = "constant"
    """How the learning rate changes over the steps: a name in ``SCHEDULES``."""
    warmup: float = 0.2
    """Share of the steps in which the schedules one-cycle and triangle rise to their peak."""
    loss: str = "sum"
    """How the losses of digit and sum are combined: a name in ``LOSSES``."""
    label_smoothing: float = 0.0
    """Share of the digit's target spread over all ten digits. Sums are never smoothed, since some are impossible."""
    ema_decay: float = 0.0
    """Decay per step of the averaged weights (EMA) that the run ends with; 0 keeps the last weights."""
    augmentation: Augmentation = Augmentation()
    """Random changes of the training images."""
    synthetic_digits: int = 0
    """How many digits, in shapes that MNIST lacks, are rendered for each epoch and added to the training images."""
    synthetic_non_digits: int = 0
    """How many images without a digit, or with several, are rendered for each epoch. Their target is uniform."""
    teachers: tuple[str, ...] = ()
    """Systems that are trained first, each by its own recipe but for task, images, adder and precision. The student learns
    from their probabilities instead of the labels."""
    teachers_per_batch: int = 2
    """How many teachers are picked at random for each batch; all where there are fewer."""
    mean: float = 0.1307
    """Subtracted from intensities in 0..1 (the mean over MNIST's training images)."""
    std: float = 0.3081
    """Intensities are then divided by this (the standard deviation over MNIST's training images)."""
    precision: str = "auto"
    """Of the encoder in training: ``fp32``, ``bf16``, or ``auto``: bf16 where the hardware multiplies it natively."""
    seed: int = 0
    """The one source of all randomness."""

    def __post_init__(self) -> None:
        """Refuse values that no run can have. Names are checked where their registries are."""
        object.__setattr__(self, "images", str(self.images))  # Python users write 500, the command line "500"
        if isinstance(self.operation, str):
            object.__setattr__(self, "operation", " ".join(self.operation.split()))  # a formula may have any spaces
        if isinstance(self.teachers, list):
            object.__setattr__(self, "teachers", tuple(self.teachers))
        for name, (lowest, highest) in WHOLE_NUMBERS.items():
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest
            _require(whole, f"{name} is {value}, but must be a whole number from {lowest} to {highest}")
        above_zero = {"lr": self.lr, "muon_lr": self.muon_lr, "std": self.std}
        for name, value in above_zero.items():
            _require(_is_number(value) and value > 0, f"{name} is {value}, but must be a number above 0, such as 0.01")
        or_zero = {"weight_decay": self.weight_decay}
        or_zero |= {f"augmentation.{name}": value for name, value in dataclasses.asdict(self.augmentation).items()}
        for name, value in or_zero.items():
            _require(_is_number(value) and value >= 0, f"{name} is {value}, but must be a number of at least 0")
        _require(_is_number(self.mean), f"mean is {self.mean}, but must be a number")
        _require(len(self.betas) == 2, f"betas is {self.betas}, but must be two numbers, such as 0.9,0.999")
        named = isinstance(self.teachers, tuple) and all(isinstance(name, str) for name in self.teachers)
        _require(named, f"teachers is {self.teachers!r}, but must be a list of systems, such as fast,fast")
        _require(
            not (self.teachers and self.held_out_pairs),
            "teachers are shown every pair, so none can be held out; use one of both",
        )
        shares = {name: getattr(self, name) for name in ("label_smoothing", "ema_decay", "momentum", "warmup")}
        shares |= {f"betas[{place}]": beta for place, beta in enumerate(self.betas)}
        shares |= {f"augmentation.{name}": getattr(self.augmentation, name) for name in SHARES}
        for name, value in shares.items():
            _require(_is_number(value) and 0 <= value < 1, f"{name} is {value}, but must be at least 0 and below 1")

    def changes_from(self, other: Recipe) -> dict[str, Any]:
        """Return the fields that differ from another recipe, under the names that ``--set`` takes."""
        mine, theirs = flatten_fields(self.to_dict()), flatten_fields(other.to_dict())
        return {name: value for name, value in mine.items() if value != theirs[name]}

    def replaced(self, changes: Mapping[str, Any]) -> Recipe:
        """Return a copy with the given fields changed; a value of None leaves a field as it is.

        Raises:
            InputError: a field that does not exist, or a value that no run can have.
        """
        known = {field.name for field in dataclasses.fields(self)}
        for name in changes:
            refuse_unknown_field(name, known)
        try:
            return dataclasses.replace(self, **{name: value for name, value in changes.items() if value is not None})
        except TypeError as error:
            raise InputError(f"a field of the recipe has a value of the wrong kind ({error})") from error

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Make a recipe from values read out of JSON: the inverse of ``to_dict``.

        A field that an older version did not have gets its default, with which training is as it was before.

        Raises:
            InputError: no system or augmentation, an unknown field, or a value that no run can have.
        """
        try:
            check_fields(values, get_type_hints(cls) | {"augmentation": dict[str, float]})
            tuples = {name: tuple(value) for name, value in values.items() if isinstance(value, list | tuple)}
            return cls(**{**values, **tuples, "augmentation": Augmentation(**values["augmentation"])})
        except (ValueError, TypeError, KeyError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"this is not a recipe of this version of seesum ({error}); train the run anew") from error


def flatten_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a recipe with inner fields written out: ``augmentation.rotate``."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def refuse_unknown_field(name: str, known: Iterable[str]) -> None:
    """Make sure that a recipe has a field.

    Raises:
        InputError: it has not; the sentence gives the new name of a field that was renamed, or all names.
    """
    if name in known:
        return
    new = find_new_name(name)
    if new is not None:
        raise InputError(f"the field {name} of a recipe is now called {new}; write {new} instead")
    raise InputError(f"a recipe has no field {name!r}{suggest_name(name, known)}; its fields are {', '.join(sorted(known))}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise InputError(sentence)
