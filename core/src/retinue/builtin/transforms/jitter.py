"""Brightness, contrast, saturation and hue in random order, each picture by factors of its own, as torchvision's
ColorJitter does.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from retinue.api import Draws
from retinue.builtin.transforms.guard import Guard
from retinue.builtin.transforms.keyed import Parameters, PictureTransform, place

FACTORS = ("brightness", "contrast", "saturation", "hue")


class ColorJitter(PictureTransform):
    """Acts on uint8 pictures.

    Attributes:
        act: torchvision's transform, which holds the ranges.
    """

    def __init__(self, act: v2.ColorJitter, guard: Guard) -> None:
        self.act = act
        self.guard = guard

    def draw(self, draws: Draws) -> list[Parameters]:
        """Return what torchvision's `make_params` would, for each sample."""
        orders = np.stack([draws.uniform().numpy() for _ in FACTORS], axis=1).argsort(axis=1).tolist()
        spans = {name: getattr(self.act, name) for name in FACTORS}
        factors = {name: draws.uniform(*span).tolist() for name, span in spans.items() if span is not None}
        return [
            {"fn_idx": order} | {f"{name}_factor": factors[name][n] if name in factors else None for name in FACTORS}
            for n, order in enumerate(orders)
        ]

    def change_pictures(self, images: Tensor, draws: Draws) -> Tensor:
        drawn, changed = self.draw(draws), images.as_subclass(Tensor)
        acting = [(number, name) for number, name in enumerate(FACTORS) if getattr(self.act, name) is not None]
        for turn, (number, name) in product(range(len(FACTORS)), acting):
            factors = {n: one[f"{name}_factor"] for n, one in enumerate(drawn) if one["fn_idx"][turn] == number}
            if len(factors) == len(drawn):
                changed = adjust(name, changed, list(factors.values()))
            elif factors:
                rows = place(torch.tensor(list(factors)), changed)
                adjusted = adjust(name, changed.index_select(0, rows), list(factors.values()))
                changed = changed.index_copy(0, rows, adjusted)
        return changed


def adjust(name: str, pictures: Tensor, factors: list[float]) -> Tensor:
    """Return uint8 pictures N x C x H x W with one thing changed, each by its own factor."""
    if name == "hue":
        return torch.stack([functional.adjust_hue(one, factor) for one, factor in zip(pictures, factors, strict=True)])
    if name == "brightness":
        return blend(pictures, torch.zeros((), device=pictures.device), factors)
    grey = functional.rgb_to_grayscale(pictures)
    if name == "saturation":
        # A grey picture has none.
        return blend(pictures, grey, factors) if pictures.shape[1] == 3 else pictures
    # A sum of whole numbers is the same in any order.
    return blend(pictures, grey.sum(dim=(1, 2, 3), keepdim=True) / grey[0].numel(), factors)


def blend(pictures: Tensor, others: Tensor, factors: list[float]) -> Tensor:
    """Return so much of each picture and the rest of another, clipped."""
    shares = torch.tensor(factors, dtype=torch.float64)[:, None, None, None]
    own, rest = place(shares.float(), pictures), place((1 - shares).float(), pictures)
    return pictures.float().mul_(own).add_(others * rest).clamp_(0, 255).to(torch.uint8)
