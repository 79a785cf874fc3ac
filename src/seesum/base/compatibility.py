"""Read what earlier versions wrote: the only place that knows the names of format 1.

Format 1 is what seesum 0.1 wrote. Format 2 renamed fields of recipes, of ``run.json`` and of calibrations. Weights,
checkpoints, metrics and CSV files are the same in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seesum.base.errors import InputError

FORMAT = 2
"""The format that this version writes, in ``run.json`` and in the metadata of ONNX files."""
RECIPE_NAMES = {
    "held_out": "held_out_pairs",
    "matrix_lr": "muon_lr",
    "ema": "ema_decay",
    "drawn": "synthetic_digits",
    "non_digits": "synthetic_non_digits",
    "asked": "teachers_per_batch",
}
"""Fields of a recipe: old name -> new name."""
AUGMENTATION_NAMES = {
    "far": "extreme",
    "coarse": "low_resolution",
    "thickness": "stroke_width",
    "softness": "blur",
    "gaps": "stroke_gaps",
    "remains": "clutter",
}
"""Fields of ``augmentation`` in a recipe: old name -> new name."""
RUN_NAMES = {"measured": "evaluation", "teaches": "is_teacher"}
"""Fields of ``run.json``: old name -> new name."""
EVALUATION_NAMES = {"watch": "monitor"}
"""Fields of ``evaluation`` in ``run.json``: old name -> new name."""
CALIBRATION_NAMES = {"unsure_below": "confidence_threshold"}
"""Fields of ``calibration.json``: old name -> new name."""
KNOWN_RULE = ("exact",)
"""Adders that were given the rule of addition. Format 1 did not store this in ONNX files."""


def find_new_name(name: str) -> str | None:
    """Return the new name of a recipe field (``matrix_lr`` or ``augmentation.far``), or None where it has not changed."""
    outer, _, inner = name.partition(".")
    if inner:
        return f"{outer}.{AUGMENTATION_NAMES[inner]}" if outer == "augmentation" and inner in AUGMENTATION_NAMES else None
    return RECIPE_NAMES.get(name)


def check_format(values: Mapping[str, Any], source: object) -> int:
    """Return the format of ``run.json`` or of an ONNX file's metadata.

    Args:
        values: the content; without a format it is of format 1.
        source: what the message calls it.

    Raises:
        InputError: a newer version of seesum wrote it, or its format is not a number.
    """
    number = values.get("format", 1)
    if not isinstance(number, int) or number < 1:
        raise InputError(
            f"{source} has the format {number!r}, which is not a number from 1; it is damaged, so train the run anew"
        )
    if number > FORMAT:
        raise InputError(f"{source} was written by a newer seesum than this one; install that version")
    return number


def upgrade_run(values: Mapping[str, Any], source: object) -> dict[str, Any]:
    """Return the content of a ``run.json`` in today's format.

    Raises:
        InputError: a newer version of seesum wrote it.
    """
    if check_format(values, source) == FORMAT:
        return dict(values)
    new = _rename(values, RUN_NAMES)
    if isinstance(new.get("evaluation"), dict):
        new["evaluation"] = _rename(new["evaluation"], EVALUATION_NAMES)
    if isinstance(new.get("recipe"), dict):
        new["recipe"] = upgrade_recipe(new["recipe"])
    if isinstance(new.get("command"), str):
        new["command"] = _upgrade_command(new["command"])
    return {**new, "format": FORMAT}


def upgrade_recipe(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a recipe of format 1 under today's names."""
    new = _rename(values, RECIPE_NAMES)
    if isinstance(new.get("augmentation"), dict):
        new["augmentation"] = _rename(new["augmentation"], AUGMENTATION_NAMES)
    return new


def upgrade_calibration(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a ``calibration.json`` under today's names; it may be of either format."""
    return _rename(values, CALIBRATION_NAMES)


def upgrade_onnx(values: Mapping[str, Any], source: object) -> dict[str, Any]:
    """Return the metadata of an ONNX file in today's format.

    Raises:
        InputError: a newer version of seesum wrote it.
    """
    if check_format(values, source) == FORMAT:
        return dict(values)
    run = upgrade_run(values["run"], source)
    calibration = upgrade_calibration(values["calibration"])
    knows_rule = run["recipe"]["adder"] in KNOWN_RULE
    return {**values, "format": FORMAT, "run": run, "calibration": calibration, "adder_knows_rule": knows_rule}


def downgrade_study(recipe: Mapping[str, Any], evaluation: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a recipe and what is evaluated under the names of format 1, by which that version named a study's folder."""
    old = _rename(recipe, {new: old for old, new in RECIPE_NAMES.items()})
    old["augmentation"] = _rename(recipe["augmentation"], {new: old for old, new in AUGMENTATION_NAMES.items()})
    return old, _rename(evaluation, {new: old for old, new in EVALUATION_NAMES.items()})


def _rename(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the values, in their order, with the keys replaced that have another name."""
    return {names.get(name, name): value for name, value in values.items()}


def _upgrade_command(command: str) -> str:
    """Return the command that made a run with today's names after ``--set``, so that it still runs."""
    flat = {f"augmentation.{old}": f"augmentation.{new}" for old, new in AUGMENTATION_NAMES.items()}
    for old, new in (RECIPE_NAMES | flat).items():
        command = command.replace(f"--set {old}=", f"--set {new}=").replace(f"--set '{old}=", f"--set '{new}=")
    return command
