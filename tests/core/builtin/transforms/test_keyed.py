"""Transforms that draw from keys: their two forms, and torchvision's distribution."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from retinue.api import Draws, KeyedTransform
from retinue.builtin.transforms.color import (
    color_jitter,
    grayscale,
    random_autocontrast,
    random_equalize,
    random_grayscale,
    random_invert,
    random_posterize,
    random_solarize,
    rgb,
)
from retinue.builtin.transforms.crops import cut_windows
from retinue.builtin.transforms.framing import center_crop, pad, random_crop, random_resized_crop, resize
from retinue.builtin.transforms.keyed import Drawn
from retinue.builtin.transforms.quality import random_adjust_sharpness, random_erasing
from retinue.builtin.transforms.scaling import Whiten, normalize, to_dtype
from retinue.builtin.transforms.warping import (
    random_affine,
    random_horizontal_flip,
    random_rotation,
    random_vertical_flip,
)

Given = dict[str, Any]

TRANSFORMS: dict[str, Any] = {
    "random-crop": random_crop(12, 4),
    "random-crop reflected": random_crop((10, 14), [1, 2, 3, 4], padding_mode="reflect"),
    "random-crop symmetric": random_crop(12, 2, padding_mode="symmetric"),
    "random-crop filled": random_crop(12, 4, fill=7, ignore_index=9),
    "random-crop padded if needed": random_crop(40, pad_if_needed=True, ignore_index=9),
    "center-crop": center_crop(10),
    "pad": pad(3, fill=5, ignore_index=9),
    "resize": resize((20, 24)),
    "resize to a shorter side": resize(11),
    "resize bicubic": resize(31, "bicubic"),
    "random-resized-crop": random_resized_crop(12),
    "random-horizontal-flip": random_horizontal_flip(),
    "random-vertical-flip": random_vertical_flip(0.3),
    "random-rotation": random_rotation(30, ignore_index=9),
    "random-rotation bilinear": random_rotation((-90, 90), "bilinear", center=(3, 4), fill=100),
    "random-affine": random_affine(20, (0.1, 0.2), (0.8, 1.2), (-5, 5, -8, 8)),
    "random-affine bilinear": random_affine(20, (0.1, 0.2), shear=10, interpolation="bilinear"),
    "color-jitter": color_jitter(0.4, 0.4, 0.4, 0.2),
    "color-jitter in part": color_jitter(contrast=0.4),
    "grayscale": grayscale(3),
    "random-grayscale": random_grayscale(0.5),
    "rgb": rgb(),
    "random-equalize": random_equalize(),
    "random-autocontrast": random_autocontrast(),
    "random-invert": random_invert(),
    "random-posterize": random_posterize(3),
    "random-solarize": random_solarize(100),
    "random-adjust-sharpness": random_adjust_sharpness(2),
    "random-erasing": random_erasing(value=3),
    "random-erasing with noise": random_erasing(value="random"),
    "normalize": normalize(mean=[0.5], std=[0.2]),
    "whiten": Whiten(),
    "to-dtype": to_dtype(),
}
COUNT = 24


def make_samples(channels: int, size: tuple[int, int], scaled: bool) -> list[Given]:
    generator = torch.Generator().manual_seed(channels)
    pixels = torch.randint(256, (COUNT, channels, *size), dtype=torch.uint8, generator=generator)
    images = pixels / 255 if scaled else pixels
    masks = torch.randint(5, (COUNT, *size), dtype=torch.uint8, generator=generator)
    return [
        {"image": tv_tensors.Image(image), "mask": tv_tensors.Mask(mask), "label": number, "path": f"{number}.png"}
        for number, (image, mask) in enumerate(zip(images, masks, strict=True))
    ]


def stack(samples: list[Given]) -> Given:
    return {
        "image": tv_tensors.Image(torch.stack([sample["image"] for sample in samples])),
        "mask": tv_tensors.Mask(torch.stack([sample["mask"] for sample in samples])),
        "label": torch.tensor([sample["label"] for sample in samples]),
        "path": [sample["path"] for sample in samples],
    }


def make_draws(*keys: int) -> Draws:
    return Draws(np.array(keys, dtype=np.uint64))


@pytest.mark.parametrize("size", [(16, 16), (13, 18)], ids=["square", "oblong"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_sample_is_the_same_alone_and_in_a_batch(name: str, channels: int, size: tuple[int, int]) -> None:
    transform = TRANSFORMS[name]
    if name == "normalize":
        transform = normalize(mean=[0.5] * channels, std=[0.2] * channels)
    samples = make_samples(channels, size, scaled=name == "random-erasing with noise")
    draws = make_draws(*range(COUNT))
    batch = transform.transform_batch(stack(samples), draws)
    assert (type(batch["image"]), type(batch["mask"])) == (tv_tensors.Image, tv_tensors.Mask)
    follow = draws.uniform()
    for number, sample in enumerate(samples):
        own = make_draws(number)
        alone = transform.transform(sample, own)
        assert alone.keys() == batch.keys()
        assert torch.equal(alone["mask"], batch["mask"][number])
        assert alone["image"].dtype == batch["image"].dtype
        assert (alone["label"], alone["path"]) == (int(batch["label"][number]), batch["path"][number])
        # Sums over a picture may be added up in another order.
        tolerance = 1e-5 if name == "whiten" else 0
        torch.testing.assert_close(alone["image"], batch["image"][number], atol=tolerance, rtol=0)
        assert own.uniform() == follow[number]


@pytest.mark.parametrize("name", ["random-crop", "random-horizontal-flip", "random-erasing", "random-resized-crop"])
def test_a_sample_is_the_same_in_another_batch(name: str) -> None:
    samples = make_samples(3, (16, 16), scaled=False)
    whole = TRANSFORMS[name].transform_batch(stack(samples), make_draws(*range(COUNT)))
    some = [5, 2, 20]
    part = TRANSFORMS[name].transform_batch(stack([samples[n] for n in some]), make_draws(*some))
    assert torch.equal(part["image"], whole["image"][some])


def test_what_a_batch_is_made_of_is_left_alone() -> None:
    samples = make_samples(3, (16, 16), scaled=False)
    given = stack(samples)
    for transform in (random_crop(12, 4), random_horizontal_flip(), random_erasing(), color_jitter(0.5), rgb()):
        transform.transform_batch(given, make_draws(*range(COUNT)))
        assert all(torch.equal(given["image"][n], sample["image"]) for n, sample in enumerate(samples))


def test_draws_come_from_the_key_alone() -> None:
    sample = make_samples(3, (16, 16), scaled=True)[0]
    for transform in (random_crop(12, 4), random_erasing(1, value="random"), random_resized_crop(8), random_affine(30)):
        torch.manual_seed(1)
        first = transform.transform(sample, make_draws(3))["image"]
        torch.manual_seed(2)
        assert torch.equal(transform.transform(sample, make_draws(3))["image"], first)


# --- distributions

DRAWS = 3000


def distance(first: Tensor, second: Tensor) -> float:
    """Return Kolmogorov and Smirnov's distance of two samples."""
    places = torch.cat([first, second]).sort().values
    shares = [torch.searchsorted(part.sort().values, places, right=True) / len(part) for part in (first, second)]
    return float((shares[0] - shares[1]).abs().max())


