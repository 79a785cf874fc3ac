"""Read and write files: written whole or not at all, checked when read, never pickle."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seesum.base.errors import InputError, join_names

if TYPE_CHECKING:
    from torch import Tensor

PathLike = str | os.PathLike[str]
"""A path, as text or as an object."""
PICTURE_ENDINGS = {".png": "png", ".svg": "svg", ".pdf": "pdf", ".jpg": "jpeg", ".jpeg": "jpeg"}
"""Ending of a picture's file name -> format of the file."""


def check_file(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file that is about to be written.

    Raises:
        InputError: its folder does not exist or cannot be written to, or the path is a folder itself.
    """
    target = Path(path)
    if not target.parent.is_dir() or target.is_dir() or not os.access(target.parent, os.W_OK):
        raise InputError(f"{target} cannot be written; give a file in a folder that exists and may be written to")
    return target


def check_picture_file(path: str | os.PathLike[str]) -> Path:
    """Return the path of a picture that is about to be written; its ending decides the format.

    Raises:
        InputError: the ending is none of ``PICTURE_ENDINGS``, or the file cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() not in PICTURE_ENDINGS:
        raise InputError(
            f"{target} ends in no format for a picture; give a name that ends in {join_names(PICTURE_ENDINGS, 'or')}"
        )
    return check_file(target)


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Return a folder for results, and make it if it does not exist.

    Raises:
        InputError: it cannot be made.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be made a folder ({error}); give --out another") from error
    return Path(path)


def write_atomically(path: Path, data: str | bytes) -> None:
    """Write a temporary file in the same folder and rename it, so that the file is whole or absent, whatever happens."""
    # a folder's name may hold bytes that are no UTF-8; in a text they become \\udcff and the like
    content = data.encode(errors="backslashreplace") if isinstance(data, str) else data
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as temporary:
            temporary.write(content)
            temporary.flush()
            os.fsync(temporary.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write one object as indented JSON."""
    write_atomically(path, json.dumps(values, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Return the object that ``write_json`` wrote.

    Raises:
        InputError: the file is missing, or holds no object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise TypeError("not an object")
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} cannot be read ({error}); the run is unfinished or damaged") from error
    return values


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV, under a header with the keys of the first row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys() if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue())


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV that ``write_csv`` wrote; none if the file is missing or empty.

    Raises:
        InputError: it is not a CSV with rows.
    """
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV ({error}); give another file") from error
    if not rows and path.stat().st_size:
        raise InputError(f"{path} has text but no rows, so seesum did not write it; give another file")
    return rows


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any] | None = None) -> None:
    """Write tensors as safetensors, with metadata as JSON and a SHA-256 over both."""
    from safetensors.torch import save

    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(metadata or {}, sort_keys=True)
    # one key, since safetensors writes several in no fixed order: the same tensors give the same bytes
    write_atomically(path, save(on_cpu, {"seesum": json.dumps({"metadata": text, "sha256": _digest(on_cpu, text)})}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and metadata that ``save_tensors`` wrote.

    Raises:
        InputError: the file cannot be read, or its checksum does not match its content.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            stored = json.loads((file.metadata() or {}).get("seesum", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); it is damaged, so train the run anew") from error
    text = stored.get("metadata", "")
    if _digest(tensors, text) != stored.get("sha256"):
        raise InputError(f"{path} is damaged (its checksum is wrong); train the run anew")
    return tensors, json.loads(text)


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
