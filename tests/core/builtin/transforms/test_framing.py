from __future__ import annotations

from typing import Any

import pytest
import torch
from torchvision import tv_tensors

from retinue.builtin.transforms.framing import (
    center_crop,
    pad,
    random_crop,
    random_resized_crop,
    random_zoom_out,
    resize,
)
from retinue.errors import DataError, SpecError


@pytest.mark.parametrize(
    ("transform", "shape"),
    [
        (resize(24), (24, 36)),
        (resize((10, 20)), (10, 20)),
        (resize(30, max_size=36), (24, 36)),
        (center_crop((10, 50)), (10, 50)),
        (random_crop(32), (32, 32)),
        (random_crop(60, padding=10), (60, 60)),
        (random_crop(64, pad_if_needed=True), (64, 64)),
        (random_resized_crop((8, 9)), (8, 9)),
        (pad([1, 2, 3, 4]), (46, 64)),
        (random_zoom_out((2, 2), p=1), (80, 120)),
    ],
)
def test_result_has_the_size_asked_for(transform: Any, shape: tuple[int, int], make_sample: Any) -> None:
    sample = {**make_sample(height=40, width=60), "mask": tv_tensors.Mask(torch.zeros(40, 60, dtype=torch.uint8))}
    result = transform(sample)
    assert result["image"].shape == (3, *shape)
    assert result["mask"].shape == shape


@pytest.mark.parametrize("transform", [resize(8), random_resized_crop(8, scale=(1, 1), ratio=(1, 1))])
def test_resizing_averages_what_it_shrinks(transform: Any) -> None:
    stripes = torch.zeros(1, 64, 64, dtype=torch.uint8)
    stripes[..., ::8] = 255
    shrunk = transform({"image": tv_tensors.Image(stripes)})["image"]
    assert shrunk[..., 1:-1].float().mean() == pytest.approx(255 / 8, abs=1)


def test_picture_smaller_than_the_crop_names_the_file_and_the_way_out(make_sample: Any) -> None:
    with pytest.raises(DataError, match=r"ants/1.png: random-crop .*at least 32 x 32 .*8 x 8.*pad_if_needed"):
        random_crop(32)(make_sample(height=8, width=8))


def test_padding_counts_towards_the_crop(make_sample: Any) -> None:
    assert random_crop(32, padding=[12, 12])(make_sample(height=8, width=8))["image"].shape[-2:] == (32, 32)
    with pytest.raises(DataError, match="at least 10 x 8 pixels"):
        random_crop(32, padding=[12, 11])(make_sample(height=8, width=8))


@pytest.mark.parametrize("fill", [7, [10, 20, 30]])
def test_fill_is_the_pictures_and_not_the_masks(fill: Any, make_sample: Any) -> None:
    sample = {**make_sample(), "mask": tv_tensors.Mask(torch.ones(48, 50, dtype=torch.uint8))}
    result = pad(2, fill=fill)(sample)
    assert result["image"][:, 0, 0].tolist() == ([7, 7, 7] if fill == 7 else [10, 20, 30])
    assert result["mask"][0, 0] == 0


def test_fill_with_other_channels_is_refused(make_sample: Any) -> None:
    with pytest.raises(DataError, match="pad got 3 values for the channels of a picture that has 1"):
        pad(2, fill=[1, 2, 3])(make_sample(channels=1))


def test_reflected_padding_needs_no_fill(make_sample: Any) -> None:
    image = make_sample()["image"]
    assert torch.equal(pad(1, padding_mode="reflect")({"image": image})["image"][:, 0, 1:-1], image[:, 1])


@pytest.mark.parametrize(("size", "max_size"), [((10, 10), 20), (10, 10)])
def test_max_size_that_cannot_hold_is_refused(size: Any, max_size: int) -> None:
    with pytest.raises(SpecError, match="max_size"):
        resize(size, max_size=max_size)
