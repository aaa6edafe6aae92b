"""Runs on folders of JPEGs: who prepares samples, and what is kept of them, changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.core.conftest import Train
from tests.core.data.conftest import write_folder
from tests.core.engine.conftest import records, weights

from retinue.errors import DataError, SpecError

CROP = [{"use": "random-resized-crop", "size": 6}, "random-horizontal-flip"]
UNKEYED = [*CROP, "rand-augment"]


def settings(tmp_path: Path, transforms: list[Any] = CROP, **data: Any) -> dict[str, Any]:
    for name in ("train", "val"):
        if not (tmp_path / name).exists():
            write_folder(tmp_path / name)
    sections = {
        f"data.{name}": {"use": "image-folder", "root": str(tmp_path / name), "transforms": transforms}
        for name in ("train", "val")
    }
    defaults = {"data.batch_size": 4, "data.cache": "none", "train.epochs": 3}
    return {**sections, **defaults, **{f"data.{key}": data[key] for key in data}}


WAYS: dict[str, dict[str, Any]] = {
    "threads": {"workers": 2, "worker_kind": "thread"},
    "processes": {"workers": 2, "worker_kind": "process"},
    "measured": {"workers": 2},
    "cached": {"workers": 2, "cache": "ram"},
    "cached unasked": {"cache": "auto"},
    "cached here": {"workers": 0, "cache": "ram"},
    "cached in part": {"workers": 1, "cache": "ram", "cache_gib": 1e-6},
}


@pytest.fixture
def expected(tmp_path: Path, train: Train) -> Path:
    train(settings(tmp_path, workers=0), "expected")
    return tmp_path / "expected"


def test_every_way_makes_the_same_run(tmp_path: Path, train: Train, expected: Path) -> None:
    for name, data in WAYS.items():
        train(settings(tmp_path, **data), name)
        assert records(tmp_path / name) == records(expected), name
        assert weights(tmp_path / name) == weights(expected), name


def test_unkeyed_transforms_give_the_same_with_a_cache(tmp_path: Path, train: Train) -> None:
    transforms = [{"use": "resize", "size": [7, 7]}, *UNKEYED]
    train(settings(tmp_path, transforms, workers=0), "plain")
    train(settings(tmp_path, transforms, cache="ram"), "cached")
    assert weights(tmp_path / "plain") == weights(tmp_path / "cached")


def test_the_choice_is_told(tmp_path: Path, train: Train) -> None:
    train(settings(tmp_path, UNKEYED, workers=2), "run")
    told = "2 processes, because rand-augment draws from the process's own generators"
    assert told in (tmp_path / "run" / "log.txt").read_text()
    lock = json.loads((tmp_path / "run" / "run.lock").read_text())
    assert (lock["workers"], lock["worker_kind"]) == (2, "process")


def test_a_cache_is_refused_where_it_cannot_be(tmp_path: Path, train: Train) -> None:
    with pytest.raises(DataError, match="only threads share"):
        train(settings(tmp_path, cache="ram", workers=2, worker_kind="process"))


PLUGIN = """
from retinue.builtin.datasets.image_folder import ImageFolder
from retinue.hooks import hookimpl


class Unknown(ImageFolder):
    def files(self, index):
        return ()


@hookimpl
def retinue_datasets(register):
    register("unknown", Unknown, summary="pictures from nobody knows where")
"""


def test_a_cache_needs_to_know_the_files(tmp_path: Path, train: Train, local_plugin: Callable[[str], None]) -> None:
    local_plugin(PLUGIN)
    spec = settings(tmp_path, cache="ram")
    with pytest.raises(
        SpecError, match=r"data\.train cannot be cached: its data set does not say which files .* \(Dataset\.files\)"
    ):
        train({**spec, "data.train": {**spec["data.train"], "use": "vision/unknown"}})


def test_a_resumed_run_may_use_another_kind(tmp_path: Path, train: Train, expected: Path) -> None:
    from retinue.run import train as train_spec

    train({**settings(tmp_path, workers=2, worker_kind="process"), "train.epochs": 3}, "run")
    resumed = {"data.worker_kind": "thread", "data.cache": "ram", "data.cache_gib": 1}
    train_spec(resume=tmp_path / "run", overrides=resumed)
    assert weights(tmp_path / "run") == weights(expected)
