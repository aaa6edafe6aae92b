"""Polynomial decay.

[scheduler]
use = "my-part"
every = "step"
power = 2.0
"""

from typing import Annotated

from annotated_types import Gt
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from retinue.hooks import Register, hookimpl


def my_part(optimizer: Optimizer, total: int, power: Annotated[float, Gt(0)] = 0.9) -> LambdaLR:
    """Lower the learning rate to 0 as (1 - progress) ** power.

    `total` is how often it will advance; the engine passes it.

    Args:
        power: 1 is a straight line.
    """
    return LambdaLR(optimizer, lambda now: max(0.0, 1 - now / total) ** power)


@hookimpl
def retinue_schedulers(register: Register) -> None:
    register("my-part", my_part, summary="polynomial decay")
