"""What both paths of a U-Net are made of, and the values that its weights start from.

Source: Ronneberger et al. 2015, "U-Net: convolutional networks for biomedical image segmentation", arXiv:1505.04597.
"""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor, nn

Norm = Literal["batch", "group", "instance", "none"]
Upsampling = Literal["transpose", "bilinear"]


class DoubleConvolution(nn.Module):
    """Two 3x3 convolutions, each with its norm and a ReLU.

    N x in_channels x H x W  ->  N x out_channels x H x W: padded with zeros, where the paper has no padding.
    """

    def __init__(self, in_channels: int, out_channels: int, norm: Norm) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=norm == "none")
        self.norm1 = make_norm(norm, out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=norm == "none")
        self.norm2 = make_norm(norm, out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm1(self.conv1(x)))
        out: Tensor = self.relu(self.norm2(self.conv2(x)))
        return out


def make_norm(norm: Norm, channels: int) -> nn.Module:
    match norm:
        case "batch":
            return nn.BatchNorm2d(channels)
        case "group":
            return nn.GroupNorm(math.gcd(8, channels), channels)
        case "instance":
            return nn.InstanceNorm2d(channels, affine=True)
        case "none":
            return nn.Identity()


def make_upsampling(upsampling: Upsampling, in_channels: int, out_channels: int, factor: int) -> nn.Module:
    """Return N x in_channels x H x W  ->  N x out_channels x factor * H x factor * W.

    "transpose" is the paper's up-convolution, whose kernel is as large as its stride.
    """
    if upsampling == "transpose":
        return nn.ConvTranspose2d(in_channels, out_channels, factor, stride=factor)
    # A 1x1 convolution and an interpolation give the same in either order; this one is cheaper.
    interpolation = nn.Upsample(scale_factor=factor, mode="bilinear", align_corners=False)
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1), interpolation)


def initialize(model: nn.Module) -> None:
    """Draw weights as the paper does: normal, with variance 2 / (inputs of one neuron); biases are zero."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            # Of a transposed convolution whose kernels do not overlap, one place reaches each output.
            places = 1 if isinstance(module, nn.ConvTranspose2d) else math.prod(module.kernel_size)
            nn.init.normal_(module.weight, std=math.sqrt(2 / (module.in_channels * places)))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
