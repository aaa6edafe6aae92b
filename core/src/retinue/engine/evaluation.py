"""Loss and metrics on data that is not learnt from."""

from __future__ import annotations

from collections.abc import Callable

import torch

from retinue.api import Task
from retinue.data.batches import move_batch
from retinue.data.loading import Batches
from retinue.engine.devices import scale_image
from retinue.engine.distributed import Group
from retinue.engine.labels import LABEL_FAULTS, refuse_wrong_labels
from retinue.engine.meters import Meter


@torch.inference_mode()
def evaluate(
    task: Task, loader: Batches, meter: Meter, is_stopped: Callable[[], object] = lambda: False
) -> dict[str, float]:
    """Return `loss` and every metric over all samples, each counted once; the task is left in eval mode.

    The samples' keys are those of epoch 0, so that every evaluation sees the same pictures.

    Args:
        is_stopped: asked after each batch; where it says so, there are no values.

    Raises:
        DataError: a label is none of the classes.
    """
    task.eval()
    meter.reset()
    meter.group.share_buffers(task)
    for turn, batch in enumerate(loader.batches(epoch=0)):
        try:
            output = task(scale_image(move_batch(batch, meter.device)))
            if loader.order.counts(turn):
                meter.update(output)
        except LABEL_FAULTS as error:
            refuse_wrong_labels(error, loader, task.info, epoch=0, number=loader.order.number(turn))
            raise
        if is_stopped():
            return {}
    return meter.compute() | count_unreadable(loader, meter.group)


def count_unreadable(loader: Batches, group: Group) -> dict[str, float]:
    """Return how many samples of the epoch could not be read, where that does not stop the run."""
    counts = group.gather(loader.unreadable)
    return {} if loader.unreadable is None else {"unreadable": float(sum(counts))}
