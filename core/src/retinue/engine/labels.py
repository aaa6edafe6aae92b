"""Labels that are none of the classes: looked for once something has failed, for that costs a step nothing."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral

import torch
from torch import Tensor

from retinue.api import DataInfo, Sample
from retinue.data.keys import preserve_generators
from retinue.data.loading import Batches
from retinue.engine.distributed import has_lost_process
from retinue.errors import DataError, RetinueError

LABEL_FAULTS = (IndexError, RuntimeError)
"""What losses and metrics raise over such a label."""

BACK = 3
"""Batches before the one that failed which are looked at too: a GPU fails late."""


def refuse_wrong_labels(error: Exception, loader: Batches, info: DataInfo, epoch: int, number: int) -> None:
    """Look for a label that is none of the classes in the batch that an error came with, and in the few before it.

    Raises:
        DataError: there is one.
    """
    if has_lost_process(error):
        # The launcher leaves no time to look.
        return
    for index in _list_indices(loader, epoch, number):
        try:
            with preserve_generators():
                sample = loader.samples[epoch, index]
        except RetinueError:
            # It is left out, or was not met yet.
            continue
        refuse_wrong_label(error, sample, f"sample {index}", info)


def refuse_wrong_label(error: Exception, sample: Sample, name: str, info: DataInfo) -> None:
    """Refuse a sample whose label, or a value in whose mask, is none of the classes.

    Args:
        name: of the sample, where it has no file.

    Raises:
        DataError: names the sample, the label and the classes.
    """
    wrong = _find_wrong(sample, info)
    if wrong is not None:
        known = f"{info.num_classes} classes, so its labels go from 0 to {(info.num_classes or 0) - 1}"
        known += f", or are {info.ignore_index}, which is ignored" if info.ignore_index is not None else ""
        raise DataError(f"{sample.get('path', name)} has {wrong}; the data set has {known}") from error


def _list_indices(loader: Batches, epoch: int, number: int) -> Iterator[int]:
    for earlier in range(number, max(number - BACK, 0) - 1, -1):
        yield from loader.indices(epoch, earlier)


def _find_wrong(sample: Sample, info: DataInfo) -> str | None:
    if info.num_classes is None:
        return None
    for key, words in (("label", "the label"), ("mask", "a mask with the value")):
        value = sample.get(key)
        if isinstance(value, Integral) or (isinstance(value, Tensor) and not value.is_floating_point()):
            found = torch.as_tensor(value).long()
            wrong = found[(found < 0) | (found >= info.num_classes)]
            wrong = wrong if info.ignore_index is None else wrong[wrong != info.ignore_index]
            if len(wrong):
                return f"{words} {wrong[0].item()}"
    return None
