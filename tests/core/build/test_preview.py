"""Samples that callbacks draw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from tests.core.build.conftest import BuildRun


def labels(build: BuildRun, overrides: object, count: int) -> list[int]:
    trainer, _ = build(overrides)
    return [sample["label"] for sample in trainer.run.preview(count)]


def test_they_are_spread_over_the_validation_data(build: BuildRun, folder: Callable[..., Path]) -> None:
    train, val = folder("train", ants=2, bees=2), folder("val", ants=6, bees=2)
    data = {
        "data.train": {"use": "image-folder", "root": str(train)},
        "data.val": {"use": "image-folder", "root": str(val)},
    }
    assert labels(build, data, 4) == [0, 0, 0, 1]
    assert labels(build, data, 100) == [0] * 6 + [1] * 2


def test_without_validation_data_they_are_those_of_training(build: BuildRun, folder: Callable[..., Path]) -> None:
    data = {"data.train": {"use": "image-folder", "root": str(folder("train", ants=1, bees=3))}, "data.val": None}
    assert labels(build, data, 2) == [0, 1]


def test_they_are_prepared_as_an_evaluation_prepares_them(build: BuildRun) -> None:
    trainer, _ = build({"data.val.transforms": [{"use": "random-rotation", "degrees": 40}]})
    assert trainer.val is not None
    batch = next(iter(trainer.val.batches(epoch=0)))
    state = torch.random.get_rng_state()
    first = trainer.run.preview(4)[0]
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first["image"], batch["image"][0])
