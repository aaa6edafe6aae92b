"""Whether a picture and a mask show the same areas, whatever became of the colours."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

SHIFTS = (-5, -2, 0, 2, 5)
ANGLES = (-30, -20, -10, 10, 20, 30)


def compare(image: Tensor, mask: Tensor, original: Tensor) -> tuple[float, float]:
    """Return which share of a picture's variance lies between the areas of its mask, 1 where each has one colour, and
    how much more it would be if the mask were mirrored, turned or moved, or what it was before.

    Args:
        image: C x H x W.
        mask: integers H x W.
        original: the mask before the picture was changed.
    """
    pixels = image.detach().as_subclass(Tensor).double().flatten(1)
    pixels = pixels - pixels.mean(dim=1, keepdim=True)
    if not pixels.any():
        # Every mask fits a picture of one colour.
        return 1.0, 0.0
    found = _explain(pixels, mask)
    if found > 0.95:
        # None can be much better.
        return found, 0.0
    return found, max(_explain(pixels, other) for other in _move(mask, original)) - found


def _explain(pixels: Tensor, mask: Tensor) -> float:
    labels, areas = mask.as_subclass(Tensor).flatten().unique(return_inverse=True)  # type: ignore[no-untyped-call]
    sizes = areas.bincount(minlength=len(labels)).double()
    sums = pixels.new_zeros(len(pixels), len(labels)).index_add_(1, areas, pixels)
    return float((sums.square() / sizes).sum() / pixels.square().sum())


def _move(mask: Tensor, original: Tensor) -> Iterator[Tensor]:
    plain = mask.as_subclass(Tensor)
    if original.shape == mask.shape:
        yield original
    yield from (plain.flip(axes) for axes in ((0,), (1,), (0, 1)))
    if plain.shape[0] == plain.shape[1]:
        yield from (plain.mT, plain.rot90(1), plain.rot90(3))
    yield from (plain.roll(shift, (0, 1)) for shift in product(SHIFTS, SHIFTS) if shift != (0, 0))
    yield from (functional.rotate(tv_tensors.Mask(plain[None]), angle)[0] for angle in ANGLES)
