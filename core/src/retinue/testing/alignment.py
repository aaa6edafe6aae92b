"""Whether a picture and a mask show the same areas, whatever became of the colours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

SHIFTS = (-5, -2, 0, 2, 5)
ANGLES = (-30, -20, -10, 10, 20, 30)


def explained(image: Tensor, mask: Tensor) -> float:
    """Return which share of a picture's variance lies between the areas of a mask: 1 where each has one colour, NaN
    for a picture of one colour.

    Args:
        image: C x H x W.
        mask: integers H x W.
    """
    pixels = image.detach().as_subclass(Tensor).double().flatten(1)
    total = float((pixels - pixels.mean(dim=1, keepdim=True)).square().sum())
    if total == 0:
        return math.nan
    labels, areas = mask.as_subclass(Tensor).flatten().unique(return_inverse=True)  # type: ignore[no-untyped-call]
    sizes = areas.bincount(minlength=len(labels)).double()
    sums = torch.zeros(len(pixels), len(labels), dtype=torch.float64).index_add_(1, areas, pixels)
    within = float((pixels - (sums / sizes)[:, areas]).square().sum())
    return 1 - within / total


def find_better(image: Tensor, mask: Tensor, original: Tensor) -> float:
    """Return how much better the picture is explained by the mask mirrored, turned or moved, or as it was before; at
    most 0 where the mask is right."""
    found = explained(image, mask)
    others = [explained(image, other) for other in _move(mask, original)]
    return max(others) - found


def _move(mask: Tensor, original: Tensor) -> Iterator[Tensor]:
    plain = mask.as_subclass(Tensor)
    if original.shape == mask.shape:
        yield original
    yield from (plain.flip(axes) for axes in ((0,), (1,), (0, 1)))
    if plain.shape[0] == plain.shape[1]:
        yield from (plain.mT, plain.rot90(1), plain.rot90(3))
    yield from (plain.roll(shift, (0, 1)) for shift in product(SHIFTS, SHIFTS) if shift != (0, 0))
    yield from (functional.rotate(tv_tensors.Mask(plain[None]), angle)[0] for angle in ANGLES)
