"""Losses of values, in float32, as means over all of them; outputs and target have one shape."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import torch.nn.functional as F
from annotated_types import Gt
from torch import Tensor, nn

from retinue.errors import TrainingError


class Elementwise(nn.Module):
    """The mean that `function` gives over float32 outputs and target."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        if outputs.shape != target.shape:
            raise TrainingError(
                f"a loss of values compares outputs {tuple(outputs.shape)} with a target of the same shape, and the "
                f'target is {tuple(target.shape)}: is the task "regression"?'
            )
        return self.function(outputs.float(), target.float())


def mse() -> Elementwise:
    """Mean squared error."""
    return Elementwise(F.mse_loss)


def l1() -> Elementwise:
    """Mean absolute error."""
    return Elementwise(F.l1_loss)


def smooth_l1(beta: Annotated[float, Gt(0)] = 1.0) -> Elementwise:
    """Squared error over 2 beta below an error of `beta`, absolute error less beta / 2 above (Girshick, 2015).

    Args:
        beta: where the square ends and the line begins, in units of the target.
    """
    return Elementwise(partial(F.smooth_l1_loss, beta=beta))
