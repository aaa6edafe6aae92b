from __future__ import annotations

from typing import Any

import pytest
import torch

from retinue.builtin.transforms import color


@pytest.mark.parametrize(
    "transform", [color.color_jitter(saturation=(3, 3)), color.color_jitter(hue=(0.4, 0.4))], ids=["saturation", "hue"]
)
def test_saturation_and_hue_leave_grey_as_it_is(transform: Any, make_sample: Any) -> None:
    grey, rgb = make_sample(1), make_sample(3)
    assert torch.equal(transform(grey)["image"], grey["image"])
    assert not torch.equal(transform(rgb)["image"], rgb["image"])


def test_channels_after_grayscale_and_rgb(make_sample: Any) -> None:
    assert color.grayscale()(make_sample(3))["image"].shape[0] == 1
    assert color.grayscale(3)(make_sample(1))["image"].shape[0] == 3
    assert color.rgb()(make_sample(1))["image"].shape[0] == 3
    assert color.random_grayscale(1)(make_sample(3))["image"].shape[0] == 3


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (color.random_invert(1), [255, 155, 55]),
        (color.random_solarize(150, 1), [0, 100, 55]),
        (color.random_posterize(1, 1), [0, 0, 128]),
        (color.random_autocontrast(1), [0, 127, 255]),
    ],
)
def test_values(transform: Any, expected: list[int], make_sample: Any) -> None:
    sample = make_sample(1, 1, 3)
    sample["image"][0, 0] = torch.tensor([0, 100, 200], dtype=torch.uint8)
    assert transform(sample)["image"].flatten().tolist() == pytest.approx(expected, abs=1)
