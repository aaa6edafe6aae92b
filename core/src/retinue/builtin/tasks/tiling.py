"""Predicting a large picture tile by tile, blended where tiles overlap."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def blend_tiles(predict: Callable[[Tensor], Tensor], image: Tensor, window: int, overlap: float) -> Tensor:
    """Return predictions N x C x H x W for a picture N x channels x H x W.

    Args:
        predict: of a tile N x channels x h x w, N x C x h x w.
        window: a tile's side; the picture's where that is smaller.
        overlap: share of a tile that its neighbour covers too.
    """
    height, width = image.shape[-2:]
    tile_height, tile_width = min(window, height), min(window, width)
    weight = _ramp(tile_height, image).unsqueeze(1) * _ramp(tile_width, image)
    total: Tensor | None = None
    weights = image.new_zeros(height, width)
    for top in _starts(height, tile_height, overlap):
        for left in _starts(width, tile_width, overlap):
            rows, columns = slice(top, top + tile_height), slice(left, left + tile_width)
            tile = predict(image[..., rows, columns])
            if total is None:
                total = tile.new_zeros(*tile.shape[:2], height, width)
            total[..., rows, columns] += tile * weight
            weights[rows, columns] += weight
    assert total is not None
    return total / weights


def _starts(length: int, tile: int, overlap: float) -> list[int]:
    """The last tile ends with the picture."""
    stride = max(1, round(tile * (1 - overlap)))
    return [*range(0, length - tile, stride), length - tile]


def _ramp(length: int, like: Tensor) -> Tensor:
    """Weights that fall towards a tile's edge, where the network sees least around a pixel; never 0."""
    positions = torch.arange(length, device=like.device, dtype=like.dtype)
    return torch.minimum(positions + 1, length - positions) / ((length + 1) // 2)
