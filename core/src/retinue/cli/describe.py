"""retinue describe"""

from __future__ import annotations

import inspect
from typing import Any

import click
import tomlkit
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from retinue import hooks
from retinue.cli.output import json_option, open_registry, print_json, print_table
from retinue.cli.type_names import show_type
from retinue.hooks import DATA_PARAMETERS, KINDS
from retinue.plugins.components import locate_target
from retinue.plugins.parameters import Signature, read_signature

REQUIRED = "(required)"

TABLES = {"dataset": "[data.train]", "scheduler": "[[scheduler]]"}
"""What a spec writes above a component, where it is not the name of its kind."""

LINES = {"transform": "transforms = [{}]", "metric": "metrics.score = {}", "callback": "callbacks = [{}]"}
"""What a spec writes around a component that stands in a line."""


@click.command("describe")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("name")
@json_option
def command(kind: str, name: str, as_json: bool) -> None:
    """Show the component NAME: parameters with type, default and meaning, and where it comes from."""
    component = open_registry().resolve(kind, name)
    signature = read_signature(component)
    parameters = [_parameter(signature, name, field) for name, field in signature.model.model_fields.items()]
    record = {
        "kind": kind,
        "name": component.canonical,
        "summary": component.summary,
        "plugin": component.plugin.id,
        "distribution": component.plugin.distribution,
        "version": component.plugin.version,
        "source": locate_target(signature.target),
        "deprecated": component.deprecated,
        "parameters": parameters,
        "framework_keys": dict(KINDS[kind].keys),
        "contract": (inspect.getdoc(getattr(hooks, KINDS[kind].hook)) or "").partition(": ")[2],
        "example": _write_example(kind, name, parameters),
    }
    if as_json:
        print_json(record)
        return
    click.echo(f"{kind} {component.canonical}: {component.summary}\n{component.plugin}, {record['source']}")
    click.echo(f"deprecated: use {component.deprecated}\n" if component.deprecated else "")
    rows = [(p["name"], p["type"], p["default"], p["description"] or "") for p in parameters]
    framework = [(key, "", "", f"{meaning} (the framework's key)") for key, meaning in KINDS[kind].keys]
    print_table([("parameter", "type", "default", "meaning"), *rows, *framework])
    click.echo(f"\ncontract: {record['contract']}\n\n{record['example']}")


def _write_example(kind: str, name: str, parameters: list[dict[str, Any]]) -> str:
    """Return lines to paste into a spec; a parameter without a default has its type for a value."""
    given = [f'use = "{name}"', *(f"{p['name']} = <{p['type']}>" for p in parameters if p["default"] == REQUIRED)]
    if kind in LINES:
        return LINES[kind].format(f"{{ {', '.join(given)} }}")
    return "\n".join([TABLES.get(kind, f"[{kind}]"), *given])


def _parameter(signature: Signature, name: str, field: FieldInfo) -> dict[str, Any]:
    origin = DATA_PARAMETERS.get(name) if name in signature.from_data else None
    default = REQUIRED if field.is_required() else _write_default(field.get_default(call_default_factory=True))
    return {
        "name": name,
        "type": show_type(field.annotation, field.metadata),
        "default": "(from the data set)" if origin else default,
        "description": field.description or origin,
    }


def _write_default(value: Any) -> str:
    """Return a value as a line of a spec has it."""
    if value is None:
        return "None"
    line = tomlkit.array()
    # In an array tables stand in line.
    line.append(to_jsonable_python(value, exclude_none=True))
    return line.as_string()[1:-1]
