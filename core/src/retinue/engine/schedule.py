"""Several learning-rate schedules at once, each with a warm-up of its own.

Every scheduler drives an optimizer of its own that trains nothing; its learning rate over that of the real
optimizer is its factor, and the factors multiply:

    lr = optimizer's lr * factor of scheduler 1 * factor of scheduler 2 * ...

So schedulers cannot disturb one another, whatever formula they use. What else a scheduler changes (one-cycle the
momentum) is copied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau


class ShadowOptimizer(Optimizer):
    """Has the real optimizer's settings and no weights."""

    def __init__(self, real: Optimizer) -> None:
        groups = [
            {"params": [torch.zeros(())], **{key: value for key, value in group.items() if key != "params"}}
            for group in real.param_groups
        ]
        super().__init__(groups, dict(real.defaults))
        self.given = [{key: value for key, value in group.items() if key != "params"} for group in groups]

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Count a step, as schedulers expect."""


@dataclass
class Course:
    """One scheduler under way.

    Attributes:
        scheduler: over `shadow`.
        per_step: whether it advances at every step, not at every epoch.
        warmup: optimizer steps before it starts.
        metric: what it watches, for a plateau scheduler.
        moved: by parameter group, the settings besides the learning rate that it has changed so far.
    """

    scheduler: LRScheduler
    shadow: ShadowOptimizer
    per_step: bool
    warmup: int
    metric: str | None
    moved: dict[int, set[str]] = field(default_factory=dict)

    def advance(self, values: Mapping[str, float] | None) -> None:
        """Move on by one epoch or one step."""
        self.shadow.step()
        if isinstance(self.scheduler, ReduceLROnPlateau):
            if values is not None and self.metric is not None and self.metric in values:
                self.scheduler.step(values[self.metric])
        else:
            self.scheduler.step()

    def factor(self, group: int, lr: float, step: int) -> float:
        """Return what the learning rate is multiplied by after `step` optimizer steps."""
        if step < self.warmup:
            return (step + 1) / (self.warmup + 1)
        return float(self.shadow.param_groups[group]["lr"]) / lr if lr else 1.0

    def changes(self, group: int) -> dict[str, Any]:
        """Return what the scheduler changes besides the learning rate; also when it is back at the start."""
        given, now = self.shadow.given[group], self.shadow.param_groups[group]
        moved = self.moved.setdefault(group, set())
        moved |= {key for key, value in given.items() if key != "lr" and now[key] != value}
        return {key: now[key] for key in moved}

    def state(self) -> dict[str, Any]:
        return {"scheduler": self.scheduler.state_dict(), "shadow": self.shadow.state_dict()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.scheduler.load_state_dict(state["scheduler"])
        self.shadow.load_state_dict(state["shadow"])


class Schedule:
    """The learning rate of every parameter group, step by step."""

    def __init__(self, optimizer: Optimizer, courses: Sequence[Course]) -> None:
        self.optimizer = optimizer
        self.courses = list(courses)
        self.base = [float(group["lr"]) for group in optimizer.param_groups]
        self._apply(0)

    def step(self, step: int) -> None:
        """Set the learning rate for the optimizer step that comes after `step` of them."""
        if not self.courses:
            return
        for course in self.courses:
            if course.per_step and step > course.warmup:
                course.advance(None)
        self._apply(step)

    def epoch(self, step: int, values: Mapping[str, float]) -> None:
        """An epoch has ended after `step` optimizer steps, and logged `values`."""
        for course in self.courses:
            if not course.per_step and step > course.warmup:
                course.advance(values)
        self._apply(step)

    def lr(self) -> float:
        """Return the present learning rate of the first parameter group."""
        return float(self.optimizer.param_groups[0]["lr"])

    def _apply(self, step: int) -> None:
        for number, (group, lr) in enumerate(zip(self.optimizer.param_groups, self.base, strict=True)):
            for course in self.courses:
                group.update(course.changes(number))
                lr *= course.factor(number, self.base[number], step)
            group["lr"] = lr

    def state(self) -> dict[str, Any]:
        """Return everything that moves."""
        return {"base": self.base, "courses": [course.state() for course in self.courses]}

    def load_state(self, state: Mapping[str, Any], step: int) -> None:
        """Go on from what `state` returned after `step` optimizer steps."""
        self.base = list(state["base"])
        for course, saved in zip(self.courses, state["courses"], strict=True):
            course.load_state(saved)
        self._apply(step)
