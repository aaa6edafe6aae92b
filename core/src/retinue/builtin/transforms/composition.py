"""Transforms made of transforms. Of batch transforms alone, such as mixup and cutmix, they make a batch transform."""

from __future__ import annotations

from collections.abc import Callable

from torchvision.transforms import v2

from retinue.api import Batch, BatchTransform, NestedTransform, Sample
from retinue.builtin.transforms.parameters import Fraction, NonNegative
from retinue.errors import Problem, SpecError

SampleTransform = Callable[[Sample], Sample]


class BatchComposition(BatchTransform):
    """A composition whose parts all act on batches."""

    def __init__(self, composition: Callable[[Batch], Batch]) -> None:
        self.composition = composition

    def __call__(self, batch: Batch) -> Batch:
        return self.composition(batch)


def random_apply(transforms: list[NestedTransform], p: Fraction = 0.5) -> SampleTransform | BatchTransform:
    """Apply all or none.

    Args:
        transforms: applied one after another.
        p: probability.

    Raises:
        SpecError: `transforms` is empty, or mixes sample and batch transforms.
    """
    _check(transforms)
    return _compose(v2.RandomApply(transforms, p), transforms)


def random_choice(
    transforms: list[NestedTransform], p: list[NonNegative] | None = None
) -> SampleTransform | BatchTransform:
    """Apply one of several.

    Args:
        transforms: to choose from.
        p: weight of each, of any sum; equal unless given.

    Raises:
        SpecError: `transforms` is empty, or mixes sample and batch transforms; `p` has another length or no weight.
    """
    _check(transforms)
    if p is not None and (len(p) != len(transforms) or sum(p) <= 0):
        raise SpecError([Problem(f"p needs a weight for each of {len(transforms)} transforms, not all 0; this is {p}")])
    return _compose(v2.RandomChoice(transforms, p), transforms)


def random_order(transforms: list[NestedTransform]) -> SampleTransform | BatchTransform:
    """Apply all in random order.

    Args:
        transforms: to apply.

    Raises:
        SpecError: `transforms` is empty, or mixes sample and batch transforms.
    """
    _check(transforms)
    return _compose(v2.RandomOrder(transforms), transforms)


def _check(transforms: list[SampleTransform]) -> None:
    if not transforms:
        raise SpecError([Problem("transforms is empty: name at least one")])
    if len({isinstance(transform, BatchTransform) for transform in transforms}) > 1:
        raise SpecError([Problem("transforms holds some that act on samples and some that act on batches, like mixup")])


def _compose(composition: v2.Transform, transforms: list[SampleTransform]) -> SampleTransform | BatchTransform:
    whole: SampleTransform = composition
    return BatchComposition(whole) if isinstance(transforms[0], BatchTransform) else whole