# By chance alone the distance of two samples of one distribution is greater in one of ten thousand cases.
LIMIT = 2.23 * (2 / DRAWS) ** 0.5


def columns(drawn: list[dict[str, Any]]) -> dict[str, Tensor]:
    """Return every number that was drawn, by name."""
    numbers = [
        {
            f"{key}{place}": float(number)
            for key, value in parameters.items()
            if value is not None
            for place, number in enumerate(value if isinstance(value, list | tuple | Tensor) else [value])
        }
        for parameters in drawn
    ]
    return {name: torch.tensor([row[name] for row in numbers]) for name in numbers[0]}


@pytest.mark.parametrize(
    "transform",
    [
        random_crop((20, 10), [4, 0, 6, 2]),
        random_crop(32, pad_if_needed=True),
        random_resized_crop(24),
        random_resized_crop(24, scale=(0.9, 1), ratio=(2, 3)),
        random_resized_crop(24, scale=(0.9, 1), ratio=(0.3, 0.5)),
        random_rotation((-10, 40)),
        random_affine((5, 20), (0.3, 0.1), (0.5, 2), (-5, 5, 0, 8)),
        random_affine(10),
    ],
    ids=lambda transform: type(transform.act).__name__,
)
def test_parameters_have_torchvisions_distribution(transform: Drawn) -> None:
    image = tv_tensors.Image(torch.zeros(3, 24, 30, dtype=torch.uint8))
    torch.manual_seed(0)
    expected = columns([transform.act.make_params([image]) for _ in range(DRAWS)])
    found = columns(transform.draw(make_draws(*range(DRAWS)), image))
    # torchvision says of each picture whether it must be cropped at all.
    for name in expected.keys() - {"needs_crop0"}:
        assert distance(found[name], expected[name]) < LIMIT, name


