"""What tests of runs and of checkpoints share."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from retinue.engine.distributed import Group
from retinue.engine.store import CheckpointStore, Watch
from retinue.rundir import RunDirectory

ACCURACY = "val/accuracy"

SPY = '''
import json, os, signal
from pathlib import Path
from retinue.api import Callback
from retinue.hooks import hookimpl

class Spy(Callback):
    """Writes down what it sees; sends a signal, or fails, at a step."""
    def __init__(self, name: str = "spy", interrupt: int = 0, fail: int = 0, fail_in: str = "") -> None:
        self.name, self.interrupt, self.fail, self.fail_in = name, interrupt, fail, fail_in

    def note(self, run, event, *seen):
        with Path("seen.txt").open("a") as file:
            file.write(json.dumps([self.name, event, run.state.epoch, run.state.step, *seen]) + chr(10))
        if event == self.fail_in:
            raise ZeroDivisionError("in the callback")

    def start(self, run): self.note(run, "start")
    def step(self, run, batch, output):
        self.note(run, "step", len(batch["label"]), output.loss.requires_grad)
        if run.state.step == self.interrupt:
            os.kill(os.getpid(), signal.SIGTERM)
        if run.state.step == self.fail:
            raise ZeroDivisionError("in the callback")
    def epoch(self, run, values): self.note(run, "epoch", sorted(values))
    def end(self, run): self.note(run, "end")

@hookimpl
def retinue_callbacks(register):
    register("spy", Spy, summary="writes down what it sees")
'''


def records(run: Path) -> list[dict[str, Any]]:
    """Everything that metrics.jsonl says, but for what a clock and the machine say."""
    measured = ("images_per_second", "memory_mib")
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in measured} for line in lines]


def weights(run: Path) -> bytes:
    """The last checkpoint's weights as they lie on the disk."""
    return (run / "checkpoints" / "last" / "model.safetensors").read_bytes()


def saved(run: Path) -> list[int]:
    """The steps of which there is a checkpoint."""
    return sorted(int(path.name[5:]) for path in (run / "checkpoints").glob("step-*"))


@dataclass(frozen=True)
class Gathered(Group):
    """A group as one of its processes sees it, with the states of all."""

    states: tuple[dict[str, Any], ...] = ()

    def gather(self, value: Any) -> list[Any]:
        return list(self.states)


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    found = RunDirectory(tmp_path / "run")
    found.make()
    return found


def model_at(step: int) -> nn.Module:
    model = nn.Linear(2, 1)
    nn.init.constant_(model.weight, float(step))
    return model


def state_at(step: int) -> dict[str, Any]:
    return {"step": step, "weights": None}


def save(
    directory: RunDirectory, values: dict[int, float | None], last: int = 1, keep: int = 1, higher: bool = True
) -> CheckpointStore:
    """Save a checkpoint for each step, with what it logged; None for one in mid-epoch."""
    store = CheckpointStore(directory, [Watch(ACCURACY, "best", higher, keep)], last)
    for step, value in values.items():
        logged = {} if value is None else {ACCURACY: value}
        store.save(model_at(step).state_dict(), state_at(step), step, epoch=step // 10, values=logged)
    store.wait()
    return store


def names(directory: RunDirectory) -> set[str]:
    return {path.name for path in directory.checkpoints.iterdir()}


def link(directory: RunDirectory, name: str) -> str:
    """Where a link leads."""
    path = directory.checkpoints / name
    assert path.is_symlink()
    assert (path / "model.safetensors").is_file()
    return os.readlink(path)
