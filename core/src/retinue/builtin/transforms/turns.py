"""Turning, moving, scaling and shearing pictures, each by numbers of its own, as torchvision's RandomRotation and
RandomAffine do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample
from torchvision import tv_tensors

from retinue.api import Batch, Draws, Sample
from retinue.builtin.transforms.keyed import Drawn, Parameters, change, place

Matrices = NDArray[np.float64]
"""N x 2 x 3: from a pixel of the result to its place in the picture, both in pixels from the middle."""


class Turn(Drawn):
    """Moves pictures and masks by one grid for each sample, and all else by torchvision's own functions."""

    def transform(self, sample: Sample, draws: Draws) -> Sample:
        self.guard.check(sample)
        drawn = self.draw(draws, sample["image"])

        def act(value: Any) -> Any:
            if isinstance(value, tv_tensors.BoundingBoxes | tv_tensors.KeyPoints):
                return self.act.transform(value, drawn[0])
            lone = tv_tensors.wrap(value[None], like=value)
            return tv_tensors.wrap(self._warp(lone, drawn)[0], like=value)

        return change(sample, act)

    def transform_batch(self, batch: Batch, draws: Draws) -> Batch:
        self.guard.check(batch)
        drawn = self.draw(draws, batch["image"])
        return change(batch, lambda value: tv_tensors.wrap(self._warp(value, drawn), like=value))

    def _warp(self, values: Tensor, drawn: list[Parameters]) -> Tensor:
        is_mask = isinstance(values, tv_tensors.Mask)
        matrices = invert_moves(drawn, self._find_center(values))
        fill = self.act.fill[tv_tensors.Mask if is_mask else tv_tensors.Image]
        if is_mask:
            return warp(values.as_subclass(Tensor)[:, None], matrices, "nearest", fill)[:, 0]
        return warp(values.as_subclass(Tensor), matrices, self.act.interpolation.value, fill)

    def _find_center(self, values: Tensor) -> tuple[float, float]:
        """Return x and y of the centre from the middle of the picture."""
        height, width = values.shape[-2:]
        x, y = self.act.center or (width / 2, height / 2)
        return x - width / 2, y - height / 2


class Rotation(Turn):
    """Draws an angle."""

    def draw(self, draws: Draws, image: Tensor) -> list[Parameters]:
        return [{"angle": angle} for angle in draws.uniform(*self.act.degrees).tolist()]


class Affine(Turn):
    """Draws an angle, a move in whole pixels, a scale and two shears."""

    def draw(self, draws: Draws, image: Tensor) -> list[Parameters]:
        across, down = self.act.translate or (0, 0)
        height, width = image.shape[-2:]
        left, right, upper, lower = (*(self.act.shear or (0, 0)), 0, 0)[:4]
        angles = draws.uniform(*self.act.degrees).tolist()
        moves = torch.stack([draws.uniform(-most, most).round() for most in (across * width, down * height)], dim=1)
        scales = draws.uniform(*(self.act.scale or (1, 1))).tolist()
        shears = torch.stack([draws.uniform(left, right), draws.uniform(upper, lower)], dim=1).tolist()
        return [
            {"angle": angle, "translate": move, "scale": scale, "shear": shear}
            for angle, move, scale, shear in zip(angles, moves.int().tolist(), scales, shears, strict=True)
        ]


def invert_moves(drawn: list[Parameters], center: tuple[float, float]) -> Matrices:
    """Return what undoes each: a shear, a turn and a scale about the centre, then a move.

    A rotation counts its angle the other way round than an affine transform.
    """
    turned = np.radians([one["angle"] if "scale" in one else -one["angle"] for one in drawn])
    x, y = np.radians([one.get("shear", (0.0, 0.0)) for one in drawn]).T
    scale = np.array([one.get("scale", 1.0) for one in drawn])
    a, c = np.cos(turned - y) / np.cos(y), np.sin(turned - y) / np.cos(y)
    b, d = -a * np.tan(x) - np.sin(turned), -c * np.tan(x) + np.cos(turned)
    linear = np.stack([d, -b, -c, a], axis=1).reshape(-1, 2, 2) / scale[:, None, None]
    moved = np.array(center) + [one.get("translate", (0, 0)) for one in drawn]
    offsets = np.array(center)[None, :, None] - linear @ moved[:, :, None]
    return np.concatenate([linear, offsets], axis=2)


def warp(pictures: Tensor, matrices: Matrices, mode: str, fill: float | list[float]) -> Tensor:
    """Return pictures N x C x H x W moved by their matrices, `fill` where they show nothing."""
    height, width = pictures.shape[-2:]
    x = torch.arange(width, device=pictures.device) - (width - 1) / 2
    y = (torch.arange(height, device=pictures.device) - (height - 1) / 2)[:, None]
    scaled = matrices / (np.array([width, height])[:, None] / 2)
    rows = place(torch.from_numpy(scaled.astype(np.float32)), pictures)[..., None, None]
    # Term by term: a product of matrices may be rounded otherwise in another number of them.
    grid = (rows[:, :, 0] * x + rows[:, :, 1] * y + rows[:, :, 2]).permute(0, 2, 3, 1)
    values = pictures if pictures.is_floating_point() else pictures.float()
    shown = torch.ones_like(values[:, :1])
    sampled = grid_sample(torch.cat([values, shown], dim=1), grid.to(values.dtype), mode, align_corners=False)
    values, shown = sampled[:, :-1], sampled[:, -1:]
    color = place(torch.tensor(fill, dtype=values.dtype).view(-1, 1, 1), values)
    # As torchvision blends at the edge, bit for bit.
    moved = torch.where(shown < 0.5, color, values) if mode == "nearest" else (values - color) * shown + color
    return moved if pictures.is_floating_point() else moved.round_().to(pictures.dtype)
