"""The numbers that a model sees. Pictures are C x H x W; leading dimensions are kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from retinue.api import Sample
from retinue.builtin.transforms.keyed import Fixed, Plain
from retinue.builtin.transforms.parameters import Positive
from retinue.errors import DataError, Problem, SpecError

Stats = Literal["imagenet", "cifar10", "cifar100", "mnist", "fashion-mnist"]

STATS: dict[Stats, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "mnist": ((0.1307,), (0.3081,)),
    "fashion-mnist": ((0.2860,), (0.3530,)),
}
"""Mean and standard deviation of each channel over all pixels of a training set, values in [0, 1].

The deviations near 0.20 that are often given for CIFAR are means of each picture's own, not those of the set.
"""

NEAR = 2**20
"""Values that a processor keeps near."""


@dataclass(frozen=True)
class Normalize(Fixed):
    """Subtracts a mean from each channel and divides by a standard deviation, both of values in [0, 1]."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, given: Sample) -> Sample:
        image = given["image"]
        channels = image.shape[-3]
        if channels != len(self.mean):
            remedy = "put rgb before it, or give" if channels == 1 else "give"
            raise DataError(
                f"normalize has a mean and std for {len(self.mean)} channels, and this picture has {channels}: "
                f"{remedy} the mean and std of {channels}"
            )
        return {**given, "image": tv_tensors.wrap(self._normalize(image.as_subclass(Tensor)), like=image)}

    def _normalize(self, images: Tensor) -> Tensor:
        """Compute what torchvision does, a few pictures at a time: what lies between stays in the processor's cache."""
        mean, std = (torch.tensor(values, device=images.device).view(-1, 1, 1) for values in (self.mean, self.std))
        pictures = images.reshape(-1, *images.shape[-3:])
        normalized = torch.empty(pictures.shape, dtype=torch.float32, device=images.device)
        count = max(1, NEAR // pictures[0].numel()) if images.device.type == "cpu" else len(pictures)
        for own, part in zip(torch.split(normalized, count), torch.split(pictures, count), strict=True):
            torch.div(functional.to_dtype(part, torch.float32, scale=True) - mean, std, out=own)
        return normalized.view(images.shape)


def normalize(
    stats: Stats | None = None, mean: list[float] | None = None, std: list[Positive] | None = None
) -> Normalize:
    """Turn to float32, uint8 to [0, 1] first, then subtract the mean of each channel and divide by its deviation.

    Args:
        stats: the data set whose mean and standard deviation to use, in place of `mean` and `std`.
        mean: of each channel, for values in [0, 1].
        std: standard deviation of each channel, for values in [0, 1].

    Raises:
        SpecError: neither `stats` nor both of `mean` and `std`, or `stats` beside them; or other lengths.
    """
    if stats is not None and mean is None and std is None:
        return Normalize(*STATS[stats])
    if stats is not None or mean is None or std is None:
        given = [key for key, value in (("stats", stats), ("mean", mean), ("std", std)) if value is not None]
        raise SpecError(
            [Problem(f"normalize takes either stats or both mean and std, and got {' and '.join(given) or 'neither'}")]
        )
    if not mean or len(mean) != len(std):
        raise SpecError(
            [Problem(f"normalize takes one mean and one std a channel, and got {len(mean)} and {len(std)}")]
        )
    return Normalize(tuple(mean), tuple(std))


@dataclass(frozen=True)
class Whiten(Fixed):
    """Gives each picture mean 0 and standard deviation 1, over all channels together, as TensorFlow's
    per_image_standardization does: (x - mean) / max(std, 1 / sqrt(number of values)), x in [0, 1], std biased.
    The floor keeps a picture of one colour from being divided by zero. The result is float32.
    """

    def __call__(self, given: Sample) -> Sample:
        image = given["image"]
        values = functional.to_dtype(image, torch.float32, scale=True)
        std, mean = torch.std_mean(values, dim=(-3, -2, -1), keepdim=True, correction=0)
        floor = 1 / math.sqrt(math.prod(image.shape[-3:]))
        return {**given, "image": tv_tensors.wrap((values - mean) / std.clamp(min=floor), like=image)}


def to_dtype(dtype: Literal["uint8", "float16", "float32"] = "float32", scale: bool = True) -> Plain:
    """Change the type of a picture's values.

    Args:
        dtype: of the result.
        scale: map 0 to 255 of uint8 to 0 to 1 of float and back; without it, only the type changes.
    """
    types = {"uint8": torch.uint8, "float16": torch.float16, "float32": torch.float32}
    return Plain(v2.ToDtype(types[dtype], scale))
