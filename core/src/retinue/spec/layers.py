"""A spec is layers: a base, what builds on it, and overrides. Tables merge, lists and values replace."""

from __future__ import annotations

import copy
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path as FilePath
from typing import Any

from retinue.documents import Document, read_document
from retinue.errors import Position, Problem, SpecError
from retinue.hooks import KINDS
from retinue.positions import Path
from retinue.spec.overrides import Override

BASE_FIXED = "`base` can be set in the spec alone"

# Where a name alone may stand for a table with `use`.
COMPONENTS = ("task", "data", "model", "loss", "optimizer", "scheduler", "metrics", "callbacks")

# Where a table alone stands for a list of one.
LISTS: tuple[Path, ...] = (("scheduler",), ("checkpoint", "best"))

FRAMEWORK_KEYS = frozenset(key for kind in KINDS.values() for key, _ in kind.keys)


class Layers:
    """Everything that a spec is made of, and who said what.

    Attributes:
        documents: from the spec itself down to its lowest base.
        overrides: in the order they apply.
        values: the merged result.
    """

    def __init__(self, documents: Sequence[Document], overrides: Sequence[Override]) -> None:
        """Merge.

        Raises:
            SpecError: an override does not fit what the files say.
        """
        self.documents = documents
        self.overrides = overrides
        self.values: dict[str, Any] = {}
        for document in reversed(documents):
            self.values = _merge(self.values, document.values)
        _list_lone(self.values)
        problems: list[Problem] = []
        for number, override in enumerate(overrides):
            problems += _apply(override, self.values, overrides[:number])
            _list_lone(self.values)
        if problems:
            raise SpecError(problems)

    def locate(self, path: Path, key: bool = False) -> Position | None:
        """Return where the value at `path`, or its key, was said last."""
        if not path:
            return self.documents[0].locate(())
        override = self._override(path)
        if override is not None:
            return override.position(key)
        found = (document.locate(form, key) for document in self.documents for form in _forms(path))
        created = (o.position(key=True) for o in self.overrides if _reaches(o.path, path))
        return next((position for position in (*found, *created) if position is not None), None)

    def origin(self, path: Path) -> str | None:
        """Return who said the value at `path`: a file, or the command line; None for nobody."""
        if _inside(self.values, path) is None:
            return None
        override = self._override(path)
        if override is not None:
            return override.source
        return next((d.name for d in self.documents if any(d.locate(form) for form in _forms(path))), None)

    def _override(self, path: Path) -> Override | None:
        candidates = (o for o in reversed(self.overrides) if not o.removes and _reaches(path, o.path))
        return next(candidates, None)


def read_layers(path: FilePath, overrides: Sequence[Override], alone: bool = False) -> Layers:
    """Read a spec file with the bases that it names; one that stands `alone` may name none.

    Raises:
        SpecError: a file cannot be read or is not well-formed, or a base builds on itself.
    """
    problems = [
        Problem(BASE_FIXED, override.position(key=True)) for override in overrides if override.path == ("base",)
    ]
    if problems:
        raise SpecError(problems)
    documents = [read_document(path)]
    seen = [path.resolve()]
    while isinstance(base := documents[-1].values.get("base"), str):
        below = seen[-1].parent / base
        position = documents[-1].locate(("base",))
        if alone:
            raise SpecError([Problem("the spec of a run stands alone: it has no base", position)])
        # Unlike Path's, this one takes a name that is too long or has a null character in it.
        if not os.path.isfile(below):
            raise SpecError([Problem(f'there is no base "{base}": {below} is no file', position)])
        if below.resolve() in seen:
            raise SpecError([Problem(f'base "{base}" builds on this file itself', position)])
        try:
            documents.append(read_document(below))
        except SpecError as error:
            raise SpecError(replace(p, position=p.position or position) for p in error.problems) from None
        seen.append(below.resolve())
    return Layers(documents, overrides)


