"""torchvision's transforms under keys: their parameters are drawn from `Draws`, their pixels are torchvision's own.

Only tv_tensors are changed: pictures, masks and boxes. A label passes by.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from retinue.api import Batch, Draws, KeyedTransform, Sample
from retinue.builtin.transforms.guard import Guard

ANY = Guard("")
"""Asks for nothing."""

TRIES = 10
"""How often torchvision draws a rectangle anew that does not fit."""

Parameters = dict[str, Any]
Numbers = NDArray[np.float64]


class Fixed(KeyedTransform, ABC):
    """A transform that draws nothing, and treats a batch as it treats a sample."""

    random = False

    @abstractmethod
    def __call__(self, given: Sample) -> Sample:
        """Return the changed sample or batch."""

    def transform(self, sample: Sample, draws: Draws) -> Sample:
        return self(sample)

    def transform_batch(self, batch: Batch, draws: Draws) -> Batch:
        return self(batch)


class PictureTransform(KeyedTransform, ABC):
    """Changes pictures and nothing else; a sample is a batch of one."""

    guard: Guard

    @abstractmethod
    def change_pictures(self, images: Tensor, draws: Draws) -> Tensor:
        """Return pictures N x C x H x W changed, each by its own numbers."""

    def transform(self, sample: Sample, draws: Draws) -> Sample:
        self.guard.check(sample)
        image = sample["image"]
        return {**sample, "image": tv_tensors.wrap(self.change_pictures(image[None], draws)[0], like=image)}

    def transform_batch(self, batch: Batch, draws: Draws) -> Batch:
        self.guard.check(batch)
        return {**batch, "image": tv_tensors.wrap(self.change_pictures(batch["image"], draws), like=batch["image"])}


class Plain(Fixed):
    """A transform of torchvision that has no parameters to draw.

    Attributes:
        act: torchvision's transform.
    """

    def __init__(self, act: v2.Transform, guard: Guard = ANY, fixes_size: bool = False) -> None:
        self.act = act
        self.guard = guard
        self.fixes_size = fixes_size

    def __call__(self, given: Sample) -> Sample:
        self.guard.check(given)
        return change(given, lambda value: self.act.transform(value, {}))


class Chance(KeyedTransform):
    """A transform of torchvision that acts with a probability, or not.

    Attributes:
        act: torchvision's transform; its `p` is the probability.
    """

    def __init__(self, act: v2.Transform, guard: Guard = ANY) -> None:
        self.act = act
        self.guard = guard

    def transform(self, sample: Sample, draws: Draws) -> Sample:
        self.guard.check(sample)
        return self._act(sample) if float(draws.uniform()) < self.act.p else sample

    def transform_batch(self, batch: Batch, draws: Draws) -> Batch:
        self.guard.check(batch)
        chosen = (draws.uniform() < self.act.p).long()
        # Row n as it was and row n changed lie `len(draws)` apart: taking whole rows beats choosing pixel by pixel.
        rows = place(torch.arange(len(draws)) + len(draws) * chosen, batch["image"])
        changed = self._act(batch)

        def take(before: Tensor, after: Tensor) -> Tensor:
            taken: Tensor = tv_tensors.wrap(torch.cat([before, after]).index_select(0, rows), like=before)
            return taken

        return {k: v if changed[k] is v else take(v, changed[k]) for k, v in batch.items()}

    def _act(self, given: Sample) -> Sample:
        parameters = self.act.make_params([given["image"]])
        return change(given, lambda value: self.act.transform(value, parameters))


class Drawn(KeyedTransform, ABC):
    """A transform of torchvision with parameters for each sample.

    Attributes:
        act: torchvision's transform.
    """

    def __init__(self, act: v2.Transform, guard: Guard = ANY) -> None:
        self.act = act
        self.guard = guard

    @abstractmethod
    def draw(self, draws: Draws, image: Tensor) -> list[Parameters]:
        """Return what torchvision's `make_params` would, for each sample.

        Args:
            image: a picture C x H x W or pictures N x C x H x W.
        """

    def transform(self, sample: Sample, draws: Draws) -> Sample:
        self.guard.check(sample)
        (parameters,) = self.draw(draws, sample["image"])
        return change(sample, lambda value: self.act.transform(value, parameters))

    def transform_batch(self, batch: Batch, draws: Draws) -> Batch:
        self.guard.check(batch)
        drawn = self.draw(draws, batch["image"])

        def act(value: Tensor) -> Tensor:
            rows = (tv_tensors.wrap(row, like=value) for row in value.unbind())
            return torch.stack([self.act.transform(row, one) for row, one in zip(rows, drawn, strict=True)])

        return change(batch, lambda value: tv_tensors.wrap(act(value), like=value))


def change(given: Sample, act: Callable[[Any], Any]) -> Sample:
    """Return a sample or a batch with its picture and all other tv_tensors changed."""
    return {
        key: act(value) if key == "image" or isinstance(value, tv_tensors.TVTensor) else value
        for key, value in given.items()
    }


def place(numbers: Tensor, like: Tensor) -> Tensor:
    """Return drawn numbers on the device of a picture, without waiting for it."""
    return numbers.to(like.device, non_blocking=True)


def draw_rectangles(
    draws: Draws,
    area: int,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    least: int,
    most: tuple[int, int],
) -> tuple[Numbers, Numbers, NDArray[np.bool_]]:
    """Return height and width of a rectangle for each sample, 2 x N, the first of all tries that fits; two numbers from
    [0, 1) for its place, 2 x N; and whether it fits.

    Args:
        area: of the picture.
        scale: least and greatest part of it.
        ratio: least and greatest height by width, uniform in its logarithm.
        least: height and width that fit.
        most: greatest height, and greatest width, that fit.
    """
    numbers = draws.table(2 * TRIES + 2)
    low, high = math.log(ratio[0]), math.log(ratio[1])
    areas = area * (scale[0] + (scale[1] - scale[0]) * numbers[:TRIES])
    ratios = np.exp(low + (high - low) * numbers[TRIES:-2])
    sides = np.rint(np.sqrt(np.stack([areas * ratios, areas / ratios])))
    fit = np.asarray(((sides >= least) & (sides <= np.reshape(most, (2, 1, 1)))).all(axis=0))
    taken, samples = fit.argmax(axis=0), np.arange(len(draws))
    return sides[:, taken, samples], numbers[-2:], fit[taken, samples]


def find_corners(places: Numbers, sides: Numbers, size: tuple[int, int]) -> Numbers:
    """Return where rectangles begin, 2 x N whole numbers: each place in pictures of a size is as likely.

    Args:
        places: numbers from [0, 1), 2 x N.
        sides: height and width of the rectangles, 2 x N.
    """
    return np.floor(places * (np.reshape(size, (2, 1)) - sides + 1))
