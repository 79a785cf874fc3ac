"""Measure how fast our systems and others train and answer: in one run on one machine, taking turns.

    python benchmarks/speed.py train          # `fast`, its whole command, and the GPU record's network
    python benchmarks/speed.py published      # seconds of the published systems, fed as their authors fed them
    python benchmarks/speed.py infer          # images per second and latency of every system, in torch and in ONNX Runtime,
                                              # compared with the machine's own limit

The rows are written to speed-train.csv, speed-published.csv and speed-infer.csv in results/. Times are medians over the rounds,
with the least and the greatest. In a round all contestants run once, in turn, so a slow minute affects all of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset as TorchDataset

import seesum
from seesum.base.files import write_csv
from seesum.base.recipe import Recipe
from seesum.cli.output import print_rows
from seesum.data.batches import normalise
from seesum.data.idx import Dataset, LabelledImages
from seesum.data.operations import draw_addends, find_operation
from seesum.measuring.evaluation import compute_metrics, predict_every_addend
from seesum.networks.network import Network
from seesum.networks.system import Result
from seesum.networks.systems import SYSTEMS, build_network, find_system
from seesum.reading.exporting import attach_metadata, convert_network, describe_run
from seesum.reading.onnx_model import OnnxModel
from seesum.runs.provenance import origin_columns
from seesum.runs.run import find_run
from seesum.training.losses import compute_loss
from seesum.training.optimisers import build_optimiser

CPU = torch.device("cpu")


class Timed(NamedTuple):
    """The time and the accuracies of one training."""

    seconds: float
    digit: float
    """Test accuracy of the digit, from 0 to 1."""
    sum: float | None
    """Test accuracy of the sum, or None if the network has no such output."""


def train_ours(precision: str, images: str | None) -> Timed:
    """Train ``fast`` as ``seesum train fast`` does. The time is its ``train_seconds``."""
    with tempfile.TemporaryDirectory() as place:
        run = seesum.train("fast", out=Path(place) / "run", precision=precision, images=images, plot=False, quiet=True)
        metrics = run.metrics
    return Timed(metrics["train_seconds"], metrics["digit_accuracy"], metrics["sum_accuracy"])


def time_command(images: str | None) -> Timed:
    """Time the whole command: start of Python, imports, reading the data, training, evaluation on 100,000 pairs."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "seesum", "train", "fast", "--out", f"{place}/run", "--no-plot", "--json"]
        command += ["--images", images] if images else []
        clock = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - clock
    metrics = json.loads(done.stdout)
    return Timed(seconds, metrics["digit_accuracy"], metrics["sum_accuracy"])


