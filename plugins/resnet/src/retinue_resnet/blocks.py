"""The residual blocks that every ResNet here is made of, and the values that their weights start from.

    N x in_channels x H x W  ->  N x out_channels x ceil(H / stride) x ceil(W / stride)

Sources: He et al. 2015, "Deep residual learning for image recognition", arXiv:1512.03385; torchvision's resnet.py
(BSD-3-Clause) for the names of the parts, so that its weights load.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

Block = Callable[[int, int, int, nn.Module], nn.Module]
"""(in_channels, out_channels, stride, downsample) -> a block; `downsample` is what its shortcut does."""

Shortcut = Callable[[int, int, int], nn.Module]
"""(in_channels, out_channels, stride) -> what the shortcut of a block does that changes its input's shape."""


def conv3x3(in_channels: int, out_channels: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, groups=groups, bias=False)


def conv1x1(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions (paper: figure 5, left)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, downsample: nn.Module) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, out_channels, stride)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(out_channels, out_channels)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        total: Tensor = self.relu(out + self.downsample(x))
        return total


class Bottleneck(nn.Module):
    """A 3x3 convolution between two 1x1 ones, a quarter of `out_channels` wide (paper: figure 5, right).

    The stride is in the 3x3 convolution, as in torchvision and in the authors' later code ("v1.5"); the paper has it
    in the first 1x1. The weights have the same shapes, but those that were trained with one do not fit the other.

    Args:
        groups: of the 3x3 convolution: ResNeXt's cardinality (Xie et al. 2016, arXiv:1611.05431).
        base_width: channels of the 3x3 convolution for every 64 of the plain bottleneck, in each group: 64 is the
            plain one, 4 or 8 are ResNeXt's, 128 is a Wide ResNet's (Zagoruyko and Komodakis 2016, arXiv:1605.07146).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        downsample: nn.Module,
        *,
        groups: int = 1,
        base_width: int = 64,
    ) -> None:
        super().__init__()
        width = out_channels // 4 * base_width // 64 * groups
        self.conv1 = conv1x1(in_channels, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width, stride, groups)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = conv1x1(width, out_channels)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        total: Tensor = self.relu(out + self.downsample(x))
        return total


def stack_blocks(
    block: Block, shortcut: Shortcut, in_channels: int, out_channels: int, count: int, stride: int
) -> nn.Sequential:
    """Return a stage: `count` blocks of which the first has the stride and, where the shape changes, the shortcut."""
    reshaped = stride != 1 or in_channels != out_channels
    entrance = shortcut(in_channels, out_channels, stride) if reshaped else nn.Identity()
    first = block(in_channels, out_channels, stride, entrance)
    return nn.Sequential(first, *(block(out_channels, out_channels, 1, nn.Identity()) for _ in range(1, count)))


def initialize(model: nn.Module) -> None:
    """Draw convolutions as He et al. 2015 (arXiv:1502.01852) do, by their outputs; norms start as the identity.

    This is torchvision's scheme, draw by draw: from the same seed come the same weights. Linear layers keep torch's.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


def silence_residuals(model: nn.Module) -> None:
    """Zero the last norm of every block, so that each starts as its shortcut (Goyal et al. 2017, arXiv:1706.02677)."""
    for module in model.modules():
        if isinstance(module, BasicBlock):
            nn.init.zeros_(module.bn2.weight)
        elif isinstance(module, Bottleneck):
            nn.init.zeros_(module.bn3.weight)
