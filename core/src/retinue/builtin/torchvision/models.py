"""torchvision's models for classification and segmentation, as they are."""

from __future__ import annotations

from typing import Annotated, Any

import torchvision.models
from annotated_types import Ge
from torch import nn

from retinue.builtin.torchvision.names import SEGMENTATION
from retinue.errors import DataError

EXPLICIT: dict[str, dict[str, Any]] = {
    # Without it these two warn that their default will change.
    "googlenet": {"init_weights": True},
    "inception_v3": {"init_weights": True},
    # By default these fetch ImageNet's weights; the auxiliary head is that of the papers.
    **{name: {"weights_backbone": None, "aux_loss": True} for name in SEGMENTATION},
    "lraspp_mobilenet_v3_large": {"weights_backbone": None},
}

FIXED_SIZE = ("vit_", "maxvit_")
SIZE = (224, 224)


def create(
    name: str,
    num_classes: Annotated[int, Ge(1)],
    in_channels: int = 3,
    image_size: tuple[int, int] | None = None,
) -> nn.Module:
    """Build the torchvision model `name` with random weights; for segmentation with its auxiliary head.

    Args:
        name: as torchvision has it, such as "resnet18".
        num_classes: values in the output, N x num_classes, for segmentation N x num_classes x H x W.
        in_channels: of the pictures; torchvision's models take 3.
        image_size: height and width of the pictures; vision transformers and MaxViT take 224 x 224 alone.

    Raises:
        DataError: the pictures have not the channels or the size that the model takes.
    """
    if in_channels != 3:
        raise DataError(
            f"torchvision/{name} takes pictures of 3 channels and the data set gives {in_channels}: "
            'add { use = "rgb" } to the transforms'
        )
    if name.startswith(FIXED_SIZE) and image_size not in (None, SIZE):
        height, width = image_size
        raise DataError(
            f"torchvision/{name} takes pictures of 224 x 224 and the data set gives {height} x {width}: "
            'add { use = "resize", size = [224, 224] } to the transforms'
        )
    model: nn.Module = torchvision.models.get_model(name, num_classes=num_classes, **EXPLICIT.get(name, {}))
    return model
