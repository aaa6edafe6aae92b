"""Loss and metrics over many batches: tensors that are kept or added up, read once at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor

from retinue.api import Metric, Output
from retinue.engine.distributed import Group

PACKED = 1024
"""Tensors of a series that become one: many small ones take much memory."""

TOGETHER = 2**15
"""Predicted values from which on what waits to be measured is: of few values, the calls cost more than the counting."""


class Series:
    """A tensor for each batch, in their order: floating-point numbers added in another give another sum."""

    def __init__(self) -> None:
        self._packed: list[Tensor] = []
        self._loose: list[Tensor] = []

    def append(self, value: Tensor) -> None:
        """Add a batch's tensor; nothing is read from the device."""
        self._loose.append(value)
        if len(self._loose) == PACKED:
            self._packed.append(torch.stack(self._loose))
            self._loose = []

    def values(self) -> Tensor:
        """Return the tensors as one, batch by batch; empty where there is none."""
        loose = [torch.stack(self._loose)] if self._loose else []
        return torch.cat([*self._packed, *loose]) if self._packed or loose else torch.zeros(0)

    def extend(self, values: Tensor) -> None:
        """Add a tensor for each row of `values`, before any that is appended."""
        if len(values):
            self._packed.append(values)


class Meter:
    """Keeps a split's loss and metrics.

    A torchmetrics.Metric keeps its own sums; all others share one count per statistic.
    """

    def __init__(self, metrics: Mapping[str, Any], device: torch.device, group: Group = Group()) -> None:  # noqa: B008
        self.counted: dict[str, Metric] = {name: m for name, m in metrics.items() if isinstance(m, Metric)}
        self.foreign = {name: metric.to(device) for name, metric in metrics.items() if name not in self.counted}
        self.statistics = list(dict.fromkeys(metric.statistic for metric in self.counted.values()))
        self.whole = [number for number, statistic in enumerate(self.statistics) if statistic.whole]
        self.apart = [number for number, statistic in enumerate(self.statistics) if not statistic.whole]
        self.device = device
        self.group = group
        # Apple's GPU has no float64.
        self.dtype = torch.float32 if device.type == "mps" else torch.float64
        self.reset()

    def reset(self) -> None:
        """Start again from nothing."""
        self.losses = Series()
        self.sizes: list[int] = []
        self.counts: dict[int, Tensor] = {}
        self.measures: dict[int, Series] = {}
        self._waiting: list[Output] = []
        self._waiting_values = 0
        for metric in self.foreign.values():
            metric.reset()

    def update(self, output: Output) -> None:
        """Add one batch; nothing is read from the device."""
        self.losses.append(output.loss.detach())
        self.sizes.append(output.target.shape[0])
        for number in self.apart:
            self._add(number, self.statistics[number].measure(output.preds, output.target))
        for metric in self.foreign.values():
            metric.update(output.preds, output.target)
        if self.whole:
            self._wait(output)

    def _wait(self, output: Output) -> None:
        if self._waiting and self._waiting[0].scores.shape[1:] != output.scores.shape[1:]:
            self._count()
        self._waiting.append(output)
        self._waiting_values += output.scores.numel()
        if self._waiting_values >= TOGETHER:
            self._count()

    def _count(self) -> None:
        """Measure what waits, as one batch."""
        if not self._waiting:
            return
        preds, target = self._join_waiting()
        for number in self.whole:
            self._add(number, self.statistics[number].measure(preds, target))

    def _join_waiting(self) -> tuple[Tensor, Tensor]:
        outputs = self._waiting
        self._waiting, self._waiting_values = [], 0
        if len(outputs) == 1:
            return outputs[0].preds, outputs[0].target
        scores = torch.cat([output.scores for output in outputs])
        activation = outputs[0].activation
        preds = scores if activation is None else activation(scores)
        return preds, torch.cat([output.target for output in outputs])

    def _add(self, number: int, measured: Tensor) -> None:
        if measured.is_floating_point():
            self.measures.setdefault(number, Series()).append(measured)
        else:
            # Counts are exact in any order.
            self.counts[number] = self.counts[number] + measured if number in self.counts else measured

    def compute(self) -> dict[str, float]:
        """Return `loss` and every metric by name, over all processes; a metric of many values gives NAME/KEY for each.

        Every process must call it.
        """
        states = self.group.gather(self.state())
        loss = _interleave([state["losses"] for state in states]).to(self.dtype)
        sizes = _interleave([torch.tensor(state["sizes"]) for state in states]).to(self.dtype)
        values = {"loss": float((loss * sizes).sum() / sizes.sum()) if len(sizes) else math.nan}
        sums = self._sums(states)
        for name, metric in self.counted.items():
            number = self.statistics.index(metric.statistic)
            if number in sums:
                values |= _flatten(name, metric.compute(sums[number]))
        for name, metric in self.foreign.items():
            values |= _flatten(name, metric.compute())
        return values

    def _sums(self, states: Sequence[Mapping[str, Any]]) -> dict[int, Tensor]:
        sums: dict[int, Tensor] = {}
        for number in range(len(self.statistics)):
            counts = [state["counts"][number] for state in states if number in state["counts"]]
            measures = [state["measures"][number] for state in states if number in state["measures"]]
            if counts:
                sums[number] = torch.stack(counts).sum(0).to(self.dtype)
            elif measures:
                sums[number] = _interleave(measures).to(self.dtype).sum(0)
        return sums

    def state(self) -> dict[str, Any]:
        """Return what this process has kept so far, on the CPU."""
        self._count()
        return {
            "losses": self.losses.values().cpu(),
            "sizes": self.sizes,
            "counts": {number: value.cpu() for number, value in self.counts.items()},
            "measures": {number: series.values().cpu() for number, series in self.measures.items()},
            "foreign": {name: _foreign_state(metric) for name, metric in self.foreign.items()},
        }

    def load_states(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Go on from what `state` returned; in fewer processes than it did, one takes up the sums of several.

        Foreign metrics cannot be added: of those, the first counts.
        """
        self.reset()
        for state in states:
            self.losses.extend(state["losses"].to(self.device))
            self.sizes += state["sizes"]
            for number, value in state["counts"].items():
                self.counts[number] = self.counts.get(number, 0) + value.to(self.device)
            for number, rows in state["measures"].items():
                self.measures.setdefault(number, Series()).extend(rows.to(self.device))
        for name, metric in self.foreign.items() if states else ():
            metric.persistent(True)
            metric.load_state_dict(states[0]["foreign"][name])
            metric.to(self.device)


def _interleave(values: Sequence[Tensor]) -> Tensor:
    """Return everybody's rows in the order of the batches, of which each process in turn has one."""
    if len(values) == 1:
        return values[0]
    rows = [row for turn in zip_longest(*values) for row in turn if row is not None]
    return torch.stack(rows) if rows else torch.zeros(0)


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
