"""Losses of logits that each stand for themselves.

Shapes: outputs N x C, target N x C with ones and zeros or probabilities.
"""

from __future__ import annotations

from typing import Annotated

import torch.nn.functional as F
from annotated_types import Ge, Interval
from torch import Tensor, nn
from torchvision.ops import sigmoid_focal_loss

from retinue.builtin.losses.class_weights import Weights, listed


class BinaryCrossEntropy(nn.Module):
    """Sigmoid cross-entropy of each class by itself, torch's binary_cross_entropy_with_logits in float32.

    Args:
        weight: factor of each class.
        pos_weight: factor of each class where it is present: above 1 for recall, below for precision.
        num_classes: number of classes.

    Raises:
        SpecError: a list has not one value for each class.
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self, weight: Weights | None = None, pos_weight: Weights | None = None, num_classes: int | None = None
    ) -> None:
        super().__init__()
        for key, values in {"weight": weight, "pos_weight": pos_weight}.items():
            factors = None if values is None else listed(key, values, num_classes)
            self.register_buffer(key, factors, persistent=False)

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            outputs.float(), target.float(), self.weight, pos_weight=self.pos_weight
        )


class SigmoidFocal(nn.Module):
    """Focal loss of each class by itself, torchvision.ops.sigmoid_focal_loss (Lin et al., 2017), mean over all.

    Args:
        gamma: how much less a decision counts that is already right.
        alpha: weight of a class where it is present, 1 - alpha where it is not.
    """

    def __init__(
        self, gamma: Annotated[float, Ge(0)] = 2.0, alpha: Annotated[float, Interval(ge=0, le=1)] = 0.25
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.alpha = alpha

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        loss: Tensor = sigmoid_focal_loss(outputs.float(), target.float(), self.alpha, self.gamma, reduction="mean")
        return loss
