"""Read and write files: written whole or not at all, checked when read, never pickle."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from seesum.base.errors import InputError, join_names
from seesum.base.locks import try_lock

if TYPE_CHECKING:
    from torch import Tensor

PathLike = str | os.PathLike[str]
"""A path, as text or as an object."""
PICTURE_ENDINGS = {".png": "png", ".svg": "svg", ".pdf": "pdf", ".jpg": "jpeg", ".jpeg": "jpeg"}
"""Ending of a picture's file name -> format of the file."""
RANDOM = re.compile(r"[a-z0-9_]{8}")
"""What the name of a temporary file ends in."""
CHUNK = 1 << 20
"""Bytes that are written at once to try how much room there is."""


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
    except (OSError, RecursionError) as error:  # a path of a thousand folders
        raise InputError(f"{path} cannot be made a folder ({error}); give --out another") from error
    return Path(path)


def check_room(path: Path, size: int, copies: int = 1) -> None:
    """Make sure that so many files of a size can be written where a file will be, by writing that much and deleting it.

    Raises:
        InputError: the place is full, or cannot be written to.
    """
    try:
        with ExitStack() as stack:
            for _ in range(copies):
                file = stack.enter_context(tempfile.TemporaryFile(dir=path.parent))
                for start in range(0, size, CHUNK):
                    file.write(bytes(min(CHUNK, size - start)))
                file.flush()
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}); it needs {copies * size:,} bytes in a folder that may be "
            f"written to"
        ) from error


def write_atomically(path: Path, data: str | bytes) -> None:
    """Write a temporary file in the same folder and rename it, so that the file is whole or absent, whatever happens.

    What killed processes left of the same file is removed first.

    Raises:
        OSError: it cannot be written; ``filename`` is the path of the file.
    """
    # a folder's name may hold bytes that are no UTF-8; in a text they become \\udcff and the like
    content = data.encode(errors="backslashreplace") if isinstance(data, str) else data
    _sweep(path)
    try:
        temporary, file = _open_temporary(path)
        try:
            with file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                if os.name == "nt":
                    file.close()  # Windows renames no open file; elsewhere it stays open, and so locked, until it is whole
                temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    _sync_folder(path.parent)


def list_leftovers(path: Path) -> list[Path]:
    """Return the temporary files of ``write_atomically`` for a file, those of killed processes and those being written."""
    start = f".{path.name}."
    try:
        found = [*path.parent.iterdir()]
    except OSError:
        return []
    return [one for one in found if one.name.startswith(start) and RANDOM.fullmatch(one.name.removeprefix(start))]


def _sweep(path: Path) -> None:
    """Remove the temporary files of a file, but those that a living process has locked. Where nothing locks, all stay."""
    for leftover in list_leftovers(path):
        with suppress(OSError), leftover.open("r+b") as file:
            if try_lock(file.fileno()):
                leftover.unlink()


def _open_temporary(path: Path) -> tuple[Path, BinaryIO]:
    """Create a temporary file beside a file, and lock it until it is closed. Its permissions are those of any new file."""
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        file = temporary.open("xb")
        try:
            if try_lock(file.fileno()) and os.fstat(file.fileno()).st_nlink:
                return temporary, file
        except OSError:  # nothing locks here, so nobody sweeps it away either
            return temporary, file
        file.close()  # another process swept it away before it was locked


def _sync_folder(folder: Path) -> None:
    """Write a folder's names to the disk, so that a new name outlives a power cut, too. Not every system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write one object as indented JSON."""
    write_atomically(path, json.dumps(values, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Return the object that ``write_json`` wrote.

    Raises:
        InputError: the file is missing, or holds no object.
    """
    try:
        return parse_object(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); the run is unfinished or damaged") from error


def parse_object(text: str) -> dict[str, Any]:
    """Return the object in a JSON text.

    Raises:
        ValueError: it is no JSON, too deep for any file of ours, or no object.
    """
    try:
        values = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(values, dict):
        raise ValueError("it is no object")
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
            header, *lines = list(csv.reader(file)) or [[]]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV ({error}); give another file") from error
    if not lines and path.stat().st_size:
        raise InputError(f"{path} has text but no rows, so seesum did not write it; give another file")
    if len(set(header)) != len(header) or any(len(line) != len(header) for line in lines):
        raise InputError(f"{path} is damaged: its rows do not have the columns of its header; give another file")
    return [dict(zip(header, line, strict=True)) for line in lines]


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
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}); check the file and its permissions") from error
    try:
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        stored = json.loads(header["__metadata__"]["seesum"])
        text = stored["metadata"]
        if _digest(tensors, text) != stored["sha256"]:
            raise ValueError("its checksum is wrong")
        metadata = json.loads(text)
        if not isinstance(metadata, dict):
            raise TypeError("its metadata is no object")
    except (SafetensorError, ValueError, LookupError, TypeError, AttributeError, AssertionError, RuntimeError) as error:
        raise InputError(f"{path} is damaged ({error}); train the run anew") from error
    return tensors, metadata


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
