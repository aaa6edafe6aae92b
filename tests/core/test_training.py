"""How a run goes on: with which changes, and where it has no checkpoint yet."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.core.data.conftest import write_folder
from tests.core.engine.conftest import SPY, records, saved, weights

from retinue.errors import Interrupted, SpecError
from retinue.run import SavedRun
from retinue.run import train as train_spec

Train = Callable[..., SavedRun]

RANDOM = {"train.epochs": 2, "model.dropout": 0.2, "optimizer.momentum": 0.9, "log.every": 1}
COSINE = {**RANDOM, "scheduler": [{"use": "cosine", "every": "step"}]}


@pytest.fixture
def cut(train: Train, local_plugin: Callable[[str], None], tmp_path: Path) -> Callable[..., Path]:
    """A run that a signal stopped after step 30 of 46."""

    def run(settings: dict[str, Any]) -> Path:
        local_plugin(SPY)
        with pytest.raises(Interrupted):
            train({**settings, "callbacks": [{"use": "spy", "interrupt": 30}]}, "cut")
        return tmp_path / "cut"

    return run


@pytest.mark.parametrize(
    "overrides",
    [
        ["data.workers=1"],
        ["data.path=streamed"],
        ["train.device=auto"],
        ["log.tensorboard=false"],
        ["checkpoint.last=5", "checkpoint.every=7it"],
    ],
    ids=str,
)
def test_what_nothing_that_is_learnt_depends_on_may_change(
    overrides: list[str], cut: Callable[..., Path], train: Train, tmp_path: Path
) -> None:
    train(COSINE, "whole")
    run = cut(COSINE)
    train_spec(resume=run, overrides=overrides)
    assert records(run) == records(tmp_path / "whole")
    assert weights(run) == weights(tmp_path / "whole")


def test_checkpoints_are_made_as_the_override_says(cut: Callable[..., Path]) -> None:
    run = cut(COSINE)
    train_spec(resume=run, overrides=["checkpoint.every=5it", "checkpoint.last=9"])
    assert saved(run) == [23, 30, 35, 40, 45, 46]


def test_data_may_have_moved(train: Train, tmp_path: Path, cut: Callable[..., Path]) -> None:
    roots = {name: write_folder(tmp_path / name, count=50) for name in ("train", "val")}
    data = {f"data.{name}": {"use": "image-folder", "root": str(root)} for name, root in roots.items()}
    run = cut({**RANDOM, **data, "data.batch_size": 2})
    moved = {name: str(shutil.move(root, tmp_path / f"moved-{name}")) for name, root in roots.items()}
    train_spec(resume=run, overrides=[f"data.{name}.root={root}" for name, root in moved.items()])
    assert records(run)[-1]["step"] == 100


@pytest.mark.parametrize(
    ("overrides", "place", "says"),
    [
        (["optimizer.lr=0.5"], "command line:1:1", "another optimizer.lr makes another run"),
        (["log.every=5", "data.batch_size=32"], "command line:2:1", "another data.batch_size makes another run"),
        (["seed=7"], "command line:1:1", "another seed makes another run"),
        (["train.precision=bf16"], "command line:1:1", "another train.precision makes another run"),
        (["train.ema=0.9"], "command line:1:1", "another train.ema makes another run"),
        (["data.unreadable=skip"], "command line:1:1", "another data.unreadable makes another run"),
        (['data.train.transforms=["rgb"]'], "command line:1:1", "another data.train.transforms makes another run"),
        (["~model.dropout"], "command line:1:1", "another model.dropout makes another run"),
        (["train.epochs=3"], "command line:1:1", "the schedule was laid out for the train.epochs"),
    ],
    ids=str,
)
def test_what_makes_another_run_is_refused(
    overrides: list[str], place: str, says: str, cut: Callable[..., Path]
) -> None:
    run = cut(COSINE)
    before = records(run), saved(run)
    with pytest.raises(SpecError) as caught:
        train_spec(resume=run, overrides=overrides)
    assert caught.value.exit_code == 2
    (problem,) = caught.value.problems
    assert str(problem.position) == place
    assert problem.message.startswith(says)
    assert (records(run), saved(run)) == before


def test_each_change_that_is_refused_is_named(cut: Callable[..., Path]) -> None:
    with pytest.raises(SpecError) as caught:
        train_spec(resume=cut(RANDOM), overrides=["seed=7", "log.every=5", "optimizer.lr=0.5"])
    assert [str(problem.position) for problem in caught.value.problems] == ["command line:1:1", "command line:3:1"]


@pytest.mark.parametrize("begun", ["cut", "complete"])
def test_a_run_without_schedule_may_be_made_longer(
    begun: str, cut: Callable[..., Path], train: Train, tmp_path: Path
) -> None:
    train({**RANDOM, "train.epochs": 3}, "whole")
    run = cut(RANDOM) if begun == "cut" else train(RANDOM, "complete").directory.path
    longer = train_spec(resume=run, overrides={"train.epochs": 3})
    assert longer.epochs == 3
    assert records(run) == records(tmp_path / "whole")
    assert weights(run) == weights(tmp_path / "whole")


@pytest.mark.parametrize("stop", [1, 5, 23])
def test_a_run_without_a_checkpoint_goes_on_from_its_first_step(
    stop: int, train: Train, local_plugin: Callable[[str], None], tmp_path: Path
) -> None:
    """As if it had been killed before its first checkpoint was whole."""
    local_plugin(SPY)
    train({**COSINE, "checkpoint.every": "1ep"}, "whole")
    with pytest.raises(Interrupted):
        train({**COSINE, "callbacks": [{"use": "spy", "interrupt": stop}]}, "cut")
    run = tmp_path / "cut"
    shutil.rmtree(run / "checkpoints")
    (run / "checkpoints" / ".step-00000023").mkdir(parents=True)
    assert len(records(run)) >= stop
    (tmp_path / "vision.py").write_text(SPY.replace("os.kill(os.getpid(), signal.SIGTERM)", "pass"))
    train_spec(resume=run, despite_differences=True)
    assert records(run) == records(tmp_path / "whole")
    assert weights(run) == weights(tmp_path / "whole")


def test_what_was_changed_stays_changed(train: Train, local_plugin: Callable[[str], None], tmp_path: Path) -> None:
    """The command that an interrupted run prints has no overrides."""
    local_plugin(SPY)
    settings = {"train.epochs": 2, "log.every": 1, "callbacks": [{"use": "spy", "interrupt": 60}]}
    train(settings, "run")
    run = tmp_path / "run"
    with pytest.raises(Interrupted):
        train_spec(resume=run, overrides=["train.epochs=3"])
    train_spec(resume=run)
    assert [record["step"] for record in records(run) if record["event"] == "epoch"] == [23, 46, 69]
    assert "epochs = 3 # command line" in (run / "resolved.toml").read_text()
    assert SavedRun(run).plan.spec.train.epochs == 3


def test_an_override_that_changes_nothing_is_no_other_run(cut: Callable[..., Path]) -> None:
    train_spec(resume=cut(COSINE), overrides=["optimizer.momentum=0.9"])
