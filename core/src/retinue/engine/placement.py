"""Which part of a picture a model sees after resizing, cropping and padding, and where."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torchvision import tv_tensors
from torchvision.transforms import v2

from retinue.api import Sample
from retinue.engine.prediction import Predictor
from retinue.errors import DataError

LEVELS = 2048
"""Row and column of a pixel, each in so many levels, make one number that float32 holds exactly."""


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
        """Return values of a prepared picture, h x w, on one of height and width `size`: NaN where it shows nothing."""
        top, bottom = (round(share * size[0]) for share in (self.rows.low, self.rows.high))
        left, right = (round(share * size[1]) for share in (self.columns.low, self.columns.high))
        seen = values[self.rows.first : self.rows.end, self.columns.first : self.columns.end]
        wanted = (max(1, bottom - top), max(1, right - left))
        placed = values.new_full(size, torch.nan)
        scaled = functional.interpolate(seen[None, None], wanted, mode="bilinear")[0, 0]
        placed[top:bottom, left:right] = scaled[: size[0] - top, : size[1] - left]
        return placed


def prepare_traced(predictor: Predictor, picture: Tensor) -> tuple[Tensor, Placement | None]:
    """Prepare a picture for a model and find out which part of it is seen.

    Args:
        picture: uint8 C x H x W.

    Returns:
        What the model takes, and its place in the picture; None where transforms turn or bend it, or do without masks.

    Raises:
        DataError: a transform fails.
    """
    image = tv_tensors.Image(picture)
    places = tv_tensors.Mask(_number_pixels(picture.shape[-2], picture.shape[-1]))
    try:
        prepared = _prepare(predictor, {"image": image, "mask": places})
    except DataError:
        # Its own mistake, if there is one, comes up again.
        return _prepare(predictor, {"image": image})["image"], None
    if prepared["mask"].shape[-2:] != prepared["image"].shape[-2:]:
        return prepared["image"], None
    return prepared["image"], _read_placement(prepared["mask"].as_subclass(Tensor))


def _prepare(predictor: Predictor, sample: Sample) -> Sample:
    return _bring_to(predictor.preparation(_bring_to(sample, predictor.size)), predictor.prepared_size)


def _bring_to(sample: Sample, size: tuple[int, int] | None) -> Sample:
    if size is None or tuple(sample["image"].shape[-2:]) == size:
        return sample
    resized: Sample = v2.Resize(size)(sample)
    return resized


def _number_pixels(height: int, width: int) -> Tensor:
    """Rows count from 1 on: what a transform fills a mask with, 0 to 255, is row 0."""
    rows = torch.arange(height) * (LEVELS - 1) // height + 1
    columns = torch.arange(width) * (LEVELS - 1) // width
    return (rows.unsqueeze(1) * LEVELS + columns).int()


def _read_placement(places: Tensor) -> Placement | None:
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
    return Placement(_span(rows[:, 0] - 1, top, bottom), _span(columns[0], left, right))


def _span(levels: Tensor, first: int, end: int) -> Span:
    """A prepared pixel shows what is between its own level and the next one's."""
    low, last = float(levels[0]), float(levels[-1])
    step = (last - low) / (len(levels) - 1) if len(levels) > 1 else LEVELS
    return Span(first, end, low / (LEVELS - 1), min(1.0, (last + step) / (LEVELS - 1)))
