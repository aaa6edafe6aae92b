"""One picture through the model before the first step: what does not fit is said now, not after an epoch."""

from __future__ import annotations

import copy

import torch

from retinue.api import Batch, Task
from retinue.data.keys import preserve_generators
from retinue.data.preparation import collate, describe_sample
from retinue.data.sampling import EpochBatches
from retinue.engine.devices import move_batch, scale_image
from retinue.errors import TrainingError

LONE = "more than 1 value per channel"
"""What torch's batch norm says of a batch that has no variance."""


def rehearse(task: Task, section: str, sample: Batch, device: torch.device) -> None:
    """Evaluate a section's first prepared sample.

    Raises:
        TrainingError: the model or the loss fails on it.
    """
    try:
        _run(task.eval(), sample, device)
    except (RuntimeError, ValueError, IndexError, TypeError, AssertionError) as error:
        raise TrainingError(f"the model fails on data.{section}: {describe_sample(sample)}: {error}") from error


def rehearse_lone_sample(task: Task, sample: Batch, order: EpochBatches, device: torch.device) -> None:
    """Where a batch of an epoch has one sample alone, train on one, on a copy.

    Raises:
        TrainingError: the model has a batch norm that cannot.
    """
    rest = 0 if order.drop_last else order.size % order.batch_size
    if (rest or order.batch_size) > 1:
        return
    try:
        _run(copy.deepcopy(task).train(), sample, device)
    except ValueError as error:
        if LONE not in str(error):
            raise
        remedy = "set data.drop_last = true, or another data.batch_size" if rest else "set a larger data.batch_size"
        raise TrainingError(
            f"of {order.size} samples in batches of {order.batch_size} the last batch has one sample, which the "
            f"model's batch norm cannot learn from: {remedy}"
        ) from error


@torch.no_grad()
def _run(task: Task, sample: Batch, device: torch.device) -> None:
    with preserve_generators():
        task(scale_image(move_batch(collate([sample]), device)))
