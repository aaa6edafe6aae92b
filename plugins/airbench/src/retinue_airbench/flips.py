"""Test-time flips: the mean of what a model says of a picture and of its mirror image."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from retinue.api import NestedModel, split_outputs


class FlipAverage(nn.Module):
    """Another model, which learns as it is; in eval mode the mean of its outputs for the picture and its mirror image.

    Gives N x C or N x C x H x W as the model does, without auxiliary outputs in eval mode, which takes twice as long.
    The mirror image's N x C x H x W is turned back. K. Jordan, 2024, arXiv:2404.00498, also translates the picture.

    Args:
        model: that learns.
    """

    def __init__(self, model: NestedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Any:
        if self.training:
            return self.model(image)
        # The picture itself comes last: whoever looks at feature maps, such as Grad-CAM, finds its own.
        mirrored, _ = split_outputs(self.model(image.flip(-1)))
        outputs, _ = split_outputs(self.model(image))
        return (outputs + (mirrored.flip(-1) if mirrored.ndim == 4 else mirrored)) / 2
