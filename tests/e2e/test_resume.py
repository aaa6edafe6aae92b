"""A run that is killed goes on as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

Records = Callable[[Path], list[dict[str, object]]]


def start(spec: Path, run: Path, *overrides: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "retinue", "train", str(spec), "--out", str(run), *overrides]
    return subprocess.Popen(command, cwd=spec.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_records(run: Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    metrics = run / "metrics.jsonl"
    while not metrics.exists() or metrics.read_text().count("\n") < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def assert_equal_runs(one: Path, other: Path, records: Records) -> None:
    assert records(one) == records(other)
    weights = [load_file(run / "checkpoints" / "last" / "model.safetensors") for run in (one, other)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


FREEZE = 'finetune.freeze=[{match = "layers.1.*", until = "30it"}]'


@pytest.mark.parametrize(
    ("overrides", "records_before"),
    [(["data.workers=0"], 17), (["data.workers=2"], 40), ([FREEZE], 26), ([FREEZE], 35)],
    ids=["no workers", "two workers", "frozen", "thawed"],
)
def test_killed_in_mid_epoch_and_resumed_bit_for_bit(
    retinue, spec: Path, tmp_path: Path, records: Records, overrides: list[str], records_before: int
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert retinue("train", spec, *overrides, "--out", whole).returncode == 0
    process = start(spec, killed, *overrides)
    wait_for_records(killed, records_before, process)
    process.kill()
    process.communicate()
    assert len(records(killed)) < len(records(whole))
    resumed = retinue("train", "--resume", killed)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.splitlines()[-1] == str(killed)
    assert_equal_runs(whole, killed, records)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_tells_how_to_go_on(
    retinue, spec: Path, tmp_path: Path, records: Records, number: signal.Signals
) -> None:
    run = tmp_path / "run"
    process = start(spec, run, "train.epochs=200", "checkpoint.every=1000ep", "~scheduler")
    wait_for_records(run, 30, process)
    os.kill(process.pid, number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert f"retinue train --resume {run}" in stderr
    assert "Traceback" not in stderr
    saved = max(int(path.name.split("-")[1]) for path in (run / "checkpoints").glob("step-*"))
    assert saved == records(run)[-1]["step"]


def test_a_run_that_is_complete_stays_as_it_is(retinue, spec: Path, tmp_path: Path, records: Records) -> None:
    run = tmp_path / "run"
    retinue("train", spec, "train.epochs=1", "--out", run)
    before = records(run)
    again = retinue("train", "--resume", run)
    assert again.returncode == 0, again.stderr
    assert records(run) == before


def test_resume_takes_the_runs_own_spec(retinue, spec: Path, tmp_path: Path) -> None:
    refused = retinue("train", spec, "--resume", tmp_path)
    assert refused.returncode == 2
    assert "its own spec" in refused.stderr
    missing = retinue("train", "--resume", tmp_path / "nothing")
    assert (missing.returncode, "Traceback" in missing.stderr) == (2, False)
