"""Every value that a run uses, and who said it: the spec, the data, or a default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import tomlkit
from pydantic import BaseModel
from tomlkit.items import AoT, Table

from retinue.plan.plan import Plan, PlannedComponent, expand_path
from retinue.positions import Path
from retinue.spec.durations import Duration

FROM_DATA = "data"
DEFAULT = "default"


@dataclass(frozen=True)
class Value:
    """One value.

    Attributes:
        value: as plain data.
        origin: the file that says it, "command line", "data", "task" or "default".
    """

    path: Path
    value: Any
    origin: str


def list_values(plan: Plan, filled: Mapping[Path, Any]) -> Iterator[Value]:
    """Yield every value of a run.

    Args:
        filled: by path, the values that came from the data set.
    """
    reader = _Reader(plan, filled)
    for key in ("spec", "name", "seed"):
        yield reader.value((key,), getattr(plan.spec, key))
    yield from reader.component(plan.task)
    yield from reader.table(("data",), plan.spec.data, skip=frozenset(plan.data) | {"val", "test"})
    for name, dataset in plan.data.items():
        yield from reader.component(dataset.dataset)
        if dataset.split is not None:
            yield from reader.table(("data", name, "split"), dataset.split)
        for transform in dataset.transforms:
            yield from reader.component(transform)
    yield from reader.component(plan.model)
    if plan.spec.finetune is not None:
        yield from reader.table(("finetune",), plan.spec.finetune)
    for planned in (plan.loss, plan.optimizer):
        yield from reader.component(planned)
    for scheduler, framework in plan.schedulers:
        yield from reader.component(scheduler)
        for key in ("every", "warmup", "metric"):
            if getattr(framework, key) is not None:
                yield reader.value((*scheduler.path, key), getattr(framework, key))
    if not plan.metrics:
        # Without the table, the task's own would be meant.
        yield reader.value(("metrics",), {})
    for planned in [*plan.metrics.values(), *(c for c in plan.callbacks if c.path[0] == "callbacks")]:
        yield from reader.component(planned)
    for key in ("train", "checkpoint", "log"):
        yield from reader.table((key,), getattr(plan.spec, key))


def write_resolved(values: list[Value]) -> str:
    """Return the values as a spec in TOML that means the same wherever it is read, each with its origin."""
    document = tomlkit.document()
    document.add(tomlkit.comment("Every value of this run, and where it came from."))
    for value in values:
        place: Any = document
        for part, following in zip(value.path[:-1], value.path[1:], strict=True):
            place = _enter(place, part, tomlkit.aot() if isinstance(following, int) else tomlkit.table())
        item = tomlkit.item(value.value)
        item.comment(value.origin)
        place.add(str(value.path[-1]), item)
    return tomlkit.dumps(document)


def amend_resolved(text: str, values: Iterable[Value]) -> str:
    """Return what `write_resolved` returned with some values replaced."""
    document = tomlkit.parse(text)
    for value in values:
        place: Any = document
        for part in value.path[:-1]:
            place = place[part]
        item = tomlkit.item(value.value)
        item.comment(value.origin)
        place[value.path[-1]] = item
    return tomlkit.dumps(document)


def _enter(place: Any, part: str | int, empty: Table | AoT) -> Any:
    if isinstance(part, int):
        if part == len(place):
            place.append(tomlkit.table())
        return place[part]
    if part not in place:
        place.add(part, empty)
    return place[part]


class _Reader:
    def __init__(self, plan: Plan, filled: Mapping[Path, Any]) -> None:
        self.layers = plan.layers
        self.filled = filled

    def value(self, path: Path, value: Any) -> Value:
        return Value(path, _plain(value), self.layers.origin(path) or DEFAULT)

    def table(self, path: Path, table: BaseModel, skip: frozenset[str] = frozenset()) -> Iterator[Value]:
        for name in type(table).model_fields:
            value = getattr(table, name)
            if isinstance(value, BaseModel):
                yield from () if name in skip else self.table((*path, name), value)
            elif isinstance(value, list) and value and isinstance(value[0], BaseModel):
                for number, inner in enumerate(value):
                    yield from self.table((*path, name, number), inner)
            elif value is not None and name not in skip:
                yield self.value((*path, name), value)

    def component(self, planned: PlannedComponent) -> Iterator[Value]:
        origin = self.layers.origin((*planned.path, "use")) or self.layers.origin(planned.path) or DEFAULT
        yield Value((*planned.path, "use"), planned.component.canonical, origin)
        for name, value in planned.parameters.items():
            path = (*planned.path, name)
            if path in self.filled:
                yield Value(path, _plain(self.filled[path]), FROM_DATA)
            else:
                yield from self.parameter(path, value)

    def parameter(self, path: Path, value: Any) -> Iterator[Value]:
        if isinstance(value, PlannedComponent):
            yield from self.component(value)
        elif _is_plain(value):
            if value is not None:
                yield self.value(path, value)
        else:
            for key, inner in _items(value):
                yield from self.parameter((*path, key), inner)


def _is_plain(value: Any) -> bool:
    """Whether neither a component nor a model of parameters is in a value."""
    if isinstance(value, list | tuple | dict):
        return all(_is_plain(inner) for _, inner in _items(value))
    return not isinstance(value, PlannedComponent | BaseModel)


def _items(value: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(value, BaseModel):
        return [(name, getattr(value, name)) for name in type(value).model_fields]
    return value.items() if isinstance(value, dict) else enumerate(value)


def _plain(value: Any) -> Any:
    if isinstance(value, FilePath):
        return str(expand_path(value))
    if isinstance(value, Duration):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value
