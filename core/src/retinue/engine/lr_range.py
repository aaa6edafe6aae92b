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
WIDTH = 0.03
"""Deviation of the bell that smooths the curve, as a share of its points. A running mean would lag behind and suggest
rates near those at which the loss rises again."""
CLEAR = 4.0
"""How many times the median distance of a loss from the curve the fall measures at least; noise alone stays below."""
FEWEST = 10
"""Points that make a curve."""


@dataclass(frozen=True)
class LrCurve:
    """The loss by the learning rate that it was reached with.

    Attributes:
        rates: of the optimizer, rising.
        losses: of the step with each of them.
        diverged: whether the loss ended the test before its highest rate.
    """

    rates: list[float]
    losses: list[float]
    diverged: bool

    def smooth(self) -> list[float]:
        """Return each loss as a mean of it and those around it."""
        width = max(1, round(WIDTH * len(self.losses)))
        bell = np.exp(-0.5 * (np.arange(-3 * width, 3 * width + 1) / width) ** 2)
        count = len(self.losses)
        sums, weights = (np.convolve(values, bell)[3 * width :][:count] for values in (self.losses, np.ones(count)))
        return list((sums / weights).tolist())

    def suggest(self) -> float | None:
        """Return the rate at which the smoothed loss, on its way from its first level to its lowest point, falls
        steepest over the logarithm of the rate; None where it does not fall clearly."""
        if len(self.losses) < FEWEST:
            return None
        smoothed = np.array(self.smooth())
        lowest = int(smoothed.argmin())
        if lowest == 0:
            return None
        level = np.median(smoothed[:lowest])
        if level - smoothed[lowest] < CLEAR * np.median(np.abs(self.losses - smoothed)):
            return None
        begin = int(np.flatnonzero(smoothed[:lowest] >= level)[-1])
        slopes = np.gradient(smoothed, np.log(self.rates))
        return self.rates[begin + int(slopes[begin : lowest + 1].argmin())]


def trace_losses(trainer: Trainer, low: float, high: float, steps: int) -> LrCurve:
    """Train some steps at rates that rise by the same factor each, until the loss diverges.

    Parameter groups keep the ratio of their rates to the optimizer's. What is frozen at the first step stays so.

    Args:
        trainer: of a group of one and without schedules; it is spent afterwards.
        low: the first rate.
        high: the last.
        steps: how many, two at least.
    """
    optimizer = trainer.run.optimizer
    ratios = [group["lr"] / optimizer.defaults["lr"] for group in optimizer.param_groups]
    trainer.run.task.train()
    apply_freezing(trainer)
    rates: list[float] = []
    losses: list[float] = []
    mean, lowest = 0.0, math.inf
    for step, batch in zip(range(steps), _batches(trainer), strict=False):
        rate = low * (high / low) ** (step / (steps - 1))
        for group, ratio in zip(optimizer.param_groups, ratios, strict=True):
            group["lr"] = rate * ratio
        output = trainer.learner.learn(batch, step, weight=1.0)
        if output is None:
            continue
        loss = float(output.loss.detach())
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        # It began at 0.
        average = mean / (1 - SMOOTHING ** (len(losses) + 1))
        # The first means are of too few losses to judge by; one below 0 has no multiple that would be too high.
        if not math.isfinite(loss) or (len(losses) >= FEWEST and average > DIVERGED * lowest > 0):
            return LrCurve(rates, losses, diverged=True)
        lowest = min(lowest, average)
        rates.append(rate)
        losses.append(loss)
    return LrCurve(rates, losses, diverged=False)


def _batches(trainer: Trainer) -> Iterator[Batch]:
    """Yield batches as a run learns from them, epoch after epoch."""
    state = trainer.run.state
    while True:
        for number, batch in enumerate(trainer.train.batches(state.epoch)):
            state.batch = number
            yield mix(trainer, batch, own=len(batch["image"]))
        state.epoch += 1
