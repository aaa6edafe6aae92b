"""Flips, turns and distortions; pictures and masks move together, and keep their size unless `expand` says else."""

from __future__ import annotations

from typing import Annotated

from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode

from retinue.builtin.transforms.border import count_values, fill_by_type
from retinue.builtin.transforms.guard import Guard, Guarded
from retinue.builtin.transforms.keyed import Chance
from retinue.builtin.transforms.parameters import (
    Ascending,
    Fill,
    Fraction,
    Interpolation,
    NonNegative,
    Positive,
    PositiveSpan,
    WarpInterpolation,
)
from retinue.builtin.transforms.turns import Affine, Rotation

Angles = Annotated[NonNegative | tuple[float, float], Ascending]
Shear = Annotated[NonNegative | tuple[float, float] | tuple[float, float, float, float], Ascending]


def random_horizontal_flip(p: Fraction = 0.5) -> Chance:
    """Mirror left and right.

    Args:
        p: probability.
    """
    return Chance(v2.RandomHorizontalFlip(p))


def random_vertical_flip(p: Fraction = 0.5) -> Chance:
    """Mirror top and bottom.

    Args:
        p: probability.
    """
    return Chance(v2.RandomVerticalFlip(p))


def random_rotation(
    degrees: Angles,
    interpolation: WarpInterpolation = "nearest",
    expand: bool = False,
    center: tuple[float, float] | None = None,
    fill: Fill = 0,
    ignore_index: int | None = None,
) -> Rotation | Guarded:
    """Turn by a random angle.

    Args:
        degrees: least and greatest angle; a single number d is -d to d.
        interpolation: how pixels between pixels come about; masks always take the nearest.
        expand: make the picture large enough to hold all of it.
        center: x and y of the centre of rotation in pixels from the upper left corner; the middle unless given.
        fill: value outside the picture, one for all channels or one for each.
        ignore_index: value that a mask gets there.
    """
    mode = InterpolationMode(interpolation)
    turn = v2.RandomRotation(degrees, mode, expand, center and list(center), fill_by_type(fill, ignore_index))
    guard = Guard("random-rotation", channels=count_values(fill))
    # Pictures that are expanded differ in size, and make no batch.
    return Guarded(guard, turn) if expand else Rotation(turn, guard)


def random_affine(
    degrees: Angles = 0,
    translate: tuple[Fraction, Fraction] | None = None,
    scale: PositiveSpan | None = None,
    shear: Shear | None = None,
    interpolation: WarpInterpolation = "nearest",
    fill: Fill = 0,
    center: tuple[float, float] | None = None,
    ignore_index: int | None = None,
) -> Affine:
    """Turn, move, scale and shear at random about the centre.

    Args:
        degrees: least and greatest angle; a single number d is -d to d.
        translate: most that it moves to either side, as a part of width and of height.
        scale: least and greatest factor.
        shear: degrees along x, least and greatest, then along y; a single number d is -d to d along x.
        interpolation: how pixels between pixels come about; masks always take the nearest.
        fill: value outside the picture, one for all channels or one for each.
        center: x and y of the centre in pixels from the upper left corner; the middle unless given.
        ignore_index: value that a mask gets there.
    """
    mode = InterpolationMode(interpolation)
    warp = v2.RandomAffine(
        degrees, translate, scale, shear, mode, fill_by_type(fill, ignore_index), center and list(center)
    )
    return Affine(warp, Guard("random-affine", channels=count_values(fill)))


def random_perspective(
    distortion_scale: Fraction = 0.5,
    p: Fraction = 0.5,
    interpolation: WarpInterpolation = "bilinear",
    fill: Fill = 0,
    ignore_index: int | None = None,
) -> Guarded:
    """Move the four corners inwards at random.

    Args:
        distortion_scale: most that a corner moves, as a part of half the side.
        p: probability.
        interpolation: how pixels between pixels come about; masks always take the nearest.
        fill: value outside the picture, one for all channels or one for each.
        ignore_index: value that a mask gets there.
    """
    mode = InterpolationMode(interpolation)
    warp = v2.RandomPerspective(distortion_scale, p, mode, fill_by_type(fill, ignore_index))
    return Guarded(Guard("random-perspective", channels=count_values(fill)), warp)


def elastic_transform(
    alpha: float = 50.0,
    sigma: Positive = 5.0,
    interpolation: Interpolation = "bilinear",
    fill: Fill = 0,
    ignore_index: int | None = None,
) -> Guarded:
    """Move every pixel by a smooth random field (Simard et al., 2003).

    Args:
        alpha: strength; before it is smoothed, the field moves a pixel by up to alpha / 2 along each side.
        sigma: smoothness: standard deviation in pixels of the Gaussian that smoothes the field; a picture needs
            more than about four times as many on each side.
        interpolation: how pixels between pixels come about; masks always take the nearest.
        fill: value outside the picture, one for all channels or one for each.
        ignore_index: value that a mask gets there.
    """
    warp = v2.ElasticTransform(alpha, sigma, InterpolationMode(interpolation), fill_by_type(fill, ignore_index))
    # torchvision's kernel of 8 sigma + 1 pixels reflects at the border, which must be wider than half of it.
    least = int(8 * sigma + 1) // 2 + 1
    remedy = f"set a sigma below {sigma}, or put a resize before it"
    guard = Guard("elastic-transform", channels=count_values(fill), smallest=(least, least), remedy=remedy)
    return Guarded(guard, warp)
