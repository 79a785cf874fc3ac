"""Choose the device and the precision that a run computes with."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

from seesum.base.errors import InputError
from seesum.base.registry import look_up


def resolve_device(name: str) -> torch.device:
    """Return the device that a name means here: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``mps``.

    Raises:
        InputError: an unknown name, or a device that this machine or this build of torch does not have.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(device for device, usable in available.items() if usable))
    if not look_up(available, name, "device"):
        raise InputError(f"torch {torch.__version__} sees no {name} device here; use --device auto or cpu")
    return torch.device(name)


def use_cudnn(tf32: bool) -> AbstractContextManager[None]:
    """Use a GPU's fast kernels within a block, with or without TF32. Without this, torch's own context switches them off."""
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(enabled=True, allow_tf32=tf32)
    return flags


def native_precision(name: str, device: torch.device) -> str:
    """Return ``fp32`` or ``bf16``; ``auto`` is bf16 where the hardware multiplies it natively.

    Raises:
        InputError: an unknown name.
    """
    precisions = {"fp32": "fp32", "bf16": "bf16", "auto": "bf16" if supports_bf16(device) else "fp32"}
    return look_up(precisions, name, "precision")


def supports_bf16(device: torch.device) -> bool:
    """Return whether the device multiplies bf16 in hardware. Elsewhere torch emulates it, many times slower than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # only these private functions tell; a torch release without them means fp32
        names = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        return any(bool(getattr(torch.cpu, name, bool)()) for name in names)
    return False
