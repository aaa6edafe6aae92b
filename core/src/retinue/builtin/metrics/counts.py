"""What the metrics of classes count.

Shapes: preds N x C or N x C x ... (probabilities), with target int64 N or N x ... (one class each), or of the shape of
preds with ones and zeros (multilabel).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from retinue.api import Statistic
from retinue.errors import TrainingError


@dataclass(frozen=True)
class Correct(Statistic):
    """The right decisions and all decisions, 2 values; a multilabel sample is right when all its labels are."""

    whole: ClassVar = True

    ignore_index: int | None
    threshold: float

    def measure(self, preds: Tensor, target: Tensor) -> Tensor:
        right = decisions(preds, target, self.threshold) == target
        if is_multilabel(preds, target):
            right = right.all(dim=1)
            return torch.stack([right.sum(), torch.ones_like(right).sum()])
        return _among_labels(right, target, self.ignore_index)


@dataclass(frozen=True)
class CorrectInTop(Statistic):
    """The samples whose label is among the `k` most probable, and all samples, 2 values."""

    whole: ClassVar = True

    k: int
    ignore_index: int | None

    def measure(self, preds: Tensor, target: Tensor) -> Tensor:
        _refuse_values(target)
        if is_multilabel(preds, target):
            raise TrainingError("top-k needs one label for each picture, and the task gives any number of them")
        right = (preds.topk(self.k, dim=1).indices == target.unsqueeze(1)).any(dim=1)
        return _among_labels(right, target, self.ignore_index)


@dataclass(frozen=True)
class Confusion(Statistic):
    """How often each class was taken for each: C x C by true and predicted class.

    Multilabel: C x 2 x 2, for each class by truth and prediction, as scikit-learn's multilabel_confusion_matrix.
    """

    whole: ClassVar = True

    num_classes: int
    ignore_index: int | None
    threshold: float

    def measure(self, preds: Tensor, target: Tensor) -> Tensor:
        predicted = decisions(preds, target, self.threshold)
        if is_multilabel(preds, target):
            label = torch.arange(self.num_classes, device=target.device).view(-1, *[1] * (target.ndim - 2))
            return _count((label * 2 + target) * 2 + predicted, (self.num_classes, 2, 2))
        if self.ignore_index is not None:
            labelled = target != self.ignore_index
            predicted, target = predicted[labelled], target[labelled]
        return _count(target * self.num_classes + predicted, (self.num_classes, self.num_classes))


def decisions(preds: Tensor, target: Tensor, threshold: float) -> Tensor:
    """Return the classes decided for, in the form of `target`."""
    _refuse_values(target)
    if is_multilabel(preds, target):
        return (preds > threshold).long()
    # The same as argmax, which takes six times as long over the channels of pixels on a CPU.
    return preds.max(dim=1).indices


def is_multilabel(preds: Tensor, target: Tensor) -> bool:
    return preds.shape == target.shape


def _refuse_values(target: Tensor) -> None:
    if target.is_floating_point():
        raise TrainingError("a metric of classes needs labels, and the task gives values: take mse or mae")


def _among_labels(right: Tensor, target: Tensor, ignore_index: int | None) -> Tensor:
    labelled = torch.ones_like(right) if ignore_index is None else target != ignore_index
    return torch.stack([(right & labelled).sum(), labelled.sum()])


def _count(cells: Tensor, shape: tuple[int, ...]) -> Tensor:
    size = torch.Size(shape)
    return cells.flatten().bincount(minlength=size.numel()).view(size)
