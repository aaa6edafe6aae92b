"""Weights of the classes, from the spec or from how often each occurs."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from retinue.errors import DataError, Problem, SpecError

Weights = list[Annotated[float, Ge(0)]]
Weighting = Literal["inverse", "inverse-sqrt"] | Weights


def class_weights(weight: Weighting | None, num_classes: int | None, class_counts: list[int] | None) -> Tensor | None:
    """Return float32 weights C, or None for none.

    With n_c of the n training samples in class c, "inverse" is n / (C n_c), which is scikit-learn's "balanced", and
    "inverse-sqrt" is n / (sqrt(n_c) (sqrt(n_1) + ... + sqrt(n_C))). Over the training samples both have mean 1.

    Raises:
        SpecError: a list has not one weight for each class.
        DataError: the counts are needed and unknown, or a class has no samples.
    """
    if weight is None:
        return None
    if isinstance(weight, list):
        return listed("weight", weight, num_classes)
    counts = torch.tensor(_positive(class_counts, weight), dtype=torch.float64)
    rarity = counts.reciprocal() if weight == "inverse" else counts.rsqrt()
    return (rarity * counts.sum() / (rarity * counts).sum()).float()


def listed(key: str, values: Weights, num_classes: int | None) -> Tensor:
    """Return the list under `key` as float32 C, one value for each class."""
    if num_classes not in (None, len(values)):
        raise SpecError([Problem(f"{key} has {len(values)} values and the data set {num_classes} classes")])
    return torch.tensor(values)


def _positive(class_counts: list[int] | None, weight: str) -> list[int]:
    if class_counts is None:
        raise DataError(
            f'weight = "{weight}" needs the number of training samples of each class, which the data set does not '
            "say: give a list of weights"
        )
    if 0 in class_counts:
        raise DataError(
            f'weight = "{weight}" divides by the number of training samples, and class {class_counts.index(0)} '
            "has none: give a list of weights, or data with every class"
        )
    return class_counts
