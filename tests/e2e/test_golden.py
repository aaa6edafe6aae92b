"""What a seeded run computes stays what it was.

`RETINUE_WRITE_GOLDEN=1 pytest tests/e2e/test_golden.py` writes the file anew: only where a change of numbers is meant.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import retinue

GOLDEN = Path(__file__).parent / "golden" / "small.json"

Records = Callable[[Path], list[dict[str, object]]]


@pytest.fixture
def runs(spec: Path, tmp_path: Path) -> list[Path]:
    return [retinue.train(spec, {"log.tensorboard": False}, tmp_path / name).directory.path for name in ("one", "two")]


def test_two_runs_are_equal_and_as_they_were(runs: list[Path], records: Records) -> None:
    one, two = (load_file(run / "checkpoints" / "last" / "model.safetensors") for run in runs)
    assert records(runs[0]) == records(runs[1])
    assert all(torch.equal(one[name], two[name]) for name in one)
    losses = [record["train/loss"] for record in records(runs[0]) if record["event"] == "step"]
    if os.environ.get("RETINUE_WRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps(losses, indent=0) + "\n")
    # Another processor adds up in another order.
    assert losses == pytest.approx(json.loads(GOLDEN.read_text()), rel=1e-3)
