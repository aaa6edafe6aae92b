"""Any number of classes for each picture."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Interval
from torch import Tensor, nn

from retinue.api import DataInfo
from retinue.builtin.tasks.supervised import RowTask, ranking
from retinue.errors import DataError


class Multilabel(RowTask):
    """Any number of classes for each picture, each decided by itself.

    The model gives logits N x C. The batch's "label" is N x C with ones and zeros, or values between where
    transforms mixed samples. Metrics see probabilities and, as target, int64 N x C: 1 where a label is at least 0.5.

    Args:
        model: gives logits N x C; auxiliary logits beside them are welcome.
        loss: of (logits, label).
        info: what the data set holds.
        aux_weight: weight of each auxiliary output's loss in training.
        threshold: `predict` names the classes with a probability above it.
    """

    name = "multilabel"
    key = "label"
    default_loss = "bce"
    default_metrics: ClassVar = {"f1": "f1"}

    def __init__(
        self,
        model: nn.Module,
        loss: nn.Module,
        info: DataInfo,
        aux_weight: Annotated[float, Ge(0)] = 0.4,
        threshold: Annotated[float, Interval(ge=0, le=1)] = 0.5,
    ) -> None:
        super().__init__(model, loss, info, aux_weight)
        self.threshold = threshold

    def prepare(self, target: Tensor) -> Tensor:
        if target.ndim != 2:
            raise DataError(
                f'labels of {list(target.shape)} are not N x C with ones and zeros: is the task "classification"?'
            )
        return target.float()

    def predictions(self, outputs: Tensor) -> Tensor:
        return outputs.float().sigmoid()

    def compared(self, target: Tensor) -> Tensor:
        return (target >= 0.5).long()

    def predict(self, image: Tensor) -> list[dict[str, Any]]:
        """Return the most probable `label` and its `probability`, `labels` above the threshold, and `top` five."""
        probabilities = self.predictions(self.outputs(image))
        names = self.class_names(probabilities.shape[1])
        tops = ranking(names, probabilities)
        chosen = [
            [name for name, is_chosen in zip(names, row, strict=True) if is_chosen]
            for row in (probabilities > self.threshold).tolist()
        ]
        return [{**top[0], "labels": labels, "top": top} for top, labels in zip(tops, chosen, strict=True)]
