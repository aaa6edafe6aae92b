"""Metrics as sums over batches: merged, restarted and resumed by adding tensors.

sums = 0
for preds, target in batches:
    sums += metric.statistic.measure(preds, target)
value = metric.compute(sums)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor


class Statistic(ABC):
    """What a metric counts in a batch. Metrics whose statistics are equal share one count, so define `__eq__`
    and `__hash__`: a frozen dataclass does.

    Attributes:
        whole: whether contributions are whole numbers. Sums of those are exact, so several batches may be measured as
            one, which costs less.
    """

    whole: ClassVar[bool] = False

    @abstractmethod
    def measure(self, preds: Tensor, target: Tensor) -> Tensor:
        """Return this batch's contribution, of the same shape for every batch; contributions add up.

        Args:
            preds: what the task's `Output.preds` holds, such as probabilities N x C.
            target: what the task's `Output.target` holds, such as labels N.
        """


class Metric(ABC):
    """A number over a data set.

    Attributes:
        higher_is_better: the direction for best checkpoints and early stopping; None where there is none.
    """

    higher_is_better: ClassVar[bool | None] = None
    statistic: Statistic

    @abstractmethod
    def compute(self, sums: Tensor) -> Tensor | dict[str, Tensor]:
        """Return the value from the float64 sum of all contributions.

        A dict is logged as NAME/KEY for each key; the key "" is logged as NAME itself.
        """
