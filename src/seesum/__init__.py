"""seesum: see a digit, say the sum. Networks with two inputs (a picture, a number) and two outputs (digit, sum)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from seesum.adders import ADDERS as ADDERS
    from seesum.campaigns import compare as compare, reproduce as reproduce, study as study
    from seesum.checkpoint import Run as Run
    from seesum.decoding import PictureError as PictureError
    from seesum.judgements import calibrate as calibrate, evaluate as evaluate
    from seesum.mnist import load_mnist as load_mnist
    from seesum.predictions import predict as predict
    from seesum.reader import Answer as Answer, Reader as Reader
    from seesum.recipe import InputError as InputError, JobError as JobError, Recipe as Recipe
    from seesum.serving import serve as serve
    from seesum.studies import Study as Study
    from seesum.systems import SYSTEMS as SYSTEMS
    from seesum.verbs import (
        export as export,
        list_systems as list_systems,
        report as report,
        show as show,
        train as train,
    )

_HOMES = {
    "ADDERS": "adders",
    "Answer": "reader",
    "JobError": "recipe",
    "InputError": "recipe",
    "PictureError": "decoding",
    "Reader": "reader",
    "Recipe": "recipe",
    "Run": "checkpoint",
    "SYSTEMS": "systems",
    "Study": "studies",
    "calibrate": "judgements",
    "compare": "campaigns",
    "evaluate": "judgements",
    "export": "verbs",
    "list_systems": "verbs",
    "load_mnist": "mnist",
    "predict": "predictions",
    "report": "verbs",
    "reproduce": "campaigns",
    "serve": "serving",
    "show": "verbs",
    "study": "campaigns",
    "train": "verbs",
}
"""Public name -> its module, imported when the name is first used: importing seesum costs nothing."""

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'seesum' has no attribute {name!r}")
    return getattr(import_module(f"seesum.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
