"""Rules for tasks, with a small linear model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from retinue.api import DataInfo, Output, Task
from retinue.testing.case import Case
from retinue.testing.inputs import COUNT, draw_pictures, make_batch
from retinue.testing.rule import require, rule
from retinue.testing.subject import Subject


class Linear(nn.Module):
    """Gives what the case's task takes: a row for each picture, or one for each pixel."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.pixels = nn.Conv2d(case.channels, case.classes, 1)
        self.is_dense = case.task == "segmentation"

    def forward(self, image: Tensor) -> Tensor:
        outputs: Tensor = self.pixels(image)
        return outputs if self.is_dense else outputs.mean(dim=(2, 3))


def make_task(subject: Subject) -> Task:
    case = subject.case
    info = DataInfo(
        classes=subject.class_names,
        channels=case.channels,
        image_size=case.sizes[0],
        ignore_index=case.ignore_index,
    )
    loss = subject.build_planned(subject.plan.loss)
    task: Task = subject.build(model=Linear(case), loss=loss, info=info)
    return task


@rule("task")
def gives_loss_and_predictions(subject: Subject) -> None:
    """A batch gives a loss that can be learnt from, and predictions that metrics can take."""
    task = make_task(subject).train()
    output: Any = task(make_batch(subject.case))
    require(isinstance(output, Output), "forward must return a retinue.api.Output")
    require(
        output.loss.ndim == 0 and bool(output.loss.isfinite()) and output.loss.requires_grad,
        "`loss` must be a finite scalar that depends on the model",
    )
    output.loss.backward()
    require(
        all(parameter.grad is not None for parameter in task.model.parameters()),
        "the loss gives the model no gradients: leave out detach() and no_grad()",
    )
    require(not output.preds.requires_grad, "give `preds` detached: metrics add them up")
    require(
        len(output.preds) == len(output.target) == COUNT,
        f"`preds` has {len(output.preds)} rows, `target` {len(output.target)} and the batch {COUNT} "
        "pictures: give one row for each",
    )


@rule("task")
def its_metrics_take_its_predictions(subject: Subject) -> None:
    """The metrics that it names where a spec names none can count what it gives."""
    from retinue.testing.metrics import evaluate

    with torch.no_grad():
        output = make_task(subject).eval()(make_batch(subject.case))
    for name, planned in subject.plan.metrics.items():
        values = evaluate(subject.build_planned(planned), [(output.preds, output.target)])
        require(bool(values), f'its metric "{name}" gives no value for what it predicts')


@rule("task")
def predicts_plain_data(subject: Subject) -> None:
    """Each picture's prediction is a dict of plain values, for people and for JSON."""
    task = make_task(subject).eval()
    with torch.no_grad():
        answers: Any = task.predict(draw_pictures(subject.case))
    require(
        isinstance(answers, list) and len(answers) == COUNT and all(isinstance(answer, dict) for answer in answers),
        "predict must return a list with a dict for each picture",
    )
    odd = sorted({key for answer in answers for key, value in answer.items() if not _is_plain(key, value)})
    require(
        not odd,
        f"{', '.join(odd)} in a prediction is no plain data: give numbers, texts, lists and dicts "
        "(`.tolist()`); a tensor as `mask` alone, on the CPU",
    )


def _is_plain(key: str, value: Any) -> bool:
    if isinstance(value, Tensor):
        return key == "mask" and value.device.type == "cpu"
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain("", inner) for name, inner in value.items())
    if isinstance(value, list | tuple):
        return all(_is_plain("", inner) for inner in value)
    return value is None or type(value) in (bool, int, float, str)
