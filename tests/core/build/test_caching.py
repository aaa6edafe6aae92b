"""Folders whose samples are kept in memory: the batches are those that are read anew in every epoch."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.core.conftest import Train
from torch import Tensor

from retinue.api import Batch
from retinue.build import Builder
from retinue.build.inspection import inspect_run
from retinue.data.cache import CachedDataset
from retinue.data.loading import Batches
from retinue.engine.trainer import Trainer
from retinue.errors import DataError, SpecError

BuildRun = Callable[..., tuple[Trainer, Builder]]

RESIZE = {"use": "resize", "size": [14, 12]}
DRAWN: list[Any] = [
    {"use": "random-crop", "size": 10, "padding": 1},
    "random-horizontal-flip",
    {"use": "color-jitter", "brightness": 0.4},
    {"use": "normalize", "stats": "imagenet"},
]
TRANSFORMS: dict[str, tuple[list[Any], int, str]] = {
    "resized": ([RESIZE, *DRAWN], 1, "batched"),
    "cut out": ([{"use": "resize", "size": 14}, {"use": "center-crop", "size": 12}, *DRAWN], 2, "batched"),
    "drawn": ([{"use": "random-resized-crop", "size": 8}, *DRAWN[1:]], 0, "streamed"),
    "enlarged": ([{"use": "resize", "size": [40, 40]}, *DRAWN], 0, "streamed"),
}
"""Transforms of pictures, how many are done before they are kept, and the path that batches then take."""


def write_pictures(root: Path, count: int = 7) -> Path:
    """Write pictures of two classes that differ in size, none smaller than 16 x 16."""
    generator = np.random.default_rng(0)
    for label in ("ants", "bees"):
        (root / label).mkdir(parents=True)
        for number in range(count):
            pixels = generator.integers(0, 256, (18 + number, 24 - number, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / label / f"{number}.jpg")
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures")


def settings(root: Path, transforms: list[Any], **data: Any) -> dict[str, Any]:
    section = {"use": "image-folder", "root": str(root), "transforms": transforms}
    defaults = {"train": section, "val": section, "batch_size": 4, "cache": "auto"}
    return {f"data.{key}": value for key, value in (defaults | data).items()}


def same(one: Batch, other: Batch) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(value, other[key]) and value.dtype == other[key].dtype
        if isinstance(value, Tensor)
        else value == other[key]
        for key, value in one.items()
    )


def require_same(first: Batches, second: Batches, epoch: int, start: int = 0) -> None:
    pairs = list(zip(first.batches(epoch, start), second.batches(epoch, start), strict=True))
    assert len(pairs) == len(first) - start
    assert all(same(*pair) for pair in pairs)


def change(path: Path) -> None:
    pixels = np.full((20, 20, 3), 77, np.uint8)
    Image.fromarray(pixels).save(path)
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_those_that_are_read_anew(name: str, workers: int, root: Path, build: BuildRun) -> None:
    """Bit for bit, in two epochs and in mid-epoch, and after a file has changed."""
    transforms, done, path = TRANSFORMS[name]
    fresh = build(settings(root, transforms, workers=workers, cache="none"))[0]
    kept = build(settings(root, transforms, workers=workers))[0]
    assert kept.val is not None
    assert fresh.val is not None
    assert (fresh.train.path, kept.train.path, kept.val.path) == ("streamed", path, path)
    assert isinstance(kept.train.samples.dataset, CachedDataset)
    assert len(kept.train.samples.dataset.preparation.transforms) == done
    for epoch, start in ((0, 0), (1, 2)):
        require_same(fresh.train, kept.train, epoch, start)
    change(root / "bees" / "3.jpg")
    require_same(fresh.train, kept.train, 2)
    require_same(fresh.val, kept.val, 2)


def scenes(root: Path, transforms: list[Any], **data: Any) -> dict[str, Any]:
    """Settings of a segmentation of pictures that differ in size."""
    generator = np.random.default_rng(0)
    for name, channels, values in (("images", [3], 256), ("masks", [], 3)):
        (root / name).mkdir(exist_ok=True)
        for number in range(6):
            pixels = generator.integers(0, values, (20 + number, 18, *channels), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    folders = {name: str(root / name) for name in ("images", "masks")}
    section = {"use": "mask-folder", **folders, "classes": ["a", "b", "c"], "transforms": transforms}
    return {**settings(root, [], train=section, val=section, **data), "task": "segmentation", "model": "unet"}


def test_masks_stay_with_their_pictures(tmp_path: Path, build: BuildRun) -> None:
    spec = scenes(tmp_path, [RESIZE, {"use": "random-affine", "degrees": 30}, *DRAWN[:2]])
    fresh, kept = (build(spec | {"data.cache": cache})[0] for cache in ("none", "auto"))
    assert kept.train.path == "batched"
    for epoch in range(2):
        require_same(fresh.train, kept.train, epoch)


SIZED: list[Any] = ["random-horizontal-flip", {"use": "normalize", "stats": "imagenet"}]


def test_pictures_of_one_size_need_nothing_that_gives_it(tmp_path: Path, build: BuildRun) -> None:
    for label in ("ants", "bees"):
        (tmp_path / label).mkdir()
        for number in range(3):
            Image.fromarray(np.full((9, 8, 3), 40 * number, np.uint8)).save(tmp_path / label / f"{number}.png")
    fresh, kept = (build(settings(tmp_path, SIZED, cache=cache))[0] for cache in ("none", "auto"))
    assert kept.train.path == "batched"
    require_same(fresh.train, kept.train, 1)


def test_sizes_may_differ_from_batch_to_batch(tmp_path: Path, build: BuildRun) -> None:
    spec = scenes(tmp_path, SIZED, batch_size=1)
    fresh, kept = (build(spec | {"data.cache": cache})[0] for cache in ("none", "auto"))
    assert kept.train.path == "batched"
    require_same(fresh.train, kept.train, 1)


SQUARE = """
from torchvision.transforms import v2
from retinue.builtin.transforms.keyed import Plain
from retinue.hooks import hookimpl

