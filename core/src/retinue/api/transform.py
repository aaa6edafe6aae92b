"""What a transform is.

A sample transform is any callable `Sample -> Sample`: torchvision.transforms.v2 modules are, and act on picture,
mask and boxes together. It draws from the global torch, NumPy or Python generators, which are seeded from
(seed, epoch, index) before each sample: no transform needs a generator of its own.

A keyed transform draws from what it is handed instead. So it can act in a thread, and on a whole batch at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch

from retinue.api.data import Batch, Sample
from retinue.api.draws import Draws


class KeyedTransform(ABC):
    """A sample transform that draws from `Draws` alone, and has a form for batches that gives the same samples.

    It writes into nothing that it is handed: a cache gives the same tensors again.

    Attributes:
        fixes_size: whether pictures of any size leave it with one and the same.
        random: whether it draws anything. What does not may be done once for all epochs, before samples are cached.
    """

    fixes_size: bool = False
    random: bool = True

    @abstractmethod
    def transform(self, sample: Sample, draws: Draws) -> Sample:
        """Return the changed sample; `draws` are of one sample."""

    @abstractmethod
    def transform_batch(self, batch: Batch, draws: Draws) -> Batch:
        """Return the changed batch: each sample as `transform` gives it, from the same numbers.

        Args:
            batch: as tv_tensors pictures N x C x H x W and masks N x H x W, on any device; strings in lists.
            draws: of N samples; they are called in the order in which `transform` calls its own.
        """

    def __call__(self, sample: Sample) -> Sample:
        """Act on a sample with a key from torch's default generator, as any other sample transform."""
        key = int(torch.randint(2**63 - 1, (), dtype=torch.int64))
        return self.transform(sample, Draws(np.array([key], dtype=np.uint64)))


class BatchTransform(ABC):
    """Acts on a whole training batch on its device, after the sample transforms: mixup, for one.

    torch's default CPU generator is seeded from (seed, epoch, batch) before the call: draw from it, then move the
    draws to the batch's device, so that every device sees the same.
    """

    @abstractmethod
    def __call__(self, batch: Batch) -> Batch:
        """Return the changed batch; `image` is N x C x H x W, uint8 or float32 in [0, 1]."""
