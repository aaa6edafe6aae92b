"""What a data set is, and what it says about itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch.utils.data

Sample = dict[str, Any]
"""One sample by key.

`image`: torchvision.tv_tensors.Image, uint8, C x H x W with C = 1 or 3 (RGB).
`label`: int (classification), float tensor C with ones and zeros (multilabel).
`target`: float tensor T (regression).
`path`: str, the file it came from, where there is one: messages name it.
"""

Batch = dict[str, Any]
"""Samples of one batch by key: tensors stacked along a new first dimension, strings in a list."""


@dataclass(frozen=True, kw_only=True)
class DataInfo:
    """What a data set holds; from it come the parameters that a spec may leave out, and the names on plots.

    Attributes:
        classes: names of the classes in label order; for regression, names of the target values.
        channels: of every picture: 3 (RGB) or 1.
        image_size: height and width, where every picture of the set has the same.
        ignore_index: label that losses and metrics skip.
    """

    classes: tuple[str, ...] | None = None
    channels: int = 3
    image_size: tuple[int, int] | None = None
    ignore_index: int | None = None

    @property
    def num_classes(self) -> int | None:
        """Number of classes, or of target values in regression."""
        return None if self.classes is None else len(self.classes)


class Dataset(torch.utils.data.Dataset[Sample], ABC):
    """Samples by index. Equal indices give equal samples; randomness belongs to the transforms.

    Attributes:
        info: what the set holds; one of the class is what is known without files, for `retinue check --fake`.
        labels: the label of every sample, known without reading a picture; needed for stratified splits and
            class weights.
        in_memory: whether a sample costs neither reading nor decoding a file.
    """

    info: DataInfo
    labels: Sequence[int] | None = None
    in_memory: bool = False

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of samples."""

    @abstractmethod
    def __getitem__(self, index: int) -> Sample:
        """Return sample `index`, 0 <= index < len(self). Several threads may ask at once.

        Raises:
            retinue.errors.DataError: a file cannot be read; the message names it.
        """

    def tensors(self) -> Batch | None:
        """Return all samples as one batch where they are held in memory so: batches are then taken from it.

        Pictures and masks are tv_tensors, all of one size; sample n is what `self[n]` returns, n-th in each value.
        """
        return None

    def files(self, index: int) -> Sequence[str | Path]:
        """Return the files that sample `index` is read from; by their size and time `data.cache` sees a change.

        Without them samples cannot be cached.
        """
        return ()

    def fingerprint(self) -> str:
        """Return what tells this content from another beyond number, classes and labels: a hash, equal on any machine.

        run.lock keeps it, and a run does not go on with other data than it began with. Decode nothing for it: names
        and sizes of files, or the bytes of tensors in memory, are enough.
        """
        return ""