class Square(Plain):
    random = True

@hookimpl
def retinue_transforms(register):
    register("square", lambda: Square(v2.CenterCrop(8)), summary="gives one size and does not say so")
"""


def test_one_size_may_come_from_a_transform_that_does_not_say_so(
    root: Path, build: BuildRun, local_plugin: Callable[[str], None]
) -> None:
    local_plugin(SQUARE)
    fresh, kept = (build(settings(root, ["square", *SIZED], cache=cache))[0] for cache in ("none", "auto"))
    require_same(fresh.train, kept.train, 0)


def test_sizes_that_differ_in_a_batch_are_told(root: Path, build: BuildRun) -> None:
    with pytest.raises(DataError, match="images of a batch differ in size"):
        list(build(settings(root, SIZED))[0].train.batches(0))


def test_transforms_that_are_left_to_a_gpu_give_the_same(root: Path, build: BuildRun) -> None:
    fresh, kept = (build(settings(root, TRANSFORMS["resized"][0], cache=cache))[0] for cache in ("none", "auto"))
    kept.train.samples.late = True
    require_same(fresh.train, kept.train, 0)


@pytest.mark.parametrize("workers", [0, 2])
def test_unreadable_pictures_are_left_out_of_every_epoch(
    workers: int, root: Path, build: BuildRun, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "ants" / "5.jpg").write_bytes(b"no picture")
    spec = settings(root, TRANSFORMS["resized"][0], workers=workers, unreadable="skip")
    fresh, kept = build(spec | {"data.cache": "none"})[0], build(spec)[0]
    for epoch in range(2):
        caplog.clear()
        require_same(fresh.train, kept.train, epoch)
        assert (fresh.train.unreadable, kept.train.unreadable) == (1, 1)
        assert caplog.text.count("left out: ") == 2


@pytest.mark.parametrize("cache", ["none", "auto"])
def test_a_picture_that_a_transform_refuses_is_not_left_out(cache: str, root: Path, build: BuildRun) -> None:
    """Nor is it otherwise said."""
    Image.new("RGB", (30, 9)).save(root / "bees" / "2.jpg")
    transforms = [{"use": "center-crop", "size": 12}, *DRAWN]
    trainer = build(settings(root, transforms, cache=cache, unreadable="skip"))[0]
    with pytest.raises(DataError, match=r"^\S*2\.jpg: center-crop needs pictures of at least 12 x 12 .* 9 x 30: "):
        list(trainer.train.batches(0))


def test_what_does_not_fit_is_read_anew(root: Path, build: BuildRun, caplog: pytest.LogCaptureFixture) -> None:
    spec = settings(root, TRANSFORMS["resized"][0])
    fresh = build(spec | {"data.cache": "none"})[0]
    kept = build(spec | {"data.cache": "ram", "data.cache_gib": 10_000 / 2**30})[0]
    for epoch in range(2):
        require_same(fresh.train, kept.train, epoch)
    assert sum("the remaining samples are read from their files" in message for message in caplog.messages) == 1


WHY: dict[str, tuple[dict[str, Any], str]] = {
    "asked": ({"cache": "none"}, 'streamed path, for data.cache = "none" keeps no samples in memory'),
    "streamed": ({"path": "streamed"}, "streamed path, for data.path says so"),
    "processes": ({"worker_kind": "process"}, 'for data.worker_kind = "process" keeps no samples in memory'),
    "too large": ({"cache_gib": 1e-5}, "for all samples would fill about 6.7e-05 GiB, and data.cache_gib is 1e-05"),
    "kept": ({}, "batched path, for its samples are kept in memory, and its transforms take batches"),
    "workers": ({"workers": 2}, "batched path, for its samples are kept in memory"),
}


@pytest.mark.parametrize("name", WHY)
def test_what_is_kept_unasked_is_told(name: str, root: Path, build: BuildRun, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "retinue")
    data, told = WHY[name]
    trainer, _ = build(settings(root, TRANSFORMS["resized"][0], **data))
    assert told in caplog.text
    assert isinstance(trainer.train.samples.dataset, CachedDataset) == (name in ("kept", "workers"))


def test_a_section_that_draws_without_keys_is_not_kept_unasked(root: Path, build: BuildRun) -> None:
    keyed, blur = TRANSFORMS["resized"][0], {"use": "gaussian-blur", "kernel_size": 3}
    blurred = {"use": "image-folder", "root": str(root), "transforms": [*keyed, blur]}
    trainer, _ = build(settings(root, keyed, train=blurred))
    assert not isinstance(trainer.train.samples.dataset, CachedDataset)
    assert trainer.val is not None
    assert trainer.val.path == "batched"


def test_what_is_read_once_needs_no_memory(root: Path, train: Train) -> None:
    """A run on the batched path is evaluated, though nothing is kept for that."""
    run = train(settings(root, TRANSFORMS["resized"][0], path="batched"))
    assert run.evaluate("val")["val/loss"] == run.metrics["val/loss"]


@pytest.mark.parametrize(
    ("transforms", "data", "says"),
    [
        (TRANSFORMS["drawn"][0], {}, "pictures get one size by random-resized-crop alone, in every epoch anew"),
        (TRANSFORMS["resized"][0], {"cache": "none"}, 'data.cache = "none" keeps no samples in memory'),
        (
            TRANSFORMS["resized"][0],
            {"cache_gib": 1e-5},
            "all samples would fill about .* GiB, and data.cache_gib is 1e-05",
        ),
    ],
)
def test_what_cannot_be_batched_is_told(
    transforms: list[Any], data: dict[str, Any], says: str, root: Path, build: BuildRun
) -> None:
    with pytest.raises(SpecError, match=f'data.train cannot be batched: {says}; data.path = "auto"'):
        build(settings(root, transforms, path="batched", **data))


def test_a_check_does_without_samples_that_cannot_be_read(root: Path, plan: Any) -> None:
    for path in root.glob("*/[1-9].jpg"):
        path.write_bytes(b"no picture")
    found = inspect_run(plan(settings(root, TRANSFORMS["resized"][0])))
    assert found["train path"].startswith("batched, for its samples are kept in memory")
