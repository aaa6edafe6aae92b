"""Rules for data sets."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from retinue.api import Dataset, Sample
from retinue.build.samples import find_fault
from retinue.data.batches import change_tensors, collate
from retinue.testing.processes import run_elsewhere
from retinue.testing.rule import NotApplicable, require, rule
from retinue.testing.subject import Subject
from retinue.testing.transforms import same

MOST = 64
"""Samples that are looked at, spread over the set."""


def pick(dataset: Dataset) -> list[int]:
    count = min(len(dataset), MOST)
    return [number * len(dataset) // count for number in range(count)]


@rule("dataset")
def samples_are_what_it_says(subject: Subject) -> None:
    """Pictures, labels and masks agree with `info` and `labels`."""
    dataset: Dataset = subject.build()
    require(len(dataset) > 0, "it has no samples: give the case parameters that lead to some")
    for index in pick(dataset):
        sample = dataset[index]
        fault = find_fault(sample, dataset.info)
        require(fault is None, str(fault))
        _check_target(dataset, sample, index)
        if "mask" in sample:
            _check_mask(dataset, sample)
    require(
        dataset.labels is None or len(dataset.labels) == len(dataset),
        "give `labels` one label for each sample, or leave them out",
    )


def _check_target(dataset: Dataset, sample: Sample, index: int) -> None:
    classes, label, target = dataset.info.num_classes, sample.get("label"), sample.get("target")
    require(
        any(key in sample for key in ("label", "target", "mask")),
        f"a sample has {sorted(sample)}: what is to be learnt is missing, `label`, `target` or `mask`",
    )
    if isinstance(label, Tensor) or target is not None:
        vector: Any = label if isinstance(label, Tensor) else target
        require(
            isinstance(vector, Tensor) and vector.is_floating_point() and vector.shape == (classes,),
            f"sample {index}: a vector must be a float tensor with a value for each of info.classes",
        )
    elif label is not None:
        in_range = type(label) is int and (classes is None or 0 <= label < classes)
        require(
            in_range or label == dataset.info.ignore_index,
            f"sample {index} has the label {label!r}: give an int from 0 to {(classes or 0) - 1}, and "
            "name every class in info.classes",
        )
        require(
            dataset.labels is None or dataset.labels[index] == label,
            f"sample {index} has the label {label}, and `labels` says another: keep one order for both",
        )


def _check_mask(dataset: Dataset, sample: Sample) -> None:
    mask, classes = sample["mask"], dataset.info.num_classes
    odd = sorted(set(mask.unique().tolist()) - {*range(classes or 256), dataset.info.ignore_index})
    require(
        not odd,
        f"a mask has the values {odd[:8]}, and `info` has {classes} classes and ignore_index = "
        f"{dataset.info.ignore_index}: map them to class indices",
    )


@rule("dataset")
def same_index_same_sample(subject: Subject) -> None:
    """A sample is the same whenever it is asked for, also after somebody wrote into it."""
    dataset: Dataset = subject.build()
    for index in pick(dataset)[:8]:
        first = dataset[index]
        before = change_tensors(first, Tensor.clone)
        first["image"].fill_(7)
        require(
            same(before, dataset[index]),
            f"sample {index} is another the second time: leave randomness to the transforms, and give "
            "pictures in memory as clones",
        )


@rule("dataset")
def tensors_are_its_samples(subject: Subject) -> None:
    """What is held as one batch is what its samples are."""
    dataset: Dataset = subject.build()
    tensors = dataset.tensors()
    if tensors is None:
        raise NotApplicable("it has no tensors of all samples")
    sizes = {len(value) for value in tensors.values()}
    require(sizes == {len(dataset)}, f"of {len(dataset)} samples `tensors` holds {sorted(sizes)}: give all, in order")
    for index in pick(dataset):
        sample = dataset[index]
        expected = collate([sample])
        found = {key: value[index : index + 1] for key, value in tensors.items()}
        kinds = all(type(tensors[key]) is type(value) for key, value in sample.items() if isinstance(value, Tensor))
        require(
            kinds and same(expected, found),
            f"`tensors` holds another sample {index}: stack what samples hold, pictures and masks as tv_tensors, "
            "labels as int64",
        )


@rule("dataset")
def fingerprint_is_stable(subject: Subject) -> None:
    """The same data has the same fingerprint, wherever it is computed."""
    first, second = subject.build().fingerprint(), subject.build().fingerprint()
    there = run_elsewhere(_fingerprint, subject.build(), local=subject.registry.file.local_files())
    require(
        isinstance(first, str) and first == second == there,
        f"fingerprints of the same data differ ({first!r}, {second!r}, {there!r}): hash names, sizes or "
        "bytes with hashlib, never with hash() or id()",
    )


def _fingerprint(dataset: Dataset) -> str:
    return dataset.fingerprint()


@rule("dataset")
def same_in_a_worker(subject: Subject) -> None:
    """Pickled into a process that was spawned, it gives the same samples."""
    dataset: Dataset = subject.build()
    index = len(dataset) - 1
    sample = run_elsewhere(_read, dataset, index, local=subject.registry.file.local_files())
    require(same(sample, dataset[index]), f"in a worker process sample {index} is another")


def _read(dataset: Dataset, index: int) -> Sample:
    return dataset[index]
