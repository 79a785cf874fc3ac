"""Modules that users bring: what an encoder gives is found out by one pass, and a whole network is taken as an adder."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from seesum.base.errors import InputError, shorten_error
from seesum.base.registry import make_name
from seesum.data.idx import SIDE
from seesum.data.operations import ADDENDS, Operation
from seesum.networks.contract import Adder, Output, in_evaluation

TRIED = 2
"""Images in the pass that finds out what a module gives."""
ENCODER_CONTRACT = "an encoder gives features [B, F], or digit logits [B, 10], for images [B, 1, 28, 28]"
NETWORK_CONTRACT = (
    "a whole network gives (digit, sum), logits [B, 10] and [B, {classes}], for images [B, 1, 28, 28] and addends [B]"
)


class ModuleAdder(Adder):
    """The base class of adders that are a whole network of a user: ``module(image, addend) -> (digit, sum)``.

    Its encoder does nothing but lay the pixels of an image in a row. The outputs of the module are logits or
    log-probabilities. It computes in float32.
    """

    reads_logits: ClassVar[bool] = False
    takes_any_encoder: ClassVar[bool] = False

    def __init__(self, features: int, operation: Operation) -> None:
        """Build the module and try it.

        Raises:
            InputError: the encoder is not the one that this adder needs, or the module breaks its contract.
        """
        super().__init__(features, operation)
        if features != SIDE * SIDE:
            raise InputError(f"{type(self).__name__} is a whole network and no adder for other encoders; leave it out")
        self.module = self.build_module()
        with in_evaluation(self.module):
            inputs = torch.zeros(TRIED, 1, SIDE, SIDE), torch.arange(TRIED) % ADDENDS
            given = _call(self.module, "the network", *inputs)
        shapes = [(TRIED, 10), (TRIED, self.num_classes)]
        right = isinstance(given, tuple | list) and [tuple(one.shape) if _is_float(one) else None for one in given] == shapes
        if not right:
            contract = NETWORK_CONTRACT.format(classes=self.num_classes)
            raise InputError(f"{_name(self.module)} gave {_describe(given)} for {TRIED} images; {contract}")

    @staticmethod
    def build_module() -> nn.Module:
        """Build the user's module."""
        raise NotImplementedError

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:  # noqa: ARG002
        """Compute both outputs; see ``Adder.forward``."""
        digit, answer = self.module(features.view(-1, 1, SIDE, SIDE), addend)
        return Output(functional.log_softmax(digit.float(), 1), functional.log_softmax(answer.float(), 1))


def make_module_adder(name: str, build: Callable[[], nn.Module]) -> type[ModuleAdder]:
    """Return a class of adder for a whole network that ``build`` builds."""
    return type(name, (ModuleAdder,), {"build_module": staticmethod(build), "__doc__": ModuleAdder.__doc__})


def make_builder(thing: Any) -> Callable[[], nn.Module]:
    """Return what builds a module: a class or a function as it is; for a module, a function that copies it with its weights.

    Raises:
        InputError: it is something else, or cannot be called without arguments.
    """
    if isinstance(thing, nn.Module):
        return lambda: copy.deepcopy(thing)
    if not callable(thing):
        raise InputError(f"{thing!r} is no network; expected a torch.nn.Module, its class, or a function that builds one")
    missing = [
        parameter.name
        for parameter in inspect.signature(thing).parameters.values()
        if parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if missing:
        raise InputError(
            f"{make_name(thing)} cannot be built without {', '.join(missing)}; give a function without arguments that builds "
            f"it, or a module that is built already"
        )
    return build_checked(thing)


def build_checked(build: Callable[[], Any]) -> Callable[[], nn.Module]:
    """Return a function that builds a module as ``build`` does, and says so where that fails."""

    def build_module() -> nn.Module:
        try:
            module = build()
        except Exception as error:
            raise InputError(f"{make_name(build)} cannot be built ({shorten_error(error)}); mend it") from error
        if not isinstance(module, nn.Module):
            raise InputError(f"{make_name(build)} built {_describe(module)}, which is no torch.nn.Module; return one")
        return module

    return build_module


def takes_addend(module: nn.Module) -> bool:
    """Return whether a module is a whole network, called with image and addend, and not an encoder, called with an image."""
    parameters = [*inspect.signature(module.forward).parameters.values()]
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(one.kind in places and one.default is one.empty for one in parameters) >= 2


def measure_features(encoder: nn.Module) -> int:
    """Return F, the width of an encoder's features, after one pass in evaluation mode, which also fills lazy layers.

    Raises:
        InputError: the encoder breaks its contract.
    """
    with in_evaluation(encoder):
        features = _call(encoder, "the encoder", torch.zeros(TRIED, 1, SIDE, SIDE))
    if not _is_float(features) or features.ndim != 2 or len(features) != TRIED or not features.shape[1]:
        hint = "; end it with nn.Flatten()" if isinstance(features, Tensor) and features.ndim > 2 else ""
        raise InputError(f"{_name(encoder)} gave {_describe(features)} for {TRIED} images; {ENCODER_CONTRACT}{hint}")
    if features.dtype == torch.float64:
        raise InputError(f"{_name(encoder)} gave float64, in which its digit head cannot compute; expected float32")
    return int(features.shape[1])


def _call(module: nn.Module, what: str, *inputs: Tensor) -> Any:
    try:
        return module(*inputs)
    except InputError:
        raise
    except Exception as error:
        shapes = " and ".join(str([*one.shape]) for one in inputs)
        raise InputError(
            f"{what} {_name(module)} fails on inputs of shape {shapes} ({shorten_error(error)}); mend it"
        ) from error


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _describe(value: Any) -> str:
    """Describe what a module gave, in a few words."""
    if isinstance(value, Tensor):
        kind = "" if value.is_floating_point() else f" of {value.dtype}"
        return f"a tensor {[*value.shape]}{kind}"
    if isinstance(value, tuple | list):
        return f"({', '.join(_describe(one) for one in value)})"
    return f"{value!r:.40}" if value is None or isinstance(value, str | int | float) else f"a {type(value).__name__}"


def _name(module: nn.Module) -> str:
    return type(module).__name__
