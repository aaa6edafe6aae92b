"""Augmentation policies that others have tuned. All take uint8 pictures, so they stand before normalize."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Interval
from torchvision.transforms import v2
from torchvision.transforms.v2 import AutoAugmentPolicy, InterpolationMode

from retinue.builtin.transforms.border import count_values
from retinue.builtin.transforms.guard import Guard, Guarded
from retinue.builtin.transforms.parameters import Fill, Positive, Side, WarpInterpolation
from retinue.errors import Problem, SpecError

Bins = Annotated[int, Ge(2)]


def auto_augment(
    policy: Literal["imagenet", "cifar10", "svhn"] = "imagenet",
    interpolation: WarpInterpolation = "nearest",
    fill: Fill = 0,
) -> Guarded:
    """Apply a policy found by search (Cubuk et al., "AutoAugment", 2019).

    Args:
        policy: the data set it was found on.
        interpolation: how pixels between pixels come about.
        fill: value outside the picture, one for all channels or one for each.
    """
    augment = v2.AutoAugment(AutoAugmentPolicy(policy), InterpolationMode(interpolation), fill)
    return Guarded(Guard("auto-augment", values="uint8", channels=count_values(fill)), augment)


def rand_augment(
    num_ops: Annotated[int, Ge(0)] = 2,
    magnitude: Annotated[int, Ge(0)] = 9,
    num_magnitude_bins: Bins = 31,
    interpolation: WarpInterpolation = "nearest",
    fill: Fill = 0,
) -> Guarded:
    """Apply a few operations at random, all of one strength (Cubuk et al., "RandAugment", 2020).

    Args:
        num_ops: operations one after another.
        magnitude: strength of each, below `num_magnitude_bins`.
        num_magnitude_bins: steps of strength.
        interpolation: how pixels between pixels come about.
        fill: value outside the picture, one for all channels or one for each.

    Raises:
        SpecError: `magnitude` is not below `num_magnitude_bins`.
    """
    if magnitude >= num_magnitude_bins:
        raise SpecError([Problem(f"magnitude = {magnitude} is not below num_magnitude_bins = {num_magnitude_bins}")])
    augment = v2.RandAugment(num_ops, magnitude, num_magnitude_bins, InterpolationMode(interpolation), fill)
    return Guarded(Guard("rand-augment", values="uint8", channels=count_values(fill)), augment)


def trivial_augment_wide(
    num_magnitude_bins: Bins = 31, interpolation: WarpInterpolation = "nearest", fill: Fill = 0
) -> Guarded:
    """Apply one operation of random strength (Mueller and Hutter, "TrivialAugment", 2021).

    Args:
        num_magnitude_bins: steps of strength.
        interpolation: how pixels between pixels come about.
        fill: value outside the picture, one for all channels or one for each.
    """
    augment = v2.TrivialAugmentWide(num_magnitude_bins, InterpolationMode(interpolation), fill)
    return Guarded(Guard("trivial-augment-wide", values="uint8", channels=count_values(fill)), augment)


def aug_mix(
    severity: Annotated[int, Interval(ge=1, le=10)] = 3,
    mixture_width: Side = 3,
    chain_depth: int = -1,
    alpha: Positive = 1.0,
    all_ops: bool = True,
    interpolation: WarpInterpolation = "bilinear",
    fill: Fill = 0,
) -> Guarded:
    """Mix a picture with several augmented versions of it (Hendrycks et al., "AugMix", 2020).

    Args:
        severity: greatest strength of an operation.
        mixture_width: versions that are mixed.
        chain_depth: operations in each; not above 0: 1 to 3 at random.
        alpha: of the Dirichlet and Beta distributions of the weights.
        all_ops: also brightness, colour, contrast and sharpness, which the paper leaves out because its
            robustness benchmark has them.
        interpolation: how pixels between pixels come about.
        fill: value outside the picture, one for all channels or one for each.
    """
    augment = v2.AugMix(severity, mixture_width, chain_depth, alpha, all_ops, InterpolationMode(interpolation), fill)
    return Guarded(Guard("aug-mix", values="uint8", channels=count_values(fill)), augment)
