"""Pyramids: models that give their feature maps level by level, as encoders of other models.

A model's target offers one by taking `pyramid: bool`, which the engine passes: never a spec. With True it returns a
Pyramid in place of the whole model:

    def resnet34(num_classes: int = 1000, in_channels: int = 3, pyramid: bool = False) -> nn.Module: ...

A model that needs one annotates the parameter as NestedPyramid, and a spec names it: `encoder = { use = "resnet34" }`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

from torch import Tensor, nn

from retinue.hooks import Nested


class Pyramid(nn.Module, ABC):
    """Feature maps of decreasing size.

    Attributes:
        channels: of each level, finest first.
        reductions: by how much each level is smaller than the picture: 2, 4, 8, ...
    """

    channels: tuple[int, ...]
    reductions: tuple[int, ...]

    @property
    def divisor(self) -> int:
        """What a picture's height and width must be multiples of for every level to fit the one above."""
        return self.reductions[-1]

    @abstractmethod
    def forward(self, image: Tensor) -> list[Tensor]:
        """Return for N x C x H x W the levels N x channels[i] x H / reductions[i] x W / reductions[i]."""


NestedPyramid = Annotated[Pyramid, Nested("model", pyramid=True)]
