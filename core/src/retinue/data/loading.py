"""Batches in their order, prepared here or in worker processes."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader

from retinue.api import Batch
from retinue.data.preparation import PreparedSamples
from retinue.data.sampling import EpochBatches
from retinue.errors import RetinueError

logger = logging.getLogger("retinue")

NAMED = 8
"""Samples of a batch that a message names."""


class Loader:
    """The batches of a data set, epoch by epoch.

    Attributes:
        order: which samples each batch holds.
        workers: processes that prepare them.
        unreadable: samples left out of this epoch because they cannot be read; None where that stops the run.
    """

    def __init__(self, samples: PreparedSamples, order: EpochBatches, workers: int, pinned: bool) -> None:
        self.samples = samples
        self.order = order
        self.workers = workers
        self.unreadable: int | None = 0 if samples.skips else None
        self._loader = DataLoader(
            samples,
            batch_sampler=order,
            num_workers=workers,
            persistent_workers=workers > 0,
            collate_fn=_pass_on,
            pin_memory=pinned,
            worker_init_fn=_start_worker,
            # The default generator would be drawn from at every epoch.
            generator=torch.Generator(),
        )

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self.order)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from number `start` on.

        Raises:
            DataError: a sample cannot be read or prepared.
        """
        self.order.epoch, self.order.start = epoch, start
        if self.unreadable is not None and start == 0:
            self.unreadable = 0
        for prepared in self._loader:
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
            yield prepared.batch

    def name_samples(self, epoch: int, number: int) -> list[str]:
        """Return the files of the first samples of a batch, or their indices where there are no files."""
        self.order.epoch = epoch
        first = number * self.order.batch_size
        indices = self.order.order()[first : first + self.order.length(number)]
        names = [self._name_sample(index) for index in indices[:NAMED]]
        return [*names, f"{len(indices) - NAMED} more"] if len(indices) > NAMED else names

    def _name_sample(self, index: int) -> str:
        try:
            return str(self.samples.dataset[index].get("path", f"sample {index}"))
        except RetinueError:
            return f"sample {index}"


def choose_workers(wanted: int | str, in_memory: bool, processes: int = 1) -> int:
    """Return how many workers prepare samples for each process: none where reading a sample costs nothing."""
    if isinstance(wanted, int):
        return wanted
    return 0 if in_memory else max(1, min(count_cores() // processes - 1, 8))


def choose_threads(workers: int, processes: int = 1) -> int:
    """Return how many threads torch gets, so that it, workers and other processes do not share cores.

    OMP_NUM_THREADS is the most.
    """
    own = count_cores() // processes
    most = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(int(most) if most.isdigit() else own, own - workers))


def count_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
