"""Runs on a folder of which some pictures cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.core.data.conftest import write_folder
from tests.core.engine.conftest import SPY, records, weights

from retinue.errors import DataError, Interrupted
from retinue.run import SavedRun
from retinue.run import train as train_spec

Train = Callable[..., SavedRun]


def truncate(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:200])
    return path


@pytest.fixture
def roots(tmp_path: Path) -> dict[str, Path]:
    """16 pictures to learn from and 16 to validate on; two and one of them are cut off."""
    roots = {name: write_folder(tmp_path / name) for name in ("train", "val")}
    truncate(roots["train"] / "ants" / "5.jpg"), truncate(roots["train"] / "bees" / "6.jpg")
    truncate(roots["val"] / "bees" / "7.jpg")
    return roots


def settings(roots: dict[str, Path], **others: Any) -> dict[str, Any]:
    data = {f"data.{name}": {"use": "image-folder", "root": str(root)} for name, root in roots.items()}
    return {**data, "data.batch_size": 8, "train.epochs": 2, "log.every": 1, **others}


SKIP = {"data.unreadable": "skip"}


def test_they_are_left_out_and_counted(
    roots: dict[str, Path], train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In every epoch anew, with workers and without, and each is named."""
    for workers in (0, 2):
        train(settings(roots, **SKIP, **{"data.workers": workers}), f"run{workers}")
    epochs = [record for record in records(tmp_path / "run0") if record["event"] == "epoch"]
    assert [(record["train/unreadable"], record["val/unreadable"]) for record in epochs] == [(2, 1), (2, 1)]
    assert records(tmp_path / "run0") == records(tmp_path / "run2")
    assert weights(tmp_path / "run0") == weights(tmp_path / "run2")
    for path in ("train/ants/5.jpg", "train/bees/6.jpg", "val/bees/7.jpg"):
        assert sum(f"left out: {tmp_path / path}: " in message for message in caplog.messages) == 4


def test_the_rest_is_what_it_would_be_without_them(roots: dict[str, Path], train: Train, tmp_path: Path) -> None:
    run = train(settings(roots, **SKIP))
    found = run.evaluate("val")
    (roots["val"] / "bees" / "7.jpg").unlink()
    assert found["val/unreadable"] == 1
    assert run.evaluate("val") == {**found, "val/unreadable": 0}


def test_where_all_can_be_read_none_is_counted(tmp_path: Path, train: Train) -> None:
    roots = {name: write_folder(tmp_path / name) for name in ("train", "val")}
    for policy, counted in (("skip", {"train/unreadable": 0, "val/unreadable": 0}), ("stop", {})):
        train(settings(roots, **{"data.unreadable": policy}), policy)
        epochs = [record for record in records(tmp_path / policy) if record["event"] == "epoch"]
        assert [{k: v for k, v in record.items() if "unreadable" in k} for record in epochs] == [counted] * 2


@pytest.mark.parametrize("workers", [0, 2])
def test_otherwise_the_first_one_ends_the_run(workers: int, roots: dict[str, Path], train: Train) -> None:
    with pytest.raises(DataError, match=r"(ants/5|bees/6)\.jpg: "):
        train(settings(roots, **{"data.workers": workers}))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_without_any_that_can_be_read_ends_the_run(workers: int, roots: dict[str, Path], train: Train) -> None:
    for number in range(1, 8):
        truncate(roots["train"] / "bees" / f"{number}.jpg")
    with pytest.raises(DataError, match=r"^no sample of a batch can be read: .*\.jpg: "):
        train(settings(roots, **SKIP, **{"data.workers": workers, "data.batch_size": 1}))


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_the_count_goes_on_with_the_epoch(
    stop: int, roots: dict[str, Path], train: Train, local_plugin: Callable[[str], None], tmp_path: Path
) -> None:
    local_plugin(SPY)
    train(settings(roots, **SKIP), "whole")
    with pytest.raises(Interrupted):
        train(settings(roots, **SKIP, callbacks=[{"use": "spy", "interrupt": stop}]), "cut")
    train_spec(resume=tmp_path / "cut")
    assert records(tmp_path / "cut") == records(tmp_path / "whole")
