"""The feature maps that a timm model computes on its way, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from retinue.api import Pyramid
from retinue.errors import DataError, Problem, SpecError


class FeatureMaps(Pyramid):
    """A timm model without its head, which gives its feature maps, N x C x H x W whatever it computes with inside.

    There is one level for each size of its maps, the deepest of that size. Many begin at a quarter of the picture.

    A plain vision transformer has maps of one size alone. The maps after each third of its blocks are then taken, and
    the earlier are enlarged by 4 and 2 where its patches allow: levels of 4, 8 and 16 for patches of 16. That is how
    Bao et al. 2021, arXiv:2106.08254 (BEiT), lead one into a decoder, with interpolation for their transposed
    convolutions.

    Args:
        label: what messages call the model.
        model: of timm.
        size: of the pictures that it was built for, where that matters.

    Raises:
        SpecError: the model gives no feature maps, or maps whose sizes are not multiples of one another.
    """

    def __init__(self, label: str, model: Any, size: tuple[int, int] | None) -> None:
        super().__init__()
        if not (hasattr(model, "forward_intermediates") and getattr(model, "feature_info", None)):
            raise SpecError([Problem(f"{label} gives no feature maps, so it cannot be an encoder")])
        levels = choose_levels([stage["reduction"] for stage in model.feature_info])
        if any(coarse % fine for fine, coarse in pairwise(levels)):
            sizes = " and ".join(map(str, levels))
            raise SpecError([Problem(f"{label} cannot be an encoder: its feature maps are {sizes} times smaller")])
        self.label, self.size = label, size
        self.reductions = tuple(levels)
        self.channels = tuple(model.feature_info[index]["num_chs"] for index in levels.values())
        # What lies behind the last level would be computed for nothing, and its parameters never get a gradient.
        self.indices: list[int] = model.prune_intermediate_layers(list(levels.values()), prune_norm=True)
        self.model = model

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the levels.

        Raises:
            DataError: the pictures have another size than the model was built for, and it cannot take that.
        """
        height, width = image.shape[-2:]
        sizes = [(-(-height // reduction), -(-width // reduction)) for reduction in self.reductions]
        return [_resize(level, size) for level, size in zip(self._compute(image), sizes, strict=True)]

    def _compute(self, image: Tensor) -> list[Tensor]:
        size = tuple(image.shape[-2:])
        try:
            maps: list[Tensor] = self.model.forward_intermediates(
                image, indices=self.indices, output_fmt="NCHW", intermediates_only=True
            )
        except (AssertionError, RuntimeError) as error:
            if self.size in (None, size) or isinstance(error, torch.OutOfMemoryError):
                raise
            raise DataError(
                f"{self.label} is built for pictures of {_times(self.size)} and cannot take {_times(size)}: "
                f"give its image_size, or pictures of that size, in multiples of {self.divisor}"
            ) from error
        return maps


def choose_levels(reductions: Sequence[int]) -> dict[int, int]:
    """Return which of a model's feature maps serves each reduction, by the reductions of all of them."""
    deepest = {reduction: index for index, reduction in enumerate(reductions)}
    if len(deepest) > 1:
        return deepest
    finer = [reductions[0] // factor for factor in (4, 2, 1) if reductions[0] % factor == 0]
    return {finer[k]: (k + 1) * len(reductions) // len(finer) - 1 for k in range(len(finer))}


def _resize(level: Tensor, size: tuple[int, int]) -> Tensor:
    # Besides enlarging, this mends Inception's maps, whose convolutions lose a border.
    if tuple(level.shape[-2:]) == size:
        return level
    return F.interpolate(level, size, mode="bilinear", align_corners=False)


def _times(size: Sequence[int] | None) -> str:
    return " x ".join(map(str, size or ()))
