"""training/loop.py: a training whose numbers become infinite ends in one sentence, and leaves nothing that looks finished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import seesum
from seesum.base.errors import JobError

ONE_STEP: dict[str, Any] = {"images": 64, "batch_size": 64, "precision": "fp32", "optimiser": "sgd", "schedule": "constant"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({**ONE_STEP, "lr": 1e45}, "the weights stopped being numbers in epoch 1"),  # the only loss is that of before
        ({**ONE_STEP, "lr": 1e33}, "the answers stopped being numbers in epoch 1"),
        ({"images": 400, "lr": 1e30}, "the loss stopped being numbers in epoch 1"),
        ({"images": 64, "batch_size": 64, "epochs": 3, "lr": 1e30, "ema_decay": 0.9}, "stopped being numbers in epoch"),
    ],
)
def test_numbers_that_are_none_end_the_training(
    changes: dict[str, Any], sentence: str, small_data: Path, tmp_path: Path
) -> None:
    with pytest.raises(JobError, match=sentence):
        seesum.train("fast", data=small_data, out=tmp_path / "run", quiet=True, **changes)
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert not left & {"metrics.json", "report.html"}
    if "answers" not in sentence:
        assert "weights.safetensors" not in left
