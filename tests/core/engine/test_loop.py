"""Runs of a small network on the digits: 1,438 samples, 23 steps an epoch, in this process."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.core.engine.conftest import SPY, records, saved, weights

from retinue.engine.checkpoints import load_state
from retinue.errors import Interrupted, TrainingError
from retinue.run import SavedRun
from retinue.run import train as train_spec

Train = Callable[..., SavedRun]

RANDOM = {
    "data.train.transforms": [{"use": "random-horizontal-flip"}, {"use": "mixup"}],
    "model.dropout": 0.2,
    "optimizer.momentum": 0.9,
    "scheduler": [{"use": "one-cycle", "max_lr": 0.2, "every": "step"}, {"use": "step", "step_size": 1}],
    "log.every": 1,
}


DRAWING = """
import random
import numpy as np
from torch import nn
from retinue.hooks import hookimpl

class Drawing(nn.Module):
    \"""Draws noise from NumPy, and how much of it from Python.\"""
    def __init__(self, num_classes: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.layer = nn.Linear(image_size[0] * image_size[1], num_classes)

    def forward(self, x):
        noise = np.random.normal(0, random.random(), x.shape[-2:]) if self.training else 0
        return self.layer((x + x.new_tensor(noise)).flatten(1))

@hookimpl
def retinue_models(register):
    register("drawing", Drawing, summary="draws")
"""


def seen(folder: Path) -> list[list[Any]]:
    return [json.loads(line) for line in (folder / "seen.txt").read_text().splitlines()]


def test_two_runs_are_equal_bit_for_bit(train: Train, tmp_path: Path) -> None:
    """Whatever the program drew before, and whatever it draws in between."""
    torch.manual_seed(1)
    train({**RANDOM, "train.epochs": 2}, "one")
    torch.manual_seed(2)
    train({**RANDOM, "train.epochs": 2}, "two")
    assert len(records(tmp_path / "one")) == 48
    assert records(tmp_path / "one") == records(tmp_path / "two")
    assert weights(tmp_path / "one") == weights(tmp_path / "two")


def test_another_seed_is_another_run(train: Train, tmp_path: Path) -> None:
    train(out="one")
    train({"seed": 1}, out="two")
    assert weights(tmp_path / "one") != weights(tmp_path / "two")
    assert records(tmp_path / "one") != records(tmp_path / "two")


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(workers: int, train: Train, tmp_path: Path) -> None:
    train({**RANDOM, "train.epochs": 2}, "here")
    train({**RANDOM, "train.epochs": 2, "data.workers": workers}, "there")
    assert records(tmp_path / "here") == records(tmp_path / "there")
    assert weights(tmp_path / "here") == weights(tmp_path / "there")


