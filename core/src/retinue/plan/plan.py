"""A Plan: what will be built, each component resolved and its parameters checked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel

from retinue.errors import PluginError, Problem, SpecError, UnknownComponent
from retinue.hooks import NestedTable
from retinue.plan.names import (
    check_length,
    check_metric_names,
    check_nested_names,
    check_sections,
    check_splits,
    check_watched,
    locate_name,
    resolve_reference,
)
from retinue.plan.references import SECTIONS, Reference, find_references, read_reference
from retinue.plugins.components import Component
from retinue.plugins.parameters import Signature, read_signature
from retinue.plugins.registry import Registry
from retinue.positions import Path
from retinue.spec.layers import Layers
from retinue.spec.loading import LoadedSpec
from retinue.spec.schema import DatasetTable, RunSpec, SchedulerTable, SplitTable
from retinue.validation import validate

TENSORBOARD = "builtin/tensorboard"


@dataclass(frozen=True)
class PlannedComponent:
    """A component with checked parameters.

    Attributes:
        path: where the spec names it, or would.
        parameters: as the target takes them; nested components as PlannedComponent. Those that the data set
            gives are None where the spec does not give them.
        given: the names that the spec gives.
        pyramid: of a nested model, whether its feature maps are wanted in place of the whole.
    """

    component: Component
    signature: Signature
    path: Path
    parameters: dict[str, Any]
    given: frozenset[str]
    pyramid: bool = False


@dataclass(frozen=True)
class PlannedDataset:
    """A data set with its transforms."""

    dataset: PlannedComponent
    transforms: list[PlannedComponent]
    split: SplitTable | None


@dataclass(frozen=True)
class Plan:
    """Everything that a run is made of."""

    spec: RunSpec
    layers: Layers
    task: PlannedComponent
    model: PlannedComponent
    loss: PlannedComponent
    optimizer: PlannedComponent
    schedulers: list[tuple[PlannedComponent, SchedulerTable]]
    metrics: dict[str, PlannedComponent]
    data: dict[str, PlannedDataset]
    callbacks: list[PlannedComponent]

    def components(self) -> Iterator[PlannedComponent]:
        """Yield every component, nested ones too."""
        yield from _with_nested([self.task, self.model, self.loss, self.optimizer])
        yield from _with_nested([scheduler for scheduler, _ in self.schedulers])
        yield from _with_nested([*self.metrics.values(), *self.callbacks])
        for planned in self.data.values():
            yield from _with_nested([planned.dataset, *planned.transforms])


def make_plan(loaded: LoadedSpec, registry: Registry) -> Plan:
    """Resolve names, then check parameters; the second imports the components.

    Raises:
        SpecError: everything that is wrong, of the first stage or else of the second.
        PluginError: a plug-in does not keep the contract.
    """
    references = {reference.path: reference for reference in find_references(loaded.layers.values)}
    references.setdefault(("task",), Reference("task", "classification", ("task",), {}))
    planner = _Planner(registry, loaded.layers)
    planner.problems += loaded.problems
    components = {path: planner.resolve(reference) for path, reference in references.items()}
    values = loaded.layers.values
    planner.problems += check_splits(references, components, loaded.layers)
    for check in (check_sections, check_length, check_metric_names):
        planner.problems += check(values, loaded.layers)
    if isinstance(values.get("metrics"), dict):
        planner.problems += check_watched(values, set(values["metrics"]), loaded.layers)
    if planner.problems or loaded.spec is None:
        raise SpecError(planner.problems, closing="parameters were not checked yet: these mistakes come first")
    planned = {path: planner.plan(reference, components[path]) for path, reference in references.items()}
    planner.stop_at_problems()
    return planner.assemble(loaded.spec, planned)


@dataclass
class _Planner:
    registry: Registry
    layers: Layers
    problems: list[Problem] = field(default_factory=list)

    def resolve(self, reference: Reference) -> Component | None:
        self.problems += check_nested_names(reference, self.registry, self.layers)
        found = resolve_reference(reference, self.registry, self.layers)
        if isinstance(found, Problem):
            self.problems.append(found)
            return None
        return found

    def plan(self, reference: Reference, component: Component | None) -> PlannedComponent | None:
        """Check one component's parameters; None where something is wrong with them."""
        if component is None:
            return None
        try:
            signature = read_signature(component)
        except UnknownComponent as error:
            self.problems.append(replace(error.problem, position=locate_name(reference, self.layers)))
            return None
        except PluginError as error:
            self.problems.append(Problem(str(error), locate_name(reference, self.layers)))
            return None
        checked = validate(signature.model, reference.parameters, reference.path, self.layers.locate)
        if isinstance(checked, list):
            self.problems += [self._place_missing(problem, reference, signature) for problem in checked]
            return None
        parameters = {
            name: self._plan_inside(getattr(checked, name), (*reference.path, name))
            for name in type(checked).model_fields
        }
        return PlannedComponent(component, signature, reference.path, parameters, frozenset(checked.model_fields_set))

    def plan_default(self, kind: str, name: str, path: Path) -> PlannedComponent:
        """Plan a component that the spec does not name."""
        planned = self.plan(Reference(kind, name, path, {}), self.registry.resolve(kind, name))
        self.stop_at_problems()
        assert planned is not None
        return planned

    def stop_at_problems(self) -> None:
        if self.problems:
            raise SpecError(self.problems)

    def assemble(self, spec: RunSpec, found: dict[Path, PlannedComponent | None]) -> Plan:
        planned = {path: component for path, component in found.items() if component is not None}
        task = planned[("task",)]
        if not hasattr(task.signature.target, "default_loss"):
            raise PluginError(f"{task.component.label}: its target is no retinue.api.Task class")
        metrics = {str(path[1]): component for path, component in planned.items() if path[0] == "metrics"}
        if spec.metrics is None:
            defaults: dict[str, str] = dict(task.signature.target.default_metrics)  # type: ignore[attr-defined]
            metrics = {name: self.plan_default("metric", use, ("metrics", name)) for name, use in defaults.items()}
            self.problems += check_watched(self.layers.values, set(metrics), self.layers)
            self.stop_at_problems()
        default_loss = task.signature.target.default_loss
        return Plan(
            spec=spec,
            layers=self.layers,
            task=task,
            model=planned[("model",)],
            loss=planned.get(("loss",)) or self.plan_default("loss", default_loss, ("loss",)),
            optimizer=planned[("optimizer",)],
            schedulers=[(planned[("scheduler", n)], table) for n, table in enumerate(spec.scheduler)],
            metrics=metrics,
            data={
                name: _dataset(getattr(spec.data, name), name, planned) for name in SECTIONS if getattr(spec.data, name)
            },
            callbacks=self._logging(spec, [planned[("callbacks", number)] for number in range(len(spec.callbacks))]),
        )

    def _logging(self, spec: RunSpec, named: list[PlannedComponent]) -> list[PlannedComponent]:
        """Add TensorBoard to the callbacks that the spec names, unless it is one of them: one run has one writer."""
        if not spec.log.tensorboard or any(callback.component.canonical == TENSORBOARD for callback in named):
            return named
        return [*named, self.plan_default("callback", TENSORBOARD, ("log", "tensorboard"))]

    def _plan_inside(self, value: Any, path: Path) -> Any:
        """Plan the nested components in a parameter's value, and make paths absolute."""
        if isinstance(value, NestedTable):
            reference = read_reference(value.kind, value.table, path)
            if reference is None:
                self.problems.append(Problem(f"a {value.kind} is needed: a table with `use`", self.layers.locate(path)))
                return None
            return self._plan_nested(reference, value.pyramid)
        if isinstance(value, FilePath):
            return expand_path(value)
        if isinstance(value, list | tuple):
            return type(value)(self._plan_inside(inner, (*path, number)) for number, inner in enumerate(value))
        if isinstance(value, dict):
            return {key: self._plan_inside(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, BaseModel):
            fields = {name: getattr(value, name) for name in type(value).model_fields}
            return value.model_copy(
                update={name: self._plan_inside(inner, (*path, name)) for name, inner in fields.items()}
            )
        return value

    def _plan_nested(self, reference: Reference, pyramid: bool) -> PlannedComponent | None:
        planned = self.plan(reference, self.resolve(reference))
        if planned is not None and pyramid and "pyramid" not in planned.signature.supplied:
            message = f'model "{reference.name}" gives no feature maps level by level: it cannot be an encoder'
            self.problems.append(Problem(message, locate_name(reference, self.layers)))
        return planned if planned is None else replace(planned, pyramid=pyramid)

    def _place_missing(self, problem: Problem, reference: Reference, signature: Signature) -> Problem:
        """Point a missing parameter at the name of what needs it, not at the table around it."""
        if problem.message not in {f'"{name}" is missing' for name in signature.model.model_fields}:
            return problem
        message = f'{reference.kind} "{reference.name}" needs {problem.message.removesuffix(" is missing")}'
        return Problem(message, locate_name(reference, self.layers))


def expand_path(path: FilePath) -> FilePath:
    """Return a path made absolute, "~" as the home folder; of a user who is not there, it stays a name."""
    return FilePath(os.path.expanduser(path)).absolute()


def _dataset(table: DatasetTable, name: str, planned: dict[Path, PlannedComponent]) -> PlannedDataset:
    transforms = [planned[("data", name, "transforms", number)] for number in range(len(table.transforms))]
    return PlannedDataset(planned[("data", name)], transforms, table.split)


def _with_nested(components: list[PlannedComponent]) -> Iterator[PlannedComponent]:
    for planned in components:
        yield planned
        yield from _with_nested(list(_nested(planned.parameters)))


def _nested(value: Any) -> Iterator[PlannedComponent]:
    if isinstance(value, PlannedComponent):
        yield value
    elif isinstance(value, dict):
        yield from (found for inner in value.values() for found in _nested(inner))
    elif isinstance(value, list | tuple):
        yield from (found for inner in value for found in _nested(inner))
    elif isinstance(value, BaseModel):
        yield from (found for name in type(value).model_fields for found in _nested(getattr(value, name)))
