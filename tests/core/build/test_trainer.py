"""A whole run from its plan: 1,438 digits in 23 steps an epoch."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from retinue.errors import SpecError, TrainingError
from retinue.run import SavedRun

Train = Callable[..., SavedRun]


@pytest.mark.parametrize(
    ("length", "epochs", "steps"),
    [
        (["train.epochs=3"], 3, 69),
        (["~train.epochs", "train.steps=30"], 2, 30),
        (["~train.epochs", "train.steps=46"], 2, 46),
        (["train.epochs=2", "data.drop_last=true"], 2, 44),
    ],
)
def test_the_length_of_a_run(length: list[str], epochs: int, steps: int, build) -> None:
    run = build(length)[0].run
    assert (run.epochs, run.total_steps) == (epochs, steps)


def test_weights_come_from_the_seed_alone(build) -> None:
    def weights(seed: int, disturbance: int) -> Any:
        torch.manual_seed(disturbance), np.random.seed(disturbance), random.seed(disturbance)
        return build({"seed": seed})[0].run.task.state_dict()

    one, same, other = weights(0, 1), weights(0, 2), weights(1, 1)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_the_device_of_the_spec_is_taken_or_refused(build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(TrainingError, match='"cuda" is asked for'):
        build({"train.device": "cuda"})
    assert build({"train.device": "cpu"})[0].run.device.type == "cpu"


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
    watch = build(overrides)[0].store.watch
    assert (watch.metric, watch.higher, watch.keep) == (metric, higher, keep)


def test_a_direction_that_nobody_knows_is_asked_for(build) -> None:
    overrides = ["metrics.c=confusion-matrix", "checkpoint.best.metric=val/c"]
    with pytest.raises(SpecError, match='for "val/c" it is not known which direction is better: give `mode`'):
        build(overrides)
    assert build([*overrides, "checkpoint.best.mode=max"])[0].store.watch.higher


def test_early_stop_counts_in_steps(build) -> None:
    stop = build(["train.early_stop.metric=val/accuracy", "train.early_stop.patience=2ep"])[0].early_stop
    assert (stop.patience, stop.higher, stop.min_delta) == (46, True, 0.0)
    assert build()[0].early_stop is None


@pytest.mark.parametrize(("every", "steps"), [("1ep", 23), ("0.5ep", 12), ("7it", 7), ("0it", 1)])
def test_checkpoints_are_counted_in_steps(every: str, steps: int, build) -> None:
    assert build({"checkpoint.every": every})[0].save_every == steps


def horizon(build, scheduler: dict[str, Any], *overrides: str) -> int:
    """How long a cosine is made."""
    settings = ["train.epochs=4", "scheduler.use=cosine", *(f"scheduler.{k}={v}" for k, v in scheduler.items())]
    trainer, _ = build([*settings, *overrides])
    return trainer.schedule.courses[0].scheduler.T_max  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("scheduler", "total"),
    [
        ({}, 4),
        ({"warmup": "1ep"}, 3),
        ({"warmup": "5it"}, 4),
        ({"every": "step"}, 92),
        ({"every": "step", "warmup": "1ep"}, 69),
        ({"every": "step", "warmup": "5it"}, 87),
        ({"every": "step", "warmup": "9ep"}, 1),
    ],
)
def test_a_schedule_is_as_long_as_what_is_left_after_its_warm_up(scheduler: dict[str, Any], total: int, build) -> None:
    assert horizon(build, scheduler) == total


@pytest.mark.parametrize("every", ["epoch", "step"])
@pytest.mark.parametrize("warmup", ["0it", "1it", "22it", "23it", "24it"])
@pytest.mark.parametrize("steps", [24, 30, 46])
def test_a_schedule_of_fixed_length_is_never_stepped_beyond_it(every: str, warmup: str, steps: int, build) -> None:
    """One-cycle raises after its last step."""
    scheduler = ["scheduler.use=one-cycle", "scheduler.max_lr=0.5", f"scheduler.every={every}"]
    length = ["~train.epochs", f"train.steps={steps}", "optimizer.momentum=0.9", f"scheduler.warmup={warmup}"]
    trainer, _ = build([*scheduler, *length])
    for step in range(1, steps + 1):
        trainer.schedule.step(step)
        if step % 23 == 0 or step == steps:
            trainer.schedule.epoch(step, {})
    assert trainer.schedule.lr() < 0.5


def test_several_schedules_act_in_their_order(build) -> None:
    trainer, _ = build({"scheduler": [{"use": "cosine", "every": "step"}, {"use": "step", "step_size": 1}]})
    assert [course.per_step for course in trainer.schedule.courses] == [True, False]


def test_plateau_watches_validation_loss_by_default(build) -> None:
    course = build(["scheduler.use=plateau"])[0].schedule.courses[0]
    assert isinstance(course.scheduler, ReduceLROnPlateau)
    assert course.metric == "val/loss"
    assert build(["scheduler.use=plateau", "~data.val"])[0].schedule.courses[0].metric == "train/loss"


def test_plateau_by_step_is_refused(build) -> None:
    with pytest.raises(SpecError, match=r'command line:2:.*once an epoch: leave out "every"'):
        build(["scheduler.use=plateau", "scheduler.every=step"])


def test_plateau_that_waits_for_the_wrong_direction_is_refused(build) -> None:
    """Its default is "min": on accuracy it would lower the rate whenever things go well."""
    overrides = ["scheduler.use=plateau", "scheduler.metric=val/accuracy"]
    with pytest.raises(SpecError, match=r'of val/accuracy more is better: set mode = "max"'):
        build(overrides)
    build([*overrides, "scheduler.mode=max"])
    with pytest.raises(SpecError, match=r'of val/loss less is better: set mode = "min"'):
        build(["scheduler.use=plateau", "scheduler.mode=max"])


FROZEN = """
from torch import nn
from retinue.hooks import hookimpl

