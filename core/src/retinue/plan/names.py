"""The first stage: every name in a spec means something. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retinue.errors import ComponentError, Position, Problem
from retinue.plan.references import SECTIONS, Reference, find_nested
from retinue.plugins.components import Component
from retinue.plugins.registry import Registry
from retinue.positions import Path
from retinue.spec.layers import Layers
from retinue.validation import closest, enumerate_words


def resolve_reference(reference: Reference, registry: Registry, layers: Layers) -> Component | Problem:
    """Return the component that a name means, or what is wrong with the name."""
    try:
        return registry.resolve(reference.kind, reference.name)
    except ComponentError as error:
        position = locate_name(reference, layers)
        return Problem(error.problem.message, position, error.problem.suggestion, error.problem.note)


def locate_name(reference: Reference, layers: Layers) -> Position | None:
    """Return where a component's name stands."""
    return layers.locate(reference.name_path) or layers.locate(reference.path)


def check_nested_names(reference: Reference, registry: Registry, layers: Layers) -> Iterator[Problem]:
    """Find nested names that no kind has; which kind is meant is known in the second stage."""
    for path, name in find_nested(reference.parameters, reference.path):
        if not registry.knows(name):
            names = [known for kind in ("transform", "model", "loss") for known in registry.names(kind)]
            yield Problem(f'no component named "{name}"', layers.locate(path), closest(name, names))


def check_splits(values: dict[str, Any], layers: Layers) -> Iterator[Problem]:
    """Refuse a split on which data.train and data.val disagree: samples would be in both."""
    data = values.get("data")
    train, val = (data.get(key) if isinstance(data, dict) else None for key in ("train", "val"))
    if not isinstance(train, dict) or not isinstance(val, dict) or not ("split" in train or "split" in val):
        return
    train, val = ({k: v for k, v in table.items() if k != "transforms"} for table in (train, val))
    same_set = {k: v for k, v in train.items() if k != "split"} == {k: v for k, v in val.items() if k != "split"}
    if train != val and (same_set or "split" in val):
        where: Path = ("data", "val", "split") if "split" in val else ("data", "train", "split")
        yield Problem(
            "data.train and data.val do not cut the same set in the same way: samples could be in both",
            layers.locate(where, key=True),
            note="give both the same `use`, parameters and `split`",
        )


def check_watched(values: dict[str, Any], metrics: set[str], layers: Layers) -> Iterator[Problem]:
    """Find metrics that a checkpoint, an early stop or a scheduler waits for and nothing produces."""
    splits = ["train", "val"] if isinstance(_inside(values, "data", "val"), dict | str) else ["train"]
    single = {f"{split}/loss" for split in splits}
    several = {f"{split}/{name}" for split in splits for name in metrics}
    for path, name in _watched(values):
        if name not in single | several and not any(name.startswith(f"{known}/") for known in several):
            known = sorted(single | several)
            note = f"produced: {enumerate_words(known)}"
            yield Problem(f'nothing produces the metric "{name}"', layers.locate(path), closest(name, known), note)


def check_sections(values: dict[str, Any], layers: Layers) -> Iterator[Problem]:
    """Refuse `split` where it would part nothing."""
    data = values.get("data")
    for section in SECTIONS[2:]:
        table = data.get(section) if isinstance(data, dict) else None
        if isinstance(table, dict) and "split" in table:
            place = layers.locate(("data", section, "split"), key=True)
            yield Problem("a split is between data.train and data.val", place)


def _watched(values: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    scheduler = values.get("scheduler")
    courses = range(len(scheduler)) if isinstance(scheduler, list) else ()
    places: list[Path] = [("checkpoint", "best"), ("train", "early_stop"), *(("scheduler", n) for n in courses)]
    for place in places:
        name = _inside(values, *place, "metric")
        if isinstance(name, str):
            yield (*place, "metric"), name


def _inside(value: Any, *path: str | int) -> Any:
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
        else:
            return None
    return value
