"""Focal loss.

[loss]
use = "my-part"
gamma = 3.0
"""

from typing import Annotated

from annotated_types import Ge
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from retinue.hooks import Register, hookimpl


class MyPart(nn.Module):
    """Cross-entropy that counts what is already right for less (Lin et al., 2017).

    Logits N x C or N x C x H x W and labels N or N x H x W give the mean over all labels that count.

    Args:
        gamma: how much less; at 1 in proportion to the probability.
        ignore_index: the label that does not count.
    """

    def __init__(self, gamma: Annotated[float, Ge(1)] = 2.0, ignore_index: int = -100) -> None:
        super().__init__()
        self.gamma = gamma
        self.ignore_index = ignore_index

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        losses = cross_entropy(outputs, target, ignore_index=self.ignore_index, reduction="none")
        weights = (1 - (-losses).exp()) ** self.gamma
        return (weights * losses).sum() / (target != self.ignore_index).sum().clamp(min=1)


@hookimpl
def retinue_losses(register: Register) -> None:
    register("my-part", MyPart, summary="focal loss (Lin et al., 2017)")
