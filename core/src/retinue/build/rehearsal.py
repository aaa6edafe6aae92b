"""One picture through the model before the first step: what does not fit is said now, not after an epoch."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from retinue.api import Output, Sample, Task
from retinue.build.builder import Builder
from retinue.build.sections import Section
from retinue.build.watches import check_watches
from retinue.data.batches import collate, describe_sample, move_batch
from retinue.data.keys import preserve_generators
from retinue.data.sampling import EpochBatches
from retinue.engine.devices import scale_image
from retinue.engine.labels import refuse_wrong_label
from retinue.engine.meters import Meter
from retinue.errors import DataError, Problem, SpecError, TrainingError

FAILURES = (RuntimeError, ValueError, IndexError, TypeError, AssertionError)
"""What a model or a loss may raise on what it was not made for."""

LONE = "more than 1 value per channel"
"""What torch's batch norm says of a batch that has no variance."""


SHAPES = frozenset({"num_classes", "in_channels", "image_size"})
"""Parameters from the data set that hardly any spec has a reason to give otherwise."""


def rehearse_sections(
    builder: Builder,
    task: Task,
    sections: Mapping[str, Section],
    examples: Mapping[str, Sample],
    meters: Mapping[str, Meter],
) -> None:
    """Rehearse every section's first prepared sample, and find out what is measured.

    Raises:
        SpecError: what is watched is not measured, or the spec gives the model another shape than the data set has.
        DataError, TrainingError: see `rehearse`.
    """
    produced: set[str] = set()
    with blame_given_shapes(builder):
        for name, example in examples.items():
            values = rehearse(task, name, sections[name], example, meters[name])
            produced |= {f"{name}/{key}" for key in values}
    check_watches(builder.plan, produced)


@contextmanager
def blame_given_shapes(builder: Builder) -> Iterator[None]:
    """Where something fails and the spec says otherwise than the data set, point at that."""
    try:
        yield
    except TrainingError as error:
        problems = list(_find_given_shapes(builder, str(error)))
        if not problems:
            raise
        raise SpecError(problems) from error


def _find_given_shapes(builder: Builder, message: str) -> Iterator[Problem]:
    for planned in builder.plan.components():
        for name in sorted(SHAPES & planned.signature.from_data & planned.given):
            fact = builder.facts.get(name)
            if fact is not None and planned.parameters[name] != fact:
                shown = list(fact) if isinstance(fact, tuple) else fact
                place = builder.plan.layers.locate((*planned.path, name))
                yield Problem(message, place, note=f"the data set has {shown}; leave the key out")


def rehearse(task: Task, name: str, section: Section, sample: Sample, meter: Meter) -> dict[str, float]:
    """Evaluate a section's first prepared sample, twice in a batch: one alone fits shapes that no batch has.

    Returns:
        What is measured, by name.

    Raises:
        DataError: its label is none of the classes, or a transform drops it.
        TrainingError: the model, the loss or a metric fails on it.
    """
    try:
        output = _run(task.eval(), [sample, sample], meter.device)
    except (DataError, KeyError) as error:
        _blame_transform(error, name, section)
        raise
    except FAILURES as error:
        refuse_wrong_label(error, sample, f"the first sample of data.{name}", task.info)
        raise TrainingError(f"the model fails on data.{name}: {describe_sample(sample)}: {error}") from error
    if output.loss.ndim:
        raise TrainingError(
            f"of two samples the loss gives {tuple(output.loss.shape)}: one value is needed, their mean"
        )
    meter.update(output)
    values = meter.compute()
    meter.reset()
    return values


def _blame_transform(error: Exception, name: str, section: Section) -> None:
    with preserve_generators():
        dropped = section.preparation.find_dropped(section.dataset[0])
    for key, transform in dropped.items():
        if key in str(error):
            message = f'data.{name}: the task needs "{key}" in every sample, and the transform "{transform}" drops it'
            raise DataError(message) from error


def rehearse_lone(task: Task, sample: Sample, order: EpochBatches, accumulate: int, device: torch.device) -> None:
    """Where one sample alone is learnt from, of a batch or of a part of it, train on one, on a copy.

    Raises:
        TrainingError: the model has a batch norm that cannot.
    """
    rest = 0 if order.drop_last else order.size % order.batch_size
    if min(_smallest_part(size, order.processes, accumulate) for size in (order.batch_size, rest) if size) > 1:
        return
    try:
        _run(copy.deepcopy(task).train(), [sample], device)
    except ValueError as error:
        if LONE not in str(error):
            raise
        raise TrainingError(_explain_lone_sample(order, accumulate, rest)) from error


def _smallest_part(size: int, processes: int, accumulate: int) -> int:
    """Return the fewest samples that a batch of some size is learnt from at once."""
    share = max(1, size // processes)
    return share // min(accumulate, share)


def _explain_lone_sample(order: EpochBatches, accumulate: int, rest: int) -> str:
    if _smallest_part(order.batch_size, order.processes, accumulate) > 1:
        remedy = "set data.drop_last = true, or another data.batch_size"
        what = "the last batch has" if rest == 1 else f"the last batch, of {rest}, has parts of"
    else:
        remedy = "set a larger data.batch_size" + (" or a smaller train.accumulate" if accumulate > 1 else "")
        what = "each batch has" if order.batch_size == 1 else "there are parts of"
    return (
        f"of {order.size} samples in batches of {order.batch_size} {what} one sample, which the "
        f"model's batch norm cannot learn from: {remedy}"
    )


@torch.no_grad()
def _run(task: Task, samples: list[Sample], device: torch.device) -> Output:
    with preserve_generators():
        output: Output = task(scale_image(move_batch(collate(samples), device)))
    return output
