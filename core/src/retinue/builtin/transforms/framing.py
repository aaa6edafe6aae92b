"""Which part of a picture is seen, and how large. Sizes are height x width in pixels."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode

from retinue.builtin.transforms.border import count_values, fill_by_type
from retinue.builtin.transforms.crops import Crop, ResizedCrop
from retinue.builtin.transforms.guard import Guard, Guarded
from retinue.builtin.transforms.keyed import Plain
from retinue.builtin.transforms.parameters import (
    Ascending,
    Fill,
    Fraction,
    FractionSpan,
    Interpolation,
    Padding,
    PaddingMode,
    PositiveSpan,
    Side,
    Size,
)
from retinue.errors import Problem, SpecError


def resize(size: Size, interpolation: Interpolation = "bilinear", max_size: Side | None = None) -> Plain:
    """Resize with antialiasing; a single number keeps the aspect ratio.

    Args:
        size: of the shorter side, or height and width.
        interpolation: how pixels between pixels come about; masks always take the nearest.
        max_size: most pixels that the longer side may get, with a single `size`.

    Raises:
        SpecError: `max_size` beside a height and width, or not more than `size`.
    """
    if max_size is not None and not isinstance(size, int):
        raise SpecError([Problem(f"max_size = {max_size} goes with a single size, this is {list(size)}")])
    if max_size is not None and isinstance(size, int) and max_size <= size:
        raise SpecError([Problem(f"max_size = {max_size} is not more than size = {size}")])
    act = v2.Resize(size, InterpolationMode(interpolation), max_size, antialias=True)
    return Plain(act, fixes_size=not isinstance(size, int))


def center_crop(size: Size) -> Plain:
    """Cut out the middle.

    Args:
        size: of both sides, or height and width.
    """
    crop = v2.CenterCrop(size)
    guard = Guard("center-crop", smallest=tuple(crop.size), remedy="put a resize or a pad before it")
    return Plain(crop, guard, fixes_size=True)


def random_crop(
    size: Size,
    padding: Padding = 0,
    pad_if_needed: bool = False,
    fill: Fill = 0,
    padding_mode: PaddingMode = "constant",
    ignore_index: int | None = None,
) -> Crop:
    """Cut out a part at random.

    Args:
        size: of both sides, or height and width.
        padding: pixels added first: on every side; left/right and top/bottom; or left, top, right, bottom.
        pad_if_needed: pad a smaller picture instead of refusing it.
        fill: value of "constant" padding, one for all channels or one for each.
        padding_mode: what the padding shows.
        ignore_index: value that a mask gets there.
    """
    fills = fill_by_type(fill if padding_mode == "constant" else 0, ignore_index)
    crop = v2.RandomCrop(size, padding or None, pad_if_needed, fills, padding_mode)
    channels = count_values(fill)
    if pad_if_needed:
        return Crop(crop, Guard("random-crop", channels=channels))
    left, right, top, bottom = crop.padding or (0, 0, 0, 0)
    smallest = (crop.size[0] - top - bottom, crop.size[1] - left - right)
    remedy = "put a resize before it, or set pad_if_needed = true"
    return Crop(crop, Guard("random-crop", channels=channels, smallest=smallest, remedy=remedy))


def random_resized_crop(
    size: Size,
    scale: FractionSpan = (0.08, 1.0),
    ratio: PositiveSpan = (3 / 4, 4 / 3),
    interpolation: Interpolation = "bilinear",
) -> ResizedCrop:
    """Cut out a part of random area and aspect ratio, then resize it with antialiasing (Szegedy et al., 2015).

    Args:
        size: of both sides, or height and width.
        scale: least and greatest part of the picture's area.
        ratio: least and greatest width by height.
        interpolation: how pixels between pixels come about; masks always take the nearest.
    """
    return ResizedCrop(v2.RandomResizedCrop(size, scale, ratio, InterpolationMode(interpolation), antialias=True))


def pad(
    padding: Padding, fill: Fill = 0, padding_mode: PaddingMode = "constant", ignore_index: int | None = None
) -> Plain:
    """Add a border.

    Args:
        padding: pixels on every side; left/right and top/bottom; or left, top, right, bottom.
        fill: value of "constant" padding, one for all channels or one for each.
        padding_mode: what the padding shows.
        ignore_index: value that a mask gets there.
    """
    fills = fill_by_type(fill if padding_mode == "constant" else 0, ignore_index)
    return Plain(v2.Pad(padding, fills, padding_mode), Guard("pad", channels=count_values(fill)))


def random_zoom_out(
    side_range: Annotated[tuple[Annotated[float, Ge(1)], Annotated[float, Ge(1)]], Ascending] = (1.0, 4.0),
    p: Fraction = 0.5,
    fill: Fill = 0,
    ignore_index: int | None = None,
) -> Guarded:
    """Put a picture somewhere on a larger canvas (Liu et al., "SSD", 2016).

    Args:
        side_range: least and greatest side of the canvas by that of the picture.
        p: probability.
        fill: value of the canvas, one for all channels or one for each.
        ignore_index: value that a mask gets there.
    """
    zoom = v2.RandomZoomOut(fill_by_type(fill, ignore_index), side_range, p)
    return Guarded(Guard("random-zoom-out", channels=count_values(fill)), zoom)
