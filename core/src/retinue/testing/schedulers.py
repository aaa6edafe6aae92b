"""Rules for schedulers, over an optimizer that trains nothing, as in a run."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from retinue.engine.schedule import ShadowOptimizer
from retinue.testing.optimizers import save_and_read
from retinue.testing.rule import require, rule
from retinue.testing.subject import Subject

TOTAL, HALF = 20, 9


def make_course(subject: Subject) -> tuple[LRScheduler, ShadowOptimizer]:
    real = SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)
    shadow = ShadowOptimizer(real)
    return subject.build(optimizer=shadow, total=TOTAL), shadow


def follow(scheduler: LRScheduler, shadow: ShadowOptimizer, steps: range) -> list[dict[str, Any]]:
    """Advance, and return what the groups hold after each step."""
    seen = []
    for number in steps:
        shadow.step()
        if isinstance(scheduler, ReduceLROnPlateau):
            # Better at first, then no more.
            scheduler.step(max(1.0, 3.0 - number))
        else:
            scheduler.step()
        seen.append({key: value for key, value in shadow.param_groups[0].items() if key != "params"})
    return seen


@rule("scheduler")
def rates_are_sane(subject: Subject) -> None:
    """Over the whole run the learning rate is finite and not below 0."""
    scheduler, shadow = make_course(subject)
    rates = [shadow.param_groups[0]["lr"], *(seen["lr"] for seen in follow(scheduler, shadow, range(TOTAL)))]
    odd = [rate for rate in rates if not math.isfinite(rate) or rate < 0]
    require(
        not odd,
        f"in a run of {TOTAL} steps there is a learning rate of {odd[0] if odd else 0}: mind the first "
        "and the last step, and where `total` is 1",
    )


@rule("scheduler")
def resumes(subject: Subject) -> None:
    """With its state from a checkpoint it goes on as if nothing had been."""
    scheduler, shadow = make_course(subject)
    follow(scheduler, shadow, range(HALF))
    saved = save_and_read(subject, {"scheduler": scheduler.state_dict(), "shadow": shadow.state_dict()})
    expected = follow(scheduler, shadow, range(HALF, TOTAL))
    resumed, other = make_course(subject)
    resumed.load_state_dict(saved["scheduler"])
    other.load_state_dict(saved["shadow"])
    require(
        follow(resumed, other, range(HALF, TOTAL)) == expected,
        "after a resume the learning rates are others: keep what it counts in attributes, which "
        "state_dict() has, and compute from last_epoch",
    )
