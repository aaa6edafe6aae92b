"""The data of a run, section by section."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import torch

from retinue.api import Batch, BatchTransform, DataInfo, Dataset, Sample
from retinue.build.builder import Builder
from retinue.build.samples import find_fault
from retinue.data.batched import BatchedLoader
from retinue.data.cache import GIB, Budget, CachedDataset, measure_free
from retinue.data.keys import preserve_generators
from retinue.data.loading import Batches, Loader
from retinue.data.preparation import Preparation, PreparedSamples
from retinue.data.sampling import EpochBatches
from retinue.data.splitting import Part, split_indices
from retinue.data.workers import Workers, choose_workers
from retinue.engine.distributed import Group
from retinue.errors import DataError, Problem, SpecError
from retinue.plan import Plan, PlannedDataset

logger = logging.getLogger("retinue")


@dataclass(frozen=True)
class Section:
    """The data of one section, ready to be batched."""

    name: str
    dataset: Dataset
    preparation: Preparation
    mixing: list[BatchTransform]


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


def cache_sections(plan: Plan, sections: Sequence[Section], group: Group) -> list[Section]:
    """Return sections whose samples stay in memory, if the spec says so; those in memory anyway stay as they are.

    Raises:
        SpecError: a data set does not say which files its samples are read from.
    """
    if plan.spec.data.cache is None:
        return list(sections)
    gib = plan.spec.data.cache_gib
    budget = Budget(int(gib * GIB) if gib is not None else measure_free() // 2 // group.local_size)
    return [section if section.dataset.in_memory else _cache_section(plan, section, budget) for section in sections]


def _cache_section(plan: Plan, section: Section, budget: Budget) -> Section:
    if not section.dataset.files(0):
        reason = "its data set does not say which files a sample is read from (Dataset.files)"
        problem = f"data.{section.name} cannot be cached: {reason}"
        raise SpecError([Problem(problem, plan.layers.locate(("data", "cache")))])
    copies = bool(section.preparation.unkeyed)
    return replace(section, dataset=CachedDataset(section.dataset, budget, copies))


def prepare_samples(plan: Plan, section: Section, device: torch.device) -> PreparedSamples:
    """Return the samples of a section; with a GPU, whole batches are transformed there."""
    skips = plan.spec.data.unreadable == "skip"
    return PreparedSamples(section.dataset, section.preparation, plan.spec.seed, skips, late=device.type == "cuda")


def choose_section_workers(plan: Plan, section: Section, device: torch.device, group: Group) -> Workers:
    """Choose who prepares the samples of a section, and tell why.

    Raises:
        DataError: what the spec asks for cannot be.
    """
    data = plan.spec.data
    workers = choose_workers(data.workers, data.worker_kind, prepare_samples(plan, section, device), group.local_size)
    logger.info("data: prepared by %s", workers)
    return workers


def build_loader(
    plan: Plan, section: Section, workers: Workers, device: torch.device, group: Group, learnt: bool
) -> Batches:
    """Build the batches of a section.

    Raises:
        DataError: with `drop_last` there would be none.
        SpecError: they cannot be made on the path that the spec asks for.
    """
    data, seed = plan.spec.data, plan.spec.seed
    order = EpochBatches(
        size=len(section.dataset),
        batch_size=data.batch_size,
        seed=seed,
        learnt=learnt,
        drop_last=data.drop_last and learnt,
        process=group.rank,
        processes=group.size,
    )
    if len(order) == 0:
        raise DataError(f"data.batch_size is {data.batch_size}, of {order.size} samples drop_last leaves none")
    samples = prepare_samples(plan, section, device)
    tensors, reason = choose_path(plan, section)
    loader = (
        Loader(samples, order, workers.suit(samples), device)
        if tensors is None
        else BatchedLoader(samples, order, tensors, device)
    )
    logger.info("data.%s: %s path, %s", section.name, loader.path, reason)
    return loader


def choose_path(plan: Plan, section: Section) -> tuple[Batch | None, str]:
    """Return the tensors that a section's batches are taken from, None on the streamed path; and why this path.

    Raises:
        SpecError: the spec asks for the batched path, and it cannot be.
    """
    data = plan.spec.data
    if data.path == "streamed":
        return None, "as data.path says"
    if data.path == "auto" and data.workers not in ("auto", 0):
        return None, "for data.workers asks for workers"
    unkeyed = section.preparation.unkeyed
    tensors = None if unkeyed else section.dataset.tensors()
    if tensors is not None:
        return tensors, "for the data is in memory, and its transforms take batches"
    reason = f"there is no batch form of {', '.join(unkeyed)}" if unkeyed else "the data set has no tensors in memory"
    if data.path == "batched":
        problem = f'data.{section.name} cannot be batched: {reason}; take another, or set data.path = "auto"'
        raise SpecError([Problem(problem, plan.layers.locate(("data", "path")))])
    return None, f"for {reason}"
