"""Every augmenter on a real photograph, and on a real street with its mask."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors

from retinue.api import Sample
from retinue.errors import DataError
from retinue_imgaug_aug.catalog import CATALOG
from retinue_imgaug_aug.tables import ROWS

# The plug-in silences these itself; pytest puts its own filters in their place.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning:imgaug"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:imgaug"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:imageio"),
]

MOVING = [name for name, row in ROWS.items() if row.moves or name == "keep-size-by-resize"]
NEEDS_MASK = "blend-alpha-seg-map-class-ids"
SEEDS = range(4)


def draw(transform: Any, sample: Sample, seed: int) -> Sample:
    torch.manual_seed(seed)
    result: Sample = transform(sample)
    return result


def same(one: Sample, other: Sample) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(value, other[key]) if isinstance(value, Tensor) else value == other[key]
        for key, value in one.items()
    )


@pytest.mark.parametrize("name", [name for name in CATALOG if name != NEEDS_MASK])
def test_photograph(every: dict[str, Any], photo: Sample, name: str) -> None:
    before = photo["image"].clone()
    changed = 0
    for seed in SEEDS:
        after = draw(every[name], photo, seed)
        image = after["image"]
        assert isinstance(image, tv_tensors.Image)
        assert image.dtype == torch.uint8
        assert image.is_contiguous()
        assert image.shape[0] == 3
        assert ROWS[name].moves or name.startswith(("some", "one", "seq")) or image.shape == before.shape
        assert {key: value for key, value in after.items() if key != "image"} == {"label": 0, "path": "ant.png"}
        assert torch.equal(photo["image"], before)
        changed += not torch.equal(image, before)
    assert changed or name in ("identity", "pillike-affine")


@pytest.mark.parametrize("name", CATALOG)
def test_street_and_mask(every: dict[str, Any], street: Sample, name: str) -> None:
    before = street["mask"].clone()
    for seed in SEEDS:
        after = draw(every[name], street, seed)
        mask = after["mask"]
        assert isinstance(mask, tv_tensors.Mask)
        assert mask.dtype == before.dtype
        assert mask.shape == after["image"].shape[1:]
        labels = set(mask.unique().tolist()) - set(before.unique().tolist())
        assert labels <= ({255} if every[name].void else set())
        assert every[name].moves or ROWS[name].fills or torch.equal(mask, before)
        assert torch.equal(street["mask"], before)


@pytest.mark.parametrize("name", CATALOG)
def test_the_picture_depends_on_the_seed_alone(
    every: dict[str, Any], build: Any, needed: Any, street: Sample, name: str
) -> None:
    (fresh,) = build({"use": f"imgaug-aug/{name}", **needed.get(name, {})}, ignore_index=255)
    for seed in SEEDS:
        expected = draw(every[name], street, seed)
        assert same(draw(fresh, street, seed), expected)
        alone = {key: value for key, value in street.items() if key != "mask"}
        if name != NEEDS_MASK:
            assert torch.equal(draw(fresh, alone, seed)["image"], expected["image"])


@pytest.mark.parametrize("name", CATALOG)
def test_grey_pictures_work_or_say_what_is_missing(every: dict[str, Any], street: Sample, name: str) -> None:
    grey = street | {"image": street["image"][:1]}
    if every[name].rgb:
        with pytest.raises(DataError, match=rf"^street.png: imgaug-aug/{name} acts on colours.* put \"rgb\" before it"):
            every[name](grey)
        return
    for seed in SEEDS:
        image = draw(every[name], grey, seed)["image"]
        assert image.shape[0] == 1
        assert image.dtype == torch.uint8


PALETTE = np.array([[255, 40, 40], [40, 255, 40], [40, 40, 255], [255, 255, 40], [255, 40, 255]], np.uint8)
VOID = 255
EXACT = {"order": 0, "keep_size": False, "interpolation": "nearest"}
"""Parameters by which pictures are warped as masks are."""

WARPED: dict[str, dict[str, Any]] = {
    "rand-augment": {"m": 30, "n": 4},
    "piecewise-affine": {"scale": [0.05, 0.1]},
    "perspective-transform": {"scale": 0.1, "fit_output": True},
    "elastic-transformation": {"alpha": 20.0, "sigma": 3.0},
    "rot90": {"k": {"choice": [1, 2, 3]}},
    "resize": {"size": {"height": 41, "width": [30, 90]}},
    "keep-size-by-resize": {"children": [{"use": "imgaug-aug/crop", "percent": 0.2, "keep_size": False}]},
    "crop": {"percent": 0.2},
    "pad": {"percent": 0.2},
    "crop-and-pad": {"percent": [[-0.2, 0.2], 0.1, {"choice": [0.0, 0.2]}, -0.1]},
    "pillike-affine": {
        "rotate": [-40, 40],
        "scale": {"x": [0.6, 1.4]},
        "shear": [-20, 20],
        "translate_px": [-9, 9],
        "center": {"x": 0.2, "y": [0, 1]},
    },
    "affine": {"rotate": [-40, 40], "scale": {"x": [0.6, 1.4]}, "shear": [-20, 20], "translate_px": [-9, 9]},
}
"""Stronger ones than the defaults."""


def draw_scene() -> tuple[np.ndarray, np.ndarray]:
    """Return a mask without symmetries, and a picture that says the same by colour."""
    mask = np.zeros((67, 90), np.int64)
    mask[:35] = 1
    mask[35:, 42:] = 2
    mask[7:28, 63:84] = 3
    mask[42:63, 6:28] = 4
    return mask, PALETTE[mask]


def read_labels(image: Tensor) -> np.ndarray:
    colors = np.concatenate([PALETTE, [[0, 0, 0]]]).astype(int)
    nearest = ((image.permute(1, 2, 0).numpy()[:, :, None].astype(int) - colors) ** 2).sum(-1).argmin(-1)
    return np.where(nearest == len(PALETTE), VOID, nearest)


@pytest.mark.parametrize("name", [name for name in MOVING if "pooling" not in name and name != "rand-augment"])
def test_picture_and_mask_move_together(build: Any, needed: Any, name: str) -> None:
    mask, picture = draw_scene()
    table = needed.get(name, {}) | WARPED.get(name, {})
    exact = {key: value for key, value in EXACT.items() if key in ROWS[name].parameters}
    if "mode" in ROWS[name].parameters:
        exact["mode"] = "constant"
    (transform,) = build({"use": f"imgaug-aug/{name}", **table, **exact}, ignore_index=VOID)
    sample = {
        "image": tv_tensors.Image(torch.from_numpy(picture).permute(2, 0, 1)),
        "mask": tv_tensors.Mask(torch.from_numpy(mask)),
    }
    moved = void = 0.0
    for seed in range(6):
        after = draw(transform, sample, seed)
        labels = after["mask"].numpy()
        assert after["mask"].dtype == torch.int64
        assert (read_labels(after["image"]) == labels).mean() > 0.997
        moved = max(moved, 1 if labels.shape != mask.shape else (labels != mask).mean())
        void = max(void, (labels == VOID).mean())
    assert moved > 0.01
    # The grid's outer points may only move inwards, so nothing comes in from outside.
    assert (void > 0) == (ROWS[name].fills and name != "piecewise-affine")


def agreement(labels: np.ndarray, mask: np.ndarray, down: int, right: int) -> float:
    inner = mask[2:-2, 2:-2]
    return float((np.roll(labels, (down, right), (0, 1))[2:-2, 2:-2] == inner).mean())


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("affine", {"rotate": 20, "scale": 1.1}),
        ("elastic-transformation", {"alpha": 20, "sigma": 4}),
        ("perspective-transform", {"scale": 0.1}),
        ("crop", {"percent": 0.1}),
        ("pad", {"px": [3, 9]}),
        ("rot90", {"k": 1}),
        ("resize", {"size": 2.0}),
        ("average-pooling", {"kernel_size": 3}),
        ("median-pooling", {"kernel_size": 4, "keep_size": False}),
    ],
)
def test_smooth_pictures_are_no_pixel_away_from_their_masks(build: Any, name: str, table: dict[str, Any]) -> None:
    mask, picture = draw_scene()
    (transform,) = build({"use": f"imgaug-aug/{name}", **table}, ignore_index=VOID)
    sample = {"image": tv_tensors.Image(torch.from_numpy(picture).permute(2, 0, 1)), "mask": torch.from_numpy(mask)}
    for seed in range(3):
        after = draw(transform, sample, seed)
        labels = read_labels(after["image"])
        shifts = itertools.product((-1, 0, 1), (-1, 0, 1))
        found = {shift: agreement(labels, after["mask"].numpy(), *shift) for shift in shifts}
        assert found[0, 0] > 0.9
        assert found[0, 0] >= max(found.values()) - 0.005


def test_rand_augment_moves_the_mask(build: Any) -> None:
    mask, picture = draw_scene()
    geometric = build({"use": "imgaug-aug/rand-augment", "n": 3, "m": 25, "cval": 0}, ignore_index=VOID)[0]
    # A copy of the mask as a picture would lose its colours to the other augmenters, so its void is looked at alone.
    sample = {"image": tv_tensors.Image(torch.from_numpy(picture).permute(2, 0, 1)), "mask": torch.from_numpy(mask)}
    masks = [draw(geometric, sample, seed)["mask"] for seed in range(12)]
    assert any((each == VOID).any() for each in masks)
    assert all(set(each.unique().tolist()) <= {0, 1, 2, 3, 4, VOID} for each in masks)


def test_every_augmenter_comes_out_of_a_pickle_in_a_new_process(
    every: dict[str, Any], street: Sample, tmp_path: Any
) -> None:
    expected = {name: draw(transform, street, 1) for name, transform in every.items()}
    file = tmp_path / "augmenters.pickle"
    # The transforms come first: nothing may have been imported that mends imgaug.
    file.write_bytes(b"".join(pickle.dumps(part) for part in (every, street, expected)))
    code = f"""
import pickle, sys, torch
with open({str(file)!r}, "rb") as stream:
    every, street, expected = (pickle.load(stream) for _ in range(3))
for name, transform in every.items():
    torch.manual_seed(1)
    after = transform(street)
    assert torch.equal(after["image"], expected[name]["image"]), name
    assert torch.equal(after["mask"], expected[name]["mask"]), name
print(len(every))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(len(CATALOG))], done.stderr
    assert done.stderr == ""
