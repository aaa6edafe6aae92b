"""The embedded digits put together to scenes with a mask: segmentation without a download."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt
from torchvision import tv_tensors

from retinue.api import DataInfo, Dataset, Sample
from retinue.builtin.datasets.digits import Digits

ENLARGED = 2
"""Each dot of a digit becomes a square of this side: 8 x 8 becomes 16 x 16."""
SIDE = 8 * ENLARGED
INK = 48
"""From this brightness on, a pixel belongs to its digit."""
TRAINING_SHARE = 0.8


class DigitScenes(Dataset):
    """Grey pictures of handwritten digits that do not overlap, and for each pixel "background" or the digit.

    The digits are those of `digits`; "train" and "val" draw on different ones, so that validation shows handwriting
    that training has not seen. A scene depends on part, seed and index alone.

    Args:
        part: "train" draws on the first four fifths of the digits, "val" on the rest.
        samples: how many scenes.
        size: height and width in pixels, at least 16.
        most: the most digits of a scene; the least is 1. Fewer where there is no room.
        seed: another seed gives other scenes.
    """

    in_memory = True

    def __init__(
        self,
        part: Literal["train", "val"],
        samples: Annotated[int, Gt(0)] = 400,
        size: tuple[Annotated[int, Ge(SIDE)], Annotated[int, Ge(SIDE)]] = (64, 64),
        most: Annotated[int, Gt(0)] = 5,
        seed: Annotated[int, Ge(0)] = 0,
    ) -> None:
        self.digits = Digits()
        cut = int(len(self.digits) * TRAINING_SHARE)
        self.available = range(cut) if part == "train" else range(cut, len(self.digits))
        self.samples, self.size, self.most = samples, size, most
        self.key = [seed, 0 if part == "train" else 1]
        classes = ("background", *(str(digit) for digit in range(10)))
        self.info = DataInfo(classes=classes, channels=1, image_size=size, ignore_index=255)

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.samples:
            raise IndexError(index)
        draw = np.random.default_rng([*self.key, index])
        image = torch.zeros(1, *self.size, dtype=torch.uint8)
        mask = torch.zeros(self.size, dtype=torch.uint8)
        for top, left in _choose_places(draw, self.size, int(draw.integers(1, self.most + 1))):
            chosen = int(draw.choice(self.available))
            digit = self.digits.images[chosen, 0].repeat_interleave(ENLARGED, 0).repeat_interleave(ENLARGED, 1)
            rows, columns = slice(top, top + SIDE), slice(left, left + SIDE)
            image[0, rows, columns] = digit
            mask[rows, columns][digit >= INK] = self.digits.labels[chosen] + 1
        return {"image": tv_tensors.Image(image), "mask": tv_tensors.Mask(mask)}


def _choose_places(draw: np.random.Generator, size: tuple[int, int], count: int) -> list[tuple[int, int]]:
    """Return corners of squares that do not overlap; a few draws that find no room are given up."""
    places: list[tuple[int, int]] = []
    for _ in range(20 * count):
        top, left = (int(draw.integers(0, side - SIDE + 1)) for side in size)
        if len(places) < count and all(abs(top - y) >= SIDE or abs(left - x) >= SIDE for y, x in places):
            places.append((top, left))
    return places