@pytest.mark.parametrize(
    ("length", "stop"),
    [
        ({"train.epochs": 2}, 5),
        ({"train.epochs": 2}, 23),
        ({"train.epochs": 2}, 46),
        ({"train": {"steps": 30, "device": "cpu"}}, 30),
    ],
    ids=["in mid-epoch", "at the end of an epoch", "in the last step", "in the last step of half an epoch"],
)
def test_an_interrupted_run_goes_on_bit_for_bit(
    length: dict[str, Any], stop: int, train: Train, local_plugin: Callable[[str], None], tmp_path: Path
) -> None:
    """A step that was finished is kept, the epoch it ended is closed, and nothing is trained twice."""
    local_plugin(SPY)
    whole = train({**RANDOM, **length}, "whole")
    with pytest.raises(Interrupted, match=f"stopped after step {stop}; go on with: retinue train --resume") as caught:
        train({**RANDOM, **length, "callbacks": [{"use": "spy", "interrupt": stop}]}, "cut")
    assert caught.value.exit_code == 128 + 15
    assert saved(tmp_path / "cut")[-1] == stop
    again = train_spec(resume=tmp_path / "cut")
    assert records(tmp_path / "cut") == records(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert (again.epochs, again.steps) == (whole.epochs, whole.steps)
    assert [step for _, event, _, step, *_ in seen(tmp_path) if event == "step"] == list(range(1, whole.steps + 1))


def test_a_model_that_draws_from_numpy_and_python_goes_on_bit_for_bit(
    train: Train, local_plugin: Callable[[str], None], tmp_path: Path
) -> None:
    local_plugin(SPY + DRAWING)
    settings = {"model": "drawing", "train.epochs": 2, "log.every": 1}
    train(settings, "whole")
    with pytest.raises(Interrupted):
        train({**settings, "callbacks": [{"use": "spy", "interrupt": 13}]}, "cut")
    np.random.seed(0)
    random.seed(0)
    train_spec(resume=tmp_path / "cut")
    assert records(tmp_path / "cut") == records(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")


@pytest.mark.parametrize(
    "settings",
    [
        {"train.precision": "fp16"},
        {"train.precision": "bf16"},
        {"train.accumulate": 3, "train.clip_norm": 0.5, "train.clip_value": 0.1},
        {"train.accumulate": 2, "train.precision": "fp16", "train.ema": 0.9, "train.skip_nonfinite": 2},
    ],
    ids=lambda settings: " ".join(settings),
)
def test_whatever_a_step_is_made_of_goes_on_bit_for_bit(
    settings: dict[str, Any], train: Train, local_plugin: Callable[[str], None], tmp_path: Path
) -> None:
    local_plugin(SPY)
    train({**RANDOM, **settings, "train.epochs": 2}, "whole")
    with pytest.raises(Interrupted):
        train({**RANDOM, **settings, "train.epochs": 2, "callbacks": [{"use": "spy", "interrupt": 30}]}, "cut")
    train_spec(resume=tmp_path / "cut")
    assert records(tmp_path / "cut") == records(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    states = [load_state(tmp_path / name / "checkpoints" / "last") for name in ("cut", "whole")]
    assert states[0]["scaler"] == states[1]["scaler"]


def test_a_damaged_checkpoint_costs_only_the_time_since_the_one_before(
    train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    overrides = {**RANDOM, "train.epochs": 2, "checkpoint.every": "10it"}
    train(overrides, "whole")
    train(overrides, "damaged")
    last = tmp_path / "damaged" / "checkpoints" / "last"
    assert os.readlink(last) == "step-00000046"
    (last / "state.pt").write_bytes(b"")
    train_spec(resume=tmp_path / "damaged")
    assert any("step-00000046 is damaged: state.pt" in message for message in caplog.messages)
    assert records(tmp_path / "damaged") == records(tmp_path / "whole")
    assert weights(tmp_path / "damaged") == weights(tmp_path / "whole")
    assert load_state(last)["run"]["step"] == 46


def test_it_learns(train: Train) -> None:
    run = train({"train.epochs": 8, "optimizer.lr": 0.5})
    assert run.metrics["val/accuracy"] > 0.9
    assert run.metrics["train/loss"] < 0.5


@pytest.mark.parametrize(("every", "steps"), [(1, range(1, 24)), (10, [10, 20]), (50, [])])
def test_steps_are_written_down_as_often_as_told(every: int, steps: Any, train: Train, tmp_path: Path) -> None:
    train({"log.every": every})
    found = records(tmp_path / "run")
    assert [record["step"] for record in found if record["event"] == "step"] == list(steps)
    assert all(record.keys() == {"event", "epoch", "step", "train/loss", "lr"} for record in found[:-1])


def test_an_epoch_is_written_down_with_what_the_interface_promises(train: Train, tmp_path: Path) -> None:
    train({"train.epochs": 2})
    found = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [(record["event"], record["epoch"], record["step"]) for record in found] == [
        ("epoch", 1, 23),
        ("epoch", 2, 46),
    ]
    measured = {"images_per_second", "memory_mib"}
    values = {"train/loss", "train/accuracy", "val/loss", "val/accuracy", "lr", *measured}
    assert all(record.keys() == {"event", "epoch", "step"} | values for record in found)
    assert all(record[name] > 0 for record in found for name in measured)


def test_the_training_loss_of_an_epoch_is_that_of_its_samples(train: Train, tmp_path: Path) -> None:
    """The last of the 23 batches has 30 samples, not 64."""
    train({"log.every": 1})
    *steps, epoch = records(tmp_path / "run")
    sizes = [64] * 22 + [30]
    expected = sum(size * step["train/loss"] for size, step in zip(sizes, steps, strict=True)) / 1438
    assert epoch["train/loss"] == pytest.approx(expected, rel=1e-6)


def test_steps_may_end_in_mid_epoch(train: Train, tmp_path: Path) -> None:
    run = train(["~train.epochs", "train.steps=30"])
    assert [(record["epoch"], record["step"]) for record in records(tmp_path / "run")] == [(1, 23), (2, 30)]
    assert saved(tmp_path / "run")[-1] == 30
    assert (run.steps, run.epochs) == (30, 2)
    assert "val/accuracy" in run.metrics


def test_a_complete_run_is_not_trained_on(train: Train, tmp_path: Path) -> None:
    train(["~train.epochs", "train.steps=30"])
    before = records(tmp_path / "run"), weights(tmp_path / "run")
    train_spec(resume=tmp_path / "run")
    assert (records(tmp_path / "run"), weights(tmp_path / "run")) == before


def test_a_run_that_no_longer_improves_stops(train: Train, tmp_path: Path) -> None:
    early_stop = {"metric": "val/loss", "patience": "2ep", "min_delta": 0.5}
    run = train({"train.epochs": 50, "train.early_stop": early_stop, "optimizer.lr": 1e-9})
    assert run.epochs == 3
    state = load_state(tmp_path / "run" / "checkpoints" / "last")["run"]
    assert state["stopped"].startswith("val/loss has not improved since step 23")
    assert train_spec(resume=tmp_path / "run").epochs == 3


@pytest.mark.parametrize("every", [1, 5, 50])
def test_a_loss_that_is_not_finite_ends_the_run(every: int, train: Train, tmp_path: Path) -> None:
    """It is looked for now and then; the step that is named is the first."""
    message = r"^the loss is (nan|inf) at step 2, in the batch of sample \d+, .* 56 more; there is no checkpoint"
    with pytest.raises(TrainingError, match=message):
        train({"optimizer.lr": 1e30, "log.every": every, "train.epochs": 3})
    assert saved(tmp_path / "run") == []


def test_no_checkpoint_is_made_of_a_loss_that_is_not_finite(train: Train, tmp_path: Path) -> None:
    message = r"at step 2, .*; the last checkpoint is that of step 1\. A lower optimizer\.lr, a warm-up or"
    with pytest.raises(TrainingError, match=message):
        train({"optimizer.lr": 1e30, "checkpoint.every": "1it"})
    assert saved(tmp_path / "run") == [1]
    (state,) = load_state(tmp_path / "run" / "checkpoints" / "last")["processes"]
    assert state["meter"]["losses"].isfinite().all()


def test_checkpoints_are_made_as_often_as_told(train: Train, tmp_path: Path) -> None:
    train({"checkpoint.every": "10it", "checkpoint.last": 9, "train.epochs": 2, "optimizer.lr": 1e-9})
    # 23 is the best, and 46 the end.
    assert saved(tmp_path / "run") == [10, 20, 23, 30, 40, 46]
    assert os.readlink(tmp_path / "run" / "checkpoints" / "best") == "step-00000023"


def test_the_best_checkpoint_is_that_of_the_best_epoch(train: Train, tmp_path: Path) -> None:
    train({"train.epochs": 6, "optimizer.lr": 1.5, "optimizer.momentum": 0.9})
    epochs = [record for record in records(tmp_path / "run") if record["event"] == "epoch"]
    best = max(epochs, key=lambda record: (record["val/accuracy"], -record["step"]))
    assert best is not epochs[-1]
    link = tmp_path / "run" / "checkpoints" / "best"
    assert os.readlink(link) == f"step-{best['step']:08d}"
    assert json.loads((link / "manifest.json").read_text())["values"]["val/accuracy"] == best["val/accuracy"]


def test_callbacks_are_called_in_the_order_that_is_written_down(
    train: Train, local_plugin: Callable[[str], None], tmp_path: Path
) -> None:
    local_plugin(SPY)
    train({"train.epochs": 2, "callbacks": [{"use": "spy", "name": "a"}, {"use": "spy", "name": "b"}]})
    events = seen(tmp_path)
    for first, second in zip(events[::2], events[1::2], strict=True):
        assert (first[0], second[0]) == ("a", "b")
        assert first[1:] == second[1:]
    epochs = [["start"], ["step"] * 23, ["epoch"], ["step"] * 23, ["epoch"], ["end"]]
    assert [event for _, event, *_ in events[::2]] == [event for part in epochs for event in part]
    assert [step for _, event, _, step, *_ in events[::2] if event == "step"] == list(range(1, 47))
    assert [epoch for _, event, epoch, *_ in events[::2] if event == "epoch"] == [1, 2]
    sizes = [size for _, event, _, _, size, *_ in (e for e in events[::2] if e[1] == "step")]
    assert sizes == ([64] * 22 + [30]) * 2


def test_callbacks_end_after_an_error_too(train: Train, local_plugin: Callable[[str], None], tmp_path: Path) -> None:
    local_plugin(SPY)
    with pytest.raises(TrainingError, match="in the callback"):
        train({"callbacks": [{"use": "spy", "fail": 3}]})
    assert [event for _, event, *_ in seen(tmp_path)] == ["start", "step", "step", "step", "end"]


@pytest.mark.parametrize("event", ["start", "step", "epoch", "end"])
def test_callback_that_fails_is_named_and_the_run_can_go_on(
    event: str, train: Train, local_plugin: Callable[[str], None], tmp_path: Path
) -> None:
    local_plugin(SPY)
    settings = {"train.epochs": 2, "checkpoint.every": "10it"}
    train(settings, "whole")
    with pytest.raises(TrainingError) as caught:
        train({**settings, "callbacks": [{"use": "spy", "fail_in": event}, {"use": "spy", "name": "last"}]}, "cut")
    label = f"callback vision/spy (local file {tmp_path}/vision.py)"
    message = f"{label} failed in {event}: ZeroDivisionError: in the callback"
    assert str(caught.value) == message
    assert caught.value.exit_code == 1
    assert seen(tmp_path)[-1][:2] == ["last", "end"]
    log = (tmp_path / "cut" / "log.txt").read_text(encoding="utf-8")
    assert 'raise ZeroDivisionError("in the callback")' in log
    assert log.splitlines()[-1].endswith(f"TrainingError: {message}")
    local_plugin(SPY.replace("event == self.fail_in", "False"))
    train_spec(resume=tmp_path / "cut", despite_differences=True)
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")


def test_callback_that_fails_at_the_end_hides_no_error(train: Train, local_plugin: Callable[[str], None]) -> None:
    local_plugin(SPY)
    failing = [{"use": "spy", "name": "first", "fail_in": "step"}, {"use": "spy", "name": "second", "fail_in": "end"}]
    with pytest.raises(TrainingError, match="failed in step") as caught:
        train({"callbacks": failing})
    assert "failed in end: ZeroDivisionError" in caught.value.__notes__[0]


def test_plateau_lowers_the_rate_in_a_run(train: Train, tmp_path: Path) -> None:
    plateau = {"use": "plateau", "patience": 0, "factor": 0.5, "threshold": 0.5}
    train({"train.epochs": 4, "scheduler": [plateau], "optimizer.lr": 1e-6})
    epochs = [record for record in records(tmp_path / "run") if record["event"] == "epoch"]
    assert [record["lr"] for record in epochs] == pytest.approx([1e-6, 1e-6, 5e-7, 2.5e-7])


TEMPERED = """
import torch
from torch import nn
from retinue.builtin.tasks.classification import Classification
from retinue.hooks import hookimpl

class Tempered(Classification):
    def __init__(self, model, loss, info) -> None:
        super().__init__(model, loss, info)
        self.temperature = nn.Parameter(torch.ones(()))
    def forward(self, batch):
        output = super().forward(batch)
        return type(output)(output.loss * self.temperature.exp(), output.preds, output.target)

@hookimpl
def retinue_tasks(register):
    register("tempered", Tempered, summary="learns something of its own")
"""


def test_what_a_task_learns_besides_the_model_is_resumed(
    train: Train, local_plugin: Callable[[str], None], tmp_path: Path
) -> None:
    local_plugin(SPY + TEMPERED.replace("from retinue.hooks import hookimpl", ""))
    overrides = {"task": "tempered", "log.every": 1}
    train(overrides, "whole")
    assert load_state(tmp_path / "whole" / "checkpoints" / "last")["task"]["temperature"] < 1
    with pytest.raises(Interrupted):
        train({**overrides, "callbacks": [{"use": "spy", "interrupt": 9}]}, "cut")
    train_spec(resume=tmp_path / "cut")
    assert records(tmp_path / "cut") == records(tmp_path / "whole")
