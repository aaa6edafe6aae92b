"""Classification with tempered probabilities.

[task]
use = "my-part"
temperature = 2.0
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from annotated_types import Gt
from torch import Tensor, nn

from retinue.api import Batch, DataInfo, Output, Task, split_outputs
from retinue.hooks import Register, hookimpl


class MyPart(Task):
    """Classification whose probabilities come from logits N x C that are divided by a temperature.

    Args:
        temperature: above 1 the probabilities are more alike.
    """

    default_loss = "cross-entropy"
    default_metrics: ClassVar[Mapping[str, str]] = {"accuracy": "accuracy"}

    def __init__(
        self, model: nn.Module, loss: nn.Module, info: DataInfo, temperature: Annotated[float, Gt(0)] = 1.0
    ) -> None:
        super().__init__(model, loss, info)
        self.temperature = temperature

    def forward(self, batch: Batch) -> Output:
        logits, _ = split_outputs(self.model(batch["image"]))
        target = batch["label"]
        return Output(self.loss(logits, target), self._weigh(logits.detach()), target)

    def predict(self, image: Tensor) -> list[dict[str, Any]]:
        logits, _ = split_outputs(self.model(image))
        return [{"probabilities": row.tolist()} for row in self._weigh(logits)]

    def _weigh(self, logits: Tensor) -> Tensor:
        return (logits.float() / self.temperature).softmax(dim=1)


@hookimpl
def retinue_tasks(register: Register) -> None:
    register("my-part", MyPart, summary="classification with tempered probabilities")
