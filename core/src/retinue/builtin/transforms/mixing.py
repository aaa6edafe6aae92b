"""Mixing the pictures and labels of a batch. Each sample is mixed with the one before it in the shuffled batch."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from retinue.api import Batch, BatchTransform
from retinue.builtin.transforms.parameters import Positive
from retinue.errors import DataError

Classes = Annotated[int, Gt(0)]


class Mixing(BatchTransform):
    """Mixes pictures N x C x H x W, which become float32, and labels: N integers or N x C weights become N x C weights.

    torchvision draws on the CPU wherever the batch is.
    """

    def __init__(self, name: str, mix: v2.Transform, num_classes: int) -> None:
        self.name = name
        self.mix = mix
        self.num_classes = num_classes

    def __call__(self, batch: Batch) -> Batch:
        if "label" not in batch:
            raise DataError(f"{self.name} mixes labels, and the samples have only {', '.join(sorted(batch))}")
        image = functional.to_dtype(batch["image"], torch.float32, scale=True)
        image, label = self.mix(image, self._check(batch["label"]))
        return {**batch, "image": image, "label": label}

    def _check(self, label: Tensor) -> Tensor:
        shape = tuple(label.shape)
        if len(shape) not in (1, 2) or shape[1:] not in ((), (self.num_classes,)):
            raise DataError(f"{self.name} takes labels N or N x {self.num_classes}, and these are {shape}")
        return label


def mixup(num_classes: Classes, alpha: Positive = 1.0) -> Mixing:
    """Blend two pictures and their labels (Zhang et al., "mixup", 2018).

    Args:
        num_classes: length of a mixed label.
        alpha: of the Beta(alpha, alpha) distribution of the weight: the smaller, the nearer to one of the two.
    """
    return Mixing("mixup", v2.MixUp(alpha=alpha, num_classes=num_classes), num_classes)


def cutmix(num_classes: Classes, alpha: Positive = 1.0) -> Mixing:
    """Paste a rectangle of one picture into another and mix their labels by area (Yun et al., "CutMix", 2019).

    Args:
        num_classes: length of a mixed label.
        alpha: of the Beta(alpha, alpha) distribution of the area that is kept.
    """
    return Mixing("cutmix", v2.CutMix(alpha=alpha, num_classes=num_classes), num_classes)
