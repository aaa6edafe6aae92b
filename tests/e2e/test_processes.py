"""Several processes learn as one does."""

from __future__ import annotations

import json
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

pytestmark = pytest.mark.slow

WITNESS = '''
"""A model that keeps what it is given."""
import itertools, os
import torch
from torch import nn
from retinue.hooks import hookimpl


class Witness(nn.Module):
    def __init__(self, num_classes: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(image_size[0] * image_size[1], num_classes))
        self.number = itertools.count()

    def forward(self, image):
        if self.training:
            rank, folder = os.environ.get("RANK", "0"), os.environ["SEEN"]
            torch.save(image, f"{folder}/{next(self.number):04d}-{rank}.pt")
        return self.layers(image)


@hookimpl
def retinue_models(register):
    register("witness", Witness, summary="keeps what it is given")
'''

SPEC = """
spec = 1
name = "shared"

[data]
batch_size = 100

[data.train]
use = "digits"
split = { fraction = 0.8 }
transforms = [{ use = "random-affine", degrees = 10, translate = [0.1, 0.1] }, { use = "mixup" }]

[data.val]
use = "digits"
split = { fraction = 0.8 }

[model]
use = "witness"

[optimizer]
use = "sgd"
lr = 0.1
momentum = 0.9

[metrics]
accuracy = "accuracy"
f1 = "f1"

[train]
epochs = 2
device = "cpu"

[log]
every = 1
tensorboard = false
"""


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "witness.py").write_text(WITNESS)
    (tmp_path / "registry.toml").write_text('schema = 1\n[local]\nwitness = { path = "witness.py" }\n')
    path = tmp_path / "shared.toml"
    path.write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    return path


def start(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "retinue", "train", *map(str, arguments)]
    environment = {**os.environ, **environment}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def train(*arguments: object, **environment: str) -> str:
    process = start(*arguments, **environment)
    stdout, stderr = process.communicate(timeout=180)
    assert process.returncode == 0, stderr
    return stdout


def read_batches(folder: Path) -> list[torch.Tensor]:
    """Return what the processes were given, joined by step."""
    steps: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        steps.setdefault(path.name.split("-")[0], []).append(path)
    return [torch.cat([torch.load(path) for path in paths]) for paths in steps.values()]


def test_workers_and_processes_change_no_batch_and_no_metric(shared: Path, tmp_path: Path, records: Records) -> None:
    """1,438 samples in batches of 100, and 359 to validate on: neither is divided by the batch, or by two."""
    runs = {}
    for workers, processes in [(0, 1), (2, 1), (0, 2), (1, 2)]:
        seen, run = tmp_path / f"seen-{workers}-{processes}", tmp_path / f"run-{workers}-{processes}"
        seen.mkdir()
        train(shared, f"data.workers={workers}", "--processes", processes, "--out", run, SEEN=str(seen))
        runs[workers, processes] = (
            read_batches(seen),
            records(run),
            load_file(run / "checkpoints/last/model.safetensors"),
        )
    batches, found, weights = runs.pop((0, 1))
    found = [{name: value for name, value in record.items() if name != "event"} for record in found]
    assert [len(batch) for batch in batches[:15]] == [100] * 14 + [38]
    for others, other_records, other_weights in runs.values():
        assert len(others) == len(batches)
        assert all(torch.equal(one, other) for one, other in zip(batches, others, strict=True))
        assert [record.pop("event") for record in other_records] == ["step"] * 15 + ["epoch"] + ["step"] * 15 + [
            "epoch"
        ]
        assert other_records == [pytest.approx(record, rel=1e-5) for record in found]
        for name, value in weights.items():
            torch.testing.assert_close(other_weights[name], value, rtol=1e-5, atol=1e-6)


