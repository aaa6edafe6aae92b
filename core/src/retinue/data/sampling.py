"""Which samples a batch holds: a permutation per epoch that can be entered anywhere."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from retinue.data.keys import Purpose, derive_key

SampleKey = tuple[int, int]
"""Epoch and index: they travel together, so that a worker that outlives an epoch draws the next one's randomness."""


class EpochBatches(Sampler[list[SampleKey]]):
    """The batches of one epoch.

    Attributes:
        epoch: which epoch the next iteration gives.
        start: the batch that it begins with.
    """

    def __init__(self, size: int, batch_size: int, seed: int, shuffle: bool, drop_last: bool) -> None:
        self.size = size
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.epoch = 0
        self.start = 0

    def __len__(self) -> int:
        """Return the number of batches in a whole epoch."""
        return self.size // self.batch_size if self.drop_last else -(-self.size // self.batch_size)

    def __iter__(self) -> Iterator[list[SampleKey]]:
        order, epoch = self.order(), self.epoch
        for batch in range(self.start, len(self)):
            yield [(epoch, index) for index in order[batch * self.batch_size : (batch + 1) * self.batch_size]]

    def order(self) -> list[int]:
        """Return the order of the samples in this epoch."""
        if not self.shuffle:
            return list(range(self.size))
        generator = torch.Generator().manual_seed(derive_key(Purpose.ORDER, self.seed, self.epoch))
        order: list[int] = torch.randperm(self.size, generator=generator).tolist()
        return order
