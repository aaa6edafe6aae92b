from __future__ import annotations

from typing import Any

import pytest

from retinue.builtin.transforms import color, policies, quality
from retinue.builtin.transforms.scaling import normalize
from retinue.errors import DataError


@pytest.mark.parametrize(
    "transform",
    [
        color.color_jitter(0.5),
        color.random_photometric_distort(),
        color.random_equalize(),
        color.random_autocontrast(),
        color.random_invert(),
        color.random_posterize(4),
        color.random_solarize(128),
        quality.gaussian_noise(),
        quality.random_adjust_sharpness(2),
        quality.jpeg(50),
        policies.auto_augment(),
        policies.rand_augment(),
        policies.trivial_augment_wide(),
        policies.aug_mix(),
    ],
    ids=lambda transform: transform.guard.name,
)
def test_normalised_pictures_are_refused_at_once(transform: Any, make_sample: Any) -> None:
    """torchvision clips them to [0, 1] in silence, or fails only when chance picks a certain operation."""
    with pytest.raises(DataError, match=rf"{transform.guard.name} acts on uint8 .* float32: put it before normalize"):
        transform(normalize("imagenet")(make_sample()))
