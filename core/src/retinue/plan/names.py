"""The first stage: every name in a spec means something. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from retinue.errors import ComponentError, Position, Problem
from retinue.plan.references import SECTIONS, Reference, find_nested
from retinue.plugins.components import Component
from retinue.plugins.registry import Registry
from retinue.positions import Path
from retinue.spec.layers import Layers
from retinue.spec.overrides import COMMAND_LINE, PYTHON
from retinue.spec.schema import SplitTable
from retinue.validation import closest, enumerate_words, validate


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
            meant = registry.find_meant(name, "transform", "model", "loss")
            note = registry.explain_absence(name, guess=meant is None)
            yield Problem(f'no component named "{name}"', layers.locate(path), meant, note)


def check_splits(
    references: dict[Path, Reference], components: dict[Path, Component | None], layers: Layers
) -> Iterator[Problem]:
    """Refuse a split on which data.train and data.val disagree: samples would be in both."""
    train, val = references.get(("data", "train")), references.get(("data", "val"))
    if train is None or val is None or components[train.path] is None or components[val.path] is None:
        return
    cuts = [_read_split(layers.values, reference.path) for reference in (train, val)]
    if any(isinstance(cut, list) for cut in cuts) or cuts == [None, None]:
        return
    same_set = components[train.path] == components[val.path] and train.parameters == val.parameters
    if (same_set and cuts[0] != cuts[1]) or (cuts[1] is not None and not same_set):
        where: Path = (*(train if cuts[1] is None else val).path, "split")
        yield Problem(
            "data.train and data.val do not cut the same set in the same way: samples could be in both",
            layers.locate(where, key=True),
            note="give both the same `split`"
            if same_set
            else "sets that have no sample in common need no `split`: leave it out; or give both the same `use`, "
            "parameters and `split`",
        )


def _read_split(values: dict[str, Any], path: Path) -> SplitTable | list[Problem] | None:
    table = _inside(values, *path, "split")
    return None if table is None else validate(SplitTable, table, path, lambda *_: None)


def check_metric_names(values: dict[str, Any], layers: Layers) -> Iterator[Problem]:
    """Refuse names that would be read as something else in `split/name`."""
    metrics = values.get("metrics")
    for name in metrics if isinstance(metrics, dict) else ():
        if name == "loss" or not name or "/" in name or not name.isprintable():
            place = layers.locate(("metrics", name), key=True)
            note = 'neither "loss", nor with "/" or a control character in it'
            yield Problem(f"a metric cannot be called {json.dumps(name, ensure_ascii=False)}", place, note=note)


def check_watched(values: dict[str, Any], metrics: set[str], layers: Layers) -> Iterator[Problem]:
    """Find metrics that a checkpoint, an early stop or a scheduler waits for and nothing produces."""
    splits = ["train", "val"] if isinstance(_inside(values, "data", "val"), dict | str) else ["train"]
    single = {f"{split}/loss" for split in splits}
    several = {f"{split}/{name}" for split in splits for name in metrics}
    for path, name in find_watched(values):
        if name not in single | several and not any(name.startswith(f"{known}/") for known in several):
            yield explain_unproduced(name, sorted(single | several), layers.locate(path))


def explain_unproduced(name: str, produced: list[str], position: Position | None) -> Problem:
    """Say that there is no value of a name that is watched."""
    note = f"produced: {enumerate_words(produced)}"
    return Problem(f'nothing produces the metric "{name}"', position, closest(name, produced), note)


def check_sections(values: dict[str, Any], layers: Layers) -> Iterator[Problem]:
    """Refuse `split` where it would part nothing."""
    data = values.get("data")
    for section in SECTIONS[2:]:
        table = data.get(section) if isinstance(data, dict) else None
        if isinstance(table, dict) and "split" in table:
            place = layers.locate(("data", section, "split"), key=True)
            yield Problem("a split is between data.train and data.val", place)


def check_length(values: dict[str, Any], layers: Layers) -> Iterator[Problem]:
    """Refuse a length in epochs and another in steps, where the second was said."""
    if None in (_inside(values, "train", "epochs"), _inside(values, "train", "steps")):
        return
    ranks = {COMMAND_LINE: -1, PYTHON: -1, **{document.name: n for n, document in enumerate(layers.documents)}}
    second, first = sorted(("steps", "epochs"), key=lambda key: ranks[layers.origin(("train", key)) or COMMAND_LINE])
    yield Problem(
        "[train] has both `epochs` and `steps`",
        layers.locate(("train", second), key=True),
        note=f"remove one of them, say by `~train.{first}` on the command line",
    )


def find_watched(values: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield each metric that is waited for, with its place."""
    lists: list[Path] = [("checkpoint", "best"), ("scheduler",)]
    places: list[Path] = [("train", "early_stop")]
    for path in lists:
        found = _inside(values, *path)
        places += [(*path, number) for number in range(len(found))] if isinstance(found, list) else [path]
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
