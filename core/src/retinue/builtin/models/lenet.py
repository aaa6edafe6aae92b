"""The LeNet of PyTorch's CIFAR-10 tutorial."""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor, nn

from retinue.errors import DataError

SMALLEST = 4


class LeNet(nn.Module):
    """Two convolutions with pooling and three linear layers, after LeCun et al. (1998).

    For 3 x 32 x 32 and ten classes it is PyTorch's CIFAR-10 tutorial's network: 62,006 parameters under the same
    names. Pictures below 16 pixels keep their size in the convolutions (zero padding) where larger ones lose 4.

    Args:
        num_classes: values in the output, N x num_classes.
        image_size: height and width of the pictures, at least 4; the linear layers are made for it.
        in_channels: of the pictures, N x in_channels x height x width.

    Raises:
        DataError: the pictures are smaller than 4 pixels.
    """

    def __init__(
        self, num_classes: Annotated[int, Ge(1)], image_size: tuple[int, int], in_channels: Annotated[int, Ge(1)] = 3
    ) -> None:
        super().__init__()
        if min(image_size) < SMALLEST:
            height, width = image_size
            raise DataError(f"lenet takes pictures of {SMALLEST} x {SMALLEST} and larger, not {height} x {width}")
        padding = 2 if min(image_size) < 16 else 0
        self.conv1 = nn.Conv2d(in_channels, 6, 5, padding=padding)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(6, 16, 5, padding=padding)
        height, width = (_after_pooling(_after_pooling(side, padding), padding) for side in image_size)
        self.fc1 = nn.Linear(16 * height * width, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        logits: Tensor = self.fc3(F.relu(self.fc2(x)))
        return logits


def _after_pooling(side: int, padding: int) -> int:
    return (side + 2 * padding - 4) // 2
