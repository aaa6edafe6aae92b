"""Linear layers alone."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated, Literal

from annotated_types import Ge, Interval
from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}


class MLP(nn.Module):
    """Linear layers over a picture's values, each but the last followed by activation and dropout.

    Args:
        num_classes: values in the output, N x num_classes.
        image_size: height and width of the pictures; the first layer is made for it.
        in_channels: of the pictures, N x in_channels x height x width.
        hidden: width of each hidden layer; none makes it a linear classifier.
        activation: between the layers.
        dropout: share of the hidden values that training sets to zero, from 0 to 1.
    """

    def __init__(
        self,
        num_classes: Annotated[int, Ge(1)],
        image_size: tuple[int, int],
        in_channels: Annotated[int, Ge(1)] = 3,
        hidden: tuple[Annotated[int, Ge(1)], ...] = (256, 128),
        activation: Literal["relu", "gelu", "silu", "tanh"] = "relu",
        dropout: Annotated[float, Interval(ge=0, le=1)] = 0.0,
    ) -> None:
        super().__init__()
        widths = (in_channels * image_size[0] * image_size[1], *hidden)
        # Dropout has a number where it has no layer too, so that weights keep their names.
        layers: dict[str, nn.Module] = {"0": nn.Flatten()}
        for number, (before, after) in enumerate(zip(widths, hidden, strict=False)):
            layers |= {f"{3 * number + 1}": nn.Linear(before, after), f"{3 * number + 2}": ACTIVATIONS[activation]()}
            layers |= {f"{3 * number + 3}": nn.Dropout(dropout)} if dropout else {}
        layers[f"{3 * len(hidden) + 1}"] = nn.Linear(widths[-1], num_classes)
        self.layers = nn.Sequential(OrderedDict(layers))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(x)
        return logits
