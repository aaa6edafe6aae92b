"""Ending a run that no longer improves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from retinue.api import RunState


@dataclass(frozen=True)
class EarlyStop:
    """Stops when a metric has not improved for a while.

    Attributes:
        higher: whether more is better.
        min_delta: by how much a value must be better to count.
        patience: optimizer steps without a better value.
    """

    metric: str
    higher: bool
    min_delta: float
    patience: int

    def judge(self, state: RunState, values: Mapping[str, float]) -> str | None:
        """Return why the run should stop, or None; remembers the best value in `state`."""
        key = f"early_stop:{self.metric}"
        value, best = values.get(self.metric), state.best.get(key)
        if value is not None and value == value and (best is None or self._improves(value, best)):
            state.best[key], state.best_step[key] = value, state.step
            return None
        since = state.best_step.setdefault(key, 0)
        if state.step - since < self.patience:
            return None
        return f"{self.metric} has not improved since step {since} (best {best})"

    def _improves(self, value: float, best: float) -> bool:
        return value > best + self.min_delta if self.higher else value < best - self.min_delta
