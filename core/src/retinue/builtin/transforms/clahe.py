"""Contrast limited adaptive histogram equalisation (Zuiderveld, 1994), with OpenCV's parameters and results.

Arrays are H x W; a picture is cut into `rows` x `columns` tiles, T in number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from torchvision import tv_tensors

from retinue.api import Sample
from retinue.builtin.transforms.guard import Guard, Guarded
from retinue.builtin.transforms.lightness import shift_lightness, to_lightness
from retinue.builtin.transforms.parameters import NonNegative

Plane = NDArray[np.uint8]
Floats = NDArray[np.float32]
Counts = NDArray[np.intp]
LEVELS = 256
Tiles = Annotated[int, Ge(1)]


def clahe(clip_limit: NonNegative = 2.0, tile_grid: tuple[Tiles, Tiles] = (8, 8)) -> Guarded:
    """Equalise the histogram of each tile, the gain limited; of an RGB picture, that of the lightness L of CIE Lab.

    Args:
        clip_limit: most that a bin of a tile's histogram holds, as a multiple of the mean bin; what is over goes to
            all bins. 0 sets no limit.
        tile_grid: rows and columns of tiles.
    """
    return Guarded(Guard("clahe", values="uint8"), Clahe(clip_limit, tile_grid))


@dataclass(frozen=True)
class Clahe:
    """Equalises a uint8 picture C x H x W, C = 1 or 3 (RGB)."""

    clip_limit: float
    tile_grid: tuple[int, int]

    def __call__(self, sample: Sample) -> Sample:
        image = sample["image"]
        pixels = image.numpy()
        if len(pixels) == 1:
            result = equalize(pixels[0], self.clip_limit, *self.tile_grid)[None]
        else:
            lightness = to_lightness(pixels)
            equalized = equalize(lightness, self.clip_limit, *self.tile_grid)
            result = shift_lightness(pixels, equalized.astype(np.int16) - lightness)
        return {**sample, "image": tv_tensors.wrap(torch.from_numpy(result), like=image)}


def equalize(plane: Plane, clip_limit: float, rows: int, columns: int) -> Plane:
    """Return the plane equalised, each pixel by the tables of the four tiles around it, bilinearly."""
    padded = _pad(plane, rows, columns)
    tables = _tables(padded, clip_limit, rows, columns).reshape(rows, columns, LEVELS)
    above, below, down = _neighbours(plane.shape[0], padded.shape[0] // rows, rows)
    left, right, along = _neighbours(plane.shape[1], padded.shape[1] // columns, columns)
    above, below, down = above[:, None], below[:, None], down[:, None]
    upper = tables[above, left, plane] * (1 - along) + tables[above, right, plane] * along
    lower = tables[below, left, plane] * (1 - along) + tables[below, right, plane] * along
    return np.rint(upper * (1 - down) + lower * down).astype(np.uint8)


def _pad(plane: Plane, rows: int, columns: int) -> Plane:
    height, width = plane.shape
    if height % rows == 0 and width % columns == 0:
        return plane
    # Where one side does not divide, OpenCV pads the other too, by a pixel for each tile if it does divide.
    return np.pad(plane, ((0, rows - height % rows), (0, columns - width % columns)), mode="reflect")


def _tables(padded: Plane, clip_limit: float, rows: int, columns: int) -> Floats:
    """Return each tile's table T x 256 from old to new values."""
    height, width = padded.shape[0] // rows, padded.shape[1] // columns
    tiles = padded.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(rows * columns, -1)
    offsets = np.arange(len(tiles))[:, None] * LEVELS
    counts = np.bincount((tiles + offsets).ravel(), minlength=len(tiles) * LEVELS).reshape(-1, LEVELS)
    if clip_limit > 0:
        counts = _clip(counts, max(int(clip_limit * height * width / LEVELS), 1))
    scale = np.float32(LEVELS - 1) / np.float32(height * width)
    tables: Floats = np.rint(counts.cumsum(axis=1).astype(np.float32) * scale)
    return tables.clip(0, LEVELS - 1)


def _clip(counts: Counts, limit: int) -> Counts:
    """Return histograms T x 256 cut at the limit; the excess goes to all bins, its remainder to evenly spaced ones."""
    excess = (counts - limit).clip(min=0).sum(axis=1, keepdims=True)
    share, rest = excess // LEVELS, excess % LEVELS
    step = LEVELS // rest.clip(min=1)
    bins = np.arange(LEVELS)
    clipped: Counts = counts.clip(max=limit) + share + ((bins % step == 0) & (bins // step < rest))
    return clipped


def _neighbours(length: int, tile: int, tiles: int) -> tuple[Counts, Counts, Floats]:
    """Return for each pixel of a side the tiles whose centres it lies between, and how far it is to the second."""
    position = np.arange(length, dtype=np.float32) * (np.float32(1) / np.float32(tile)) - np.float32(0.5)
    first = np.floor(position).astype(np.intp)
    return first.clip(min=0), (first + 1).clip(max=tiles - 1), position - first.astype(np.float32)
