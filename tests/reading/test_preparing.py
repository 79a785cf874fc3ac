"""reading/preparing.py and reading/prepared_cache.py: many pictures at once, the same as one by one."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image

from data_forms import draw_page, encode
from seesum.data.idx import Dataset
from seesum.reading import preparing
from seesum.reading.pictures import PictureError
from seesum.reading.preparing import PictureFile, prepare_all
from seesum.reading.preprocessing import Prepared, prepare_picture


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep prepared pictures in a folder of the test."""
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    return tmp_path / "cache" / "pictures"


@pytest.fixture
def pictures(mnist: Dataset, tmp_path: Path) -> list[PictureFile]:
    """Write 12 pages, one without ink, one that is no picture, one whose ink may be its paper, and the bytes of a page."""
    paths: list[Path] = []
    for row, image in enumerate(mnist.train.images[:12]):
        paths.append(tmp_path / f"{row}.png")
        draw_page(image).save(paths[-1])
    for name in ("blank", "open"):
        paths.append(tmp_path / f"{name}.png")
    Image.new("L", (60, 60), 200).save(paths[-2])
    rows = np.arange(64)
    Image.fromarray(np.where((rows // 16 + rows[:, None] // 16) % 2, 30, 220).astype(np.uint8)).save(paths[-1])
    paths.append(tmp_path / "text.png")
    paths[-1].write_text("no picture")
    return [*paths, encode(draw_page(mnist.train.images[12])), tmp_path / "missing.png"]


def describe(result: Prepared | PictureError) -> object:
    if isinstance(result, PictureError):
        return type(result).__name__, str(result)
    return [(way.image.tobytes(), way.digits_found) for way in (result, *result.others)]


def prepare_plainly(picture: PictureFile) -> Prepared | PictureError:
    try:
        return prepare_picture(picture)
    except PictureError as error:
        return error


def test_processes_and_the_cache_give_what_one_by_one_gives(
    pictures: list[PictureFile], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [describe(prepare_plainly(picture)) for picture in pictures]
    monkeypatch.setattr(preparing, "FEWEST", len(pictures) + 1)
    assert [describe(result) for result in prepare_all(pictures, quiet=True)] == expected
    (file,) = cache.iterdir()
    file.unlink()
    monkeypatch.setattr(preparing, "FEWEST", 3)
    monkeypatch.setattr(preparing, "_count_cores", lambda: 2)
    assert [describe(result) for result in prepare_all(pictures, quiet=True)] == expected
    monkeypatch.setattr(preparing, "_prepare_there", None)
    monkeypatch.setattr(preparing, "prepare_picture", prepare_only_failures(expected, pictures))
    assert [describe(result) for result in prepare_all(pictures, quiet=True)] == expected


def prepare_only_failures(expected: list[object], pictures: list[PictureFile]) -> object:
    """Return a stand-in that refuses pictures which the cache must have."""
    failing = [picture for picture, one in zip(pictures, expected, strict=True) if isinstance(one, tuple)]
    assert len(failing) == 3

    def prepare(picture: PictureFile) -> Prepared:
        assert picture in failing
        return prepare_picture(picture)

    return prepare


def test_a_damaged_cache_is_not_believed(pictures: list[PictureFile], cache: Path) -> None:
    few = pictures[:2]
    expected = [describe(result) for result in prepare_all(few, quiet=True)]
    (file,) = cache.iterdir()
    with sqlite3.connect(file) as connection:
        entries = connection.execute("SELECT picture, content FROM prepared").fetchall()
        assert len(entries) == 2
        for key, content in entries:
            changed = content[:-1] + bytes([content[-1] ^ 1])
            connection.execute("UPDATE prepared SET content = ? WHERE picture = ?", (changed, key))
    connection.close()
    assert [describe(result) for result in prepare_all(few, quiet=True)] == expected
    file.write_bytes(b"no database at all, but a text that is long enough to be looked at")
    assert [describe(result) for result in prepare_all(few, quiet=True)] == expected
    assert [describe(result) for result in prepare_all(few, quiet=True)] == expected
    assert file.read_bytes().startswith(b"SQLite format 3")
    other = cache / "0123456789abcdef.sqlite"
    other.write_bytes(b"of an earlier way to prepare")
    assert [describe(result) for result in prepare_all(few, quiet=True)] == expected
    assert not other.exists()


def test_pictures_are_prepared_without_a_cache(pictures: list[PictureFile], cache: Path) -> None:
    cache.parent.write_text("a file where the folder should be")
    assert [describe(result) for result in prepare_all(pictures[:2], quiet=True)] == [
        describe(prepare_plainly(picture)) for picture in pictures[:2]
    ]


def test_what_is_prepared_stays_when_the_rest_is_stopped(pictures: list[PictureFile], monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[PictureFile] = []

    def stop_at_third(picture: PictureFile) -> Prepared:
        calls.append(picture)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return prepare_picture(picture)

    with monkeypatch.context() as stopped:
        stopped.setattr(preparing, "prepare_picture", stop_at_third)
        with pytest.raises(KeyboardInterrupt):
            prepare_all(pictures[:5], quiet=True)
    calls.clear()
    calls.extend([Path()] * 3)
    monkeypatch.setattr(preparing, "prepare_picture", stop_at_third)
    prepare_all(pictures[:5], quiet=True)
    assert calls[3:] == pictures[2:5]


def test_progress_is_shown_for_new_pictures_alone(pictures: list[PictureFile], capsys: pytest.CaptureFixture[str]) -> None:
    prepare_all(pictures[:2])
    assert "preparing pictures: 2 steps" in capsys.readouterr().err
    started = time.perf_counter()
    prepare_all(pictures[:2])
    assert time.perf_counter() - started < 1
    assert not capsys.readouterr().err
