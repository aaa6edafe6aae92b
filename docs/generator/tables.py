"""The run spec and registry.toml, table by table."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from generator.markdown import show_default, write_cell, write_table
from retinue.cli.type_names import show_type
from retinue.plugins.registry_file import RegistryTable
from retinue.spec.durations import Duration
from retinue.spec.schema import ComponentTable, RunSpec


def describe_spec() -> Iterator[str]:
    """Yield the parts of spec.md."""
    yield "# The run spec"
    yield (
        "Every key. A *component* is a name, or a table with `use` and the component's own parameters "
        "([components](components.md)). A *duration* is a text such as `5ep` (epochs) or `500it` (optimizer steps). "
        "`retinue schema` prints the same as JSON Schema."
    )
    yield from _describe_tables(RunSpec, "The top")


def describe_registry_file() -> Iterator[str]:
    """Yield the parts of registry-file.md."""
    yield "# registry.toml"
    yield (
        "A workspace's choice of plug-ins, in the working directory or a folder above it; without one, the defaults. "
        "It is code, as a `conftest.py` is: the files under `[local]` are imported."
    )
    yield from _describe_tables(RegistryTable, "The top")


def _describe_tables(model: type[BaseModel], title: str) -> Iterator[str]:
    for table, paths in _find_tables(model).items():
        yield f"## {', '.join(f'`{path}`' for path in paths) if paths != [''] else title}"
        rows = [_key_row(name, field) for name, field in table.model_fields.items()]
        yield write_table(("key", "type", "default", "meaning"), rows)


def _key_row(name: str, field: FieldInfo) -> tuple[str, ...]:
    shown = _show_spec_type(field.annotation, tuple(field.metadata))
    return f"`{field.alias or name}`", f"`{shown}`", show_default(field), write_cell(field.description or "")


def _find_tables(model: type[BaseModel], path: str = "") -> dict[type[BaseModel], list[str]]:
    """Return the model and those in its fields, each with the paths where it stands."""
    found: dict[type[BaseModel], list[str]] = {model: [path]}
    for name, field in model.model_fields.items():
        for inner, suffix in _models_in(field.annotation):
            if inner is ComponentTable:
                continue
            below = ".".join(filter(None, (path, field.alias or name))) + suffix
            for table, paths in _find_tables(inner, below).items():
                found.setdefault(table, []).extend(paths)
    return found


def _models_in(annotation: Any, suffix: str = "") -> Iterator[tuple[type[BaseModel], str]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, suffix
        return
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner = inner[:1]
    elif origin is dict:
        inner, suffix = inner[1:], f"{suffix}.NAME"
    for member in inner if origin is not None else ():
        yield from _models_in(member, suffix)


def _show_spec_type(annotation: Any, metadata: tuple[Any, ...] = ()) -> str:
    """Return a type in the spec's own words where it has one."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        marks = [mark.metadata if isinstance(mark, FieldInfo) else [mark] for mark in inner[1:]]
        return _show_spec_type(inner[0], tuple(mark for group in marks for mark in group))
    if origin in (Union, UnionType):
        return " | ".join(_show_spec_type(member, metadata) for member in inner if member is not NoneType)
    if origin is list or (origin is tuple and Ellipsis in inner):
        return f"list[{_show_spec_type(inner[0])}]"
    if origin is dict:
        return f"table[{_show_spec_type(inner[1])}]"
    if annotation is Duration:
        return "duration"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "component" if issubclass(annotation, ComponentTable) else "table"
    return show_type(annotation, metadata)
