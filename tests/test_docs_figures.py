"""docs/explanation/: the tables hold the figures of results/*.csv and of the shipped networks."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from scipy import stats

from seesum.base.files import read_csv
from seesum.networks.systems import SYSTEMS, find_system
from seesum.runs.shipped import SHIPPED
from seesum.studies.seeds import find_result

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "explanation"
Row = Mapping[str, str]
CERTAIN = 1.96
"""Standard errors on each side of a share, at 95 %."""


def read_table(page: str, start: str) -> list[dict[str, str]]:
    """Return the rows of the table of a page whose header begins so. A cell left empty at the left repeats the one above it."""
    text = (PAGES / f"{page}.md").read_text().partition(f"\n{start}")
    header, _, *lines = (text[1] + text[2]).strip().partition("\n\n")[0].replace("`", "").splitlines()
    names = [name.strip() for name in header.strip("|").split("|")]
    rows = [dict(zip(names, (cell.strip() for cell in line[1:-1].split("|")), strict=True)) for line in lines]
    for above, row in pairwise(rows):
        row[names[0]] = row[names[0]] or above[names[0]]
    assert rows, f"{page} has no table that begins with {start}"
    return rows


def read_rows(name: str) -> list[dict[str, str]]:
    return read_csv(ROOT / "results" / f"{name}.csv")


def find_row(name: str, **wanted: str) -> dict[str, str]:
    """Return the newest row of a file with these values."""
    return [row for row in read_rows(name) if wanted.items() <= row.items()][-1]


def write(value: str, places: int, factor: int = 1) -> str:
    """Write a number as people round it: half a unit goes up."""
    return str((factor * Decimal(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def write_spread(row: Row, name: str, places: int) -> str:
    mean = write(row[f"{name}_mean"], places, 100)
    return f"{mean} ± {write(row[f'{name}_std'], places, 100)}" if row["n"] != "1" else mean


def fits(shown: str, stored: str) -> bool:
    """Return whether a number is another one, rounded to the digits that are shown."""
    half = Decimal(1).scaleb(-len(shown.partition(".")[2])) / 2
    return abs(Decimal(shown) - Decimal(stored)) <= half


def fit(shown: str, stored: Sequence[str]) -> bool:
    """Return whether the numbers in a text are these, in order."""
    numbers = re.findall(r"[\d.]+", re.sub(r"(?<=\d),(?=\d)", "", shown))
    return len(numbers) == len(stored) and all(map(fits, numbers, stored))


def find_systems_row(name: str) -> Row:
    row = find_result(read_rows("systems"), find_system(name))
    assert row is not None
    return row


def test_the_page_of_the_task_has_its_headings() -> None:
    headings = re.findall(r"^## (.*)", (PAGES / "two-inputs.md").read_text(), re.M)
    first = ["Data representation", "Data generation strategy", "How the two inputs are combined"]
    assert headings == [*first, "How results are evaluated", "Results", "Loss function and why"]


def test_every_system_with_a_result_has_its_row() -> None:
    shown = {row["system"]: row for row in read_table("two-inputs", "| system | parameters |")}
    assert shown.keys() == {name for name, system in SYSTEMS.items() if system.result is not None}
    for name, row in shown.items():
        stored, recipe = find_systems_row(name), find_system(name).recipe
        assert row["digit %"] == write_spread(stored, "digit_accuracy", 2), name
        assert row["sum %"] == write_spread(stored, "sum_accuracy", 2), name
        assert (row["seeds"], row["adder"]) == (stored["n"], recipe.adder)
        assert row["parameters"] == f"{int(stored['parameters']):,}"
        assert int(row["epochs"].partition(",")[0]) == recipe.epochs


def test_adders() -> None:
    shown = read_table("adders", "| adder | digit |")
    assert {row["adder"] for row in shown} == {row["adder"] for row in read_rows("adders")}
    for row in shown:
        every, few, apart = (
            find_row("adders", adder=row["adder"], condition=condition)
            for condition in ("all images", "1 % of the images", "10 pairs held out")
        )
        assert row["digit"] == write_spread(every, "digit_accuracy", 2)
        assert row["sum"] == write_spread(every, "sum_accuracy", 2)
        assert row["sum, 1 % of the images"] == write_spread(few, "sum_accuracy", 1)
        assert row["sum, pairs never seen"] == write_spread(apart, "held_out_sum_accuracy", 2)
        assert row["loss of the sum"] == write(every["sum_loss_mean"], 3)
        assert row["steps to 90 % of sums"] == every["steps_to_90_percent"]
        assert row["weights"] == f"{int(every['adder_parameters']):,}"


def test_published_figures() -> None:
    shown = read_table("records", "| system | output | on |")
    assert {row["system"] for row in shown} == {name for name, system in SYSTEMS.items() if system.published}
    for row in shown:
        stored = find_row("published", **{name: row[name] for name in ("system", "output", "on", "epoch")})
        assert row["published"] == write(stored["published"], 2)
        spread = [stored["reproduced_mean"], *[stored["reproduced_std"]] * (stored["n"] != "1")]
        assert fit(row["reproduced"], spread), row
        assert float(row["gap"]) == pytest.approx(float(stored["gap"]), abs=0.0051)
        assert row["n"] == stored["n"]


def test_thresholds_are_passed() -> None:
    for row in read_table("records", "| system | sums, mean"):
        stored, threshold = find_systems_row(row["system"]), float(row["threshold, %"]) / 100
        n, right = int(stored["n"]), float(stored["sum_accuracy_mean"])
        assert row["sums, mean ± std, %"] == write_spread(stored, "sum_accuracy", 3)
        assert row["n"] == stored["n"]
        p = stats.t.sf((right - threshold) / (float(stored["sum_accuracy_std"]) / math.sqrt(n)), n - 1)
        assert p < 0.01
        assert fits(row["p"], f"{p:.9f}")
        assert row["uncertainty from 10,000 images, %"] == f"{100 * CERTAIN * find_error(right):.2f}"


def find_error(share: float) -> float:
    """Return the standard error of a share of 10,000 images."""
    return math.sqrt(share * (1 - share) / 10_000)


def test_best_and_the_best_public_mean_are_not_told_apart() -> None:
    page = (PAGES / "records.md").read_text()
    ours = find_systems_row("best")
    mean, std = (100 * float(ours[f"digit_accuracy_{what}"]) for what in ("mean", "std"))
    ((other_mean, other_std, other_n),) = (
        map(float, found) for found in re.findall(r"([\d.]+) ± ([\d.]+), n = (\d+), with 4.73", page)
    )
    squares = std**2 / 5, other_std**2 / other_n
    error, freedom = math.sqrt(sum(squares)), sum(squares) ** 2 / (squares[0] ** 2 / 4 + squares[1] ** 2 / (other_n - 1))
    t = (mean - other_mean) / error
    p, half = 2 * stats.t.sf(t, freedom), stats.t.ppf(0.975, freedom) * error
    assert f"t = {t:.2f} with {freedom:.1f} degrees of freedom, so p = {p:.2f}" in page
    assert f"from {mean - other_mean - half:.3f} to {mean - other_mean + half:.3f}" in page
    one = 100 * find_error(mean / 100)
    assert f"standard error of {one:.3f} points. That is {CERTAIN * one:.3f} points either way" in page
    both = 100 * CERTAIN * math.hypot(find_error(mean / 100), find_error(0.9954))
    assert f"differ by up to {both:.2f} points (95 %), and {mean:.3f} and 99.54 differ by {mean - 99.54:.2f}" in page


def test_public_figures_are_on_the_page_with_their_source() -> None:
    page = (PAGES / "records.md").read_text()
    for row in read_rows("public"):
        assert write(row["digit_accuracy"], 3, 100).removesuffix("0") in page
        assert row["name"] in page


def test_ways_of_preparing() -> None:
    ways = {"resized and inverted": "resize, invert", "Otsu's threshold, cropped, 20x20, centred": "Otsu, crop, centre"}
    for shown in read_table("preparing", "| right, % | photos | scans | drawings | small | cut close | full bleed | tiny |\n"):
        label, digits = shown.pop("right, %"), "MNIST"
        if label.endswith(", fonts"):
            digits = "fonts"
        for part, value in shown.items():
            way = ways.get(label, "prepare_picture")
            row = find_row("photos", part=part, digits=digits, network="hand", way=way)
            assert value == write(row["right"], 1), (label, part)


def test_before_and_after() -> None:
    for shown in read_table("preparing", "| part | digits |"):
        row = find_row("before-after", part=shown["part"], digits=shown["digits"].replace("none, or several", ""))
        for name in ("right", "accepted", "ms", "p99"):
            assert fit(shown[name], [row[f"{name}_before"], row[f"{name}_after"]]), (shown["part"], name)
        assert fit(shown["won, lost"], [row["won"], row["lost"]])


def test_doubt() -> None:
    parts = {"blank paper": "blank", "letters that look like no digit": "letters"}
    for shown in read_table("confidence", "| picture | `best` |"):
        picture = shown.pop("picture")
        for network, accepted in shown.items():
            assert accepted == write(
                find_row("photos-doubts", shown=parts.get(picture, picture), network=network)["accepted"], 0
            )
    for shown in read_table("confidence", "| picture | accepted, % |"):
        picture, accepted = shown.values()
        row = find_row("before-after", part=parts.get(picture, picture), digits="")
        assert accepted == write(row["accepted_after"], 1), picture


def test_calibrations() -> None:
    thresholds = {row["network"]: row for row in read_table("confidence", "| network | threshold |")}
    for shown in read_table("confidence", "| network | temperature |"):
        stored = json.loads((SHIPPED / shown["network"] / "calibration.json").read_text())
        assert shown["temperature"] == f"{stored['temperature']:.3f}"
        if "test images" in shown["measured on"]:
            metrics = json.loads((SHIPPED / shown["network"] / "metrics.json").read_text())
            assert shown["after, %"] == f"{100 * metrics['digit_ece']:.2f}"
            continue
        assert shown["calibration error before, %"] == f"{100 * stored['before']['digit_ece']:.2f}"
        assert shown["after, %"] == f"{100 * stored['after']['digit_ece']:.2f}"
        limits, accepted = thresholds[shown["network"]], stored["accepted"]
        assert limits["threshold"] == f"{stored['confidence_threshold']:.3f}"
        assert float(limits["target, %"]) == pytest.approx(100 * stored["target"])
        assert float(limits["accepted, %"]) == pytest.approx(100 * accepted["coverage"], abs=0.0501)
        assert limits["right of accepted, %"] == f"{100 * accepted['both_accuracy']:.1f}"
    assert {"best", "hand"} == thresholds.keys() & {path.parent.name for path in SHIPPED.glob("*/calibration.json")}


def test_ours_beside_the_public_records() -> None:
    shown = "\n".join(row["here"] for row in read_table("records", "| question |"))
    for name in ("micro", "tiny"):
        row = find_systems_row(name)
        spread = f"{write_spread(row, 'sum_accuracy', 2)}, digit and sum, mean of {row['n']} seeds"
        assert f"{name}: {int(row['parameters']):,} parameters, {spread}" in shown
    assert f"micro: a file of {(SHIPPED / 'micro' / 'weights.safetensors').stat().st_size:,} bytes" in shown
    row = find_systems_row("best")
    assert f"{write_spread(row, 'digit_accuracy', 3)}, n = {row['n']}, with {int(row['parameters']):,} parameters" in shown
    row = find_systems_row("fast")
    assert f"{row['train_seconds_median']} s on two CPU cores, digit and sum, median of {row['n']} seeds" in shown


def test_networks_together() -> None:
    members = ["2 plain; 2 deep", "5 best", "5 best; 10 plain; 10 deep"]
    ours, *together = read_table("speed-and-size", "| | digits right, % |")
    assert ours["digits right, %"] == write_spread(find_systems_row("best"), "digit_accuracy", 3)
    for shown, names in zip(together, members, strict=True):
        row = find_row("ensemble", members=names)
        assert shown["digits right, %"] == write(row["digit_accuracy"], 2, 100)
        assert shown["parameters"] == f"{int(row['parameters']):,}"


def test_speed_of_training() -> None:
    names = {"seesum train fast, from Enter": "seesum train fast, Enter to exit", "the GPU": "the GPU record's network"}
    for shown in read_table("speed-and-size", "| training |"):
        name = next((new for old, new in names.items() if shown["training"].startswith(old)), shown["training"])
        row = find_row("speed-train", contestant=name)
        assert shown["seconds, median"] == row["seconds_median"]
        assert shown["least, most"] == f"{row['seconds_min']}, {row['seconds_max']}"
        assert shown["times fast"] == row["ratio_median"]
        assert shown["digit, seed 0, %"] == write(row["digit_accuracy_mean"], 2, 100)


def test_contention() -> None:
    columns = {"alone": "0", "beside 1 busy process": "1", "beside 2": "2"}
    settings = {"as seesum sets them": "seesum", "spinning": "threads spin"}
    for shown in read_table("speed-and-size", "| job | threads |"):
        setting = settings.get(shown["threads"], shown["threads"])
        for column, busy in columns.items():
            row = find_row("contention", job=shown["job"], setting=setting, busy_processes=busy)
            assert shown[column] == row["median"]


def test_parameters_of_the_small_networks() -> None:
    rows = read_table("speed-and-size", "| parameters of |")
    for name in ("micro", "tiny"):
        assert sum(int(row[name].replace(",", "") or 0) for row in rows) == int(find_systems_row(name)["parameters"])


def test_images_per_second() -> None:
    for shown in read_table("speed-and-size", "| network | images per second, torch |"):
        row = find_row("speed-infer", system=shown["network"])
        assert shown["images per second, torch"] == f"{int(row['images_per_second']):,}"
        assert shown["ONNX Runtime"] == f"{int(row['onnx_images_per_second']):,}"


def test_rates_of_the_server() -> None:
    for shown in read_table("serving", "| network | at once |"):
        _, at_once, *values = shown.values()
        for server, (rates, each) in {"seesum serve": values[:2], "bare handler": values[2:]}.items():
            row = find_row("serve-rates", contestant=f"{server}, {shown['network']}", concurrency=at_once)
            assert fit(rates, [row[name] for name in ("requests_per_second", "p50_ms", "p99_ms")]), shown
            assert fit(each, [row["cpu_ms"]]), shown
    for shown in read_table("serving", "| at once | one by one"):
        at_once, *values = shown.values()
        for contestant, text in zip(("one by one", "what waits together"), values, strict=True):
            row = find_row("serve-batching", contestant=contestant, concurrency=at_once)
            assert fit(text, [row["requests_per_second"], row["cpu_ms"]]), shown
    for shown in read_table("serving", "| at once | before"):
        at_once, *values = shown.values()
        for contestant, text in zip(("before", "now"), values, strict=True):
            row = find_row("serve-pictures", contestant=contestant, concurrency=at_once)
            assert fit(text.replace("p50", ""), [row["requests_per_second"], row["p50_ms"]]), shown


def test_waiting_beside_other_clients() -> None:
    shown = read_table("serving", "| other clients |")
    stored = read_rows("serve-beside")
    assert [list(row.values()) for row in shown] == [[row["beside"], row["p50_ms"], row["p99_ms"]] for row in stored]
