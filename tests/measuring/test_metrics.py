"""measuring/metrics.py and measuring/evaluation.py: metrics against plain counting, and the fast path against the slow one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seesum.base.recipe import Recipe
from seesum.data.batches import normalise
from seesum.data.idx import Dataset
from seesum.data.operations import OPERATIONS
from seesum.data.samples import make_samples
from seesum.measuring.evaluation import predict_every_addend
from seesum.measuring.metrics import (
    Probabilities,
    compute_breakdown,
    compute_ece,
    compute_pair_metrics,
    confusion_matrix,
    predict_classes,
    wilson_interval,
)
from seesum.networks.adders import ADDERS
from seesum.networks.systems import build_network, find_system

ADD = OPERATIONS["add"]


def make_probabilities(count: int = 40) -> tuple[Probabilities, np.ndarray]:
    rng = np.random.default_rng(0)
    digits = rng.integers(0, 10, count)
    return Probabilities(
        rng.dirichlet(np.ones(10), (count, 10)).astype(np.float32), rng.dirichlet(np.ones(19), (count, 10)).astype(np.float32)
    ), digits


def test_metrics_by_counting() -> None:
    probabilities, digits = make_probabilities()
    digit_right = sum_right = both = agree = 0
    losses = []
    for i, digit in enumerate(digits):
        for addend in range(10):
            predicted, predicted_sum = (
                int(probabilities.digit_p[i, addend].argmax()),
                int(probabilities.sum_p[i, addend].argmax()),
            )
            digit_right += predicted == digit
            sum_right += predicted_sum == digit + addend
            both += predicted == digit and predicted_sum == digit + addend
            agree += predicted_sum - addend == predicted
            losses.append(
                -np.log(probabilities.digit_p[i, addend, digit]) - np.log(probabilities.sum_p[i, addend, digit + addend])
            )
    measured = compute_pair_metrics(probabilities, digits, ADD)
    assert measured["digit_accuracy"] == pytest.approx(digit_right / 400)
    assert measured["sum_accuracy"] == pytest.approx(sum_right / 400)
    assert measured["both_accuracy"] == pytest.approx(both / 400)
    assert measured["consistency"] == pytest.approx(agree / 400)
    assert measured["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert (measured["images"], measured["pairs"]) == (40, 400)


def test_the_breakdown_averages_to_the_whole() -> None:
    probabilities, digits = make_probabilities()
    whole, breakdown = compute_pair_metrics(probabilities, digits, ADD), compute_breakdown(probabilities, digits, ADD)
    for rows in breakdown.values():
        weights = [row["images"] for row in rows]
        for name in ("digit_accuracy", "sum_accuracy"):
            assert np.average([row[name] or 0 for row in rows], weights=weights) == pytest.approx(whole[name])


def test_a_digit_that_does_not_occur() -> None:
    probabilities, _ = make_probabilities()
    rows = compute_breakdown(probabilities, np.full(40, 3), ADD)["per_digit"]
    assert rows[3]["images"] == 40
    assert rows[4] == {"digit": 4, "images": 0, "digit_accuracy": None, "sum_accuracy": None}


def test_a_probability_of_zero_gives_a_finite_loss() -> None:
    probabilities, digits = make_probabilities()
    nothing = Probabilities(np.zeros_like(probabilities.digit_p), np.zeros_like(probabilities.sum_p))
    assert np.isfinite(compute_pair_metrics(nothing, digits, ADD)["loss"])


def test_confusion() -> None:
    probabilities, digits = make_probabilities()
    answers = predict_classes(probabilities, digits, ADD)
    counts = confusion_matrix(answers.sum, answers.true_sum, 19)
    assert counts.sum() == 400
    assert np.trace(counts) == 400 * compute_pair_metrics(probabilities, digits, ADD)["sum_accuracy"]
    assert counts[answers.true_sum[5, 3], answers.sum[5, 3]] > 0


def test_ece_of_the_perfectly_calibrated_and_the_overconfident() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.1, 1, 200_000).astype(np.float32)
    assert compute_ece(confidence, rng.uniform(size=200_000) < confidence) < 0.005
    assert compute_ece(np.ones(100, np.float32), np.arange(100) < 80) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("right", "count", "low", "high"), [(81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611), (20, 20, 0.8389, 1.0)]
)
def test_wilson_interval_against_published_values(right: int, count: int, low: float, high: float) -> None:
    """Newcombe 1998, table I, gives the first interval (0.2553, 0.3662). The extremes are n / (n + z^2)."""
    assert wilson_interval(right / count, count) == pytest.approx((low, high), abs=2e-4)


@pytest.mark.parametrize("adder", ADDERS)
def test_one_encoder_pass_equals_ten(mnist: Dataset, adder: str) -> None:
    recipe = find_system("fast").recipe.replaced({"adder": adder})
    network = build_network(recipe).eval()
    cpu = torch.device("cpu")
    fast = predict_every_addend(network, mnist.test.images[:30], recipe, cpu)
    labelled = type(mnist.test)(mnist.test.images[:30], mnist.test.digits[:30])
    samples = make_samples(labelled, ADD, "every", np.random.default_rng(0))
    with torch.no_grad():
        slow = network(normalise(samples.images, recipe, cpu), torch.from_numpy(samples.addends))
    assert np.allclose(fast.digit_p.reshape(300, 10), slow.digit_logp.exp().numpy(), atol=1e-5)
    assert np.allclose(fast.sum_p.reshape(300, 19), slow.sum_logp.exp().numpy(), atol=1e-5)


def test_prediction_leaves_the_mode_alone(mnist: Dataset) -> None:
    recipe = Recipe("squeeze", adder="concat")
    network = build_network(recipe).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    first = predict_every_addend(network, mnist.test.images[:20], recipe, torch.device("cpu"))
    second = predict_every_addend(network, mnist.test.images[:20], recipe, torch.device("cpu"))
    assert network.training
    assert np.array_equal(first.sum_p, second.sum_p)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
