"""What can go wrong while a run trains: each fault has its exit code and its message, and nothing that was saved is lost.

docs/how-to/when-a-run-stops.md is the table for people.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tests.core.cli.conftest import Answer, command

import retinue
from retinue.engine.checkpoints import check_whole

__all__ = ["command"]

Command = Callable[..., Answer]

SPEC = """
spec = 1
seed = 3
callbacks = ["fault"]

[data]
batch_size = 64
workers = 0
train = { use = "digits", split = { fraction = 0.8 }, transforms = ["random-affine"] }
val = { use = "digits", split = { fraction = 0.8 } }

[model]
use = "mlp"
hidden = [16]
dropout = 0.2

[optimizer]
use = "sgd"
lr = 0.1
momentum = 0.9

[train]
epochs = 2
device = "cpu"

[checkpoint]
every = "10it"

[log]
every = 1
tensorboard = false
"""

FAULT = '''
"""A callback that does harm once: after step 25, what the file "armed" says."""

import logging, multiprocessing, os, signal, threading, time
from pathlib import Path

import torch
from retinue.api import Callback
from retinue.hooks import hookimpl


def fill_disk(run):
    with (run.directory / "ballast").open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(512))
            except OSError:
                return


def fill_disk_and_speak(run):
    fill_disk(run)
    logging.getLogger("retinue").warning("word " * 2000)


def need_memory(run):
    run.task.model.register_forward_pre_hook(lambda *_: torch.empty(2**50))


def need_gpu_memory(run):
    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    run.task.model.register_forward_pre_hook(fail)


def kill_worker(run):
    os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)


def kill_process(run):
    if os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)


def remove_pictures(run):
    for path in Path("pictures").rglob("*7.png"):
        path.unlink()


class Fault(Callback):
    def step(self, run, batch, output):
        if run.state.step == 25 and Path("armed").exists():
            globals()[Path("armed").read_text()](run)


@hookimpl
def retinue_callbacks(register):
    register("fault", Fault, summary="does harm")
'''


def write_spec(folder: Path) -> None:
    (folder / "spec.toml").write_text(SPEC)
    (folder / "fault.py").write_text(FAULT)
    (folder / "registry.toml").write_text('schema = 1\n[local]\nfault = { path = "fault.py" }\n')


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_spec(tmp_path)
    Image.new("L", (8, 8)).save(tmp_path / "picture.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 46 steps that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    write_spec(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        retinue.train("spec.toml", out="run")
    return folder / "run"


@pytest.fixture
def run(whole: Path, workspace: Path) -> Path:
    """A copy of that run."""
    return Path(shutil.copytree(whole, "run", symlinks=True))


def check_refused(answer: Answer, code: int, *words: str) -> None:
    assert answer.code == code, answer
    assert "Traceback" not in answer.err
    for word in words:
        assert word in answer.err


def check_kept(run: Path, step: int) -> None:
    """Every checkpoint that is there is whole, `last` is that of `step`, and metrics.jsonl leads up to it."""
    for path in run.glob("checkpoints/step-*"):
        check_whole(path)
    assert os.readlink(run / "checkpoints/last") == f"step-{step:08d}"
    best = run / "checkpoints/best"
    assert best.exists() or not best.is_symlink()
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    records = [json.loads(line) for line in lines if line.endswith("\n")]
    steps = [record["step"] for record in records if record["event"] == "step"]
    assert steps[:step] == list(range(1, step + 1))


def check_equal(run: Path, whole: Path) -> None:
    """The same records and the same weights."""
    assert read_records(run) == read_records(whole)
    one, other = (load_file(path / "checkpoints/last/model.safetensors") for path in (run, whole))
    assert all(torch.equal(one[name], other[name]) for name in other)


def read_records(run: Path) -> list[dict[str, Any]]:
    measured = ("images_per_second", "memory_mib")
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in record.items() if key not in measured} for record in records]


def list_files(place: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


FILES = ["model.safetensors", "state.pt", "manifest.json"]
DAMAGES = [truncate, flip_bit, Path.unlink]
OPENING = {
    "resume": ["train", "--resume", "run"],
    "evaluate": ["evaluate", "run"],
    "predict": ["predict", "run", "picture.png"],
}


@pytest.mark.parametrize("opening", OPENING)
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_damaged_checkpoint(
    name: str, damage: Callable[[Path], None], opening: str, run: Path, whole: Path, command: Command
) -> None:
    """The one before it is taken."""
    damage(run / "checkpoints/step-00000046" / name)
    answer = command(*OPENING[opening])
    assert answer.code == 0, answer
    assert "run/checkpoints/step-00000046 is damaged: " + name in answer.err
    assert "step-00000040 is used in its place" in answer.err
    if opening == "resume":
        check_kept(run, 46)
        check_equal(run, whole)


@pytest.mark.parametrize("opening", OPENING)
def test_all_checkpoints_damaged(opening: str, run: Path, command: Command) -> None:
    truncate(run / "checkpoints/step-00000040/model.safetensors")
    flip_bit(run / "checkpoints/step-00000046/state.pt")
    before = list_files(run)
    answer = command(*OPENING[opening])
    check_refused(answer, 2, "step-00000040 is damaged: model", "step-00000046 is damaged: state")
    assert list_files(run) == before


@pytest.mark.parametrize("opening", OPENING)
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["run.lock", "resolved.toml"])
def test_damaged_record(
    name: str, damage: Callable[[Path], None], opening: str, run: Path, command: Command
) -> None:
    damage(run / name)
    before = list_files(run)
    answer = command(*OPENING[opening])
    print(answer)
    check_refused(answer, 2, name)
    assert list_files(run) == before


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_metrics(damage: Callable[[Path], None], run: Path, whole: Path, command: Command) -> None:
    damage(run / "metrics.jsonl")
    before = list_files(run)
    answer = command("train", "--resume", "run")
    print(answer)
    assert 0
