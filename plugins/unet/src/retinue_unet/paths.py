"""The two paths of a U-Net: down to many channels at few places, and up again."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retinue.api import Pyramid
from retinue_unet.blocks import DoubleConvolution, Norm, Upsampling, make_upsampling


class ContractingPath(Pyramid):
    """The paper's encoder: double convolutions between 2x2 max poolings, twice as many channels after each.

    Args:
        in_channels: of the picture.
        depth: poolings.
        width: channels before the first.
        norm: after each convolution.
    """

    def __init__(self, in_channels: int, depth: int, width: int, norm: Norm) -> None:
        super().__init__()
        self.reductions = tuple(2**level for level in range(depth + 1))
        self.channels = tuple(width * reduction for reduction in self.reductions)
        steps = pairwise((in_channels, *self.channels))
        self.stages = nn.ModuleList(DoubleConvolution(before, after, norm) for before, after in steps)

    def forward(self, image: Tensor) -> list[Tensor]:
        levels = [self.stages[0](image)]
        for stage in self.stages[1:]:
            levels.append(stage(F.max_pool2d(levels[-1], 2)))
        return levels


class UpBlock(nn.Module):
    """One step up: up-sampling, the encoder's level of that size beside it where there is one, a double convolution."""

    def __init__(
        self, in_channels: int, skip_channels: int, out_channels: int, factor: int, upsampling: Upsampling, norm: Norm
    ) -> None:
        super().__init__()
        self.up = make_upsampling(upsampling, in_channels, out_channels, factor)
        self.convolution = DoubleConvolution(skip_channels + out_channels, out_channels, norm)

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        x = self.up(x)
        out: Tensor = self.convolution(x if skip is None else torch.cat([skip, x], dim=1))
        return out


class ExpandingPath(nn.Module):
    """From a pyramid's levels to N x width x H x W, the picture's size.

    At reduction r it has width * r channels, as the paper's has. Where the finest level is smaller than the picture,
    steps without a level lead on to its size.

    Args:
        channels: of the pyramid's levels, finest first.
        reductions: of the pyramid's levels.
        width: channels at the picture's size.
        upsampling: at each step.
        norm: after each convolution.

    Raises:
        ValueError: the reductions are not each a multiple of the one before.
    """

    def __init__(
        self, channels: tuple[int, ...], reductions: tuple[int, ...], width: int, upsampling: Upsampling, norm: Norm
    ) -> None:
        super().__init__()
        if any(coarse % fine for fine, coarse in pairwise(reductions)):
            raise ValueError(f"the encoder's reductions {reductions} are not each a multiple of the one before")
        self.blocks = nn.ModuleList()
        present, reduction = channels[-1], reductions[-1]
        skips = [*zip(channels[-2::-1], reductions[-2::-1], strict=True), *_bare_steps(reductions[0])]
        for skip_channels, finer in skips:
            block = UpBlock(present, skip_channels, width * finer, reduction // finer, upsampling, norm)
            self.blocks.append(block)
            present, reduction = width * finer, finer
        self.out_channels = present

    def forward(self, levels: list[Tensor]) -> Tensor:
        x, *skips = levels[::-1]
        for number, block in enumerate(self.blocks):
            x = block(x, skips[number] if number < len(skips) else None)
        return x


def _bare_steps(reduction: int) -> list[tuple[int, int]]:
    """Return no channels and the reduction of each step from `reduction` to 1: halves as long as they are whole."""
    steps = []
    while reduction > 1:
        reduction = reduction // 2 if reduction % 2 == 0 else 1
        steps.append((0, reduction))
    return steps
