"""What the tasks have in common that compare outputs with one key of the batch.

Shapes: N pictures, C classes, T target values.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor, nn

from retinue.api import Batch, DataInfo, Output, Task, split_outputs
from retinue.errors import DataError, TrainingError


class Supervised(Task):
    """Compares the model's outputs with one key of the batch.

    Attributes:
        name: how messages call the task.
        key: the batch's key that the outputs are compared with.
    """

    name: ClassVar[str]
    key: ClassVar[str]

    def __init__(
        self, model: nn.Module, loss: nn.Module, info: DataInfo, aux_weight: Annotated[float, Ge(0)] = 0.4
    ) -> None:
        super().__init__(model, loss, info)
        self.aux_weight = aux_weight

    def forward(self, batch: Batch) -> Output:
        """Return loss and predictions; in training, auxiliary outputs add `aux_weight` times their loss.

        Raises:
            DataError: the batch lacks the task's key, or holds something of another shape there.
            TrainingError: the model's output has another size than the data set's classes or values.
        """
        target = self.target(batch)
        size = batch["image"].shape[-2:]
        main, auxiliary = split_outputs(self.model(batch["image"]))
        outputs = self.scale(main, size)
        self.check(outputs, target)
        loss: Tensor = self.loss(outputs, target)
        if self.training:
            for extra in auxiliary:
                loss = loss + self.aux_weight * self.loss(self.scale(extra, size), target)
        return Output(loss, outputs.detach(), self.compared(target), self.predictions)

    def target(self, batch: Batch) -> Tensor:
        """Return what the loss takes beside the outputs."""
        if self.key not in batch:
            keys = ", ".join(sorted(batch))
            raise DataError(
                f'the task "{self.name}" needs "{self.key}" in every sample, and the data set gives: {keys}'
            )
        target: Tensor = batch[self.key]
        return self.prepare(target)

    def class_names(self, count: int) -> tuple[str, ...]:
        """Return the data set's names, or "0", "1", ... where it has none."""
        return self.info.classes or tuple(map(str, range(count)))

    @abstractmethod
    def scale(self, outputs: Tensor, size: torch.Size) -> Tensor:
        """Return the outputs at the picture's size, where they belong to its pixels."""

    @abstractmethod
    def check(self, outputs: Tensor, target: Tensor | None) -> None:
        """Refuse outputs whose shape does not fit the data set or the target with a TrainingError."""

    @abstractmethod
    def prepare(self, target: Tensor) -> Tensor:
        """Return the batch's target as the loss takes it; refuse another shape with a DataError."""

    @abstractmethod
    def predictions(self, outputs: Tensor) -> Tensor:
        """Return float32 predictions for `Output.preds`."""

    @abstractmethod
    def compared(self, target: Tensor) -> Tensor:
        """Return `Output.target` for the prepared target."""


class RowTask(Supervised):
    """Gives one row of values for each picture."""

    def scale(self, outputs: Tensor, size: torch.Size) -> Tensor:
        return outputs

    def check(self, outputs: Tensor, target: Tensor | None) -> None:
        expected = target.shape[1] if target is not None and target.ndim == 2 else self.info.num_classes
        if outputs.ndim != 2 or expected not in (None, outputs.shape[1]):
            size = " x ".join(map(str, outputs.shape[1:])) or "one"
            wanted = "a row of values" if expected is None else str(expected)
            raise TrainingError(
                f'the model gives {size} values for each picture and the task "{self.name}" needs {wanted}, '
                "as many as the data set has classes or target values"
            )

    def outputs(self, image: Tensor) -> Tensor:
        """Return the model's main output alone."""
        outputs, _ = split_outputs(self.model(image))
        self.check(outputs, None)
        return outputs


def ranking(names: tuple[str, ...], probabilities: Tensor, count: int = 5) -> list[list[dict[str, Any]]]:
    """Return for each row of `probabilities` N x C the `count` most probable labels, best first."""
    best = probabilities.topk(min(count, len(names)), dim=1)
    return [
        [{"label": names[index], "probability": value} for index, value in zip(indices, values, strict=True)]
        for indices, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]
