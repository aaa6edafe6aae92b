"""Batches of samples that are in memory as tensors: taken and transformed all at once, on the device."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from retinue.api import Batch, Draws
from retinue.data.batches import move_batch, strip_kinds, take_samples
from retinue.data.keys import derive_sample_keys
from retinue.data.loading import Batches
from retinue.data.samples import PreparedSamples
from retinue.data.sampling import EpochBatches
from retinue.data.workers import Workers


class BatchedLoader(Batches):
    """Batches of the same samples as `Loader` gives."""

    path = "batched"

    def __init__(self, samples: PreparedSamples, order: EpochBatches, tensors: Batch, device: torch.device) -> None:
        """Make it.

        Args:
            samples: their transforms are all keyed.
            tensors: all samples as one batch.
            device: where batches are made; the tensors are kept there too, if they fill no more than half of what is
                free of a GPU's memory.
        """
        super().__init__(samples, order, Workers())
        self.device = device
        self.tensors = move_batch(tensors, device) if _fits(tensors, device) else tensors

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        self.order.epoch, self.order.start = epoch, start
        for keys in self.order:
            indices = torch.tensor([index for _, index in keys])
            batch = move_batch(take_samples(self.tensors, indices), self.device)
            draws = Draws(derive_sample_keys(self.samples.seed, epoch, indices))
            yield strip_kinds(self.samples.preparation.prepare_batch(batch, draws))


def _fits(tensors: Batch, device: torch.device) -> bool:
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return sum(value.nbytes for value in tensors.values() if isinstance(value, Tensor)) <= free // 2
