"""Learn from sums alone: accuracy and time against the number of digits, and other approaches beside the carry recursion.

    python benchmarks/sums.py runs --network ours --digits 1 2 4 15 --seeds 3    # rows go to sums.csv in results/
    python benchmarks/sums.py approaches                                         # to sums-approaches.csv
    python benchmarks/sums.py cost                                               # to sums-cost.csv
    python benchmarks/sums.py scouts --digits 100 1000 --seeds 20                # to sums-scouts.csv

``runs`` leaves out what has a row already, so it goes on after an interruption. ``approaches`` trains ``lenet`` with the same
additions, batches and optimiser by three losses: ours; enumeration, which adds up all worlds of 2 N digits that give the sum;
and column marginals, the probability of each digit of the sum on its own. ``scouts`` counts the orders of the digits that one
scout settles in.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seesum.base.files import read_csv, write_csv
from seesum.cli.output import print_rows
from seesum.data.idx import load_mnist
from seesum.networks.addition import add_columns, compute_log_likelihood
from seesum.networks.systems import find_system
from seesum.runs.provenance import origin_columns
from seesum.training import scouting
from seesum.training.pairing import SumTask, evaluate_sums, make_training_additions
from seesum.training.pieces import PieceBatches
from seesum.training.scouting import encode_digits, predict_digits
from seesum.training.state import State
from seesum.training.sums import SCOUT_CHANGES
from seesum.verbs.sums import sums

CPU = torch.device("cpu")
KEYS = ("network", "digits", "numbers", "observed", "wrong", "epochs", "seed", "held_out")
"""What makes two runs the same."""
METRICS = ("sum_accuracy", "mean_sum_accuracy", "std_sum_accuracy", "column_accuracy", "mean_column_accuracy", "digit_accuracy")


def measure_runs(options: argparse.Namespace, path: Path) -> Iterable[dict[str, Any]]:
    """Train, and yield a row for each run that has none yet."""
    known = {tuple(row[key] for key in KEYS) for row in (read_csv(path) if path.is_file() else [])}
    for digits in options.digits:
        for seed in range(options.seeds):
            task = {"digits": digits, "numbers": options.numbers, "observed": options.observed, "wrong": options.wrong}
            row = {
                "network": options.network,
                **task,
                "epochs": options.epochs or "",
                "seed": seed,
                "held_out": options.held_out,
            }
            if tuple(str(row[key]) for key in KEYS) in known:
                continue
            with tempfile.TemporaryDirectory() as folder:
                run = sums(
                    **task,
                    network=options.network,
                    held_out=options.held_out,
                    epochs=options.epochs,
                    seed=seed,
                    out=Path(folder) / "run",
                    plot=False,
                )
                scouts, measured = run.read_rows("scouts.csv"), run.metrics
            metrics = {name: round(measured[name], 5) for name in METRICS}
            found = {"scouts": len(scouts), "nats": round(scouts[-1]["nats_per_column"], 4)}
            held_out = round(measured["held_out_nats"], 5) if options.held_out else ""
            yield (
                origin_columns("cores", "torch")
                | row
                | metrics
                | found
                | {
                    "held_out_nats": held_out,
                    "train_seconds": round(measured["train_seconds"], 1),
                }
            )


def enumerate_worlds(numbers: Tensor, sums_: Tensor) -> Tensor:
    """Return the log-probability [b] of sums [b, S] by adding up all worlds: every digit of every number."""
    count, addends, columns, _ = numbers.shape
    value = torch.arange(10)
    worlds, totals = numbers.new_zeros(count, 1), torch.zeros(1, dtype=torch.int64)
    for number in range(addends):
        for place in range(columns):
            worlds = (worlds.unsqueeze(2) + numbers[:, number, place].unsqueeze(1)).flatten(1)
            totals = (totals.unsqueeze(1) + value * 10 ** (columns - 1 - place)).flatten()
    total = (sums_ * 10 ** torch.arange(sums_.shape[1] - 1, -1, -1)).sum(1)
    return worlds.masked_fill(totals != total.unsqueeze(1), -torch.inf).logsumexp(1)


def weigh_columns(numbers: Tensor, sums_: Tensor) -> Tensor:
    """Return the sum [b] of the log-probabilities of the digits of sums [b, S] of two numbers, each on its own."""
    totals = add_columns(numbers.transpose(1, 2)).exp()  # [b, N, 19]
    carry, logp = numbers.new_zeros(len(numbers)), numbers.new_zeros(len(numbers))
    for place in reversed(range(numbers.shape[2])):
        total, none = totals[:, place], numbers.new_zeros(len(numbers), 1)
        total = torch.cat([total, none], 1) * (1 - carry).unsqueeze(1) + torch.cat([none, total], 1) * carry.unsqueeze(1)
        digit = sums_[:, place + 1 :][:, :1]
        logp = logp + (total.gather(1, digit) + total.gather(1, digit + 10)).clamp_min(1e-30).log().squeeze(1)
        carry = total[:, 10:].sum(1)
    return logp + torch.where(sums_[:, 0] == 1, carry, 1 - carry).clamp_min(1e-30).log()


APPROACHES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], int]] = {
    "carry recursion": (compute_log_likelihood, 16),
    "enumeration": (enumerate_worlds, 3),
    "column marginals": (weigh_columns, 16),
}
"""Each with the largest N that it is trained with here."""


def measure_approaches(options: argparse.Namespace, _path: Path) -> Iterable[dict[str, Any]]:
    """Train by each loss, and yield a row for each."""
    mnist = load_mnist()
    for digits in options.digits:
        task = SumTask(digits)
        for seed in range(options.seeds):
            additions, _none = make_training_additions(mnist.train.digits[: options.images], task, seed)
            for name, (compute, most) in APPROACHES.items():
                if digits > most:
                    continue
                recipe = find_system("lenet").recipe.replaced({"seed": seed, "precision": "fp32", "lr": 0.002, "muon_lr": 0.02})
                torch.manual_seed(seed)
                state, start = State(recipe, CPU), time.perf_counter()
                batches = PieceBatches(mnist.train, additions, task, recipe, CPU, state.generator)
                state.network.train()
                for _epoch in range(options.epochs or 3):
                    for _done, pieces in batches.shuffle():
                        numbers = encode_digits(state, pieces.image).view(*pieces.rows.shape, 10)
                        (-compute(numbers, pieces.sums).sum() / len(pieces.image)).backward()  # type: ignore[no-untyped-call]
                        state.optimiser.step(1.0)
                seconds = time.perf_counter() - start
                logp = predict_digits(state.network, mnist.test.images, recipe, CPU)
                metrics = evaluate_sums(logp.numpy(), mnist.test.digits, task, seed)
                right = float((logp.argmax(1).numpy() == mnist.test.digits).mean())
                yield origin_columns("cores", "torch") | {
                    "approach": name,
                    "digits": digits,
                    "seed": seed,
                    "images": options.images,
                    "mean_sum_accuracy": round(metrics["mean_sum_accuracy"], 5),
                    "digit_accuracy": round(right, 5),
                    "train_seconds": round(seconds, 1),
                }


def measure_cost(options: argparse.Namespace, _path: Path) -> Iterable[dict[str, Any]]:
    """Yield the seconds that the recursion takes for an epoch of sums, forward and backward, beside the other approaches."""
    generator = torch.Generator().manual_seed(0)
    for digits in options.digits:
        count = max(1, options.images // (2 * digits))
        numbers = torch.randn(count, 2, digits, 10, generator=generator).log_softmax(-1)
        sums_ = torch.randint(0, 10, (count, digits + 1), generator=generator)
        sums_[:, 0] = 1
        for name, (compute, _most) in APPROACHES.items():
            if name == "enumeration" and digits > 3:
                continue
            few = min(count, 20) if name == "enumeration" and digits == 3 else count
            seconds = []
            for _round in range(options.rounds):
                leaf, start = numbers[:few].clone().requires_grad_(), time.perf_counter()
                for part, answer in zip(leaf.split(500), sums_[:few].split(500), strict=True):  # type: ignore[no-untyped-call]
                    compute(part, answer).clamp_min(-1e6).sum().backward()  # type: ignore[no-untyped-call]
                seconds.append((time.perf_counter() - start) * count / few)
            yield origin_columns("cores", "torch") | {
                "approach": name,
                "digits": digits,
                "sums": count,
                "seconds": round(float(np.median(seconds)), 4),
            }


def measure_scouts(options: argparse.Namespace, _path: Path) -> Iterable[dict[str, Any]]:
    """Train one scout for each seed, and yield the order of the digits that it settled in. Only this reads the labels."""
    mnist = load_mnist()
    scouting.ATTEMPTS = 1
    for digits in options.digits:
        task = SumTask(digits)
        for seed in range(options.seeds):
            additions, _none = make_training_additions(mnist.train.digits[: options.images], task, seed)
            recipe = find_system("fast").recipe.replaced({**SCOUT_CHANGES, "seed": seed, "precision": "fp32"})
            found = scouting.scout(mnist.train, additions, task, recipe, CPU, lambda _line: None)
            guessed = found.guesses.argmax(1).numpy()[additions.rows.flatten()]
            pairs = np.zeros((10, 10), np.int64)
            np.add.at(pairs, (mnist.train.digits[additions.rows.flatten()], guessed), 1)
            order = pairs.argmax(1)
            shift = found.attempts[0]["shift"]
            kind = "mixed" if (order != np.arange(10)).any() else f"d + {-shift % 10}" if shift else "right"
            yield origin_columns("cores", "torch") | {
                "digits": digits,
                "seed": seed,
                "settled_in": kind,
                "order": "".join(map(str, order)),
                "nats_per_column": round(found.attempts[0]["nats_per_column"], 4),
                "unshifted_nats": round(found.attempts[0]["unshifted"], 4),
                "digit_accuracy_after_shift": round(float(pairs.trace() / pairs.sum()), 5),
            }


MEASURES = {
    "runs": (measure_runs, "sums.csv", (1, 2, 4, 15)),
    "approaches": (measure_approaches, "sums-approaches.csv", (1, 2)),
    "cost": (measure_cost, "sums-cost.csv", (1, 2, 3, 4, 15, 100, 1000)),
    "scouts": (measure_scouts, "sums-scouts.csv", (100, 1000)),
}


def main() -> None:
    """Measure, print the rows, and write them where there is a folder results/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=MEASURES)
    parser.add_argument("--digits", type=int, nargs="+", help="N, once or several times")
    parser.add_argument("--seeds", type=int, default=1, help="the seeds 0 to SEEDS - 1")
    parser.add_argument("--network", default="ours", help="ours or lenet")
    parser.add_argument("--numbers", type=int, default=2)
    parser.add_argument("--observed", default="sum")
    parser.add_argument("--wrong", type=float, default=0.0)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--held-out", action="store_true", help="choose: keep a fifth of the training sums")
    parser.add_argument("--images", type=int, default=60_000, help="training images of approaches, cost and scouts")
    parser.add_argument("--rounds", type=int, default=3, help="of cost")
    options = parser.parse_args()
    measure, name, usual = MEASURES[options.what]
    options.digits = options.digits or usual
    path = Path("results") / name
    rows = read_csv(path) if path.is_file() and options.what == "runs" else []
    for row in measure(options, path):
        rows.append(row)
        if path.parent.is_dir():
            write_csv(path, rows)
    origin = origin_columns("cores", "torch")
    print_rows(rows, *(name for name in rows[0] if name not in origin))


if __name__ == "__main__":
    main()
