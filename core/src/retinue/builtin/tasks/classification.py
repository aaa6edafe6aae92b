"""One class for each picture."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from retinue.builtin.tasks.supervised import RowTask, ranking
from retinue.errors import DataError


class Classification(RowTask):
    """One class for each picture.

    The model gives logits N x C. The batch's "label" is int64 N, or float N x C where transforms made it soft
    (one-hot, mixup, cutmix). The loss sees the soft labels, the metrics each sample's most probable class.

    Args:
        model: gives logits N x C; auxiliary logits beside them are welcome.
        loss: of (logits, label).
        info: what the data set holds.
        aux_weight: weight of each auxiliary output's loss in training: 0.4 in PyTorch's fine-tuning tutorial
            (Inception v3), 0.3 in the GoogLeNet paper (Szegedy et al., 2015).
    """

    name = "classification"
    key = "label"
    default_loss = "cross-entropy"
    default_metrics: ClassVar = {"accuracy": "accuracy"}

    def prepare(self, target: Tensor) -> Tensor:
        if target.is_floating_point():
            if target.ndim != 2:
                raise DataError(f"float labels must be N x C, one probability for each class, not {list(target.shape)}")
            return target
        if target.ndim != 1:
            raise DataError(f'labels of {list(target.shape)} are not one class a picture: is the task "multilabel"?')
        return target.long()

    def predictions(self, outputs: Tensor) -> Tensor:
        # Of columns: on a CPU, torch takes ten times as long for the softmax of short rows.
        return outputs.float().t().contiguous().softmax(dim=0).t()

    def compared(self, target: Tensor) -> Tensor:
        return target.argmax(dim=1) if target.is_floating_point() else target

    def predict(self, image: Tensor) -> list[dict[str, Any]]:
        """Return `label`, `probability` and `top`, at most five labels with their probabilities, best first."""
        probabilities = self.predictions(self.outputs(image))
        tops = ranking(self.class_names(probabilities.shape[1]), probabilities)
        return [{**top[0], "top": top} for top in tops]
