"""Runs killed at random moments go on as if nothing had happened.

RETINUE_KILLS=50 python -m pytest tests/e2e/test_kills.py
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

Records = Callable[[Path], list[dict[str, object]]]

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("RETINUE_KILLS", 5))

FORMS = {
    "fp32": [],
    "accumulation": ["train.accumulate=3", "train.clip_norm=1.0"],
    "EMA": ["train.ema=0.9"],
    "fp16 with scaler": ["train.precision=fp16"],
}
IMGAUG = 'data.train.transforms=[{use="imgaug-aug/affine",rotate=[-10,10]},{use="imgaug-aug/additive-gaussian-noise"}]'
CASES = [
    [*form, f"data.workers={workers}", *imgaug]
    for workers in (0, 2)
    for imgaug in ([], [IMGAUG])
    for form in FORMS.values()
]
"""What is trained in turn; the spec has dropout and random transforms."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, list[str]], Path]:
    """Return the run of a case that nobody killed."""
    runs: dict[tuple[str, ...], Path] = {}

    def run(spec: Path, case: list[str]) -> Path:
        if tuple(case) not in runs:
            runs[tuple(case)] = tmp_path_factory.mktemp("whole") / "run"
            train(spec, "--out", str(runs[tuple(case)]), *case).communicate()
        return runs[tuple(case)]

    return run


@pytest.mark.parametrize("number", range(KILLS))
def test_a_run_killed_at_a_random_moment_ends_as_if_it_had_not_been(
    number: int, spec: Path, tmp_path: Path, records: Records, whole: Callable[[Path, list[str]], Path]
) -> None:
    chance = random.Random(number)
    # In steps of five the first few take every form.
    case = CASES[(number * 5) % len(CASES)]
    expected, killed = whole(spec, case), tmp_path / "killed"
    process = train(spec, "--out", str(killed), *case)
    kill_after(process, killed, records=chance.randrange(len(records(expected))), delay=chance.uniform(0, 0.05))
    resumed = train("--resume", str(killed))
    _, stderr = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, stderr
    assert records(killed) == records(expected)
    assert equal(read_state(killed), read_state(expected))
    assert read_curve(killed) == read_curve(expected)


def train(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "retinue", "train", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_after(process: subprocess.Popen[str], run: Path, records: int, delay: float) -> None:
    """Kill when so many records are written, and a little later."""
    deadline = time.monotonic() + 300
    while count_lines(run / "metrics.jsonl") < records or not (run / "run.lock").exists():
        assert time.monotonic() < deadline
        if process.poll() is not None:
            break
        time.sleep(0.001)
    time.sleep(delay)
    process.kill()
    process.communicate()


def count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def read_state(run: Path) -> dict[str, Any]:
    """Everything that the last checkpoint holds."""
    last = run / "checkpoints" / "last"
    return {"weights": load_file(last / "model.safetensors"), **torch.load(last / "state.pt", weights_only=True)}


def read_curve(run: Path) -> list[tuple[int, float]]:
    """The validation loss as TensorBoard shows it."""
    events = EventAccumulator(str(run))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars("val/loss")]


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        # Throughput and memory are measured.
        measured = ("images_per_second", "memory_mib")
        return one.keys() == other.keys() and all(k in measured or equal(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)
