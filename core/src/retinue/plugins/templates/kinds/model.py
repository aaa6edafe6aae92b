"""A small convolutional network.

[model]
use = "my-part"
width = 32
"""

from typing import Annotated

from annotated_types import Gt
from torch import Tensor, nn

from retinue.hooks import Register, hookimpl


class MyPart(nn.Module):
    """Two convolutions, the mean over the picture, a linear layer.

    Pictures N x C x H x W give logits N x num_classes.

    Args:
        num_classes: values in the output.
        in_channels: C of the pictures.
        width: channels after each convolution.
    """

    def __init__(self, num_classes: int, in_channels: int = 3, width: Annotated[int, Gt(0)] = 16) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.head = nn.Linear(width, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(image).mean(dim=(2, 3)))
        return logits


@hookimpl
def retinue_models(register: Register) -> None:
    register("my-part", MyPart, summary="a small convolutional network")
