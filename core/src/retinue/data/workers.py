"""Who prepares samples: threads, processes or the main process alone, and what is left for torch."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from retinue.data.cache import CachedDataset
from retinue.data.samples import PreparedSamples
from retinue.data.threads import open_pool
from retinue.errors import DataError

MOST = 8
"""Workers that "auto" takes."""

ROUNDS = 3
SECONDS = 0.01
"""How often, and about how long at a time, threads are tried."""

ENOUGH = 0.7
"""What two threads must reach of what two that never wait for each other do; those that always do reach half."""


CACHED = "only threads share data.cache"


@dataclass(frozen=True)
class Workers:
    """Who prepares samples.

    Attributes:
        count: of them; with none, the main process does.
        kind: what they are.
        reason: why.
    """

    count: int = 0
    kind: Literal["thread", "process"] = "process"
    reason: str = "the spec says so"

    def __str__(self) -> str:
        plural = {"thread": "threads", "process": "processes"}[self.kind]
        who = f"{self.count} {self.kind if self.count == 1 else plural}" if self.count else "the main process"
        return f"{who}, because {self.reason}"

    def suit(self, samples: PreparedSamples) -> Workers:
        """Return the same for other samples, whose transforms may not do with threads."""
        unkeyed, cached = samples.preparation.unkeyed, isinstance(samples.dataset, CachedDataset)
        if unkeyed:
            return Workers(0 if cached else self.count, "process", _explain(unkeyed))
        return replace(self, kind="thread", reason=CACHED) if cached else self


def choose_workers(
    wanted: int | Literal["auto"], kind: Literal["auto", "thread", "process"], samples: PreparedSamples, processes: int
) -> Workers:
    """Choose between threads and processes by measuring, and as many as there are cores to spare.

    Args:
        processes: of the run on this machine, which share its cores.

    Raises:
        DataError: threads are asked for, and a transform draws from what all threads share; or processes, which
            share no cache.
    """
    unkeyed = samples.preparation.unkeyed
    if wanted == 0:
        return Workers()
    if wanted == "auto" and samples.dataset.in_memory:
        return Workers(reason="the data is in memory")
    count = max(1, min(count_cores() // processes - 1, MOST)) if wanted == "auto" else wanted
    if kind == "thread" and unkeyed:
        raise DataError(f'data.worker_kind = "thread" cannot be: {_explain(unkeyed)}; set "process" or "auto"')
    if isinstance(samples.dataset, CachedDataset):
        return _choose_cached(wanted, kind, count, unkeyed)
    if kind != "auto":
        return Workers(count, kind)
    if unkeyed:
        return Workers(count, "process", _explain(unkeyed))
    reached = measure_threads(samples)
    reason = f"two threads reach {reached:.0%} of the speed of two that never wait for each other"
    return Workers(count, "thread" if reached >= ENOUGH else "process", reason)


def _choose_cached(wanted: int | str, kind: str, count: int, unkeyed: list[str]) -> Workers:
    if not unkeyed and kind != "process":
        return Workers(count, "thread", CACHED)
    why = f"{CACHED}, and {_explain(unkeyed)}" if unkeyed else CACHED
    if wanted != "auto" or kind == "process":
        raise DataError(f"processes cannot be used: {why}; set data.workers = 0, or leave out data.cache")
    return Workers(reason=why)


def _explain(unkeyed: list[str]) -> str:
    names = ", ".join(dict.fromkeys(unkeyed))
    return f"{names} {'draws' if len(set(unkeyed)) == 1 else 'draw'} from the process's own generators"


def measure_threads(samples: PreparedSamples) -> float:
    """Return how near two threads that prepare samples come to two that hash, which hold nothing up.

    Hashing tells how many cores are free at this moment.
    """
    hashing = partial(_hash, bytes(1_000_000))
    with open_pool(2) as pool:
        alone = _time(pool, partial(_prepare, samples, 1), 1)
        count = min(max(1, int(SECONDS / alone)), len(samples.dataset), 100)
        rounds = [
            [_time(pool, act, threads) for act in (partial(_prepare, samples, count), hashing) for threads in (1, 2)]
            for _ in range(ROUNDS)
        ]
    best: list[float] = [min(times) for times in zip(*rounds, strict=True)]
    return (best[0] / best[1]) / (best[2] / best[3])


def _time(pool: ThreadPoolExecutor, act: Callable[[], object], threads: int) -> float:
    start = time.perf_counter()
    for future in [pool.submit(act) for _ in range(threads)]:
        future.result()
    return time.perf_counter() - start


def _prepare(samples: PreparedSamples, count: int) -> None:
    """Prepare samples from all over the set; what cannot be is told when its batch comes."""
    for number in range(count):
        samples.__getitems__([(0, number * len(samples.dataset) // count)])


def _hash(data: bytes) -> None:
    for _ in range(10):
        hashlib.sha256(data)


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
