"""The JSON Schema of run specs, with the parameters of every installed component: editors complete and check by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from retinue.errors import ComponentError, PluginError
from retinue.hooks import KINDS, NESTED_KIND
from retinue.plugins.components import Component
from retinue.plugins.parameters import read_signature
from retinue.plugins.registry import Registry
from retinue.spec.schema import ComponentTable, DatasetTable, RunSpec, SchedulerTable

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"

TABLES: dict[str, type[BaseModel]] = {"dataset": DatasetTable, "scheduler": SchedulerTable}
"""The kinds whose tables have keys of the framework's."""

PLACES = {
    **{name: name for name in ("task", "model", "loss", "optimizer", "scheduler")},
    **{"metrics": "metric", "callbacks": "callback", "transforms": "transform"},
    **dict.fromkeys(("train", "val", "test"), "dataset"),
}
"""The kind of what stands at a key of the spec."""

TABLE_NAMES = tuple(f"#/$defs/{table.__name__}" for table in (ComponentTable, DatasetTable, SchedulerTable))


def write_json_schema(registry: Registry) -> Schema:
    """Return the JSON Schema of run specs. Every component's target is imported."""
    schema = RunSpec.model_json_schema()
    definitions = schema["$defs"]
    for kind in KINDS:
        framework = TABLES.get(kind, ComponentTable).model_json_schema()
        definitions |= framework.get("$defs", {}) | _define_kind(registry, kind, framework["properties"])
    for name in TABLE_NAMES:
        definitions.pop(name, None)
    # What builds on another spec may leave out what that one has.
    required = {"if": {"required": ["base"]}, "else": {"required": schema.pop("required")}}
    linked: Schema = _link({"$schema": DRAFT, **schema, **required}, None)
    return linked


def _define_kind(registry: Registry, kind: str, framework: Schema) -> dict[str, Schema]:
    """Return the definition of a kind, `KIND`, of the names in it, `KIND-name`, and of each component's table."""
    definitions: dict[str, Schema] = {}
    cases = []
    names = _collect_names(registry, kind)
    for component in registry.components(kind):
        table, inner = _define_table(component, framework)
        reference = _identify(component)
        definitions |= {**inner, reference: table}
        named = {"properties": {"use": {"enum": names[component.canonical]}}, "required": ["use"]}
        cases.append({"if": named, "then": {"$ref": f"#/$defs/{reference}"}})
    definitions[f"{kind}-name"] = {"enum": sorted(name for known in names.values() for name in known)}
    use = {"$ref": f"#/$defs/{kind}-name"}
    table = {"type": "object", "required": ["use"], "properties": {"use": use}, "allOf": cases}
    return {**definitions, kind: {"anyOf": [use, table]}}


def _collect_names(registry: Registry, kind: str) -> dict[str, list[str]]:
    """Return by canonical name every name by which a spec may have a component; of a family, those of its members."""
    names = {c.canonical: c.list_members() if c.is_family else [] for c in registry.components(kind)}
    for name in registry.names(kind):
        try:
            component = registry.resolve(kind, name)
        except ComponentError:
            continue
        names[f"{component.plugin.id}/*" if component.in_family else component.canonical].append(name)
    return names


def _define_table(component: Component, framework: Schema) -> tuple[Schema, dict[str, Schema]]:
    """Return what a component's table may hold, and the definitions that it refers to."""
    about = {"description": component.summary, **({"deprecated": True} if component.deprecated else {})}
    try:
        member = replace(component, name=component.list_members()[0].partition("/")[2])
        model = read_signature(member).model.model_json_schema()
    # One component that cannot be read must not take the schema of all others away.
    except (PluginError, IndexError):
        return about, {}
    prefix = f"{_identify(component)}."
    inner = {f"{prefix}{name}": _rename(table, prefix) for name, table in model.get("$defs", {}).items()}
    table = {
        **about,
        "type": "object",
        "properties": {**framework, **_rename(model.get("properties", {}), prefix)},
        "required": ["use", *model.get("required", [])],
        "additionalProperties": False,
    }
    return table, inner


def _identify(component: Component) -> str:
    """Return a name for a definition: a reference to it is a path, in which a slash would part."""
    return f"{component.kind}.{component.canonical.replace('/', '.')}"


def _rename(schema: Any, prefix: str) -> Any:
    """Two components may each have a definition of the same name."""
    if isinstance(schema, Mapping):
        return {
            key: f"#/$defs/{prefix}{value.removeprefix('#/$defs/')}" if key == "$ref" else _rename(value, prefix)
            for key, value in schema.items()
        }
    return [_rename(value, prefix) for value in schema] if isinstance(schema, list) else schema


def _link(schema: Any, kind: str | None) -> Any:
    """Let every place for a component refer to its kind."""
    if isinstance(schema, list):
        return [_link(value, kind) for value in schema]
    if not isinstance(schema, Mapping):
        return schema
    if NESTED_KIND in schema:
        return {"$ref": f"#/$defs/{schema[NESTED_KIND]}"}
    linked: Schema = {
        key: _link_properties(value, kind) if key == "properties" else _link(value, kind)
        for key, value in schema.items()
    }
    choices = linked.get("anyOf", [])
    others = [choice for choice in choices if choice.get("$ref") not in TABLE_NAMES]
    if len(others) < len(choices):
        # A component by its name alone, and one by its table, are both in the definition of the kind.
        linked["anyOf"] = [*(choice for choice in others if choice != {"type": "string"}), {"$ref": f"#/$defs/{kind}"}]
    return linked


def _link_properties(properties: Mapping[str, Any], kind: str | None) -> Schema:
    return {name: _link(value, PLACES.get(name, kind)) for name, value in properties.items()}
