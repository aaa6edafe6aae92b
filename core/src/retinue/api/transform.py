"""What a transform is.

A sample transform is any callable `Sample -> Sample`: torchvision.transforms.v2 modules are, and act on picture,
mask and boxes together. It draws from the global torch, NumPy or Python generators, which are seeded from
(seed, epoch, index) before each sample: no transform needs a generator of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from retinue.api.data import Batch


class BatchTransform(ABC):
    """Acts on a whole training batch on its device, after the sample transforms: mixup, for one.

    torch's default CPU generator is seeded from (seed, epoch, batch) before the call: draw from it, then move the
    draws to the batch's device, so that every device sees the same.
    """

    @abstractmethod
    def __call__(self, batch: Batch) -> Batch:
        """Return the changed batch; `image` is N x C x H x W, uint8 or float32 in [0, 1]."""