def test_evaluation_of_the_same_weights_is_equal_in_any_number_of_processes(
    shared: Path, tmp_path: Path, records: Records
) -> None:
    """Steps too small to change a weight: it stays that of the seed."""
    found = []
    for processes in (1, 2, 3):
        run = tmp_path / f"run-{processes}"
        train(shared, "optimizer.lr=1e-30", "train.epochs=1", "model=mlp", "--processes", processes, "--out", run)
        found.append({name: value for name, value in records(run)[-1].items() if name.startswith("val/")})
    assert len(found[0]) > 2
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("optimizer", ["use='adam',lr=0.001", "use='sgd',lr=0.01,momentum=0.9"])
def test_what_fsdp2_saves_is_used_and_continued_by_one_process(
    optimizer: str,
    shared: Path,
    tmp_path: Path,
    records: Records,
    retinue: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    form = ["model=mlp", "train.strategy=fsdp2", "train.ema=0.9", f"optimizer={{{optimizer}}}"]
    whole, shards = tmp_path / "whole", tmp_path / "shards"
    train(shared, *form, "--out", whole)
    process = start(shared, *form, "--processes", 2, "--out", shards)
    stop_after(process, shards, records=20, signal_number=signal.SIGTERM)
    assert process.returncode == 128 + signal.SIGTERM
    assert retinue("evaluate", shards).returncode == 0
    train("--resume", shards)
    values = json.loads((shards / "metrics.jsonl").read_text().splitlines()[-1])
    assert values["val/loss"] == pytest.approx(records(whole)[-1]["val/loss"], rel=1e-4)


def stop_after(process: subprocess.Popen[str], run: Path, records: int, signal_number: int) -> str:
    """Send the launcher a signal when so many records are written; return what was said."""
    deadline = time.monotonic() + 120
    while not (run / "metrics.jsonl").exists() or (run / "metrics.jsonl").read_bytes().count(b"\n") < records:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal_number)
    stderr: str = process.communicate(timeout=120)[1]
    return stderr


def test_a_signal_stops_the_group_and_tells_how_to_go_on(shared: Path, tmp_path: Path, records: Records) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(shared, "model=mlp", "model.dropout=0.2", "--processes", 2, "--out", whole)
    process = start(shared, "model=mlp", "model.dropout=0.2", "train.epochs=2", "--processes", 2, "--out", cut)
    stderr = stop_after(process, cut, records=5, signal_number=signal.SIGTERM)
    assert process.returncode == 128 + signal.SIGTERM, stderr
    assert stderr.count(f"go on with: retinue train --resume {cut}") == 1
    assert "Traceback" not in stderr
    train("--resume", cut, "--processes", 2)
    assert records(cut) == records(whole)


def test_a_mistake_is_told_once_and_by_its_exit_code(shared: Path) -> None:
    process = start(shared, "train.accumulate=80", "--processes", 2)
    stderr = process.communicate(timeout=120)[1]
    assert process.returncode == 2
    assert stderr.count("cannot be cut") == 1
    assert "Traceback" not in stderr


KILLER = """
import os, signal, sys
from retinue.api import Callback
from retinue.hooks import hookimpl


class Killer(Callback):
    def __init__(self, step: int) -> None:
        self.step_number = step

    def step(self, run, batch, output):
        if run.state.step == self.step_number and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
            os.kill(os.getpid(), signal.SIGKILL)


@hookimpl
def retinue_callbacks(register):
    register("killer", Killer, summary="ends its process")
"""


def test_a_group_that_torchrun_starts_again_goes_on_with_its_own_run(
    shared: Path, tmp_path: Path, records: Records
) -> None:
    (tmp_path / "killer.py").write_text(KILLER)
    (tmp_path / "registry.toml").write_text('schema = 1\n[local]\nkiller = { path = "killer.py" }\n')
    whole = tmp_path / "whole"
    train(shared, "model=mlp", "--processes", 2, "--out", whole)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        "--max-restarts=1",
        "--monitor-interval=0.1",
    ]
    spec = [shared, "model=mlp", "callbacks=[{use='killer',step=20}]", "checkpoint.every='5it'"]
    done = subprocess.run(
        [*command, "-m", "retinue", "train", *map(str, spec)], capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    assert "has lost another one" in done.stderr
    runs = list((tmp_path / "runs" / "shared").iterdir())
    assert [str(run.relative_to(tmp_path)) for run in runs] == [done.stdout.splitlines()[-1]]
    assert records(runs[0]) == records(whole)
