"""A spec that trains in a second or two with everything random in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SPEC = """
spec = 1
name = "small"
seed = 3

[data]
batch_size = 64
workers = 0

[data.train]
use = "digits"
split = { fraction = 0.8 }
transforms = [{ use = "random-affine", degrees = 10, translate = [0.1, 0.1] }]

[data.val]
use = "digits"
split = { fraction = 0.8 }

[model]
use = "mlp"
hidden = [32]
dropout = 0.3

[optimizer]
use = "sgd"
lr = 0.1
momentum = 0.9

[[scheduler]]
use = "cosine"
every = "step"
warmup = "10it"

[[scheduler]]
use = "step"
step_size = 2

[train]
epochs = 3

[checkpoint]
every = "10it"

[log]
every = 1
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.toml"
    path.write_text(SPEC)
    return path


def read_records(run: Path) -> list[dict[str, Any]]:
    """Everything that metrics.jsonl says, but for how fast it was."""
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    measured = ("images_per_second", "memory_mib")
    return [{key: value for key, value in record.items() if key not in measured} for record in records]


@pytest.fixture
def records():  # type: ignore[no-untyped-def]
    return read_records
