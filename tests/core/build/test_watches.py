"""Which metrics a run watches: 1,438 digits in 23 steps an epoch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from retinue.build.inspection import inspect_run
from retinue.errors import SpecError


@pytest.mark.parametrize(
    ("overrides", "metric", "higher", "keep"),
    [
        ([], "val/accuracy", True, 1),
        (["~data.val", "~data.train.split"], "train/accuracy", True, 1),
        (["metrics.c=confusion-matrix"], "val/loss", False, 1),
        (["metrics.c=confusion-matrix", "metrics.f=f1"], "val/f", True, 1),
        (["checkpoint.best.metric=val/loss", "checkpoint.best.keep=3"], "val/loss", False, 3),
        (["checkpoint.best.metric=train/accuracy"], "train/accuracy", True, 1),
        (["checkpoint.best.metric=val/accuracy", "checkpoint.best.mode=min"], "val/accuracy", False, 1),
    ],
)
def test_what_decides_which_checkpoint_is_best(
    overrides: list[str], metric: str, higher: bool, keep: int, build
) -> None:
    watch = build(overrides)[0].store.watches[0]
    assert (watch.metric, watch.higher, watch.keep) == (metric, higher, keep)


def test_a_direction_that_nobody_knows_is_asked_for(build) -> None:
    overrides = ["metrics.c=confusion-matrix", "checkpoint.best.metric=val/c/0/1"]
    with pytest.raises(SpecError, match='for "val/c/0/1" it is not known which direction is better: give `mode`'):
        build(overrides)
    assert build([*overrides, "checkpoint.best.mode=max"])[0].store.watches[0].higher


@pytest.mark.parametrize(
    "overrides",
    [
        {"checkpoint.best.metric": "val/iou/eigt"},
        {"train.early_stop": {"metric": "val/iou/eigt", "patience": "2ep"}},
        {"scheduler": {"use": "plateau", "metric": "val/iou/eigt", "mode": "max"}},
    ],
    ids=["best", "early stop", "plateau"],
)
def test_a_value_that_no_metric_gives_is_refused_before_training(overrides: dict[str, Any], build, plan) -> None:
    with pytest.raises(SpecError) as caught:
        build({"metrics.iou": "iou", **overrides})
    with pytest.raises(SpecError, match="nothing produces"):
        inspect_run(plan({"metrics.iou": "iou", **overrides}))
    (problem,) = caught.value.problems
    assert problem.message == 'nothing produces the metric "val/iou/eigt"'
    assert problem.note.startswith("produced: val/iou, val/iou/0, val/iou/1, ")
    assert problem.position is not None


def test_early_stop_counts_in_steps(build) -> None:
    stop = build(["train.early_stop.metric=val/accuracy", "train.early_stop.patience=2ep"])[0].early_stop
    assert (stop.patience, stop.higher, stop.min_delta) == (46, True, 0.0)
    assert build()[0].early_stop is None


def test_several_watches_have_a_link_each(build) -> None:
    best = [{"metric": "val/accuracy", "keep": 2}, {"metric": "val/f1"}, {"metric": "train/loss", "mode": "max"}]
    watches = build({"metrics": {"accuracy": "accuracy", "f1": "f1"}, "checkpoint.best": best})[0].store.watches
    assert [(watch.link, watch.metric, watch.higher, watch.keep) for watch in watches] == [
        ("best", "val/accuracy", True, 2),
        ("best-val-f1", "val/f1", True, 1),
        ("best-train-loss", "train/loss", True, 1),
    ]


def test_a_run_links_the_best_of_each(train, tmp_path: Path) -> None:
    best = [{"metric": "val/accuracy"}, {"metric": "train/loss", "mode": "max"}]
    train({"checkpoint.best": best, "train.epochs": 4})
    links = {name: os.readlink(tmp_path / "run" / "checkpoints" / name) for name in ("best", "best-train-loss", "last")}
    assert links["best-train-loss"] == "step-00000023"
    assert links["last"] == "step-00000092"
    assert links["best"] > links["best-train-loss"]