def test_colors_have_torchvisions_distribution() -> None:
    jitter = color_jitter(0.4, (0.2, 0.9), 0.3, 0.1)
    torch.manual_seed(0)
    image = tv_tensors.Image(torch.zeros(3, 2, 2, dtype=torch.uint8))
    expected = columns([jitter.act.make_params([image]) for _ in range(DRAWS)])
    found = columns(jitter.draw(make_draws(*range(DRAWS))))
    for name in expected:
        assert distance(found[name], expected[name]) < LIMIT, name


@pytest.mark.parametrize("channels", [1, 3])
def test_colors_are_torchvisions(channels: int) -> None:
    jitter = color_jitter(0.9, (0.2, 1.9), (0, 3), 0.3)
    for number, sample in enumerate(make_samples(channels, (16, 16), scaled=False)):
        (parameters,) = jitter.draw(make_draws(number))
        found = jitter.transform(sample, make_draws(number))["image"].int()
        differences = (found - jitter.act.transform(sample["image"], parameters).int()).abs()
        # A value between two levels may be rounded to either, which hue and contrast enlarge.
        assert differences.float().mean() < 0.1


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("size", [(24, 24), (23, 30)])
@pytest.mark.parametrize(
    "transform",
    [
        partial(random_rotation, (-180, 180), fill=[1, 2, 3], ignore_index=9),
        partial(random_rotation, 30, center=(3, 20)),
        partial(random_affine, 20, (0.1, 0.2), (0.5, 1.5), (-5, 5, -8, 8), fill=200, ignore_index=9),
        partial(random_affine, (90, 90), center=(20, 3)),
    ],
)
def test_what_is_turned_has_torchvisions_pixels(transform: Any, size: tuple[int, int], interpolation: Any) -> None:
    turn: Any = transform(interpolation=interpolation)
    for number, sample in enumerate(make_samples(3, size, scaled=False)):
        (parameters,) = turn.draw(make_draws(number), sample["image"])
        found = turn.transform(sample, make_draws(number))
        assert torch.equal(found["mask"], turn.act.transform(sample["mask"], parameters))
        differences = (found["image"].int() - turn.act.transform(sample["image"], parameters).int()).abs()
        # A value between two levels may be rounded to either.
        assert differences.max() <= (interpolation == "bilinear")
        assert differences.float().mean() < 0.01


def test_boxes_are_turned_with_the_picture() -> None:
    boxes = tv_tensors.BoundingBoxes(torch.tensor([[2, 3, 8, 9]]), format="XYXY", canvas_size=(16, 16))
    sample = {**make_samples(1, (16, 16), scaled=False)[0], "boxes": boxes}
    turn: Any = random_rotation((90, 90))
    found = turn.transform(sample, make_draws(0))
    assert found["boxes"].tolist() == [[3, 8, 9, 14]]


