"""A case made real: planned and built as a run would, with the input that its component takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from retinue.build import Builder
from retinue.data.keys import preserve_generators, seed_generators
from retinue.documents import Document
from retinue.errors import SpecError
from retinue.plan import Plan, PlannedComponent, make_plan
from retinue.plugins.registry import Registry
from retinue.spec.layers import Layers
from retinue.spec.loading import LoadedSpec
from retinue.spec.schema import RunSpec
from retinue.testing.case import Case
from retinue.validation import validate

REST: dict[str, Any] = {
    "spec": 1,
    "data": {"train": {"use": "builtin/fake"}},
    "model": {"use": "builtin/mlp"},
    "optimizer": {"use": "builtin/sgd", "lr": 0.1},
    "metrics": {},
    "train": {"epochs": 2},
    "log": {"tensorboard": False},
}
"""The rest of the spec that a component stands in."""


class Subject:
    """A component under test.

    Attributes:
        case: what its author says of it.
        registry: where its name is found.
    """

    def __init__(self, case: Case, plugin: str, registry: Registry, make_folder: Callable[[], Path]) -> None:
        self.case = case
        self.name = f"{plugin}/{case.name}"
        self.registry = registry
        self._make_folder = make_folder

    @cached_property
    def folder(self) -> Path:
        """An empty folder."""
        return self._make_folder()

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The case's parameters, as a spec holds them."""
        given = self.case.parameters
        values = given(self.folder) if callable(given) else given
        plain: dict[str, Any] = json.loads(json.dumps(dict(values), default=str))
        return plain

    @cached_property
    def plan(self) -> Plan:
        return self.make_plan(self.parameters)

    @property
    def planned(self) -> PlannedComponent:
        return find_planned(self.plan, self.case.kind)

    @property
    def facts(self) -> dict[str, Any]:
        """What a data set would say."""
        case = self.case
        told = {
            "num_classes": case.classes,
            "class_names": list(self.class_names),
            "class_counts": list(range(1, case.classes + 1)),
            "ignore_index": case.ignore_index,
            "in_channels": case.channels,
            "image_size": case.sizes[0],
        }
        return {name: value for name, value in told.items() if value is not None}

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(f"class {number}" for number in range(self.case.classes))

    def make_plan(self, parameters: Mapping[str, Any]) -> Plan:
        """Plan a run with this component.

        Raises:
            SpecError: the parameters are not what the component takes.
        """
        kind, table = self.case.kind, {"use": self.name, **parameters}
        values = json.loads(json.dumps(REST))
        if kind == "dataset":
            values["data"]["train"] = table
        elif kind == "transform":
            values["data"]["train"]["transforms"] = [table]
        elif kind == "metric":
            values["metrics"] = {"metric": table}
        elif kind == "callback":
            values["callbacks"] = [table]
        else:
            values[kind] = table
        if kind == "task":
            # Without the table its own are planned.
            del values["metrics"]
        return plan_text(json.dumps(values), "json", self.registry)

    def build(self, key: int = 0, **supplied: Any) -> Any:
        """Build the component under a key."""
        return self.build_planned(self.planned, key, **supplied)

    def build_planned(self, planned: PlannedComponent, key: int = 0, **supplied: Any) -> Any:
        """Build any component of the plan under a key."""
        with preserve_generators():
            seed_generators(key)
            return Builder(self.plan, dict(self.facts)).build(planned, **supplied)


def find_planned(plan: Plan, kind: str) -> PlannedComponent:
    """Return the component of a kind that is under test."""
    if kind in ("dataset", "transform"):
        data = plan.data["train"]
        return data.dataset if kind == "dataset" else data.transforms[0]
    if kind == "scheduler":
        return plan.schedulers[0][0]
    if kind == "metric":
        return plan.metrics["metric"]
    found: PlannedComponent = plan.callbacks[0] if kind == "callback" else getattr(plan, kind)
    return found


def plan_text(text: str, form: str, registry: Registry) -> Plan:
    """Plan a spec that is no file.

    Raises:
        SpecError: something is wrong with it.
    """
    layers = Layers([Document(f"case.{form}", text, form)], ())
    spec = validate(RunSpec, layers.values, (), layers.locate)
    if isinstance(spec, list):
        raise SpecError(spec)
    return make_plan(LoadedSpec(layers, spec, []), registry)