def train_record(data: Dataset) -> Timed:
    """Train the network that reached 99.04 % in 0.76 s on a GTX 1660 Ti (tuomaso/train_mnist_fast), as published.

    The network is conv5x5 1->24, max-pooling, conv3x3 24->32, max-pooling, 256 hidden units. It predicts only the digit.
    Training uses Adam with learning rate 0.01 and betas (0.7, 0.9), one-cycle, batches of 256, one epoch, fp32 and the default
    layout. The time is our own measurement, from uint8 images to the last step.
    """
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # this imports the compiler, and imports are not counted
    torch.manual_seed(0)
    clock = time.perf_counter()
    network = nn.Sequential(
        *(nn.Conv2d(1, 24, 5), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Conv2d(24, 32, 3), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(32 * 5 * 5, 256), nn.ReLU(), nn.Linear(256, 10)),
    )
    images = (torch.from_numpy(data.train.images).unsqueeze(1).float() / 255 - 0.1307) / 0.3081
    digits = torch.from_numpy(data.train.digits)
    steps = -(-len(images) // 256)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01, betas=(0.7, 0.9))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, total_steps=steps, cycle_momentum=False)
    for rows in torch.split(torch.randperm(len(images)), 256):
        optimiser.zero_grad()
        functional.cross_entropy(network(images[rows]), digits[rows]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    seconds = time.perf_counter() - clock
    test = (torch.from_numpy(data.test.images).unsqueeze(1).float() / 255 - 0.1307) / 0.3081
    with torch.inference_mode():
        winners = torch.cat([network(batch).argmax(1) for batch in torch.split(test, 1000)])
    return Timed(seconds, float((winners.numpy() == data.test.digits).mean()), None)


class PicturesWithAddends(TorchDataset[tuple[Tensor, int, int, int]]):
    """An ordinary data set of PIL images. Each is transformed when it is read, and gets a random addend then."""

    def __init__(self, labelled: LabelledImages, recipe: Recipe) -> None:
        """Convert the images to PIL images."""
        self.pictures = [Image.fromarray(image) for image in labelled.images]
        self.digits, self.recipe, self.operation = labelled.digits, recipe, find_operation(recipe.operation)
        self.rng = np.random.default_rng(recipe.seed)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.pictures)

    def __getitem__(self, place: int) -> tuple[Tensor, int, int, int]:
        """Return the image [1, 28, 28], addend, digit and answer class of a sample."""
        pixels = torch.from_numpy(np.array(self.pictures[place], np.uint8)).unsqueeze(0).float().div(255)
        image = (pixels - self.recipe.mean) / self.recipe.std
        digit, addend = self.digits[place], draw_addends(1, self.rng)[0]
        return image, int(addend), int(digit), int(self.operation.classify(digit, addend))


def train_as_published(name: str, labelled: LabelledImages, test: LabelledImages) -> Timed:
    """Train one epoch with a system's recipe, a ``DataLoader`` and a per-sample ``Dataset``, as its author did."""
    recipe = find_system(name).recipe
    torch.manual_seed(0)
    network = build_network(recipe)
    optimiser = build_optimiser(network, recipe)
    loader = DataLoader(PicturesWithAddends(labelled, recipe), recipe.batch_size, shuffle=True)
    clock = time.perf_counter()
    for image, addend, digit, answer in loader:
        loss = compute_loss(network(image, addend), addend, digit, answer, recipe)
        loss.total.backward()  # type: ignore[no-untyped-call]
        optimiser.step(1.0)
    seconds = time.perf_counter() - clock
    measured = compute_metrics(predict_every_addend(network, test.images, recipe, CPU), test, recipe)
    return Timed(seconds, measured["digit_accuracy"], measured["sum_accuracy"])


def time_published(data: Dataset, images: int, rounds: int, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """Time the published systems and ``fast``, and return a row for each.

    The published systems train on some of the images. The times of an epoch and of the whole training are computed from that.
    """
    labelled = LabelledImages(data.train.images[:images], data.train.digits[:images])
    names = [name for name in wanted if find_system(name).published]
    ours: list[Timed] = []
    timed: dict[str, list[Timed]] = {name: [] for name in names}
    for _ in range(rounds):
        ours.append(train_ours("auto", None))
        for name in names:
            timed[name].append(train_as_published(name, labelled, data.test))
            print(f"{name}: {timed[name][-1].seconds:.1f} s for {images:,} images", flush=True)
    fast = statistics.median(one.seconds for one in ours)
    rows = [_describe_training("fast", 1, ours[-1], fast, fast, find_system("fast").result, rounds)]
    for name in names:
        epochs = find_system(name).recipe.epochs
        epoch = statistics.median(one.seconds for one in timed[name]) * len(data.train.digits) / images
        rows.append(_describe_training(name, epochs, timed[name][-1], epoch, fast, find_system(name).result, rounds))
    return rows


def _describe_training(
    name: str, epochs: int, timed: Timed, epoch: float, fast: float, result: Result | None, rounds: int
) -> dict[str, Any]:
    return {
        "system": name,
        "n": rounds,
        "digit_accuracy_of_timed_run": f"{timed.digit:.4f}",
        "seconds_per_epoch": f"{epoch:.3g}",
        "epochs": epochs,
        "seconds": f"{epoch * epochs:.3g}",
        "ratio": f"{epoch * epochs / fast:.3g}",
        "digit_reached": result and result.digit,
        "sum_reached": result and result.sum,
    }


def time_training(contestants: dict[str, Callable[[], Timed]], rounds: int) -> list[dict[str, Any]]:
    """Let all contestants train in turn. Return a row for each, with ratios to the first contestant in each round."""
    results: dict[str, list[Timed]] = {name: [] for name in contestants}
    for count in range(1, rounds + 1):
        for name, train in contestants.items():
            results[name].append(train())
            print(f"round {count}: {name} {results[name][-1].seconds:.2f} s, digit {results[name][-1].digit:.2%}", flush=True)
    first = next(iter(results.values()))
    rows = []
    for name, timed in results.items():
        seconds = [one.seconds for one in timed]
        ratios = [one.seconds / ours.seconds for one, ours in zip(timed, first, strict=True)]
        sums = [one.sum for one in timed if one.sum is not None]
        rows.append(
            {
                "contestant": name,
                "n": rounds,
                **_spread("seconds", seconds),
                **_spread("ratio", ratios),
                "digit_accuracy_mean": f"{statistics.mean(one.digit for one in timed):.4f}",
                "sum_accuracy_mean": f"{statistics.mean(sums):.4f}" if sums else "",
            }
        )
    return rows


def count_operations(network: Network) -> int:
    """Count the multiplications and additions for one image in convolutions and linear layers. These are nearly all."""
    total = 0

    def count(module: nn.Module, _: Any, result: Tensor) -> None:
        nonlocal total
        weight = module.weight
        assert isinstance(weight, Tensor)
        total += 2 * result[0].numel() * weight[0].numel()

    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    with torch.inference_mode():
        network(torch.zeros(1, 1, 28, 28), torch.zeros(1, dtype=torch.int64))
    for hook in hooks:
        hook.remove()
    return total


def measure_product_rate(side: int = 1024, rounds: int = 20) -> float:
    """Return this machine's operations per second in an fp32 product of two square matrices.

    From it follows the least time that the arithmetic of a network takes, which the rows call the floor.
    """
    one, other = torch.randn(side, side), torch.randn(side, side)
    seconds = [_time(lambda: one @ other) for _ in range(rounds)]
    return 2 * side**3 / statistics.median(seconds)


def time_inference(data: Dataset, rounds: int, names: Sequence[str]) -> list[dict[str, Any]]:
    """Measure images per second in batches of 1,000 and the latency of one image. The systems take turns, in fp32.

    torch runs eagerly, in channels_last, on images that are normalised beforehand. ONNX Runtime runs the exported graph, from
    uint8.
    """
    networks = {name: build_network(find_system(name).recipe).eval() for name in names}
    models = {name: _export_untrained(name, network) for name, network in networks.items()}
    rate = measure_product_rate()
    addend = torch.arange(1000) % 10
    images, addends = data.test.images[:1000], addend.numpy()
    timed: dict[str, list[tuple[float, ...]]] = {name: [] for name in names}
    with torch.inference_mode():
        for _ in range(rounds):
            for name, network in networks.items():
                image = normalise(images, find_system(name).recipe, CPU).to(memory_format=torch.channels_last)
                model = models[name]
                ones = [slice(k, k + 1) for k in range(20)]
                eager = [partial(network, image[k], addend[k]) for k in ones]
                onnx = [partial(model.predict, images[k], addends[k]) for k in ones]
                whole = (_time(partial(network, image, addend)), _time(partial(model.predict, images, addends)))
                timed[name].append((*whole, _time_ones(eager), _time_ones(onnx)))
    rows = []
    for name, network in networks.items():
        batch, onnx_batch, single, onnx_single = zip(*timed[name], strict=True)
        operations, seconds = count_operations(network), statistics.median(batch)
        rows.append(
            {
                "system": name,
                "n": rounds,
                "million_operations": f"{operations / 1e6:.2f}",
                "images_per_second": round(1000 / seconds),
                "times_the_floor": f"{seconds / (1000 * operations / rate):.1f}",
                **_spread("latency_ms", [1000 * one for one in single]),
                "onnx_images_per_second": round(1000 / statistics.median(onnx_batch)),
                **_spread("onnx_latency_ms", [1000 * one for one in onnx_single]),
            }
        )
    print(f"The floor: {rate / 1e9:.0f} GFLOP/s in a 1,024 x 1,024 fp32 product.")
    return rows


def _export_untrained(name: str, network: Network) -> OnnxModel:
    graph = convert_network(network, find_system(name).recipe)
    return OnnxModel(attach_metadata(graph, describe_run(find_run("fast"), False)), name)  # any metadata will do


def _time_ones(works: Sequence[Callable[[], object]]) -> float:
    """Return the median of the seconds, without the first five, which warm up."""
    return statistics.median([_time(work) for work in works][5:])


def _time(work: Callable[[], object]) -> float:
    clock = time.perf_counter()
    work()
    return time.perf_counter() - clock


def _spread(name: str, values: list[float]) -> dict[str, str]:
    return {
        f"{name}_median": f"{statistics.median(values):.3g}",
        f"{name}_min": f"{min(values):.3g}",
        f"{name}_max": f"{max(values):.3g}",
    }


def main() -> None:
    """Parse the command line, measure, print the rows and store them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    measured = [name for name, system in SYSTEMS.items() if system.result]
    parser.add_argument("what", choices=["train", "published", "infer"], help="the measurement to run")
    parser.add_argument("--rounds", type=int, help="rounds; default: 9, but 1 for published")
    parser.add_argument("--images", type=int, help="train on this many images; with this option, the rows are not stored")
    systems_help = "systems for infer and published; default: all that have a result; with others, the rows are not stored"
    parser.add_argument("--systems", nargs="+", default=measured, help=systems_help)
    parser.add_argument("--out", default="results", help="folder for the CSV")
    arguments = parser.parse_args()
    data = seesum.load_mnist()
    few = None if arguments.images is None else str(arguments.images)
    if arguments.what == "infer":
        rows = time_inference(data, arguments.rounds or 9, arguments.systems)
    elif arguments.what == "published":
        rows = time_published(data, arguments.images or 10_000, arguments.rounds or 1, arguments.systems)
    else:
        if arguments.images is not None:
            data = Dataset(
                LabelledImages(data.train.images[: arguments.images], data.train.digits[: arguments.images]),
                data.test,
                data.sha256,
            )
        contestants: dict[str, Callable[[], Timed]] = {
            "fast": partial(train_ours, "auto", few),
            "fast in fp32": partial(train_ours, "fp32", few),
            "seesum train fast, Enter to exit": partial(time_command, few),
            "the GPU record's network": partial(train_record, data),
        }
        rows = time_training(contestants, arguments.rounds or 9)
    print_rows(rows, *rows[0])
    if arguments.images is None and arguments.systems == measured:
        origin = origin_columns("threads", "python", "torch")
        path = Path(arguments.out) / f"speed-{arguments.what}.csv"
        write_csv(path, [{**origin, **row} for row in rows])
        print(f"The rows are in {path}")


if __name__ == "__main__":
    main()
