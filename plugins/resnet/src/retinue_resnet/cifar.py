"""The ResNets for small pictures: section 4.2 of He et al. 2015, arXiv:1512.03385.

6n + 2 layers: a 3x3 convolution, three stages of n basic blocks with 16, 32 and 64 channels, the mean over all
places, a linear layer. Shortcuts have no weights (option A), which is what the paper's parameter counts assume.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.nn import functional as F

from retinue.api import Pyramid
from retinue_resnet.blocks import BasicBlock, conv3x3, initialize, stack_blocks


class PaddedShortcut(nn.Module):
    """The paper's option A: every `stride`-th pixel, and channels of zeros, half before and half after the others.

    The paper leaves open where the zeros go; published weights have learned them on both sides.
    N x in_channels x H x W gives N x out_channels x ceil(H / stride) x ceil(W / stride).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.before = (out_channels - in_channels) // 2
        self.after = out_channels - in_channels - self.before

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.before, self.after))


class CifarResNet(nn.Module):
    """Float N x in_channels x H x W, H and W at least 1, gives logits N x num_classes.

    Args:
        blocks: in each stage; 6 * blocks + 2 layers in all.
        num_classes: width of the output.
        in_channels: of the picture.
    """

    def __init__(self, blocks: int, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, 16)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = stack_blocks(BasicBlock, PaddedShortcut, 16, 16, blocks, stride=1)
        self.layer2 = stack_blocks(BasicBlock, PaddedShortcut, 16, 32, blocks, stride=2)
        self.layer3 = stack_blocks(BasicBlock, PaddedShortcut, 32, 64, blocks, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, num_classes)
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return logits


class CifarPyramid(Pyramid):
    """A CIFAR ResNet without its head, under the same part names: what each stage gives, the stem being of the first's
    size.

    Args:
        whole: whose parts it takes.
    """

    channels = (16, 32, 64)
    reductions = (1, 2, 4)

    def __init__(self, whole: CifarResNet) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu = whole.conv1, whole.bn1, whole.relu
        self.layer1, self.layer2, self.layer3 = whole.layer1, whole.layer2, whole.layer3

    def forward(self, image: Tensor) -> list[Tensor]:
        fine = self.layer1(self.relu(self.bn1(self.conv1(image))))
        middle = self.layer2(fine)
        return [fine, middle, self.layer3(middle)]


def _variant(depth: int) -> Callable[..., nn.Module]:
    def build(
        num_classes: Annotated[int, Gt(0)] = 10,
        in_channels: Annotated[int, Gt(0)] = 3,
        pyramid: bool = False,
    ) -> CifarResNet | CifarPyramid:
        """Return the network with fresh weights.

        Float N x in_channels x H x W, H and W at least 1, gives logits N x num_classes. The resolution falls by 4
        in all: meant for pictures of 8 x 8 to about 64 x 64, correct but slow on larger ones. Training needs more
        than one picture in a batch where H and W are 4 or less: batch norm cannot measure a single value.

        Args:
            num_classes: width of the output.
            in_channels: channels of a picture.
            pyramid: return the feature maps' levels in place of the whole, for a model that has this one as encoder.
        """
        whole = CifarResNet((depth - 2) // 6, num_classes, in_channels)
        return CifarPyramid(whole) if pyramid else whole

    build.__name__ = build.__qualname__ = f"resnet{depth}"
    return build


resnet20 = _variant(20)
resnet32 = _variant(32)
resnet44 = _variant(44)
resnet56 = _variant(56)
resnet110 = _variant(110)


def rename_published(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the weights that Y. Idelbayev published (github.com/akamaster/pytorch_resnet_cifar10) this module's names.

    `module.` at the start of a key, which data parallelism left there, goes; `linear.` becomes `fc.`; nothing else
    changes, and no tensor is added or left out. For 3-channel pictures, scaled to [0, 1] and normalised with
    ImageNet's mean and standard deviation, and CIFAR-10's classes in their official order.

    Args:
        state_dict: what the file holds under "state_dict".

    Returns:
        The same tensors, for `load_state_dict` of the model of the same depth.
    """
    return {_rename(key): value for key, value in state_dict.items()}


def _rename(key: str) -> str:
    name = key.removeprefix("module.")
    return f"fc.{name.removeprefix('linear.')}" if name.startswith("linear.") else name
