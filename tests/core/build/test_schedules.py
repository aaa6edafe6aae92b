"""Learning-rate schedules from real specs: 1,438 digits in 23 steps an epoch."""

from __future__ import annotations

from typing import Any

import pytest
from torch.optim.lr_scheduler import ReduceLROnPlateau

from retinue.errors import SpecError


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
