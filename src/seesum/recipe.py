"""The words of the contracts: Recipe, Output, and the error for a user's mistake. Imports no torch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args, get_type_hints

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")

LATEST = "latest"
"""Instead of a run's name: the newest finished run under ``runs``."""


class InputError(ValueError):
    """A user's mistake. Its message is one sentence: what is wrong, what was expected, what to do."""


class JobError(RuntimeError):
    """A job that could not be done though its input was right. Its message is one sentence."""


class Output(NamedTuple):
    """What a network gives for a batch: log-probabilities of both outputs."""

    digit_logp: Tensor
    """[B, 10], float32."""
    sum_logp: Tensor
    """[B, S], float32; S answer classes of the operation, 19 for addition."""


class Encoded(NamedTuple):
    """What the part of a network before its adder makes of a batch of images."""

    features: Tensor
    """[B, F]."""
    digit_logits: Tensor | None
    """[B, 10], or None where the adder makes the digit from the features itself."""


@dataclass(frozen=True)
class Augmentation:
    """How training images are changed at random, each image anew in every epoch; all zero leaves them alone."""

    rotate: float = 0.0
    """Rotation, uniform within this many degrees either way."""
    shear: float = 0.0
    """Slant: columns move sideways by their height times a factor, uniform within this much either way."""
    shift: float = 0.0
    """Translation along each axis, uniform within this share of the side either way."""
    scale: float = 0.0
    """Size, uniform within 1 - scale and 1 + scale."""
    stretch: float = 0.0
    """Width times and height divided by a factor, uniform within 1 - stretch and 1 + stretch."""
    elastic: float = 0.0
    """Elastic distortion: standard deviation, in pixels, of a smooth random displacement of each point."""
    brightness: float = 0.0
    """Factor on the intensity, uniform within 1 - brightness and 1 + brightness."""
    contrast: float = 0.0
    """Factor on the distance from the image's mean, uniform within 1 - contrast and 1 + contrast."""
    far: float = 0.0
    """Share of the images turned, slanted, moved and resized up to three times as far as the others."""
    coarse: float = 0.0
    """Share of the images shown as small pictures of 9 to 18 pixels, blown up."""
    thickness: float = 0.0
    """Share of the images written with another pen: thicker or thinner strokes with harder or softer edges."""
    softness: float = 0.0
    """Share of the images blurred or sharpened, with their grey levels raised or lowered."""
    gaps: float = 0.0
    """Share of the images with pieces of their strokes erased."""
    remains: float = 0.0
    """Share of the images with specks and pieces of ruled lines that are no part of the digit."""


