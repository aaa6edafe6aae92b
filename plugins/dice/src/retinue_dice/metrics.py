"""Dice over a data set, from counts of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor

from retinue.api import Metric, Statistic
from retinue.errors import TrainingError


@dataclass(frozen=True)
class ClassCounts(Statistic):
    """Of each class the right predictions, all predictions and all targets: 3 x C."""

    whole: ClassVar = True

    num_classes: int
    ignore_index: int | None

    def measure(self, preds: Tensor, target: Tensor) -> Tensor:
        """Return counts for probabilities `preds` N x C x ... (C = 1 is binary) and labels `target` N x ...

        Raises:
            TrainingError: the target is not one label for each pixel, or has one that is no class.
        """
        if target.is_floating_point() or preds.shape[:1] + preds.shape[2:] != target.shape:
            raise TrainingError(
                f"dice compares probabilities {list(preds.shape)} with one integer label for each pixel, and the "
                f"target is {str(target.dtype).removeprefix('torch.')} {list(target.shape)}"
            )
        # The same as argmax, which takes six times as long over the channels of pixels on a CPU.
        predicted = (preds > 0.5).long().squeeze(1) if preds.shape[1] == 1 else preds.max(dim=1).indices
        if self.ignore_index is not None:
            labelled = target != self.ignore_index
            predicted, target = predicted[labelled], target[labelled]
        # One count of pairs is quicker than three of classes.
        pairs = (target.long() * self.num_classes + predicted).flatten().bincount(minlength=self.num_classes**2)
        if len(pairs) > self.num_classes**2:
            raise TrainingError(f"the target has label {int(target.max())}, and there are {self.num_classes} classes")
        confusion = pairs.view(self.num_classes, self.num_classes)
        return torch.stack([confusion.diagonal(), confusion.sum(dim=0), confusion.sum(dim=1)])


class Dice(Metric):
    """Dice score 2 |P and G| / (|P| + |G|) over the pixels of the data set: the mean over classes, and each class.

    Logged as NAME and NAME/CLASS. It is the F1 score of pixels: counted over all pictures, not averaged picture by
    picture. The mean leaves out classes that occur neither in the targets nor in the predictions; their own value is
    not a number.

    Args:
        num_classes: number of classes.
        include_background: whether class 0 counts in the mean; it is logged by itself either way.
        class_names: the names of the classes, else "0", "1", ...
        ignore_index: label of pixels that do not count.
    """

    higher_is_better = True

    def __init__(
        self,
        num_classes: Annotated[int, Ge(2)],
        include_background: bool = True,
        class_names: list[str] | None = None,
        ignore_index: int | None = None,
    ) -> None:
        self.include_background = include_background
        self.names = tuple(class_names or map(str, range(num_classes)))
        self.statistic = ClassCounts(num_classes, ignore_index)

    def compute(self, sums: Tensor) -> dict[str, Tensor]:
        hits, predicted, actual = sums
        scores = 2 * hits / (predicted + actual)
        mean = (scores if self.include_background else scores[1:]).nanmean()
        return {"": mean, **dict(zip(self.names, scores, strict=True))}
