"""The network of airbench94: K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024, arXiv:2404.00498."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from annotated_types import Gt
from torch import Tensor, nn

from retinue_airbench.whitening import Whitening

Width = Annotated[int, Gt(0)]


class ConvolutionGroup(nn.Module):
    """Two 3x3 convolutions, with a 2x2 max pooling after the first, each with its norm and a GELU.

    N x in_channels x H x W  ->  N x out_channels x H // 2 x W // 2. Convolutions start as the identity as far as they
    have channels for it. Norms forget fast and have a bias alone.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = _make_convolution(in_channels, out_channels)
        self.pool = nn.MaxPool2d(2)
        self.norm1 = _make_norm(out_channels)
        self.conv2 = _make_convolution(out_channels, out_channels)
        self.norm2 = _make_norm(out_channels)
        self.gelu = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.gelu(self.norm1(self.pool(self.conv1(x))))
        out: Tensor = self.gelu(self.norm2(self.conv2(x)))
        return out


class Airbench(nn.Module):
    """A whitening layer, three groups of two convolutions, the maximum over all places, a linear layer without bias.

    Float N x in_channels x H x W, H and W at least 9, gives logits N x num_classes; made for 32 x 32 and normalised
    pictures. The whitening layer fixes its filters at the first training batch, which should have a few hundred
    pictures or more; the original takes 5,000 pictures for it. Training needs more than one picture in a batch where
    H and W are below 17: batch norm cannot measure a single value.

    Args:
        num_classes: width of the output.
        in_channels: channels of a picture.
        widths: channels of each group.
        scale: of the logits.
    """

    def __init__(
        self,
        num_classes: Annotated[int, Gt(0)] = 10,
        in_channels: Annotated[int, Gt(0)] = 3,
        widths: tuple[Width, Width, Width] = (64, 256, 256),
        scale: Annotated[float, Gt(0)] = 1 / 9,
    ) -> None:
        super().__init__()
        self.whiten = Whitening(in_channels)
        self.gelu = nn.GELU()
        self.groups = nn.Sequential(
            *(ConvolutionGroup(before, after) for before, after in pairwise((len(self.whiten.bias), *widths)))
        )
        # Of 32 x 32 pixels 3 x 3 are left, which the original pools with a window of that size.
        self.pool = nn.AdaptiveMaxPool2d(1)
        self.head = nn.Linear(widths[-1], num_classes, bias=False)
        self.scale = scale

    def forward(self, image: Tensor) -> Tensor:
        features = self.pool(self.groups(self.gelu(self.whiten(image))))
        logits: Tensor = self.head(features.flatten(1)) * self.scale
        return logits


def _make_convolution(in_channels: int, out_channels: int) -> nn.Conv2d:
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    nn.init.dirac_(convolution.weight[:in_channels])
    return convolution


def _make_norm(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels, eps=1e-12, momentum=0.4)
    norm.weight.requires_grad_(False)
    return norm
