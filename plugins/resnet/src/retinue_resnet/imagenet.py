"""The ResNets for photographs: stride 32 in all, with the part names of torchvision, whose weights load as they are.

Sources: He et al. 2015, arXiv:1512.03385, table 1; Xie et al. 2016, arXiv:1611.05431 (ResNeXt); Zagoruyko and
Komodakis 2016, arXiv:1605.07146 (Wide ResNet); torchvision's resnet.py (BSD-3-Clause).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn

from retinue.api import Pyramid
from retinue_resnet.blocks import (
    BasicBlock,
    Block,
    Bottleneck,
    conv1x1,
    conv3x3,
    initialize,
    silence_residuals,
    stack_blocks,
)

Stem = Literal["imagenet", "small"]


class ResNet(nn.Module):
    """A stem, four stages of residual blocks, the mean over all places and a linear layer.

    Float N x in_channels x H x W, H and W at least 1, gives logits N x num_classes.

    Args:
        block: makes a block.
        depths: blocks in each stage.
        channels: that the first stage gives; each further one gives twice as many at half the resolution.
        num_classes: width of the output.
        in_channels: of the picture.
        stem: see the models below.
        zero_init_residual: see the models below.
    """

    def __init__(
        self,
        block: Block,
        depths: tuple[int, int, int, int],
        channels: int,
        num_classes: int,
        in_channels: int,
        stem: Stem,
        zero_init_residual: bool,
    ) -> None:
        super().__init__()
        self.conv1, self.maxpool = _make_stem(stem, in_channels)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = stack_blocks(block, project, 64, channels, depths[0], stride=1)
        self.layer2 = stack_blocks(block, project, channels, 2 * channels, depths[1], stride=2)
        self.layer3 = stack_blocks(block, project, 2 * channels, 4 * channels, depths[2], stride=2)
        self.layer4 = stack_blocks(block, project, 4 * channels, 8 * channels, depths[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * channels, num_classes)
        initialize(self)
        if zero_init_residual:
            silence_residuals(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return logits


class ResNetPyramid(Pyramid):
    """A ResNet without its head, under the same part names: what the stem gives, then each stage.

    The small stem gives no level: the first stage has its size.

    Args:
        whole: whose parts it takes.
        channels: that its first stage gives.
        stem: that it was made with.
    """

    def __init__(self, whole: ResNet, channels: int, stem: Stem) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu, self.maxpool = whole.conv1, whole.bn1, whole.relu, whole.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = whole.layer1, whole.layer2, whole.layer3, whole.layer4
        stages = (channels, 2 * channels, 4 * channels, 8 * channels)
        self.stem_shrinks = stem == "imagenet"
        self.channels = (64, *stages) if self.stem_shrinks else stages
        self.reductions = (2, 4, 8, 16, 32) if self.stem_shrinks else (1, 2, 4, 8)

    def forward(self, image: Tensor) -> list[Tensor]:
        entrance = self.relu(self.bn1(self.conv1(image)))
        levels = [self.layer1(self.maxpool(entrance))]
        for stage in (self.layer2, self.layer3, self.layer4):
            levels.append(stage(levels[-1]))
        return [entrance, *levels] if self.stem_shrinks else levels


def _make_stem(stem: Stem, in_channels: int) -> tuple[nn.Conv2d, nn.Module]:
    if stem == "small":
        return conv3x3(in_channels, 64), nn.Identity()
    return nn.Conv2d(in_channels, 64, 7, 2, padding=3, bias=False), nn.MaxPool2d(3, 2, padding=1)


def project(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Return the paper's option B: a 1x1 convolution with its norm."""
    return nn.Sequential(conv1x1(in_channels, out_channels, stride), nn.BatchNorm2d(out_channels))


def _variant(name: str, block: Block, depths: tuple[int, int, int, int], channels: int) -> Callable[..., nn.Module]:
    def build(
        num_classes: Annotated[int, Gt(0)] = 1000,
        in_channels: Annotated[int, Gt(0)] = 3,
        stem: Stem = "imagenet",
        zero_init_residual: bool = False,
        pyramid: bool = False,
    ) -> ResNet | ResNetPyramid:
        """Return the network with fresh weights; its state dict has torchvision's names and shapes.

        Float N x in_channels x H x W, H and W at least 1, gives logits N x num_classes. Training needs more than
        one picture in a batch where H and W are at most 32 ("small" stem: 8): batch norm cannot measure a single value.

        Args:
            num_classes: width of the output.
            in_channels: channels of a picture; torchvision's weights fit 3.
            stem: how the network begins. "imagenet": the paper's 7x7 convolution and max pooling, each of stride 2,
                for photographs. "small": one 3x3 convolution of stride 1, for pictures up to about 64 x 64, of
                which the other leaves next to nothing (Chen et al. 2020, arXiv:2002.05709, appendix B.9); the
                first convolution of torchvision's weights does not fit it.
            zero_init_residual: start every block as its shortcut (Goyal et al. 2017, arXiv:1706.02677).
            pyramid: return the feature maps' levels in place of the whole, for a model that has this one as encoder.
        """
        whole = ResNet(block, depths, channels, num_classes, in_channels, stem, zero_init_residual)
        return ResNetPyramid(whole, channels, stem) if pyramid else whole

    build.__name__ = build.__qualname__ = name
    return build


resnet18 = _variant("resnet18", BasicBlock, (2, 2, 2, 2), channels=64)
resnet34 = _variant("resnet34", BasicBlock, (3, 4, 6, 3), channels=64)
resnet50 = _variant("resnet50", Bottleneck, (3, 4, 6, 3), channels=256)
resnet101 = _variant("resnet101", Bottleneck, (3, 4, 23, 3), channels=256)
resnet152 = _variant("resnet152", Bottleneck, (3, 8, 36, 3), channels=256)
resnext50_32x4d = _variant("resnext50_32x4d", partial(Bottleneck, groups=32, base_width=4), (3, 4, 6, 3), channels=256)
resnext101_32x8d = _variant(
    "resnext101_32x8d", partial(Bottleneck, groups=32, base_width=8), (3, 4, 23, 3), channels=256
)
resnext101_64x4d = _variant(
    "resnext101_64x4d", partial(Bottleneck, groups=64, base_width=4), (3, 4, 23, 3), channels=256
)
wide_resnet50_2 = _variant("wide_resnet50_2", partial(Bottleneck, base_width=128), (3, 4, 6, 3), channels=256)
wide_resnet101_2 = _variant("wide_resnet101_2", partial(Bottleneck, base_width=128), (3, 4, 23, 3), channels=256)
