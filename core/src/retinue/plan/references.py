"""Every place where a spec names a component."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from retinue.hooks import KINDS
from retinue.positions import Path

SECTIONS = ("train", "val", "test")


@dataclass(frozen=True)
class Reference:
    """A component named in a spec.

    Attributes:
        path: where its table, or its bare name, stands.
        parameters: as written, without the framework's keys.
    """

    kind: str
    name: str
    path: Path
    parameters: dict[str, Any]

    @property
    def name_path(self) -> Path:
        """Where the name stands, if it is in a table."""
        return (*self.path, "use")


def find_references(values: dict[str, Any]) -> Iterator[Reference]:
    """Yield the components that a spec names, as far as its tables have the right form."""
    for key in ("task", "model", "loss", "optimizer"):
        yield from _read(key, values.get(key), (key,))
    for path, value in _items(values.get("scheduler"), ("scheduler",)):
        yield from _read("scheduler", value, path)
    for path, value in _items(values.get("callbacks"), ("callbacks",)):
        yield from _read("callback", value, path)
    for path, value in _items(values.get("metrics"), ("metrics",)):
        yield from _read("metric", value, path)
    for path, value in _items(values.get("data"), ("data",)):
        if path[-1] in SECTIONS:
            yield from _read("dataset", value, path)
            transforms = value.get("transforms") if isinstance(value, dict) else None
            for inner, transform in _items(transforms, (*path, "transforms")):
                yield from _read("transform", transform, inner)


def find_nested(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the tables with `use` among parameters: their kind is known only from the signature around them."""
    for inner_path, inner in _items(value, path):
        if isinstance(inner, dict) and isinstance(inner.get("use"), str):
            yield (*inner_path, "use"), inner["use"]
        yield from find_nested(inner, inner_path)


def read_reference(kind: str, value: Any, path: Path) -> Reference | None:
    """Read a name or a table with `use`; None where it is neither."""
    return next(_read(kind, value, path), None)


def _read(kind: str, value: Any, path: Path) -> Iterator[Reference]:
    table = {"use": value} if isinstance(value, str) else value
    if isinstance(table, dict) and isinstance(table.get("use"), str) and table["use"]:
        owned = {"use", *(key for key, _ in KINDS[kind].keys)}
        yield Reference(kind, table["use"], path, {key: inner for key, inner in table.items() if key not in owned})


def _items(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        yield from (((*path, key), inner) for key, inner in value.items())
    elif isinstance(value, list):
        yield from (((*path, number), inner) for number, inner in enumerate(value))
