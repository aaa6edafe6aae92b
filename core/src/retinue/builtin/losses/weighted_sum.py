"""Several losses as one."""

from __future__ import annotations

from typing import Annotated

from annotated_types import MinLen
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from retinue.api import NestedLoss


class Term(BaseModel):
    """One loss of a sum.

    Attributes:
        loss: any loss.
        weight: its factor.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    loss: NestedLoss
    weight: float = 1.0


class WeightedSum(nn.Module):
    """The sum of losses, each times its weight.

    Args:
        terms: the losses: `terms = [{ loss = { use = "cross-entropy" } }, { loss = { use = "focal" }, weight = 2.0 }]`.
    """

    def __init__(self, terms: Annotated[list[Term], MinLen(1)]) -> None:
        super().__init__()
        self.losses = nn.ModuleList(term.loss for term in terms)
        self.weights = [term.weight for term in terms]

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        terms: list[Tensor] = [
            weight * loss(outputs, target) for loss, weight in zip(self.losses, self.weights, strict=True)
        ]
        return sum(terms[1:], start=terms[0])