SHARES = ("scale", "stretch", "far", "coarse", "thickness", "softness", "gaps", "remains")
"""Fields of ``Augmentation`` that must be below 1."""
WHOLE_NUMBERS = {
    "epochs": (1, 1_000_000),
    "batch_size": (1, 1_000_000),
    "held_out": (0, 10),
    "seed": (0, 2**32 - 1),
    "split_seed": (0, 2**32 - 1),
    "drawn": (0, 1_000_000),
    "non_digits": (0, 1_000_000),
    "asked": (1, 100),
}
"""Fields that are whole numbers, and their range."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides which weights come out of a training run, and nothing else."""

    system: str
    """Which network: a name in ``SYSTEMS``."""
    adder: str = "table"
    """How the two inputs are combined: a name in ``ADDERS``."""
    operation: str = "add"
    """What is done with digit and addend: a name in ``OPERATIONS``."""
    addends: str = "fixed"
    """How training addends come about: ``fixed`` (drawn once), ``fresh`` (drawn every epoch), ``every`` (all ten)."""
    held_out: int = 0
    """How many of the 100 (digit, addend) pairs are never shown in training, at most one a digit, drawn by ``seed``."""
    split: str = "full"
    """``full`` trains on all training images; ``validate`` keeps a fifth of them (12,000 of MNIST's) for choosing."""
    split_seed: int = 0
    """Which fifth ``validate`` keeps: apart from ``seed``, so that runs with several seeds are judged on the same images."""
    images: str = "all"
    """How many training images: ``all``, at most a number (``500``) or a share (``10%``), drawn by ``seed``, digits evenly."""
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
    matrix_lr: float = 0.2
    """Muon's rate for the encoder's matrices: by how much a step moves each in every direction, at its peak."""
    weight_decay: float = 0.0
    """Weight decay of the optimiser."""
    schedule: str = "constant"
    """A name in ``SCHEDULES``: how the learning rate moves over the steps."""
    warmup: float = 0.2
    """Share of the steps in which the schedules one-cycle and triangle rise to their peak."""
    loss: str = "sum"
    """How the losses of digit and sum become one: a name in ``LOSSES``."""
    label_smoothing: float = 0.0
    """Share of the digit's target spread over all ten digits; sums are never smoothed, since some are impossible."""
    ema: float = 0.0
    """Decay per step of the averaged weights that the run ends with; 0 keeps the last weights."""
    augmentation: Augmentation = Augmentation()
    """How training images are changed at random."""
    drawn: int = 0
    """How many digits in forms that MNIST lacks are drawn anew for each epoch, and trained on beside the training images."""
    non_digits: int = 0
    """How many images without a digit, or with several, are drawn anew for each epoch: every digit is as likely there."""
    teachers: tuple[str, ...] = ()
    """Systems that are trained first, each by its own recipe but for task, images, adder and precision; what they say is
    learned instead of the (smoothed) labels."""
    asked: int = 2
    """How many teachers, drawn anew for every batch, say what is learned from it; all where there are fewer."""
    mean: float = 0.1307
    """Subtracted from intensities in 0..1 (the mean over MNIST's training images)."""
    std: float = 0.3081
    """Divided by afterwards (the standard deviation over MNIST's training images)."""
    precision: str = "auto"
    """Of the encoder in training: ``fp32``, ``bf16``, or ``auto``: bf16 where the hardware multiplies it natively."""
    seed: int = 0
    """The one source of all randomness."""

    def __post_init__(self) -> None:
        """Refuse values no run can have; names are checked where their registries live."""
        object.__setattr__(self, "images", str(self.images))  # Python users write 500, the command line "500"
        if isinstance(self.teachers, list):
            object.__setattr__(self, "teachers", tuple(self.teachers))
        for name, (lowest, highest) in WHOLE_NUMBERS.items():
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest
            _require(whole, f"{name} is {value}, but must be a whole number from {lowest} to {highest}")
        above_zero = {"lr": self.lr, "matrix_lr": self.matrix_lr, "std": self.std}
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
            not (self.teachers and self.held_out),
            "teachers are shown every pair, so none can be held out; use one of both",
        )
        shares = {name: getattr(self, name) for name in ("label_smoothing", "ema", "momentum", "warmup")}
        shares |= {f"betas[{place}]": beta for place, beta in enumerate(self.betas)}
        shares |= {f"augmentation.{name}": getattr(self.augmentation, name) for name in SHARES}
        for name, value in shares.items():
            _require(_is_number(value) and 0 <= value < 1, f"{name} is {value}, but must be at least 0 and below 1")

    def changes_from(self, other: Recipe) -> dict[str, Any]:
        """The fields, as ``parse_changes`` names them, in which this recipe differs from another."""
        mine, theirs = _flatten(self.to_dict()), _flatten(other.to_dict())
        return {name: value for name, value in mine.items() if value != theirs[name]}

    def replaced(self, changes: Mapping[str, Any]) -> Recipe:
        """Copy with the given fields changed; a value of None leaves a field as it is.

        Raises:
            InputError: a field that does not exist, or a value no run can have.
        """
        known = {field.name for field in dataclasses.fields(self)}
        for name in changes:
            _require(name in known, f"a recipe has no field {name!r}; its fields are {', '.join(sorted(known))}")
        try:
            return dataclasses.replace(self, **{name: value for name, value in changes.items() if value is not None})
        except TypeError as error:
            raise InputError(f"a field of the recipe has a value of the wrong kind ({error})") from error

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain values, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The inverse of ``to_dict``, from values read out of JSON.

        What a recipe of an older version lacks has its default, with which training is as it was before the field came.

        Raises:
            InputError: no system or augmentation, an unknown field, or a value no run can have.
        """
        try:
            tuples = {name: tuple(value) for name, value in values.items() if isinstance(value, list | tuple)}
            return cls(**{**values, **tuples, "augmentation": Augmentation(**values["augmentation"])})
        except (TypeError, KeyError) as error:
            raise InputError(f"this is not a recipe of this version of seesum ({error}); train the run anew") from error


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise InputError(sentence)


def parse_changes(texts: Iterable[str], recipe: Recipe) -> dict[str, Any]:
    """Changes of a recipe written as ``label_smoothing=0.2``, ``betas=0.9,0.99`` or ``augmentation.rotate=10``.

    Raises:
        InputError: an unknown field, or a text that its kind of value cannot be read from.
    """
    current = _flatten(recipe.to_dict())
    changes: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        _require(bool(equals), f"{text!r} is no change of a recipe; write it as FIELD=VALUE, such as label_smoothing=0.2")
        _require(name != "system", "the system is given by its name and not with --set")
        _require(name in current, f"a recipe has no field {name!r}; its fields are {', '.join(sorted(current))}")
        try:
            parsed = _parse_value(name, value)
        except ValueError as error:
            raise InputError(f"{name} is {value!r}; expected a value such as {current[name]}") from error
        outer, _, inner = name.partition(".")
        if inner:
            parsed = dataclasses.replace(changes.get(outer, getattr(recipe, outer)), **{inner: parsed})
        changes[outer] = parsed
    return changes


def _parse_value(name: str, text: str) -> Any:
    """Of the kind that the field has, whatever kind of number stands there now: 7 may become 7.5 where any number may stand."""
    outer, _, inner = name.partition(".")
    kind = get_type_hints(Augmentation if inner else Recipe)[inner or outer]
    if parts := get_args(kind):
        return tuple(parts[0](part) for part in text.split(",")) if text else ()
    return kind(text)


def format_change(name: str, value: Any) -> str:
    """The inverse of ``parse_changes`` for one field."""
    return f"{name}={','.join(map(str, value)) if isinstance(value, tuple) else value}"


def _flatten(values: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def import_extra(name: str, extra: str) -> ModuleType:
    """A package that only one of the extras of ``pyproject.toml`` installs.

    Raises:
        JobError: it is not installed; the sentence says how to install it.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise JobError(f'this needs {name}, which is not installed; install it with: pip install "seesum[{extra}]"') from error


def pick(registry: Mapping[str, T], name: str, what: str) -> T:
    """Entry of a registry by name.

    Raises:
        InputError: an unknown name; the sentence lists the known ones.
    """
    if name not in registry:
        raise InputError(f"there is no {what} {name!r}; known are {join_names(registry)}")
    return registry[name]


def join_names(names: Iterable[str]) -> str:
    """Names as a person lists them: ``a, b and c``."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
