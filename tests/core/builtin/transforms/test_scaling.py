from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torchvision import tv_tensors

from retinue.builtin.transforms.scaling import STATS, Stats, Whiten, normalize, to_dtype
from retinue.errors import DataError, SpecError

DATA = Path(os.environ.get("RETINUE_TEST_DATA", Path(__file__).parents[5] / "shared" / "data"))


def test_normalize_takes_bytes_to_unit_range_first() -> None:
    image = tv_tensors.Image(torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 1, 3))
    result = normalize(mean=[0.2], std=[0.5])({"image": image})["image"]
    assert result.dtype == torch.float32
    assert result.flatten().tolist() == pytest.approx([-0.4, 0.0, 1.6], abs=1e-6)


def test_normalize_takes_floats_as_they_are(make_sample: Any) -> None:
    sample = make_sample()
    direct = normalize("imagenet")(sample)["image"]
    assert torch.equal(normalize("imagenet")(to_dtype()(sample))["image"], direct)


@pytest.mark.parametrize(
    ("file", "record", "channels", "stats"),
    [
        ("cifar10/cifar10_train_first4000.bin.gz", (0, 3073, 1), 3, "cifar10"),
        ("mnist/train-images-idx3-ubyte.gz", (16, 784, 0), 1, "mnist"),
        ("fashion-mnist/train-images-idx3-ubyte.gz", (16, 784, 0), 1, "fashion-mnist"),
    ],
)
def test_real_data_becomes_mean_0_and_deviation_1(
    file: str, record: tuple[int, int, int], channels: int, stats: Stats
) -> None:
    if not (DATA / file).exists():
        pytest.skip(f"no {DATA / file}")
    header, length, labels = record
    with gzip.open(DATA / file) as stream:
        stream.seek(header)
        raw = np.frombuffer(stream.read(length * 4000), np.uint8).reshape(-1, length)[:, labels:]
    side = round((raw.shape[1] / channels) ** 0.5)
    pictures = tv_tensors.Image(torch.from_numpy(raw.copy()).view(-1, channels, side, side))
    result = normalize(stats)({"image": pictures})["image"]
    assert result.mean((0, 2, 3)).tolist() == pytest.approx([0] * channels, abs=0.02)
    assert result.std((0, 2, 3)).tolist() == pytest.approx([1] * channels, abs=0.02)


def test_every_known_data_set_has_statistics() -> None:
    assert set(get_args(Stats)) == set(STATS)


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({}, "got neither"),
        ({"stats": "mnist", "mean": [0.5], "std": [0.5]}, "got stats and mean and std"),
        ({"stats": "mnist", "mean": [0.5]}, "got stats and mean"),
        ({"std": [0.5]}, "got std"),
        ({"mean": [0.5, 0.5], "std": [0.5]}, "got 2 and 1"),
        ({"mean": [], "std": []}, "got 0 and 0"),
    ],
)
def test_normalize_wants_either_stats_or_mean_and_std(parameters: dict[str, Any], found: str) -> None:
    with pytest.raises(SpecError, match=found):
        normalize(**parameters)


@pytest.mark.parametrize(
    ("channels", "stats", "remedy"),
    [
        (1, "imagenet", "3 channels, and this picture has 1: put rgb"),
        (3, "mnist", "1 channels, and this picture has 3"),
    ],
)
def test_normalize_refuses_other_channels(channels: int, stats: Stats, remedy: str, make_sample: Any) -> None:
    with pytest.raises(DataError, match=remedy):
        normalize(stats)(make_sample(channels))


@pytest.mark.parametrize("channels", [1, 3])
def test_whiten_gives_mean_0_and_deviation_1(channels: int, make_sample: Any) -> None:
    image = Whiten()(make_sample(channels))["image"]
    assert type(image) is tv_tensors.Image
    assert image.mean().item() == pytest.approx(0, abs=1e-5)
    assert image.std(correction=0).item() == pytest.approx(1, abs=1e-5)


def test_whiten_keeps_the_floor_of_tensorflow() -> None:
    """One bright value v of n: deviation v sqrt(n - 1) / n is under the floor 1 / sqrt(n) for every v up to 1."""
    image = torch.zeros(1, 4, 5, dtype=torch.uint8)
    image[0, 0, 0] = 51
    result = Whiten()({"image": tv_tensors.Image(image)})["image"]
    assert result[0, 0, 0].item() == pytest.approx((0.2 - 0.01) * 20**0.5, rel=1e-5)
    flat = Whiten()({"image": tv_tensors.Image(torch.full((3, 4, 5), 9, dtype=torch.uint8))})["image"]
    assert torch.equal(flat, torch.zeros(3, 4, 5))


def test_to_dtype_scales_unless_told_not_to(make_sample: Any) -> None:
    sample = make_sample()
    torch.testing.assert_close(to_dtype()(sample)["image"].as_subclass(torch.Tensor), sample["image"] / 255)
    assert torch.equal(to_dtype(scale=False)(sample)["image"], sample["image"].float())
    assert torch.equal(to_dtype("uint8")(to_dtype()(sample))["image"], sample["image"])
