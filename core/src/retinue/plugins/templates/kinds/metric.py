"""The share of pictures whose class is certain.

[metrics]
accuracy = "accuracy"
my-part = { use = "my-part", threshold = 0.9 }
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from retinue.api import Metric, Statistic
from retinue.hooks import Register, hookimpl


@dataclass(frozen=True)
class Certain(Statistic):
    """How many pictures of a batch are certain, and how many there are."""

    threshold: float

    def measure(self, preds: Tensor, target: Tensor) -> Tensor:
        certain = preds.max(dim=1).values > self.threshold
        return torch.stack([certain.sum(), torch.ones_like(certain).sum()])


class MyPart(Metric):
    """The share of pictures whose highest probability is above a threshold. Probabilities are N x C.

    Args:
        threshold: above it a class counts as certain.
    """

    higher_is_better = True

    def __init__(self, threshold: Annotated[float, Interval(ge=0, le=1)] = 0.5) -> None:
        self.statistic = Certain(threshold)

    def compute(self, sums: Tensor) -> Tensor:
        return sums[0] / sums[1]


@hookimpl
def retinue_metrics(register: Register) -> None:
    register("my-part", MyPart, summary="share of pictures whose class is certain")
