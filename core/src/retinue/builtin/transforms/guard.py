"""What a transform needs of a picture, said in the words of the spec before torchvision fails in its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from retinue.api import Batch, Sample
from retinue.errors import DataError


@dataclass(frozen=True)
class Guard:
    """What a transform asks of a picture.

    Attributes:
        name: what the spec calls the transform.
        values: the pixels that it acts on.
        channels: how many a picture must have.
        smallest: least height and width.
        remedy: what to do with smaller pictures.
    """

    name: str
    values: Literal["any", "uint8", "float"] = "any"
    channels: int | None = None
    smallest: tuple[int, int] = (1, 1)
    remedy: str = "put a resize before it"

    def check(self, given: Sample | Batch) -> None:
        """Raise a DataError unless a picture, or the pictures of a batch, are as they must be."""
        for mistake in self._mistakes(given["image"]):
            paths = given.get("path", "")
            path = paths if isinstance(paths, str) else paths[0]
            raise DataError(f"{path}{': ' if path else ''}{self.name} {mistake}")

    def _mistakes(self, image: Tensor) -> Iterator[str]:
        if self.values == "uint8" and image.dtype != torch.uint8:
            dtype = str(image.dtype).removeprefix("torch.")
            yield f"acts on uint8 pictures, and this one is {dtype}: put it before normalize, whiten and to-dtype"
        if self.values == "float" and not image.is_floating_point():
            yield "acts on float pictures, and this one is uint8: put it after normalize, whiten or to-dtype"
        channels, height, width = image.shape[-3:]
        if self.channels not in (None, channels):
            yield f"got {self.channels} values for the channels of a picture that has {channels}: give one for each"
        if height < self.smallest[0] or width < self.smallest[1]:
            least = f"{self.smallest[0]} x {self.smallest[1]}"
            yield f"needs pictures of at least {least} pixels, and this one is {height} x {width}: {self.remedy}"


@dataclass(frozen=True)
class Guarded:
    """A transform that checks a picture before it acts."""

    guard: Guard
    act: Callable[[Sample], Sample]

    def __call__(self, sample: Sample) -> Sample:
        self.guard.check(sample)
        return self.act(sample)
