"""A task says what a batch means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from retinue.api.data import Batch, DataInfo


# torch's DistributedDataParallel looks for tensors in dataclasses, and in no other objects.
@dataclass(init=False, eq=False)
class Output:
    """What a forward pass gives the engine.

    Attributes:
        loss: scalar, the mean over the batch.
        scores: detached; what `activation` makes `preds` of, where there is one.
        target: what `preds` is compared with.
        activation: acts on each sample by itself. It waits until somebody looks, and then takes several batches
            at once: for small models it would else cost more than the optimizer.
    """

    loss: Tensor
    scores: Tensor
    target: Tensor
    activation: Callable[[Tensor], Tensor] | None

    def __init__(
        self, loss: Tensor, preds: Tensor, target: Tensor, activation: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        self.loss = loss
        self.scores = preds
        self.target = target
        self.activation = activation
        self._preds = preds if activation is None else None

    @property
    def preds(self) -> Tensor:
        """What metrics see. Classification: probabilities N x C. Multilabel: probabilities N x C, each its own.
        Segmentation: probabilities N x C x H x W. Regression: values N x T."""
        if self._preds is None:
            assert self.activation is not None
            self._preds = self.activation(self.scores)
        return self._preds


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
