"""The losses of the latest steps: kept on the device, read together, and told when one is not finite."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from retinue.engine.distributed import Group


class LatestLosses:
    """The losses since they were last read."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self._losses: list[Tensor] = []
        self._sizes: list[int] = []

    def add(self, loss: Tensor, size: int) -> None:
        """Keep a step's mean loss over this process's `size` samples; nothing is read from the device."""
        self._losses.append(loss)
        self._sizes.append(size)

    def read(self) -> list[float]:
        """Return the mean loss of each step over all processes, and forget them. Every process must call it."""
        if not self._losses:
            return []
        losses, sizes = torch.stack(self._losses).double().cpu(), torch.tensor(self._sizes)
        self._losses, self._sizes = [], []
        if self.group.size == 1:
            return list(losses.tolist())
        # A process that had no sample of a batch has learnt from one with no weight.
        sums = self.group.add(torch.where(sizes > 0, losses * sizes, 0.0))
        return list((sums / self.group.add(sizes)).tolist())


def first_infinite(losses: list[float]) -> int | None:
    """Return the place of the first loss that is not a number, or None."""
    return next((place for place, loss in enumerate(losses) if not math.isfinite(loss)), None)
