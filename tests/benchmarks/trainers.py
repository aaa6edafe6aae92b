"""Retinue's engine in a benchmark's own process, an epoch at a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from retinue.api import Batch
from retinue.build import build_trainer
from retinue.engine.distributed import Group
from retinue.engine.loop import train_epoch
from retinue.engine.trainer import Trainer
from retinue.plan import make_plan
from retinue.plugins.registry import Registry
from retinue.rundir import RunDirectory
from retinue.spec.loading import load_spec


def build_run(name: str, spec: str) -> Trainer:
    """Return a run before its first step; its directory is `name`."""
    directory = RunDirectory(name)
    directory.path.mkdir()
    (directory.path / "spec.toml").write_text(spec)
    plan = make_plan(load_spec(directory.path / "spec.toml"), Registry())
    trainer, _ = build_trainer(plan, directory, Group(), lambda model: None)
    return trainer


class ReadyBatches:
    """Stands for the loader of a run."""

    unreadable = None

    def __init__(self, batches: list[Batch], trainer: Trainer) -> None:
        self.ready = batches
        self.order = trainer.train.order

    def __len__(self) -> int:
        return len(self.ready)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        return iter(self.ready)


def give_batches(trainer: Trainer, pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Let a run learn from pictures and labels that are ready."""
    ready = [{"image": image, "label": label} for image, label in pairs]
    trainer.train = ReadyBatches(ready, trainer)  # type: ignore[assignment]


def run_epoch(trainer: Trainer) -> dict[str, float]:
    """Train an epoch with its records; return loss and metrics."""
    state = trainer.run.state
    train_epoch(trainer)
    values = trainer.train_meter.compute()
    trainer.train_meter.reset()
    state.epoch, state.batch = state.epoch + 1, 0
    return values
