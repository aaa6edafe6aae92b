"""What a plan is made of: each component with checked parameters, defaults from the task, nested ones too."""

from __future__ import annotations

from pathlib import Path

import pytest

from retinue.errors import SpecError
from retinue.plan import PlannedComponent


def test_task_brings_loss_and_metrics(plan) -> None:
    made = plan()
    assert made.task.component.canonical == "builtin/classification"
    assert made.loss.component.canonical == "builtin/cross-entropy"
    assert {name: metric.component.canonical for name, metric in made.metrics.items()} == {
        "accuracy": "builtin/accuracy"
    }
    regression = plan(["task=regression"])
    assert regression.loss.component.canonical == "builtin/mse"


def test_metrics_of_the_spec_replace_those_of_the_task(plan) -> None:
    assert list(plan(["metrics.top={use='top-k', k=3}"]).metrics) == ["top"]
    assert plan(["metrics={}"]).metrics == {}


def test_default_metrics_count_as_produced_for_any_task(plan) -> None:
    assert plan(["task=regression", "checkpoint.best.metric=val/mae"])
    with pytest.raises(SpecError, match="nothing produces the metric"):
        plan(["task=regression", "checkpoint.best.metric=val/accuracy"])


def test_parameters_are_as_the_target_takes_them(plan) -> None:
    made = plan(["optimizer={use='adam', betas=[0.8, 0.9]}"])
    assert made.optimizer.parameters["betas"] == (0.8, 0.9)
    assert made.optimizer.parameters["lr"] == 1e-3
    assert made.optimizer.given == {"betas"}


def test_what_the_data_gives_is_left_open_unless_the_spec_says_it(plan) -> None:
    assert plan().model.parameters["num_classes"] is None
    assert plan(["model.num_classes=7"]).model.parameters["num_classes"] == 7
    assert "num_classes" in plan().model.signature.from_data


def test_nested_components_are_planned_where_they_stand(plan) -> None:
    made = plan(["loss={use='sum', terms=[{loss='mse'}, {loss={use='focal', gamma=3.0}, weight=2.0}]}"])
    first, second = made.loss.parameters["terms"]
    assert isinstance(first.loss, PlannedComponent)
    assert (first.loss.component.canonical, first.weight) == ("builtin/mse", 1.0)
    assert second.loss.parameters["gamma"] == 3.0
    assert second.loss.path == ("loss", "terms", 1, "loss")
    names = [component.component.canonical for component in made.components()]
    assert {"builtin/sum", "builtin/mse", "builtin/focal"} <= set(names)


def test_transforms_and_splits_belong_to_their_data(plan) -> None:
    made = plan(["data.train.transforms=['rgb', {use='resize', size=[4, 6]}]", "data.test=digits"])
    assert list(made.data) == ["train", "val", "test"]
    assert [t.component.name for t in made.data["train"].transforms] == ["rgb", "resize"]
    assert made.data["train"].split.fraction == 0.8
    assert made.data["val"].transforms == []
    assert made.data["test"].split is None


def test_home_of_nobody_is_a_name(plan) -> None:
    made = plan(["~data.val", "data.train={use='image-folder', root='~nobody-of-this-name/x'}"])
    assert made.data["train"].dataset.parameters["root"] == Path.cwd() / "~nobody-of-this-name" / "x"


def test_paths_are_absolute(plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    made = plan(["~data.val", "data.train={use='image-folder', root='pictures'}"])
    assert made.data["train"].dataset.parameters["root"] == Path.cwd() / "pictures"


def test_schedulers_in_every_form(plan) -> None:
    assert plan().schedulers == []
    for overrides in (
        ["scheduler=cosine"],
        ["scheduler.use=cosine"],
        ["scheduler=['cosine']"],
        ["scheduler=[{use='cosine'}]"],
    ):
        [(planned, table)] = plan(overrides).schedulers
        assert (planned.component.name, table.every) == ("cosine", "epoch")
    two = plan(["scheduler=['cosine', {use='step', step_size=3, every='step'}]"]).schedulers
    assert [(planned.component.name, table.every) for planned, table in two] == [("cosine", "epoch"), ("step", "step")]


def test_tensorboard_is_a_callback_that_the_log_switches(plan) -> None:
    assert [callback.component.name for callback in plan(["callbacks=['progress']"]).callbacks] == [
        "progress",
        "tensorboard",
    ]
    assert plan(["log.tensorboard=false"]).callbacks == []
