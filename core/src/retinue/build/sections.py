"""The data of a run, section by section."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch

from retinue.api import BatchTransform, DataInfo, Dataset, Sample
from retinue.build.builder import Builder
from retinue.build.samples import find_fault
from retinue.data.keys import preserve_generators
from retinue.data.preparation import Preparation
from retinue.data.samples import PreparedSamples
from retinue.data.splitting import Part, split_indices
from retinue.errors import DataError
from retinue.plan import PlannedDataset

logger = logging.getLogger("retinue")


@dataclass(frozen=True)
class Section:
    """The data of one section, ready to be batched.

    Attributes:
        uncached: why its samples are not kept once they are read; None where they need not be.
    """

    name: str
    dataset: Dataset
    preparation: Preparation
    mixing: list[BatchTransform]
    uncached: str | None = "samples are read once"


def open_dataset(builder: Builder, name: str) -> Dataset:
    """Build the data set of `train`, `val` or `test`, or a section's part of one.

    Raises:
        DataError: it is missing.
    """
    planned = builder.plan.data[name]
    return _take_part(builder.build(planned.dataset), planned, name)


OpenDataset = Callable[[Builder, str], Dataset]


def build_section(builder: Builder, name: str, open_dataset: OpenDataset = open_dataset) -> Section:
    """Build the data set and the transforms of `train`, `val` or `test`.

    Raises:
        DataError: the data set is missing, empty or gives what no run can take, or the transforms are in an order that
            cannot be.
    """
    planned = builder.plan.data[name]
    dataset = open_dataset(builder, name)
    if len(dataset) == 0:
        raise DataError(f"data.{name} has no samples")
    _check_first_sample(dataset, planned, name)
    counts = _count_classes(dataset, name)
    builder.facts.update(_known_facts(dataset.info, counts if name == "train" else None))
    preparation, mixing = build_transforms(builder, planned, name)
    return Section(name, dataset, preparation, mixing)


def build_transforms(builder: Builder, planned: PlannedDataset, name: str) -> tuple[Preparation, list[BatchTransform]]:
    """Build a section's transforms: those of samples, and those of whole training batches after them."""
    built = [(transform.component.name, builder.build(transform)) for transform in planned.transforms]
    mixing = [transform for _, transform in built if isinstance(transform, BatchTransform)]
    if mixing and (name != "train" or not all(isinstance(t, BatchTransform) for _, t in built[-len(mixing) :])):
        names = ", ".join(label for label, transform in built if isinstance(transform, BatchTransform))
        raise DataError(f"data.{name}.transforms: {names} mixes whole batches: only in data.train, after all others")
    return Preparation(built[: len(built) - len(mixing)]), mixing


def _take_part(dataset: Dataset, planned: PlannedDataset, name: str) -> Dataset:
    if planned.split is None:
        return dataset
    labels = dataset.labels if planned.split.stratified else None
    parts = split_indices(len(dataset), labels, planned.split.fraction, planned.split.seed)
    return Part(dataset, parts[0] if name == "train" else parts[1])


def _check_first_sample(dataset: Dataset, planned: PlannedDataset, name: str) -> None:
    fault = None
    # A sample that cannot be read is told, or left out, where it is read for good.
    with preserve_generators(), suppress(DataError):
        fault = find_fault(dataset[0], dataset.info)
    if fault:
        raise DataError(f"data.{name}, {planned.dataset.component.label}: {fault}")


def _count_classes(dataset: Dataset, name: str) -> list[int] | None:
    classes = dataset.info.num_classes
    if dataset.labels is None or classes is None:
        return None
    counts = [0] * classes
    for index, label in enumerate(dataset.labels):
        if 0 <= label < classes:
            counts[label] += 1
        elif label != dataset.info.ignore_index:
            raise DataError(
                f"data.{name}: sample {index} has the label {label}; the data set has {classes} classes, "
                f"so its labels go from 0 to {classes - 1}"
            )
    return counts


def _known_facts(info: DataInfo, counts: list[int] | None) -> dict[str, Any]:
    facts = {
        "num_classes": info.num_classes,
        "class_names": None if info.classes is None else list(info.classes),
        "class_counts": counts,
        "ignore_index": info.ignore_index,
    }
    return {name: value for name, value in facts.items() if value is not None}


def check_agreement(train: DataInfo, other: DataInfo, name: str) -> None:
    """Refuse data of section `name` whose labels mean something else than those of the training data.

    Raises:
        DataError: the classes differ.
    """
    if None not in (train.classes, other.classes) and train.classes != other.classes:
        odd = sorted(set(train.classes or ()) ^ set(other.classes or ())) or ["their order"]
        raise DataError(
            f"data.train and data.{name} differ in their classes ({', '.join(odd[:8])}): name them by `classes`"
        )


def prepare_example(section: Section, seed: int) -> Sample:
    """Return the first sample as it enters the first batch of its epoch."""
    samples = PreparedSamples(section.dataset, section.preparation, seed)
    with preserve_generators():
        return samples[(0, 0)]


def prepare_spread(section: Section, seed: int, count: int) -> list[Sample]:
    """Return at most `count` samples, spread over the section, as an evaluation sees them."""
    samples = PreparedSamples(section.dataset, section.preparation, seed)
    size = len(section.dataset)
    count = min(count, size)
    with preserve_generators():
        return [samples[(0, number * size // count)] for number in range(count)]


def picture_facts(sample: Sample) -> dict[str, Any]:
    """Return what a prepared picture says: its channels and its size."""
    image = sample.get("image")
    if not isinstance(image, torch.Tensor) or image.ndim != 3:
        raise DataError(f"a prepared sample needs an `image` of channels x height x width; it has {sorted(sample)}")
    return {"in_channels": image.shape[0], "image_size": tuple(image.shape[1:])}
