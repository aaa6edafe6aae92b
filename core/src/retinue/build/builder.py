"""Calling a component's target with its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from retinue.api import Callback, Dataset, Metric, Pyramid, Task
from retinue.errors import PluginError, Position, Problem, SpecError
from retinue.plan import Plan, PlannedComponent
from retinue.positions import Path

_OMITTED = object()

PROMISED: dict[str, tuple[Any, str]] = {
    "model": (nn.Module, "a torch.nn.Module"),
    "dataset": (Dataset, "a retinue.api.Dataset"),
    "transform": (Callable, "a function of a sample, a retinue.api.KeyedTransform or a BatchTransform"),
    "loss": (nn.Module, "a torch.nn.Module"),
    # torchmetrics' metrics are modules; importing it costs seconds.
    "metric": ((Metric, nn.Module), "a retinue.api.Metric or a torchmetrics.Metric"),
    "scheduler": (LRScheduler, "a torch.optim.lr_scheduler.LRScheduler"),
    "optimizer": (Optimizer, "a torch.optim.Optimizer"),
    "task": (Task, "a retinue.api.Task"),
    "callback": (Callback, "a retinue.api.Callback"),
    "pyramid": ((Pyramid,), "a retinue.api.Pyramid where one is asked for"),
}
"""What a component of each kind is, once built."""


@dataclass
class Builder:
    """Builds components, and fills in what the data set says.

    Attributes:
        plan: what to build.
        facts: parameters that the data set gives, by name.
        filled: by path, those that were used.
    """

    plan: Plan
    facts: dict[str, Any] = field(default_factory=dict)
    filled: dict[Path, Any] = field(default_factory=dict)

    def build(self, planned: PlannedComponent, **supplied: Any) -> Any:
        """Call a component's target.

        Raises:
            SpecError: the target refuses its parameters; points at the component's name.
            PluginError: what it returns is not what its kind promises.
        """
        arguments = {name: self._argument(planned, name, value) for name, value in planned.parameters.items()}
        arguments = {name: value for name, value in arguments.items() if value is not _OMITTED}
        supplied = {name: value for name, value in supplied.items() if name in planned.signature.supplied}
        if planned.component.in_family:
            supplied["name"] = planned.component.name
        try:
            built = planned.signature.target(**arguments, **supplied)
        except SpecError as error:
            raise SpecError(replace(p, position=p.position or self._place(planned)) for p in error.problems) from error
        except (TypeError, ValueError, RuntimeError, ImportError, OSError, AssertionError) as error:
            raise self._refused(planned, str(error)) from error
        return _checked(planned, built, "pyramid" if supplied.get("pyramid") else planned.component.kind)

    def _argument(self, planned: PlannedComponent, name: str, value: Any) -> Any:
        if name not in planned.signature.from_data or name in planned.given:
            return self._build_nested(value)
        fact = self.facts.get(name)
        if fact is not None:
            self.filled[(*planned.path, name)] = fact
            return fact
        parameter = inspect.signature(planned.signature.target).parameters.get(name)
        if parameter is not None and parameter.default is not parameter.empty:
            return _OMITTED
        raise self._refused(planned, f'it needs "{name}", which the data set does not tell; give it in the spec')

    def _build_nested(self, value: Any) -> Any:
        if isinstance(value, PlannedComponent):
            return self.build(value, pyramid=value.pyramid)
        if isinstance(value, list | tuple):
            return type(value)(self._build_nested(inner) for inner in value)
        if isinstance(value, dict):
            return {key: self._build_nested(inner) for key, inner in value.items()}
        if isinstance(value, BaseModel):
            fields = {name: getattr(value, name) for name in type(value).model_fields}
            return value.model_copy(update={name: self._build_nested(inner) for name, inner in fields.items()})
        return value

    def _refused(self, planned: PlannedComponent, reason: str) -> SpecError:
        component = planned.component
        problem = f'{component.kind} "{component.canonical}" cannot be built: {reason}'
        return SpecError([Problem(problem, self._place(planned))])

    def _place(self, planned: PlannedComponent) -> Position | None:
        layers = self.plan.layers
        return layers.locate((*planned.path, "use")) or layers.locate(planned.path)


def _checked(planned: PlannedComponent, built: Any, promise: str) -> Any:
    component = planned.component
    types, words = PROMISED[promise]
    if not isinstance(built, types):
        given = type(built).__name__
        raise PluginError(f"{component.kind} {component.canonical} ({component.plugin}) must give {words}, not {given}")
    return built
