"""Which samples a batch holds: a permutation per epoch that can be entered anywhere."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from retinue.data.keys import Purpose, derive_key

SampleKey = tuple[int, int]
"""Epoch and index: they travel together, so that a worker that outlives an epoch draws the next one's randomness."""


def cut_range(size: int, part: int, parts: int) -> tuple[int, int]:
    """Return where a part begins and ends, of so many that differ by one at most."""
    return part * size // parts, (part + 1) * size // parts


class EpochBatches(Sampler[list[SampleKey]]):
    """The batches of one epoch, or one process's share of them.

    Batches that are learnt from are shuffled, and shared out sample by sample. Others go round, a batch for each
    process in turn, so that what is computed from a batch is the same in any number of processes. A process that has
    nothing while others have something gets one sample, which counts nothing: with FSDP all must compute together.

    Attributes:
        epoch: which epoch the next iteration gives.
        start: the batch that it begins with.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        seed: int,
        learnt: bool,
        drop_last: bool,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        self.size = size
        self.batch_size = batch_size
        self.seed = seed
        self.learnt = learnt
        self.drop_last = drop_last
        self.process = process
        self.processes = processes
        self.epoch = 0
        self.start = 0

    def __len__(self) -> int:
        """Return the number of batches in a whole epoch."""
        return self.size // self.batch_size if self.drop_last else -(-self.size // self.batch_size)

    def __iter__(self) -> Iterator[list[SampleKey]]:
        order, epoch = self.order(), self.epoch
        for indices in self._share(order):
            yield [(epoch, index) for index in indices]

    def _share(self, order: list[int]) -> Iterator[list[int]]:
        if self.learnt:
            for number in range(self.start, len(self)):
                base = number * self.batch_size
                first, end = cut_range(self.length(number), self.process, self.processes)
                yield order[base + first : base + end] or order[base : base + 1]
        else:
            for turn in range(-(-len(self) // self.processes)):
                base = self.number(turn) * self.batch_size
                yield order[base : base + self.batch_size] or order[:1]

    def counts(self, turn: int) -> bool:
        """Say whether the batch of a turn that is not learnt from is this process's own."""
        return self.number(turn) < len(self)

    def number(self, turn: int) -> int:
        """Return the number of this process's batch of a turn that is not learnt from."""
        return turn * self.processes + self.process

    def length(self, number: int) -> int:
        """Return how many samples a batch has in all processes together."""
        return min(self.batch_size, self.size - number * self.batch_size)

    def count(self, number: int) -> int:
        """Return how many samples of a batch that is learnt from are this process's own."""
        first, end = cut_range(self.length(number), self.process, self.processes)
        return end - first

    def order(self) -> list[int]:
        """Return the order of the samples in this epoch."""
        if not self.learnt:
            return list(range(self.size))
        generator = torch.Generator().manual_seed(derive_key(Purpose.ORDER, self.seed, self.epoch))
        order: list[int] = torch.randperm(self.size, generator=generator).tolist()
        return order