def test_numbers_are_drawn_apart_from_one_another() -> None:
    image = tv_tensors.Image(torch.zeros(3, 24, 30, dtype=torch.uint8))
    found = columns(random_affine(20, (0.3, 0.1), (0.5, 2), (-5, 5, 0, 8)).draw(make_draws(*range(DRAWS)), image))
    correlations = torch.corrcoef(torch.stack(list(found.values())))
    assert (correlations - torch.eye(len(found))).abs().max() < 0.08


def test_rectangles_are_torchvisions() -> None:
    """How much is covered, where, and how often."""
    parameters: dict[str, Any] = {"p": 0.6, "scale": (0.05, 0.5), "ratio": (0.3, 3.3)}
    torch.manual_seed(0)
    theirs = v2.RandomErasing(**parameters, value=1)
    blank = tv_tensors.Image(torch.zeros(1, 16, 12))
    expected = torch.stack([theirs(blank) for _ in range(DRAWS)])[:, 0]
    batch = {"image": tv_tensors.Image(torch.zeros(DRAWS, 1, 16, 12))}
    drawn = random_erasing(**parameters, value=1).transform_batch(batch, make_draws(*range(DRAWS)))
    found = drawn["image"].as_subclass(Tensor)[:, 0]
    measures: list[Callable[[Tensor], Tensor]] = [
        lambda covered: covered.sum(dim=(1, 2)),
        lambda covered: covered.any(dim=2).float().sum(dim=1),
        lambda covered: covered.any(dim=2).float().argmax(dim=1),
        lambda covered: covered.any(dim=1).float().argmax(dim=1),
    ]
    for measure in measures:
        assert distance(measure(found).float(), measure(expected).float()) < LIMIT
    assert (found.mean(dim=0) - expected.mean(dim=0)).abs().max() < 4 * (2 * 0.25 / DRAWS) ** 0.5


@pytest.mark.parametrize("p", [0.0, 0.2, 1.0])
def test_what_acts_by_chance_acts_as_often_as_asked(p: float) -> None:
    pictures = tv_tensors.Image(torch.tensor([[1, 2]], dtype=torch.uint8).expand(DRAWS, 1, 1, 2))
    flipped = random_horizontal_flip(p).transform_batch({"image": pictures}, make_draws(*range(DRAWS)))["image"]
    share = (flipped[..., 0] == 2).float().mean().item()
    assert share == pytest.approx(p, abs=4 * (p * (1 - p) / DRAWS) ** 0.5)


# --- pieces


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
@pytest.mark.parametrize("name", ["random-crop", "random-horizontal-flip", "random-erasing", "normalize"])
def test_a_gpu_gives_the_same_pictures(name: str) -> None:
    given = stack(make_samples(1, (16, 16), scaled=False))
    there = {key: value.cuda() if isinstance(value, Tensor) else value for key, value in given.items()}
    here = TRANSFORMS[name].transform_batch(given, make_draws(*range(COUNT)))
    moved = {key: tv_tensors.wrap(there[key], like=given[key]) for key in ("image", "mask")}
    found = TRANSFORMS[name].transform_batch({**there, **moved}, make_draws(*range(COUNT)))
    torch.testing.assert_close(found["image"].cpu(), here["image"])
    assert torch.equal(found["mask"].cpu(), here["mask"])


def test_windows_are_cut_where_they_begin() -> None:
    pictures = torch.arange(2 * 3 * 5 * 6).view(2, 3, 5, 6)
    found = cut_windows(pictures, torch.tensor([0, 3]), torch.tensor([4, 1]), (2, 2))
    assert torch.equal(found, torch.stack([pictures[0, :, 0:2, 4:6], pictures[1, :, 3:5, 1:3]]))


@pytest.mark.parametrize(
    ("transform", "fixes"),
    [(resize((8, 9)), True), (resize(8), False), (random_crop(8), True), (center_crop(8), True), (pad(2), False)],
)
def test_what_gives_pictures_one_size_says_so(transform: KeyedTransform, fixes: bool) -> None:
    assert transform.fixes_size is fixes
