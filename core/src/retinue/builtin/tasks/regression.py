"""Numbers for each picture."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from retinue.builtin.tasks.supervised import RowTask
from retinue.errors import DataError


class Regression(RowTask):
    """One or several numbers for each picture.

    The model gives values N x T; the batch's "target" is float N x T.

    Args:
        model: gives values N x T; auxiliary values beside them are welcome.
        loss: of (values, target).
        info: what the data set holds; its classes are the names of the values.
        aux_weight: weight of each auxiliary output's loss in training.
    """

    name = "regression"
    key = "target"
    default_loss = "mse"
    default_metrics: ClassVar = {"mae": "mae"}

    def prepare(self, target: Tensor) -> Tensor:
        if target.ndim != 2:
            raise DataError(f"targets of {list(target.shape)} are not N x T, a row of values for each picture")
        return target.float()

    def predictions(self, outputs: Tensor) -> Tensor:
        return outputs.float()

    def compared(self, target: Tensor) -> Tensor:
        return target

    def predict(self, image: Tensor) -> list[dict[str, Any]]:
        """Return `values`: each by its name."""
        values = self.predictions(self.outputs(image))
        names = self.class_names(values.shape[1])
        return [{"values": dict(zip(names, row, strict=True))} for row in values.tolist()]
