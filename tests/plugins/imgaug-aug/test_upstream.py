"""What is mended of imgaug does what it says."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torchvision import tv_tensors

from retinue.api import Sample
from retinue_imgaug_aug import factories
from retinue_imgaug_aug.forms import Choice


def pixels(sample: Sample) -> Any:
    return sample["image"].permute(1, 2, 0).numpy()


def test_importing_leaves_numpy_as_it_was() -> None:
    code = """
import numpy as np
before = set(vars(np))
import retinue_imgaug_aug.upstream
print({"sctypes", "complex"} & (set(vars(np)) - before))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("set()\n", "")


@pytest.mark.parametrize("cutoff", [0, 10])
def test_autocontrast_is_pillows(build: Any, street: Sample, cutoff: int) -> None:
    (transform,) = build({"use": "imgaug-aug/pillike-autocontrast", "cutoff": cutoff})
    expected = ImageOps.autocontrast(Image.fromarray(pixels(street)), cutoff=cutoff)
    assert np.array_equal(pixels(transform(street)), np.asarray(expected))


@pytest.mark.parametrize("alpha", [20, Choice(choice=[20, 30])])
def test_elastic_fields_may_have_whole_numbers(street: Sample, alpha: Any) -> None:
    after = factories.elastic_transformation(alpha=alpha, sigma=4)(street)
    assert not torch.equal(after["image"], street["image"])


def test_masks_are_scaled_about_the_centres_of_pixels(build: Any) -> None:
    mask = torch.arange(6, dtype=torch.uint8).expand(6, 6).contiguous()
    sample = {"image": tv_tensors.Image(mask.expand(3, 6, 6).contiguous()), "mask": tv_tensors.Mask(mask)}
    (half,) = build({"use": "imgaug-aug/resize", "size": 2, "interpolation": "nearest"})
    after = half(sample)
    assert after["mask"].tolist() == [[1, 4], [1, 4]]
    assert torch.equal(after["image"][0], after["mask"])


def test_pillows_affine_moves_large_labels_as_pillow_does(build: Any) -> None:
    mask = torch.randint(70_000, (31, 40), generator=torch.Generator().manual_seed(0))
    sample = {"image": tv_tensors.Image(torch.zeros(3, 31, 40, dtype=torch.uint8)), "mask": tv_tensors.Mask(mask)}
    (turn,) = build({"use": "imgaug-aug/pillike-affine", "rotate": 30}, ignore_index=65_535)
    found = turn(sample)["mask"]
    # Pillow turns the other way round, and about the centre between pixels as imgaug does.
    expected = Image.fromarray(mask.numpy().astype(np.int32)).rotate(-30, fillcolor=65_535)
    assert (found.numpy() == np.asarray(expected)).mean() > 0.97


def test_jigsaw_loses_no_label(build: Any, street: Sample) -> None:
    (jigsaw,) = build({"use": "imgaug-aug/jigsaw", "nb_rows": 5, "nb_cols": 7, "max_steps": 3}, ignore_index=255)
    torch.manual_seed(0)
    after = jigsaw(street)
    assert after["mask"].shape == after["image"].shape[1:] == (60, 77)
    kept = torch.bincount(after["mask"].flatten().long(), minlength=256)
    assert kept[255] == 60 * 77 - 58 * 72
    assert torch.equal(kept[:255], torch.bincount(street["mask"].flatten().long(), minlength=256)[:255])


@pytest.mark.parametrize(("kelvin", "warmer"), [(2000, True), (20000, False)])
def test_color_temperature(build: Any, kelvin: int, warmer: bool) -> None:
    (transform,) = build({"use": "imgaug-aug/change-color-temperature", "kelvin": kelvin})
    grey = {"image": tv_tensors.Image(torch.full((3, 4, 4), 128, dtype=torch.uint8))}
    red, _, blue = transform(grey)["image"].float().mean((1, 2)).tolist()
    assert (red > blue + 30) == warmer
    assert (blue > red + 30) != warmer


def test_frequency_noise_has_both_shares(build: Any) -> None:
    (blend,) = build(
        {"use": "imgaug-aug/blend-alpha-frequency-noise", "foreground": [{"use": "imgaug-aug/add", "value": 100}]}
    )
    grey = {"image": tv_tensors.Image(torch.full((3, 32, 32), 100, dtype=torch.uint8))}
    torch.manual_seed(0)
    image = blend(grey)["image"]
    assert image.min() < 120
    assert image.max() > 180
