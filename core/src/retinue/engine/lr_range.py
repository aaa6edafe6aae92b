"""The learning-rate range test (Smith, 2017, "Cyclical Learning Rates for Training Neural Networks")."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from retinue.api import Batch
from retinue.engine.loop import apply_freezing, mix
from retinue.engine.trainer import Trainer

SMOOTHING, DIVERGED = 0.98, 4.0
"""How much of the loss's running mean stays at each step, and how many times its lowest value ends the test: both as in
fastai and Lightning."""


@dataclass(frozen=True)
class LrCurve:
    """The loss by the learning rate that it was reached with.

    Attributes:
        rates: of the optimizer, rising.
        losses: the running mean of the loss after a step with each of them.
        skipped: points at the start that are means of too few steps to tell a slope.
        diverged: whether the loss ended the test before its highest rate.
    """

    rates: list[float]
    losses: list[float]
    skipped: int
    diverged: bool

    def suggest(self) -> float | None:
        """Return the rate at which the loss falls steepest over the logarithm of the rate; None if it never falls."""
        rates, losses = self.rates[self.skipped :], self.losses[self.skipped :]
        if len(rates) < 2:
            return None
        slopes = np.gradient(losses, np.log(rates))
        steepest = int(slopes.argmin())
        return rates[steepest] if slopes[steepest] < 0 else None


def trace_losses(trainer: Trainer, low: float, high: float, steps: int) -> LrCurve:
    """Train some steps at rates that rise by the same factor each, until the loss diverges.

    Parameter groups keep the ratio of their rates to the optimizer's. What is frozen at the first step stays so.

    Args:
        trainer: of a group of one and without schedules; it is spent afterwards.
        low: the first rate.
        high: the last.
        steps: two at least.
    """
    optimizer = trainer.run.optimizer
    ratios = [group["lr"] / optimizer.defaults["lr"] for group in optimizer.param_groups]
    trainer.run.task.train()
    apply_freezing(trainer)
    rates: list[float] = []
    losses: list[float] = []
    mean, skipped = 0.0, steps // 10
    for step, batch in zip(range(steps), _batches(trainer), strict=False):
        rate = low * (high / low) ** (step / (steps - 1))
        for group, ratio in zip(optimizer.param_groups, ratios, strict=True):
            group["lr"] = rate * ratio
        output = trainer.learner.learn(batch, step, weight=1.0)
        if output is None:
            continue
        mean = SMOOTHING * mean + (1 - SMOOTHING) * float(output.loss.detach())
        # The mean began at 0.
        loss = mean / (1 - SMOOTHING ** (len(losses) + 1))
        # A loss below 0 has no multiple that would be too high.
        if not math.isfinite(loss) or (len(losses) > skipped and loss > DIVERGED * min(losses) > 0):
            return LrCurve(rates, losses, skipped, diverged=True)
        rates.append(rate)
        losses.append(loss)
    return LrCurve(rates, losses, skipped, diverged=False)


def _batches(trainer: Trainer) -> Iterator[Batch]:
    """Yield batches as a run learns from them, epoch after epoch."""
    state = trainer.run.state
    while True:
        for number, batch in enumerate(trainer.train.batches(state.epoch)):
            state.batch = number
            yield mix(trainer, batch, own=len(batch["image"]))
        state.epoch += 1
