"""Batches in their order, prepared here, in threads or in worker processes."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch.utils.data import DataLoader

from retinue.api import Batch
from retinue.data.batches import move_batch
from retinue.data.samples import PreparedBatch, PreparedSamples
from retinue.data.sampling import EpochBatches
from retinue.data.threads import ThreadedBatches
from retinue.data.workers import Workers
from retinue.errors import RetinueError

logger = logging.getLogger("retinue")

CPU = torch.device("cpu")

NAMED = 8
"""Samples of a batch that a message names."""


class Batches(ABC):
    """The batches of a data set, epoch by epoch.

    Attributes:
        path: how they are made; the word for it in a spec.
        samples: what they are made of.
        order: which samples each batch holds.
        workers: who prepares them.
        unreadable: samples left out of this epoch because they cannot be read; None where that stops the run.
    """

    path: str

    def __init__(self, samples: PreparedSamples, order: EpochBatches, workers: Workers) -> None:
        self.samples = samples
        self.order = order
        self.workers = workers
        self.unreadable: int | None = 0 if samples.skips else None

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self.order)

    @abstractmethod
    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from number `start` on.

        Raises:
            DataError: a sample cannot be read or prepared.
        """

    def name_samples(self, epoch: int, number: int) -> list[str]:
        """Return the files of the first samples of a batch, or their indices where there are no files."""
        indices = self.indices(epoch, number)
        names = [self._name_sample(index) for index in indices[:NAMED]]
        return [*names, f"{len(indices) - NAMED} more"] if len(indices) > NAMED else names

    def indices(self, epoch: int, number: int) -> list[int]:
        """Return the indices of the samples in a batch, of all processes together."""
        self.order.epoch = epoch
        first = number * self.order.batch_size
        return self.order.order()[first : first + self.order.batch_size]

    def _name_sample(self, index: int) -> str:
        try:
            return str(self.samples.dataset[index].get("path", f"sample {index}"))
        except RetinueError:
            return f"sample {index}"


class Loader(Batches):
    """Batches of samples that are read, or found in a cache, one by one."""

    def __init__(
        self, samples: PreparedSamples, order: EpochBatches, workers: Workers, device: torch.device = CPU
    ) -> None:
        super().__init__(samples, order, workers)
        self.path = "batched" if samples.gathers else "streamed"
        self.device = device
        self._prepared: Iterable[PreparedBatch | RetinueError]
        if workers.count and workers.kind == "thread":
            self._prepared = ThreadedBatches(samples, order, workers.count, device)
        else:
            self._prepared = DataLoader(
                samples,
                batch_sampler=order,
                num_workers=workers.count,
                persistent_workers=workers.count > 0,
                collate_fn=_pass_on,
                pin_memory=device.type == "cuda",
                worker_init_fn=_start_worker,
                # The default generator would be drawn from at every epoch.
                generator=torch.Generator(),
            )

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        self.order.epoch, self.order.start = epoch, start
        if self.unreadable is not None and start == 0:
            self.unreadable = 0
        for prepared in self._prepared:
            if isinstance(prepared, RetinueError):
                try:
                    raise prepared
                finally:
                    # It would hold this frame and this frame it; ending workers in a cycle takes seconds for each.
                    del prepared
            if prepared.unreadable and self.unreadable is not None:
                self.unreadable += len(prepared.unreadable)
                for reason in prepared.unreadable:
                    logger.warning("left out: %s", reason)
            yield self._finish_late(prepared).batch if self.samples.late else prepared.batch

    def _finish_late(self, prepared: PreparedBatch) -> PreparedBatch:
        return self.samples.finish(replace(prepared, batch=move_batch(prepared.batch, self.device)))


def _pass_on(batch: Any) -> Any:
    return batch


def _start_worker(_: int) -> None:
    torch.set_num_threads(1)
    # Ctrl-C and a cluster's SIGTERM reach every process; the main one decides what they mean.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_obey_parent, daemon=True).start()


def _obey_parent() -> None:
    """End at the parent's SIGTERM, and at no other's."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
