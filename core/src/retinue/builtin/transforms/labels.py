"""Labels as losses want them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Gt
from torch.nn import functional

from retinue.api import Sample
from retinue.errors import DataError


@dataclass(frozen=True)
class OneHot:
    """Turns an integer label into a float32 vector with 1 at its place and 0 elsewhere; a picture to predict has none.

    Args:
        num_classes: length of the vector.
    """

    num_classes: Annotated[int, Gt(0)]

    def __call__(self, sample: Sample) -> Sample:
        if "label" not in sample:
            return sample
        label = sample["label"]
        if not isinstance(label, int):
            raise DataError(f"one-hot takes an integer label, and this sample has {_describe(label)}")
        if not 0 <= label < self.num_classes:
            raise DataError(f"one-hot takes labels from 0 to {self.num_classes - 1}, and this one is {label}")
        return {**sample, "label": functional.one_hot(torch.tensor(label), self.num_classes).float()}


def _describe(label: object) -> str:
    return f"a tensor {tuple(label.shape)}" if isinstance(label, torch.Tensor) else type(label).__name__
