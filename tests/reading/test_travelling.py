"""reading/reader.py: readers in other processes and in many threads give the same answers."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import seesum
from seesum.data.idx import Dataset
from seesum.reading.reader import Reader
from seesum.runs.shipped import SHIPPED

THREE = Path(__file__).parents[2] / "examples" / "three.png"


def test_a_reader_answers_in_a_new_process(small_run: seesum.Run) -> None:
    """A process started by ``spawn`` has nothing of this one but what is sent to it, and its answers come back."""
    sources: tuple[Any, ...] = ("fast", SHIPPED / "fast" / "model.onnx", small_run)  # the last one needs torch
    readers = [Reader.load(source) for source in sources]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        answers = [pool.submit(reader, THREE, add=4).result(60) for reader in readers]
    for reader, answer in zip(readers, answers, strict=True):
        here = reader(THREE, add=4)
        assert (answer.digit, answer.sum, answer.operation) == (here.digit, here.sum, here.operation)
        np.testing.assert_allclose(answer.sum_probabilities, here.sum_probabilities, atol=1e-5)
        np.testing.assert_array_equal(answer.image, here.image)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are copied by fork on Linux")
@pytest.mark.parametrize("source", ["'fast'", "seesum.Run(SHIPPED / 'fast')"], ids=["ONNX Runtime", "torch"])
def test_a_reader_answers_in_a_copy_of_the_process(source: str) -> None:
    """torch waited for ever for its threads, which ``fork`` does not copy."""
    program = f"""
import multiprocessing
import seesum
from seesum.runs.run import SHIPPED
reader = seesum.Reader.load({source})
def answer(addend):
    return reader({str(THREE)!r}, add=addend).sum
answer(1)
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map_async(answer, range(4)).get(30))
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "[3, 4, 5, 6]\n", done.stderr


@pytest.mark.parametrize("source", ["fast", "run"])
def test_eight_threads_give_the_answers_of_one(source: str, small_run: seesum.Run, mnist: Dataset) -> None:
    reader = Reader.load(small_run if source == "run" else source)
    pictures: list[Any] = [THREE, *mnist.test.images[:15], mnist.test.images[15:20]]
    alone = [reader(picture, add=place % 10) for place, picture in enumerate(pictures)]
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(reader, pictures[place], add=place % 10) for _ in range(8) for place in range(len(pictures))]
        assert [one.result() for one in futures] == alone * 8


def test_threads_leave_the_default_dtype_of_torch_as_it_was(small_run: seesum.Run, mnist: Dataset) -> None:
    """All threads share it. One that ended last put back the float32 of another, instead of what the user had set."""
    reader = Reader.load(small_run)
    torch.set_default_dtype(torch.float64)
    try:
        for _ in range(20):
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda image: reader(image, add=3), mnist.test.images[:24]))
            assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.slow
def test_a_reader_of_an_own_network_travels_with_its_code(small_data: Path, tmp_path: Path) -> None:
    """The other process registers the same file, as docs/howto/own-loop.md says."""
    (tmp_path / "my_nets.py").write_text(
        "from torch import nn\n\nclass MyEncoder(nn.Module):\n    def forward(self, image):\n        return image.flatten(1)\n"
    )
    program = f"""
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
import seesum
if __name__ == "__main__":
    own = "my_nets.py:MyEncoder"
    reader = seesum.Reader.load(seesum.train(own, data={str(small_data)!r}, out="run", epochs=1, plot=False, quiet=True))
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=seesum.register, initargs=(own,)) as pool:
        assert repr(pool.submit(reader, {str(THREE)!r}, 7).result(60)) == repr(reader({str(THREE)!r}, 7))
"""
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
