"""Samples that stay in memory once they are decoded."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from retinue.api import Dataset, Draws, KeyedTransform, Sample
from retinue.data.batches import change_tensors
from retinue.data.preparation import Preparation

logger = logging.getLogger("retinue")

Marks = tuple[tuple[int, int], ...]
"""Size and time of change, in nanoseconds, of each file of a sample."""

GIB = 2**30

AROUND = 2048
"""Bytes that a kept sample takes besides its pixels: its dict, path, marks, and what tensors are made of."""

CONTAINER = Path("/sys/fs/cgroup")

NOTHING = np.zeros(1, dtype=np.uint64)
"""The key of what draws nothing."""


class Budget:
    """The memory that caches may fill together.

    Attributes:
        free: bytes that are left of it.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.free = size
        self._lock = threading.Lock()
        self._told = False

    def take(self, size: int) -> bool:
        """Take bytes, a negative number to give some back; say whether there were as many."""
        with self._lock:
            if size <= self.free:
                self.free -= size
                return True
            if not self._told:
                logger.warning(
                    "data.cache: %.2g GiB are full; the remaining samples are read from their files in every epoch. "
                    "data.cache_gib sets another size",
                    self.size / GIB,
                )
            self._told = True
            return False


class CachedDataset(Dataset):
    """A data set whose samples are kept in memory from the first time they are read, as many as fit.

    One whose files have changed since then is read again.
    """

    def __init__(self, dataset: Dataset, budget: Budget, copies: bool, preparation: Preparation | None = None) -> None:
        """Make it.

        Args:
            dataset: says of each sample which files it is read from.
            copies: whether what is given out may be written into.
            preparation: transforms that draw nothing; samples are kept as they leave them.
        """
        self.dataset = dataset
        self.budget = budget
        self.copies = copies
        self.preparation = preparation or Preparation()
        self.info = dataset.info
        self.labels = dataset.labels
        self._kept: dict[int, tuple[Marks, Sample]] = {}

    @property
    def has_one_size(self) -> bool:
        """Whether all pictures that are given out are known to have one size."""
        return self.preparation.fixing is not None

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        # Before reading: of a file that changes meanwhile, what is kept counts as old.
        marks = mark_files(self.files(index))
        kept = self._kept.get(index)
        if kept is None or kept[0] != marks:
            kept = (marks, self._prepare(self.dataset[index]))
            self._keep(index, *kept)
        sample = kept[1]
        return change_tensors(sample, Tensor.clone) if self.copies else dict(sample)

    def _prepare(self, sample: Sample) -> Sample:
        if not self.preparation.transforms:
            return sample
        # A crop is a view that would keep the whole picture.
        copy = partial(Tensor.clone, memory_format=torch.contiguous_format)
        return change_tensors(self.preparation(sample, Draws(NOTHING)), copy)

    def _keep(self, index: int, marks: Marks, sample: Sample) -> None:
        before = self._kept.pop(index, None)
        if self.budget.take(_measure(sample) - (_measure(before[1]) if before else 0)):
            self._kept[index] = (marks, sample)
        elif before:
            self.budget.take(-_measure(before[1]))

    def files(self, index: int) -> Sequence[str | Path]:
        return self.dataset.files(index)

    def fingerprint(self) -> str:
        return self.dataset.fingerprint()


def mark_files(files: Sequence[str | Path]) -> Marks:
    """Return what tells whether files have changed; what is missing has no marks."""
    try:
        return tuple((status.st_size, status.st_mtime_ns) for status in map(os.stat, files))
    except OSError:
        return ()


def part_fixed(preparation: Preparation, samples: Sequence[Sample]) -> tuple[Preparation, Preparation, int]:
    """Return the transforms that samples are kept after, those that are left for every epoch, and the bytes of these
    samples as they are kept.

    The former draw nothing. They are as many as leave the fewest bytes.
    """
    transforms = preparation.transforms
    least, count = sum(map(_measure, samples)), 0
    for number, (_, transform) in enumerate(transforms, start=1):
        if not isinstance(transform, KeyedTransform) or transform.random:
            break
        act = Preparation(transforms[number - 1 : number])
        samples = [act(sample, Draws(NOTHING)) for sample in samples]
        size = sum(map(_measure, samples))
        if size <= least:
            least, count = size, number
    return Preparation(transforms[:count]), Preparation(transforms[count:]), least


def _measure(sample: Sample) -> int:
    return AROUND + sum(value.nbytes for value in sample.values() if isinstance(value, Tensor))


def measure_free() -> int:
    """Return the bytes that this process could take, where its system says so, else those of 4 GiB."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 4 * GIB
    try:
        # A container's share may be less; files that it has read count there, and give way.
        most, taken = (int((CONTAINER / name).read_text()) for name in ("memory.max", "memory.current"))
        lines = (CONTAINER / "memory.stat").read_text().splitlines()
        files = next(int(line.split()[1]) for line in lines if line.startswith("inactive_file"))
    except (OSError, ValueError, StopIteration):
        return free
    return min(free, max(0, most - taken + files))
