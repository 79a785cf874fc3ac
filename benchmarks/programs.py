"""Load the programs that ``peers.py`` compares, and say which version of them is installed and how large it is.

``PEERS`` lists them. Another one is a line there: a name, a function that loads it, its distributions, and its best setting.

The best settings were chosen on photos, scans, drawings and small pictures with seed 1000, half of them of MNIST and half of
fonts. That many percent were right with the best setting, and with others:

    rapidocr                 91 as it is, and as much with dark or bright ink; 83 cut with a margin of 25 %, 77 black and white
    rapidocr, digits alone   97 as it is; 92 without the empty end of its line
    tesserocr                35 cut with a margin of 100 %, black and white, 28 pixels high; 9 as it is
    digit-recognizer-py      78 cut with a margin of 40 %, square, black and white; 50 as it is
    meter-digits-recognizer  52 cut with a margin of 20 %, bright ink; 26 as it is
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

import seesum
from answering import digest_code
from seesum.base.errors import InputError, join_names, suggest_name
from seesum.reading.pictures import PictureError
from seesum.reading.preprocessing import prepare_picture
from seesum.reading.reader import Reader
from views import Setting, open_file
from ways import Way, binarise_picture, resize_picture

DIGITS = "0123456789"
OWN_FOLDER = Path(seesum.__file__).parent
PROJECT = Path(__file__).parents[1] / "pyproject.toml"

ReadImage = Callable[[Image.Image], int | None]
"""Returns the digit that a program reads in a picture, or None if it reads none."""
ReadFile = Callable[[bytes, Setting | None], int | None]
"""The same for a picture's file, which is changed by a setting first."""


def start_rapidocr() -> Any:
    """Return RapidOCR with the models of its wheel and one thread, ready to recognise lines."""
    from rapidocr import RapidOCR

    threads = dict.fromkeys(("intra_op_num_threads", "inter_op_num_threads"), 1)
    engine = RapidOCR(params={f"EngineConfig.onnxruntime.{name}": number for name, number in threads.items()})
    engine(np.full((48, 48, 3), 255, np.uint8), use_det=False, use_cls=False, use_rec=True)  # which loads the recognition
    return engine


def load_rapidocr() -> ReadImage:
    """Return RapidOCR's recognition of a line. The first digit of the text counts."""
    engine = start_rapidocr()

    def read(picture: Image.Image) -> int | None:
        found = engine(np.asarray(picture)[:, :, ::-1], use_det=False, use_cls=False, use_rec=True)
        return find_digit("".join(found.txts or ()))

    return read


def load_rapidocr_digits() -> ReadImage:
    """Return RapidOCR's network with digits alone allowed: the one that gets the highest score at any place of the line."""
    recognizer = start_rapidocr().text_rec
    columns = [recognizer.postprocess_op.character.index(digit) for digit in DIGITS]
    _, height, width = recognizer.rec_image_shape

    def read(picture: Image.Image) -> int | None:
        image = np.asarray(picture)[:, :, ::-1]
        line = recognizer.resize_norm_img(image, max(width / height, picture.width / picture.height))
        return int(recognizer.session(line[None])[0][:, columns].max(0).argmax())

    return read


def find_tessdata() -> Path:
    """Return Tesseract's model of English, which tesserocr does not bring.

    Raises:
        FileNotFoundError: it is not here.
    """
    given = os.environ.get("TESSDATA_PREFIX")
    folders = [Path(given)] if given else [*Path("/usr/share").glob("tesseract-ocr/*/tessdata"), Path("/usr/share/tessdata")]
    for folder in folders:
        if (path := folder / "eng.traineddata").is_file():
            return path
    raise FileNotFoundError("eng.traineddata is missing; install tesseract-ocr-eng, or set TESSDATA_PREFIX to its folder")


def load_tesserocr() -> ReadImage:
    """Return Tesseract's network in the mode for a single character, with digits alone allowed."""
    import tesserocr

    api = tesserocr.PyTessBaseAPI(
        path=str(find_tessdata().parent), lang="eng", psm=tesserocr.PSM.SINGLE_CHAR, oem=tesserocr.OEM.LSTM_ONLY
    )
    api.SetVariable("tessedit_char_whitelist", DIGITS)

    def read(picture: Image.Image) -> int | None:
        api.SetImage(picture)
        return find_digit(api.GetUTF8Text())

    return read


def load_digit_recognizer() -> ReadImage:
    """Return the network of digit-recognizer-py, which always answers."""
    from digit_recognizer import DigitRecognizer

    recognizer = DigitRecognizer(device="cpu")
    return lambda picture: int(recognizer.predict(picture))


