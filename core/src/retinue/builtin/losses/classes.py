"""Losses of logits over classes that exclude one another.

Shapes: outputs N x C or N x C x ..., target int64 N or N x ..., or float of the outputs' shape where labels are soft.
"""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Interval
from torch import Tensor, nn

from retinue.builtin.losses.class_weights import Weighting, class_weights

NO_LABEL = -100
"""What torch's losses ignore unless told otherwise."""


class CrossEntropy(nn.Module):
    """Softmax cross-entropy, torch.nn.functional.cross_entropy in float32.

    The mean over labels is torch's: divided by the sum of their classes' weights; over soft labels, by their number.

    Args:
        weight: of each class: a list, or from the training samples of each class "inverse" (n / (C n_c)) or
            "inverse-sqrt" (proportional to 1 / sqrt(n_c), mean 1 over the samples).
        label_smoothing: share of the target that is spread evenly over all classes, from 0 to 1
            (Szegedy et al., 2016).
        num_classes: number of classes.
        class_counts: training samples of each class.
        ignore_index: label that does not count; soft labels cannot be ignored.

    Raises:
        SpecError: `weight` has not one value for each class.
        DataError: `weight` is a name and a class has no samples, or the data set does not count them.
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Weighting | None = None,
        label_smoothing: Annotated[float, Interval(ge=0, le=1)] = 0.0,
        num_classes: int | None = None,
        class_counts: list[int] | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", class_weights(weight, num_classes, class_counts), persistent=False)
        self.label_smoothing = label_smoothing
        self.ignore_index = NO_LABEL if ignore_index is None else ignore_index

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            outputs.float(),
            target,
            self.weight,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )


class Focal(nn.Module):
    """Focal loss over softmax probabilities: -w_y (1 - p_y)^gamma log(p_y) (Lin et al., 2017).

    The mean is that of cross-entropy, which gamma = 0 gives exactly, weights included; the paper's form with a
    sigmoid for each class is `sigmoid-focal`.

    Args:
        gamma: how much less a sample counts that is already right.
        weight: of each class, the paper's alpha: a list, "inverse" or "inverse-sqrt" as in `cross-entropy`.
        num_classes: number of classes.
        class_counts: training samples of each class.
        ignore_index: label that does not count; soft labels cannot be ignored.

    Raises:
        SpecError: `weight` has not one value for each class.
        DataError: `weight` is a name and a class has no samples, or the data set does not count them.
    """

    weight: Tensor | None

    def __init__(
        self,
        gamma: Annotated[float, Ge(0)] = 2.0,
        weight: Weighting | None = None,
        num_classes: int | None = None,
        class_counts: list[int] | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", class_weights(weight, num_classes, class_counts), persistent=False)
        self.gamma = gamma
        self.ignore_index = NO_LABEL if ignore_index is None else ignore_index

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        log_p = outputs.float().log_softmax(dim=1)
        # At p = 1 the slope of a power below 1 is infinite, and times log(1) = 0 it would be NaN.
        wrong = (-torch.expm1(log_p)).clamp(min=torch.finfo(torch.float32).tiny)
        focused = wrong**self.gamma * log_p
        if not target.is_floating_point():
            return F.nll_loss(focused, target, self.weight, ignore_index=self.ignore_index)
        if self.weight is not None:
            focused = focused * self.weight.view(-1, *[1] * (focused.ndim - 2))
        return -(focused * target).sum(dim=1).mean()