def find_nulls(value: Any, path: Path = ()) -> Iterable[Path]:
    """Yield where YAML or JSON says null: TOML cannot, and a key left out says it in all three."""
    if value is None:
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from find_nulls(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from find_nulls(inner, (*path, number))


def _list_lone(values: dict[str, Any]) -> None:
    """A lone [scheduler] is a list of one."""
    for *above, last in LISTS:
        table = _inside(values, above)
        if isinstance(table, dict) and isinstance(table.get(str(last)), dict | str):
            table[str(last)] = [table[str(last)]]


def _forms(path: Path) -> list[Path]:
    """A lone [scheduler] is written without an index."""
    lone = [(*above, *path[len(above) + 1 :]) for above in LISTS if path[: len(above) + 1] == (*above, 0)]
    return [path, *lone]


def _reaches(path: Path, above: Path) -> bool:
    """Say whether `path` is `above` or inside it. In an override, a key of digits looks like an index."""
    wanted = [str(part) for part in above]
    return any([str(part) for part in form[: len(wanted)]] == wanted for form in _forms(path))


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    below = _drop_other_component(below, above.get("use"))
    merged = copy.deepcopy(below)
    for key, value in above.items():
        known = merged.get(key)
        if isinstance(value, dict) and isinstance(known, dict | str):
            merged[key] = _merge(_name_table(known), value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def _name_table(component: Any) -> Any:
    """A component that was named alone can take parameters."""
    return {"use": component} if isinstance(component, str) else component


def _drop_other_component(table: dict[str, Any], use: Any, keep: Collection[Any] = ()) -> dict[str, Any]:
    """A component's parameters go with its name: another name starts without them."""
    if use is None or table.get("use") in (None, use):
        return table
    return {key: value for key, value in table.items() if key in FRAMEWORK_KEYS or key in keep}


def _apply(override: Override, values: dict[str, Any], earlier: Sequence[Override]) -> list[Problem]:
    path = _index_lone(override.path, values)
    place: Any = values
    for part, following in pairwise(path):
        inside = _child(place, part)
        if inside is None and isinstance(place, dict) and isinstance(following, str) and not override.removes:
            inside = place[str(part)] = {}
        elif isinstance(inside, str) and path[0] in COMPONENTS and not override.removes:
            inside = _name_table(inside)
            place[part] = inside
        if not isinstance(inside, dict | list):
            return [_misplaced(override, part)]
        place = inside
    depth = len(override.path) - 1
    said = {o.path[depth] for o in earlier if len(o.path) > depth and o.path[:depth] == override.path[:depth]}
    return _set(override, place, path[-1], said)


def _index_lone(path: Path, values: dict[str, Any]) -> Path:
    """Let `scheduler.every` mean the only one."""
    for above in LISTS:
        named, inner = path[: len(above)], path[len(above) :]
        found = _inside(values, above)
        if named == above and inner and isinstance(inner[0], str) and isinstance(found, list) and len(found) == 1:
            return (*above, 0, *inner)
    return path


def _set(
    override: Override, place: dict[str, Any] | list[Any], last: str | int, said: Collection[str | int]
) -> list[Problem]:
    if isinstance(place, list):
        if not isinstance(last, int) or last >= len(place):
            return [_misplaced(override, last)]
        if override.removes:
            del place[last]
        else:
            place[last] = copy.deepcopy(override.value)
        return []
    last = str(last)
    if override.removes:
        return [] if place.pop(last, None) is not None else [_misplaced(override, last)]
    if last == "use":
        for dropped in place.keys() - _drop_other_component(place, override.value, said).keys():
            del place[dropped]
    place[last] = copy.deepcopy(override.value)
    return []


def _inside(values: Any, path: Iterable[str | int]) -> Any:
    for part in path:
        values = _child(values, part) if isinstance(values, dict | list) else None
    return values


def _child(place: Any, part: str | int) -> Any:
    if isinstance(place, list):
        return place[part] if isinstance(part, int) and part < len(place) else None
    return place.get(str(part))


def _misplaced(override: Override, part: str | int) -> Problem:
    return Problem(f'the spec has nothing at "{part}" of "{override.text}"', override.position(key=True))