def load_meter_digits_recognizer() -> ReadImage:
    """Return the network of meter-digits-recognizer. Its eleventh class is a place without a digit."""
    from meter_digits_recognizer import MeterDigitsRecognizer

    recognizer = MeterDigitsRecognizer()

    def read(picture: Image.Image) -> int | None:
        found = int(recognizer.run([np.asarray(picture)[:, :, ::-1]])[0][0])
        return found if found < len(DIGITS) else None

    return read


def find_digit(text: str) -> int | None:
    """Return the first digit in a text, or None."""
    return next((int(letter) for letter in text if letter in DIGITS), None)


class Peer(NamedTuple):
    """A program that reads digits."""

    name: str
    way: Way | None = None
    """How seesum's network gets its images, for what is read by it."""
    load: Callable[[], ReadImage] | None = None
    """Loads another program."""
    distributions: tuple[str, ...] = ()
    """What is installed for another program."""
    setting: Setting | None = None
    """The best setting of another program. seesum and the recipes prepare a picture themselves."""
    find_model: Callable[[], Path] | None = None
    """Finds a model that the distributions do not hold."""

    def start(self, run: str) -> ReadFile:
        """Load the program, or a network of seesum."""
        if self.load is None:
            way, reader = self.way or prepare_picture, Reader.load(run)

            def answer(data: bytes, _: Setting | None) -> int | None:
                try:
                    return reader.answer_prepared([way(data)], np.array([7]))[0].digit
                except PictureError:
                    return None

            return answer
        read = self.load()
        return lambda data, setting: read((setting or Setting()).apply(open_file(data)))

    def find_missing(self) -> list[str]:
        """Return the distributions that are not installed."""
        return [name for name in self.distributions if not _is_installed(name)]

    def name_versions(self) -> str:
        """Return the versions of the distributions. For what seesum reads, its version and digits that stand for its code."""
        if self.load is None:
            return f"seesum {seesum.__version__}, code {digest_code(OWN_FOLDER)}"
        return ", ".join(f"{name} {metadata.version(name)}" for name in self.distributions)

    def measure_size(self) -> dict[str, str]:
        """Return megabytes of installed files: the program's own, with what seesum does not require, and with everything.

        A program's own files are those of its first distribution, and a model that it lacks. Bytecode does not count.
        """
        needs = find_files(list_requirements())
        if self.load is None:
            own = {path for path in OWN_FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
            whole = own | needs
        else:
            model = {self.find_model()} if self.find_model else set()
            own = find_files(self.distributions[:1], deep=False) | model
            whole = own | find_files(self.distributions)
        sizes = {"own_mb": own, "beside_seesum_mb": whole - (needs - own), "whole_mb": whole}
        return {name: f"{sum(path.stat().st_size for path in files) / 1e6:.1f}" for name, files in sizes.items()}


PEERS = {
    peer.name: peer
    for peer in (
        Peer("seesum", way=prepare_picture),
        Peer("resize, invert", way=resize_picture),
        Peer("Otsu, crop, centre", way=binarise_picture),
        Peer("rapidocr", None, load_rapidocr, ("rapidocr", "onnxruntime"), Setting()),
        Peer("rapidocr, digits alone", None, load_rapidocr_digits, ("rapidocr", "onnxruntime"), Setting()),
        Peer("tesserocr", None, load_tesserocr, ("tesserocr",), Setting(1.0, False, True, False, 28), find_tessdata),
        Peer("digit-recognizer-py", None, load_digit_recognizer, ("digit-recognizer-py",), Setting(0.4, True, True, True)),
        Peer(
            "meter-digits-recognizer",
            None,
            load_meter_digits_recognizer,
            ("meter-digits-recognizer",),
            Setting(0.2, False, False, True),
        ),
    )
}


def find_peers(names: Iterable[str]) -> list[Peer]:
    """Return peers by their names, or all of them.

    Raises:
        InputError: there is no peer of a name.
    """
    chosen = dict.fromkeys(names) or PEERS
    for name in chosen:
        if name not in PEERS:
            raise InputError(f"there is no peer {name!r}{suggest_name(name, PEERS)}; the peers are {join_names(PEERS)}")
    return [PEERS[name] for name in chosen]


def list_requirements() -> list[str]:
    """Return what seesum requires without extras, as its ``pyproject.toml`` says."""
    return [Requirement(line).name for line in tomllib.loads(PROJECT.read_text())["project"]["dependencies"]]


def find_files(names: Iterable[str], deep: bool = True) -> set[Path]:
    """Return the installed files of distributions and, with ``deep``, of all that they require here. Bytecode is left out."""
    waiting, seen = [canonicalize_name(name) for name in names], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or not _is_installed(name):
            continue
        seen.add(name)
        for line in (metadata.requires(name) or []) if deep else []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(requirement.name))
    files = chain.from_iterable(metadata.files(name) or [] for name in seen)
    paths = {Path(os.path.normpath(str(file.locate()))) for file in files if "__pycache__" not in file.parts}
    return {path for path in paths if path.is_file()}


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
