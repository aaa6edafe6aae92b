"""Batches prepared by threads: nothing is copied between processes, and nothing has to start."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager

import torch

from retinue.data.samples import PreparedBatch, PreparedSamples
from retinue.data.sampling import EpochBatches, SampleKey
from retinue.errors import RetinueError

AHEAD = 2
"""Batches that wait or are prepared for each thread, as torch's DataLoader has it."""


class ThreadedBatches:
    """Iterating gives the batches of an epoch in their order, or the error that a batch ends in.

    However iterating ends, no thread is left behind.
    """

    def __init__(self, samples: PreparedSamples, order: EpochBatches, threads: int, device: torch.device) -> None:
        """Make them.

        Args:
            samples: their transforms are all keyed.
            device: for which tensors are pinned, if it is a GPU.
        """
        self.samples = samples
        self.order = order
        self.threads = threads
        self.device = device

    def __iter__(self) -> Iterator[PreparedBatch | RetinueError]:
        closing = threading.Event()
        waiting: deque[Future[PreparedBatch | RetinueError]] = deque()
        with open_pool(self.threads) as pool:
            try:
                for keys in self.order:
                    waiting.append(pool.submit(self._prepare, keys, closing))
                    if len(waiting) == AHEAD * self.threads:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                closing.set()

    def _prepare(self, keys: list[SampleKey], closing: threading.Event) -> PreparedBatch | RetinueError:
        prepared = self.samples.__getitems__(_until(closing, keys))
        if self.device.type == "cuda" and isinstance(prepared, PreparedBatch):
            # Pinning from another GPU's context would take memory there.
            torch.cuda.set_device(self.device)
            return prepared.pin_memory()
        return prepared


def _until(closing: threading.Event, keys: Iterable[SampleKey]) -> Iterator[SampleKey]:
    for key in keys:
        if closing.is_set():
            raise CancelledError
        yield key


@contextmanager
def open_pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Give a pool of threads with one thread of torch's for each; at the end what waits is dropped and all end."""
    pool = ThreadPoolExecutor(threads, "retinue-data")
    own = torch.get_num_threads()
    started = threading.Barrier(threads + 1)
    try:
        for _ in range(threads):
            pool.submit(_start_thread, started)
        started.wait()
        # What one thread sets is what threads to come begin with.
        torch.set_num_threads(own)
        yield pool
    finally:
        started.abort()
        pool.shutdown(cancel_futures=True)


def _start_thread(started: threading.Barrier) -> None:
    # Asking first: what a thread sets before its first use of torch is lost.
    torch.get_num_threads()
    torch.set_num_threads(1)
    started.wait()
