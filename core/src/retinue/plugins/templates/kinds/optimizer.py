"""Sign descent.

[optimizer]
use = "my-part"
lr = 0.001
"""

from typing import Annotated, Any

import torch
from annotated_types import Gt
from torch.optim import Optimizer

from retinue.hooks import Register, hookimpl


class MyPart(Optimizer):
    """A step of equal size in every weight (Bernstein et al., 2018).

    The learning rate is `lr` in every parameter group: schedules change it there.

    Args:
        lr: learning rate.
    """

    def __init__(self, params: Any, lr: Annotated[float, Gt(0)] = 1e-3) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    weight -= group["lr"] * weight.grad.sign()


@hookimpl
def retinue_optimizers(register: Register) -> None:
    register("my-part", MyPart, summary="a step of equal size in every weight")
