"""seesum: see a digit, say the sum. Networks with two inputs (a picture, a number) and two outputs (digit, sum)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from seesum.base.errors import InputError as InputError, JobError as JobError
    from seesum.base.recipe import Augmentation as Augmentation, Recipe as Recipe
    from seesum.data.idx import Dataset as Dataset, LabelledImages as LabelledImages, load_mnist as load_mnist
    from seesum.data.operations import OPERATIONS as OPERATIONS, Operation as Operation
    from seesum.networks.adders import ADDERS as ADDERS
    from seesum.networks.contract import Adder as Adder, Output as Output
    from seesum.networks.plugins import register as register
    from seesum.networks.system import System as System
    from seesum.networks.systems import SYSTEMS as SYSTEMS
    from seesum.reading.answer import Answer as Answer
    from seesum.reading.datasets import load_data as load_data
    from seesum.reading.own_loop import datasets as datasets, load_network as load_network
    from seesum.reading.pictures import PictureError as PictureError
    from seesum.reading.reader import Reader as Reader
    from seesum.runs.run import Run as Run
    from seesum.studies.seeds import Study as Study
    from seesum.verbs.calibrate import calibrate as calibrate
    from seesum.verbs.check import check as check
    from seesum.verbs.compare import compare as compare
    from seesum.verbs.evaluate import evaluate as evaluate
    from seesum.verbs.export import export as export
    from seesum.verbs.predict import predict as predict
    from seesum.verbs.report import report as report
    from seesum.verbs.reproduce import reproduce as reproduce
    from seesum.verbs.serve import serve as serve
    from seesum.verbs.show import show as show
    from seesum.verbs.study import study as study
    from seesum.verbs.sums import sums as sums
    from seesum.verbs.systems import systems as systems
    from seesum.verbs.train import train as train

_MODULES = {
    "ADDERS": "networks.adders",
    "Adder": "networks.contract",
    "Answer": "reading.answer",
    "Augmentation": "base.recipe",
    "Dataset": "data.idx",
    "InputError": "base.errors",
    "JobError": "base.errors",
    "LabelledImages": "data.idx",
    "OPERATIONS": "data.operations",
    "Operation": "data.operations",
    "Output": "networks.contract",
    "PictureError": "reading.pictures",
    "Reader": "reading.reader",
    "Recipe": "base.recipe",
    "Run": "runs.run",
    "SYSTEMS": "networks.systems",
    "Study": "studies.seeds",
    "System": "networks.system",
    "calibrate": "verbs.calibrate",
    "check": "verbs.check",
    "compare": "verbs.compare",
    "datasets": "reading.own_loop",
    "evaluate": "verbs.evaluate",
    "export": "verbs.export",
    "load_data": "reading.datasets",
    "load_mnist": "data.idx",
    "load_network": "reading.own_loop",
    "predict": "verbs.predict",
    "register": "networks.plugins",
    "report": "verbs.report",
    "reproduce": "verbs.reproduce",
    "serve": "verbs.serve",
    "show": "verbs.show",
    "study": "verbs.study",
    "sums": "verbs.sums",
    "systems": "verbs.systems",
    "train": "verbs.train",
}
"""Public name -> its module, imported when the name is first used, so that importing seesum costs nothing."""

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'seesum' has no attribute {name!r}")
    import_module("seesum.base.environment").limit_spinning()
    return getattr(import_module(f"seesum.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
