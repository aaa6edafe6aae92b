"""Loss and metrics over many batches: tensors that add up, read once at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from retinue.api import Metric, Output, Statistic


class Meter:
    """Adds up a split's loss and metrics.

    A torchmetrics.Metric keeps its own sums; all others share one per statistic.
    """

    def __init__(self, metrics: Mapping[str, Any], device: torch.device) -> None:
        self.counted: dict[str, Metric] = {name: m for name, m in metrics.items() if isinstance(m, Metric)}
        self.foreign = {name: metric.to(device) for name, metric in metrics.items() if name not in self.counted}
        self.device = device
        # Apple's GPU has no float64.
        self.dtype = torch.float32 if device.type == "mps" else torch.float64
        self.reset()

    def reset(self) -> None:
        """Start again from nothing."""
        self.loss = torch.zeros((), dtype=self.dtype, device=self.device)
        self.count = 0
        self.sums: dict[Statistic, Tensor] = {}
        for metric in self.foreign.values():
            metric.reset()

    def update(self, output: Output) -> None:
        """Add one batch; nothing is read from the device."""
        size = len(output.target)
        self.loss += output.loss.detach().to(self.dtype) * size
        self.count += size
        for statistic in dict.fromkeys(metric.statistic for metric in self.counted.values()):
            measured = statistic.measure(output.preds, output.target).to(self.dtype)
            self.sums[statistic] = self.sums[statistic] + measured if statistic in self.sums else measured
        for metric in self.foreign.values():
            metric.update(output.preds, output.target)

    def compute(self) -> dict[str, float]:
        """Return `loss` and every metric by name; a metric of many values gives NAME/KEY for each."""
        values: dict[str, float] = {"loss": float(self.loss) / max(self.count, 1)}
        for name, metric in self.counted.items():
            if metric.statistic in self.sums:
                values |= _flatten(name, metric.compute(self.sums[metric.statistic]))
        for name, metric in self.foreign.items():
            values |= _flatten(name, metric.compute())
        return values

    def state(self) -> dict[str, Any]:
        """Return what was added so far, for a checkpoint in mid-epoch."""
        statistics = dict.fromkeys(metric.statistic for metric in self.counted.values())
        return {
            "loss": self.loss,
            "count": self.count,
            "sums": [self.sums.get(statistic) for statistic in statistics],
            "foreign": {name: _foreign_state(metric) for name, metric in self.foreign.items()},
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        statistics = dict.fromkeys(metric.statistic for metric in self.counted.values())
        self.loss = state["loss"].to(self.device)
        self.count = state["count"]
        pairs = zip(statistics, state["sums"], strict=True)
        self.sums = {statistic: sums.to(self.device) for statistic, sums in pairs if sums is not None}
        for name, metric in self.foreign.items():
            metric.persistent(True)
            metric.load_state_dict(state["foreign"][name])
            metric.to(self.device)


def _foreign_state(metric: Any) -> dict[str, Any]:
    metric.persistent(True)
    state: dict[str, Any] = metric.state_dict()
    return state


def _flatten(name: str, value: Tensor | Mapping[str, Tensor]) -> dict[str, float]:
    if isinstance(value, Mapping):
        return {f"{name}/{key}" if key else name: float(inner) for key, inner in value.items()}
    if value.ndim:
        return {f"{name}/{number}": float(inner) for number, inner in enumerate(value.flatten())}
    return {name: float(value)}
