"""What tests share: a small data set on disk, a small finished run, the command line, a reader and a server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from seesum.base.registry import Registry

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run in parallel, one core each, so torch must not use all cores
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each program that a test starts compiles the package again

import seesum
from seesum.cli import app as cli
from seesum.data.idx import NAMINGS, Dataset, LabelledImages, load_mnist
from seesum.runs.run import Run

sys.dont_write_bytecode = False  # so that pytest too compiles a module of tests once, whatever the environment says


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write an IDX file of unsigned bytes."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def write_folder(folder: Path, train: LabelledImages, test: LabelledImages) -> Path:
    """Write the four files of a data set under MNIST's names."""
    folder.mkdir(parents=True, exist_ok=True)
    naming = NAMINGS["MNIST"]
    write_idx(folder / naming.train_images, train.images)
    write_idx(folder / naming.train_digits, train.digits)
    write_idx(folder / naming.test_images, test.images)
    write_idx(folder / naming.test_digits, test.digits)
    return folder


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are cores: tests of servers and of the page mostly wait."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session", autouse=True)
def plain_terminal() -> None:
    """Fix the width of the output, whatever the terminal is."""
    os.environ["COLUMNS"] = "200"


@pytest.fixture(scope="session", autouse=True)
def usual_signals() -> None:
    """Let programs that tests start react to signals, also where the tests run in the background and would ignore them."""
    for number in (getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(autouse=True)
def forget_registered() -> Iterator[None]:
    """Let no test leave a system, an adder or an operation to those after it."""
    # torch is imported here, and not above, because the process that only starts the workers needs none of it
    from seesum.data.operations import OPERATIONS
    from seesum.networks.adders import ADDERS
    from seesum.networks.systems import SYSTEMS

    registries: list[Registry[Any]] = [SYSTEMS, ADDERS, OPERATIONS]
    before = [(dict(one._added), dict(one._origins)) for one in registries]
    yield
    for one, (added, origins) in zip(registries, before, strict=True):
        one._added, one._origins = added, origins


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    return load_mnist()


@pytest.fixture(scope="session")
def small_data(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with 600 training and 100 test images as IDX files."""
    train = LabelledImages(mnist.train.images[:600], mnist.train.digits[:600])
    return write_folder(
        tmp_path_factory.mktemp("data") / "small", train, LabelledImages(mnist.test.images[:100], mnist.test.digits[:100])
    )


def train_once(tmp_path_factory: pytest.TempPathFactory, name: str, **settings: Any) -> Run:
    """Train ``fast``. With several workers, the first that needs the run makes it, and each has its own copy."""
    base = tmp_path_factory.getbasetemp()
    made = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{made}.lock"):
        if not made.exists():
            seesum.train("fast", out=made, quiet=True, **settings)
    return Run(shutil.copytree(made, tmp_path_factory.mktemp("run") / name))


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Train ``fast`` on 6,000 images. That takes half a second, and is enough to read most digits. Its report takes longer."""
    return train_once(tmp_path_factory, "small-run", images="6000", batch_size=64)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty directory the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Done:
    """The exit code and the output of a command."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command line in this process, exactly as the installed command does."""

    def run(*words: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["seesum", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capfd.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def reader() -> seesum.Reader:
    """Return a reader of the shipped ``fast``."""
    return seesum.Reader.load("fast")


class Server:
    """``seesum serve`` as a separate process."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process, self.address = process, address

    def stop(self) -> int:
        """Send SIGTERM, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


@contextmanager
def start_server(*words: object, code: str = "") -> Iterator[Server]:
    """Start a server on a free port: the command with options, or Python code that calls ``serve``."""
    start = ["-c", code] if code else ["-m", "seesum", "serve", *map(str, words), "--port", "0", "--json"]
    process = subprocess.Popen([sys.executable, *start], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    printed = ""
    while "http" not in printed and (line := process.stdout.readline()):
        printed += line
    assert "http" in printed, process.stderr.read()
    address = printed[printed.index("http") :].partition('"')[0].strip()
    try:
        yield Server(process, address.rstrip("/"))
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Start ``seesum serve`` with the words in the module's ``SERVE``, or with the network ``fast``."""
    with start_server(*getattr(request.module, "SERVE", ("--run", "fast"))) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.address, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start chromium, or skip the test where there is none."""
    from pages import open_browser

    with open_browser() as browser:
        yield browser


@contextmanager
def interrupt_third_epoch(owner: Any) -> Iterator[None]:
    """Interrupt the block, which must train, when the third epoch of ``owner.train_epoch`` begins."""
    train_epoch, count = owner.train_epoch, 0

    def stop_in_the_third(*args: Any) -> Any:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return train_epoch(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, "train_epoch", stop_in_the_third)
        with pytest.raises(KeyboardInterrupt):
            yield
