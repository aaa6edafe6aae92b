"""Batches in their order, prepared here or in worker processes."""

from __future__ import annotations

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


class Loader:
    """The batches of a data set, epoch by epoch.

    Attributes:
        order: which samples each batch holds.
        workers: processes that prepare them.
    """

    def __init__(self, samples: PreparedSamples, order: EpochBatches, workers: int, pinned: bool) -> None:
        self.samples = samples
        self.order = order
        self.workers = workers
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
        for batch in self._loader:
            if isinstance(batch, RetinueError):
                try:
                    raise batch
                finally:
                    # It would hold this frame and this frame it; ending workers in a cycle takes seconds for each.
                    del batch
            yield batch


def choose_workers(wanted: int | str, in_memory: bool) -> int:
    """Return how many processes prepare samples: none where reading a sample costs nothing."""
    if isinstance(wanted, int):
        return wanted
    return 0 if in_memory else max(1, min(count_cores() - 1, 8))


def choose_threads(workers: int) -> int:
    """Return how many threads torch gets, so that workers and it do not share cores; OMP_NUM_THREADS is the most."""
    most = os.environ.get("OMP_NUM_THREADS", "")
    cores = min(count_cores(), int(most)) if most.isdigit() else count_cores()
    return max(1, min(cores, count_cores() - workers))


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