def frozen(num_classes: int, everything: bool = False) -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Linear(8, num_classes))
    (model if everything else model[1]).requires_grad_(False)
    return model

@hookimpl
def retinue_models(register): register("frozen", frozen, summary="has a part that does not learn")
"""


def test_what_a_model_froze_itself_does_not_learn(build, train: Train, local_plugin) -> None:
    local_plugin(FROZEN)
    before = build(["model.use=vision/frozen"])[0].run.task.model
    after = train(["model.use=vision/frozen"]).model
    assert torch.equal(after[1].weight, before[1].weight)
    assert not torch.equal(after[2].weight, before[2].weight)
    with pytest.raises(TrainingError, match=r"^the model has no parameter that learns"):
        build(["model.use=vision/frozen", "model.everything=true"])


OUTPUTS = """
from torch import nn
from retinue.hooks import hookimpl

class Several(nn.Module):
    def __init__(self, form: str, num_classes: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.form = form
        size = image_size[0] * image_size[1]
        self.main = nn.Sequential(nn.Flatten(), nn.Linear(size, num_classes))
        self.extra = nn.Sequential(nn.Flatten(), nn.Linear(size, num_classes))
    def forward(self, image):
        out, aux = self.main(image), self.extra(image) if self.training else None
        forms = {"dict": {"out": out, "aux": aux}, "tuple": (out, aux), "logits": {"logits": out}, "list": [out]}
        return forms[self.form]

@hookimpl
def retinue_models(register): register("several", Several, summary="gives more than logits")
"""


@pytest.mark.parametrize("form", ["dict", "tuple", "logits"])
def test_models_of_several_outputs_from_a_file_of_ones_own(form: str, train: Train, local_plugin) -> None:
    local_plugin(OUTPUTS)
    run = train(["model.use=several", f"model.form={form}", "optimizer.lr=0.5"])
    assert run.metrics["val/accuracy"] > 0.5
    picture = np.zeros((8, 8), np.uint8)
    assert len(run.predict(picture)["top"]) == 5


def test_auxiliary_outputs_learn_too(build, train: Train, local_plugin) -> None:
    local_plugin(OUTPUTS)

    def learns(form: str) -> bool:
        overrides = ["model.use=several", f"model.form={form}"]
        before = build(overrides)[0].run.task.model
        return not torch.equal(train(overrides, form).model.extra[1].weight, before.extra[1].weight)

    assert learns("dict")
    assert not learns("logits")


def test_an_output_that_no_task_understands_is_told(train: Train, local_plugin) -> None:
    local_plugin(OUTPUTS)
    with pytest.raises(TrainingError, match="the model returned list: a tensor, a mapping or a tuple"):
        train(["model.use=several", "model.form=list"])
