"""Metrics of values; preds and target have one shape."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from retinue.api import Metric, Statistic
from retinue.errors import TrainingError


@dataclass(frozen=True)
class ErrorSum(Statistic):
    """The sum of |error| to the `power`, and the number of values, 2 values."""

    power: int

    def measure(self, preds: Tensor, target: Tensor) -> Tensor:
        if preds.shape != target.shape:
            raise TrainingError("a metric of values needs values, and the task gives labels: take accuracy or f1")
        error = (preds.float() - target.float()).abs() ** self.power
        return torch.stack([error.sum(), torch.ones_like(error).sum()])


class MeanError(Metric):
    """The mean of |error| to a power over all values."""

    higher_is_better = False

    def __init__(self, power: int) -> None:
        self.statistic = ErrorSum(power)

    def compute(self, sums: Tensor) -> Tensor:
        return sums[0] / sums[1]


def mse() -> MeanError:
    """Mean squared error over all values of all samples."""
    return MeanError(2)


def mae() -> MeanError:
    """Mean absolute error over all values of all samples, in the target's unit."""
    return MeanError(1)
