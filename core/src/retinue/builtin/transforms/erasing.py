"""Random erasing (Zhong et al., 2017), drawn as torchvision's RandomErasing does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retinue.api import Draws
from retinue.builtin.transforms.guard import Guard
from retinue.builtin.transforms.keyed import Numbers, PictureTransform, draw_rectangles, find_corners, place


@dataclass(frozen=True)
class Erasing(PictureTransform):
    """Covers a rectangle of each picture; masks stay as they are.

    Attributes:
        value: what covers it, one for all channels or one for each; None for normally distributed noise.
    """

    guard: Guard
    p: float
    scale: tuple[float, float]
    ratio: tuple[float, float]
    value: list[float] | None

    def change_pictures(self, images: Tensor, draws: Draws) -> Tensor:
        rows, columns = images.shape[-2:]
        chosen = draws.uniform().numpy() < self.p
        sides, places, found = draw_rectangles(
            draws, rows * columns, self.scale, self.ratio, least=0, most=(rows - 1, columns - 1)
        )
        tops, lefts = find_corners(places, sides, (rows, columns))
        heights, widths = sides * (chosen & found)
        covered = _span(tops, heights, rows)[:, None, :, None] & _span(lefts, widths, columns)[:, None, None, :]
        there = place(torch.from_numpy(covered), images)
        # On a CPU five times as fast as torch.where.
        return images * ~there + self._draw_cover(images, draws) * there

    def _draw_cover(self, images: Tensor, draws: Draws) -> Tensor:
        if self.value is not None:
            return place(torch.tensor(self.value).to(images.dtype).view(-1, 1, 1), images)
        keys = draws.integers(0, 2**53).tolist()
        noise = [torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(key)) for key in keys]
        return place(torch.stack(noise), images).to(images.dtype)


def _span(first: Numbers, length: Numbers, size: int) -> NDArray[np.bool_]:
    """Return N x `size`: which rows, or columns, a rectangle covers."""
    places = np.arange(size)
    covered: NDArray[np.bool_] = (places >= first[:, None]) & (places < (first + length)[:, None])
    return covered
