"""Which part of a picture a model sees after resizing, cropping and padding, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional
from torchvision import tv_tensors

from retinue.api import Sample
from retinue.errors import DataError

if TYPE_CHECKING:
    from retinue.engine.prediction import Predictor

LEVELS = 4096
"""Row and column of a pixel, each one of so many numbers, make one number that float32 holds exactly."""

VOID = 255
"""The value of a mask where it says nothing."""


@dataclass(frozen=True)
class Span:
    """Rows or columns `first` to `end` of a prepared picture show the share from `low` to `high` of the picture's."""

    first: int
    end: int
    low: float
    high: float


@dataclass(frozen=True)
class Placement:
    """Where a prepared picture comes from."""

    rows: Span
    columns: Span

    def place(self, values: Tensor, size: tuple[int, int]) -> Tensor:
        """Return values of a prepared picture, h x w, on one of height and width `size`.

        Floats are interpolated, and NaN where it shows nothing; a mask of uint8 keeps its values and has VOID there.
        """
        top, bottom = (round(share * size[0]) for share in (self.rows.low, self.rows.high))
        left, right = (round(share * size[1]) for share in (self.columns.low, self.columns.high))
        seen = values[self.rows.first : self.rows.end, self.columns.first : self.columns.end]
        wanted = (max(1, bottom - top), max(1, right - left))
        outside, mode = (torch.nan, "bilinear") if values.is_floating_point() else (VOID, "nearest-exact")
        placed = values.new_full(size, outside)
        scaled = functional.interpolate(seen[None, None], wanted, mode=mode)[0, 0]
        placed[top:bottom, left:right] = scaled[: size[0] - top, : size[1] - left]
        return placed


def prepare_traced(predictor: Predictor, picture: Tensor, path: str | None = None) -> tuple[Tensor, Placement | None]:
    """Prepare a picture for a model and find out which part of it is seen.

    Args:
        picture: uint8 C x H x W.
        path: its file, which messages name.

    Returns:
        What the model takes, and its place in the picture; None where transforms turn or bend it, or do without masks.

    Raises:
        DataError: a transform fails.
    """
    height, width = picture.shape[-2:]
    unit = -(-max(height, width) // (LEVELS - 1))
    sample: Sample = {"image": tv_tensors.Image(picture), **({} if path is None else {"path": path})}
    try:
        prepared = predictor.prepare({**sample, "mask": tv_tensors.Mask(_number_pixels(height, width, unit))})
    except DataError:
        # Its own mistake, if there is one, comes up again.
        return predictor.prepare(sample)["image"], None
    if prepared["mask"].shape[-2:] != prepared["image"].shape[-2:]:
        return prepared["image"], None
    return prepared["image"], _read_placement(prepared["mask"].as_subclass(Tensor), height / unit, width / unit)


def _number_pixels(height: int, width: int, unit: int) -> Tensor:
    """Rows count from 1 on, `unit` of them together: what a transform fills a mask with, 0 to 255, is row 0."""
    rows, columns = torch.arange(height).int() // unit + 1, torch.arange(width).int() // unit
    return rows.unsqueeze(1) * LEVELS + columns


def _read_placement(places: Tensor, height: float, width: float) -> Placement | None:
    rows, columns = places // LEVELS, places % LEVELS
    shown = rows > 0
    heights, widths = shown.any(dim=1).nonzero().flatten(), shown.any(dim=0).nonzero().flatten()
    if not len(heights):
        return None
    top, bottom = int(heights[0]), int(heights[-1]) + 1
    left, right = int(widths[0]), int(widths[-1]) + 1
    rows, columns = rows[top:bottom, left:right], columns[top:bottom, left:right]
    is_upright = bool((rows == rows[:, :1]).all() and (columns == columns[:1]).all())
    if not is_upright or (rows[:, 0].diff() < 0).any() or (columns[0].diff() < 0).any():
        return None
    return Placement(_span(rows[:, 0] - 1, top, bottom, height), _span(columns[0], left, right, width))


def _span(numbers: Tensor, first: int, end: int, size: float) -> Span:
    """A prepared pixel shows what is between its own number and the next one's, and one number at least."""
    low, last = float(numbers[0]), float(numbers[-1])
    step = max(1.0, (last - low) / (len(numbers) - 1) if len(numbers) > 1 else size)
    high = last + step
    # Numbers are rounded down: less than a step is no part that was cut off.
    return Span(first, end, low / size, 1.0 if size - high < step else high / size)
