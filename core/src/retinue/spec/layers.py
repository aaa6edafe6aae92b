"""A spec is layers: a base, what builds on it, and overrides. Tables merge, lists and values replace."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path as FilePath
from typing import Any

from retinue.documents import Document, read_document
from retinue.errors import Position, Problem, SpecError
from retinue.hooks import KINDS
from retinue.positions import Path
from retinue.spec.overrides import Override

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
            SpecError: an override goes through something that is no table, or removes what is not there.
        """
        self.documents = documents
        self.overrides = overrides
        self.values: dict[str, Any] = {}
        for document in reversed(documents):
            self.values = _merge(self.values, document.values)
        problems = [problem for override in overrides for problem in _apply(override, self.values)]
        if problems:
            raise SpecError(problems)
        if isinstance(self.values.get("scheduler"), dict):
            self.values["scheduler"] = [self.values["scheduler"]]

    def locate(self, path: Path, key: bool = False) -> Position | None:
        """Return where the value at `path`, or its key, was said last."""
        if not path:
            return self.documents[0].locate(())
        override = self._override(path)
        if override is not None:
            return override.position(key)
        found = (document.locate(form, key) for document in self.documents for form in _forms(path))
        return next((position for position in found if position is not None), None)

    def origin(self, path: Path) -> str | None:
        """Return who said the value at `path`: a file, or the command line; None for nobody."""
        override = self._override(path)
        if override is not None:
            return override.source
        return next((d.name for d in self.documents if any(d.locate(form) for form in _forms(path))), None)

    def _override(self, path: Path) -> Override | None:
        candidates = (o for o in reversed(self.overrides) if not o.removes and path[: len(o.path)] == o.path)
        return next(candidates, None)


def read_layers(path: FilePath, overrides: Sequence[Override]) -> Layers:
    """Read a spec file with the bases that it names.

    Raises:
        SpecError: a file cannot be read or is not well-formed, or a base builds on itself.
    """
    documents = [read_document(path)]
    seen = [path.resolve()]
    while isinstance(base := documents[-1].values.get("base"), str):
        below = seen[-1].parent / base
        position = documents[-1].locate(("base",))
        if below.resolve() in seen:
            raise SpecError([Problem(f'base "{base}" builds on this file itself', position)])
        if not below.is_file():
            raise SpecError([Problem(f'there is no base "{base}": {below} does not exist', position)])
        documents.append(read_document(below))
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


def _forms(path: Path) -> list[Path]:
    """A lone [scheduler] is written without an index."""
    return [path, ("scheduler", *path[2:])] if path[:2] == ("scheduler", 0) else [path]


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    below = _drop_other_component(below, above.get("use"))
    merged = copy.deepcopy(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else copy.deepcopy(value)
    return merged


def _drop_other_component(table: dict[str, Any], use: Any) -> dict[str, Any]:
    """A component's parameters go with its name: another name starts without them."""
    if use is None or table.get("use") in (None, use):
        return table
    return {key: value for key, value in table.items() if key in FRAMEWORK_KEYS}


def _apply(override: Override, values: dict[str, Any]) -> list[Problem]:
    place: Any = values
    for part in override.path[:-1]:
        inside = _child(place, part)
        if inside is None and isinstance(place, dict) and not override.removes:
            inside = place[str(part)] = {}
        elif isinstance(inside, str) and not override.removes:
            # A component that was named alone gets its first parameter.
            inside = {"use": inside}
            place[part] = inside
        if not isinstance(inside, dict | list):
            return [_misplaced(override, part)]
        place = inside
    return _set(override, place, override.path[-1])


def _set(override: Override, place: dict[str, Any] | list[Any], last: str | int) -> list[Problem]:
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
        kept = _drop_other_component(place, override.value)
        place.clear()
        place.update(kept)
    place[last] = copy.deepcopy(override.value)
    return []


def _child(place: Any, part: str | int) -> Any:
    if isinstance(place, list):
        return place[part] if isinstance(part, int) and part < len(place) else None
    return place.get(str(part))


def _misplaced(override: Override, part: str | int) -> Problem:
    return Problem(f'the spec has nothing at "{part}" of "{override.text}"', override.position(key=True))
