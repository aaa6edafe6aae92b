from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from retinue.builtin.transforms import quality
from retinue.builtin.transforms.scaling import normalize
from retinue.errors import DataError


def test_blur_wider_than_the_picture_is_refused(make_sample: Any) -> None:
    transform = quality.gaussian_blur((9, 23))
    assert transform(make_sample(height=12, width=5))["image"].shape == (3, 12, 5)
    with pytest.raises(DataError, match=r"gaussian-blur needs .* 12 x 5 .* 11 x 5: set a kernel_size below 23"):
        transform(make_sample(height=11, width=5))


def test_erasing_covers_with_the_value_given(make_sample: Any) -> None:
    sample = make_sample()
    result = quality.random_erasing(1, (0.2, 0.2), value=[1, 2, 3])(sample)["image"]
    changed = (result != sample["image"]).any(0)
    assert changed.float().mean() == pytest.approx(0.2, abs=0.03)
    assert result[:, changed].unique(dim=1).flatten().tolist() == [1, 2, 3]


def test_noise_covers_only_float_pictures(make_sample: Any) -> None:
    erase = quality.random_erasing(1, value="random")
    erase(normalize("imagenet")(make_sample()))
    with pytest.raises(DataError, match="random-erasing acts on float pictures"):
        erase(make_sample())


def test_even_kernels_are_refused() -> None:
    for kernel in (4, (3, 4)):
        with pytest.raises(ValidationError, match="odd numbers are needed, this is 4"):
            TypeAdapter(quality.Kernel).validate_python(kernel)
