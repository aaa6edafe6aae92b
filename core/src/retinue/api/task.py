"""A task says what a batch means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from retinue.api.data import Batch, DataInfo


@dataclass(frozen=True)
class Output:
    """What a forward pass gives the engine.

    Attributes:
        loss: scalar, the mean over the batch.
        preds: detached; what metrics see. Classification: probabilities N x C. Multilabel: probabilities
            N x C, each its own. Regression: values N x T.
        target: what `preds` is compared with.
    """

    loss: Tensor
    preds: Tensor
    target: Tensor


class Task(nn.Module, ABC):
    """Joins a model and a loss. The engine calls it with batches, `predict` with pictures alone.

    Attributes:
        default_loss: the loss where the spec names none.
        default_metrics: the metrics where the spec names none; the first decides which checkpoint is best.
        any_size: whether `predict` takes pictures of other sizes than those learnt from as they are.
    """

    default_loss: ClassVar[str]
    default_metrics: ClassVar[Mapping[str, str]]
    any_size: ClassVar[bool] = False

    def __init__(self, model: nn.Module, loss: nn.Module, info: DataInfo) -> None:
        super().__init__()
        self.model = model
        self.loss = loss
        self.info = info

    @abstractmethod
    def forward(self, batch: Batch) -> Output:
        """Return loss and predictions; `batch["image"]` is float N x C x H x W."""

    @abstractmethod
    def predict(self, image: Tensor) -> list[dict[str, Any]]:
        """Return for each picture of a float N x C x H x W tensor what a person wants to see, as plain data."""
