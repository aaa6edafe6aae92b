"""A run as callbacks see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from retinue.api.data import Batch, DataInfo, Sample
from retinue.api.task import Task


@dataclass
class RunState:
    """All that changes while a run goes on; it is in every checkpoint, and a resumed run starts from it.

    Attributes:
        epoch: epochs completed.
        batch: batches of the present epoch completed.
        step: optimizer steps completed.
        best: the best value so far of each metric that a checkpoint or early stop watches.
        best_step: the step of each of them.
        values: what the last epoch logged.
        left_out: steps that were left out because their loss or a gradient was not finite.
        stopped: why training ended before its last epoch, if it did.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: dict[str, float] = field(default_factory=dict)
    best_step: dict[str, int] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    left_out: int = 0
    stopped: str | None = None


@dataclass
class Run:
    """A run that is under way.

    Attributes:
        name: from the spec.
        directory: where it writes.
        settings: the resolved spec as plain data.
        task: holds model and loss, on `device`.
        optimizer: over the parameters that learn.
        device: where the task is.
        holds_model: whether this process has all of the model: with FSDP it has not, and a callback cannot run it.
        info: what the training data holds.
        example: one prepared training batch of one sample, on the CPU.
        preview: prepares at most so many samples, spread over the validation data; of the training data where there
            is none.
        epochs: that it will have at most.
        steps_per_epoch: optimizer steps in a whole epoch.
        total_steps: optimizer steps it will have at most.
        state: how far it is.
    """

    name: str
    directory: Path
    settings: Mapping[str, Any]
    task: Task
    optimizer: torch.optim.Optimizer
    device: torch.device
    holds_model: bool
    info: DataInfo
    example: Batch
    preview: Callable[[int], list[Sample]]
    epochs: int
    steps_per_epoch: int
    total_steps: int
    state: RunState
