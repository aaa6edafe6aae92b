"""Samples as one batch, and what is done with batches whatever they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import default_collate, get_worker_info
from torchvision import tv_tensors

from retinue.api import Batch, Sample
from retinue.errors import DataError


def collate(samples: list[Sample]) -> Batch:
    """Stack samples.

    Raises:
        DataError: their keys, types or sizes differ.
    """
    first = samples[0]
    for sample in samples:
        if sample.keys() != first.keys():
            raise DataError(
                f"{describe_sample(sample)} has {sorted(sample)}, {describe_sample(first)} has {sorted(first)}"
            )
        for key in first:
            _compare(key, first, sample)
    return {key: _stack([sample[key] for sample in samples]) for key in first}


def _stack(values: list[Any]) -> Any:
    first = values[0]
    # A worker process stacks in memory that it shares.
    if not isinstance(first, Tensor) or get_worker_info() is not None:
        return default_collate(values)
    # Decoders give pixel by pixel, which stacking would keep; channel by channel normalizing takes a third less.
    stacked = torch.empty(len(values), *first.shape, dtype=first.dtype)
    torch.stack(values, out=stacked)
    return stacked


def change_tensors(given: Sample | Batch, act: Callable[[Tensor], Tensor]) -> dict[str, Any]:
    """Return a sample or a batch with each of its tensors changed; strings and numbers pass by."""
    return {key: act(value) if isinstance(value, Tensor) else value for key, value in given.items()}


def strip_kinds(batch: Batch) -> Batch:
    """Return the batch as collating leaves it: the model and mixing see plain tensors."""
    return change_tensors(batch, lambda value: value.as_subclass(Tensor))


def take_samples(batch: Batch, indices: Tensor) -> Batch:
    """Return chosen samples of a batch; pictures and masks stay tv_tensors."""
    return {
        key: tv_tensors.wrap(value.index_select(0, indices.to(value.device, non_blocking=True)), like=value)
        if isinstance(value, Tensor)
        else [value[index] for index in indices.tolist()]
        for key, value in batch.items()
    }


def move_batch(batch: Batch, device: torch.device) -> Batch:
    """Return the batch with its tensors on a device; a copy from pinned memory does not wait."""
    return change_tensors(batch, lambda value: value.to(device, non_blocking=True))


def slice_batch(batch: Batch, start: int, end: int) -> Batch:
    """Return some samples of a batch."""
    return {key: value[start:end] for key, value in batch.items()}


def join_batches(batches: Sequence[Batch]) -> Batch:
    """Return batches as one."""
    return {
        key: torch.cat([batch[key] for batch in batches])
        if isinstance(value, torch.Tensor)
        else [item for batch in batches for item in batch[key]]
        for key, value in batches[0].items()
    }


def _compare(key: str, first: Sample, sample: Sample) -> None:
    ours, theirs = _type_name(first[key]), _type_name(sample[key])
    if ours != theirs:
        # Stacking would make them one type in silence: bytes beside values in [0, 1].
        raise DataError(
            f"{key}s of a batch differ in type: {ours} of {describe_sample(first)}, {theirs} of "
            f"{describe_sample(sample)}; a transform that changes the type must act on every sample"
        )
    if isinstance(first[key], torch.Tensor) and first[key].shape != sample[key].shape:
        raise DataError(
            f"{key}s of a batch differ in size: {describe_sample(first)} and {describe_sample(sample)}; "
            "a transform that gives them one size is needed, such as resize or center-crop"
        )


def _type_name(value: Any) -> str:
    return str(value.dtype)[6:] if isinstance(value, torch.Tensor) else type(value).__name__


def describe_sample(sample: Sample) -> str:
    """Name a sample, or a batch, in a message: its file, and the size of its picture."""
    image = sample.get("image")
    name = "a batch" if isinstance(image, Tensor) and image.ndim > 3 else sample.get("path", "a sample")
    size = f" ({' x '.join(map(str, image.shape))}, {str(image.dtype)[6:]})" if isinstance(image, torch.Tensor) else ""
    return f"{name}{size}"
