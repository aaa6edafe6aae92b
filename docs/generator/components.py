"""The components of each plug-in in this repository."""

from __future__ import annotations

import inspect
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from docstring_parser import parse
from pydantic.fields import FieldInfo

from generator.hooks import describe_framework_keys
from generator.markdown import show_default, write_cell, write_prose, write_table
from retinue.cli.type_names import show_type
from retinue.hooks import DATA_PARAMETERS, KINDS, PROJECT
from retinue.plugins.components import Component
from retinue.plugins.parameters import Signature, read_signature
from retinue.plugins.registry import Registry
from retinue.plugins.registry_file import RegistryFile

ROOT = Path(__file__).parents[2]
MOST_MEMBERS = 120
INTRODUCTION = "What Retinue brings along. `retinue describe KIND NAME` prints the same."
PLURALS = {"dataset": "Data sets", "loss": "Losses"}


def describe_plugins() -> dict[str, Iterator[str]]:
    """Return the parts of each distribution's page by file name: the core's, and one for each other."""
    registry = Registry(RegistryFile(ROOT / "registry.toml"))
    working = {plugin.distribution for plugin in registry.plugins if plugin.status == "ok"}
    folders = {_read_name(file): file.parent for file in sorted(ROOT.glob("plugins/*/pyproject.toml"))}
    if not {PROJECT, *folders} <= working:
        sys.exit(
            f"not installed, or broken: {', '.join(sorted(folders.keys() - working))}; see `retinue plugins doctor`"
        )
    pages = {name: f"plugins/{folder.name}.md" for name, folder in folders.items()}
    others = "\n".join(f"- [{name}]({page})" for name, page in pages.items())
    written = {
        "components.md": _describe_distribution(PROJECT, f"{INTRODUCTION} Those of plug-ins:\n\n{others}", registry)
    }
    for name, page in pages.items():
        readme = f"[README](../../../plugins/{folders[name].name}/README.md)"
        introduction = f"What the plug-in {name} registers; its {readme} says how to use it."
        written[page] = _describe_distribution(name, introduction, registry)
    return written


def _describe_distribution(name: str, introduction: str, registry: Registry) -> Iterator[str]:
    found = {kind: [c for c in registry.components(kind) if c.plugin.distribution == name] for kind in KINDS}
    found = {kind: components for kind, components in found.items() if components}
    yield "# Components" if name == PROJECT else f"# Components of {name}"
    yield introduction
    yield "\n".join(
        f"- {_plural(kind)}: " + ", ".join(f"[{_bare(c)}](#{_anchor(c)})" for c in components)
        for kind, components in found.items()
    )
    described: dict[tuple[str, str], Component] = {}
    for kind, components in found.items():
        yield f"## {_plural(kind)}"
        yield from describe_framework_keys(KINDS[kind])
        for component in components:
            yield f"### {kind} {_bare(component)}"
            yield f"`{component.canonical}`: {write_prose(component.summary)}."
            description = "\n\n".join(_describe_component(component, registry))
            first = described.setdefault((kind, description), component)
            yield description if first is component else f"The same as [{_bare(first)}](#{_anchor(first)})."


def _describe_component(component: Component, registry: Registry) -> Iterator[str]:
    members = component.list_members()
    signature = read_signature(registry.resolve(component.kind, members[0]) if component.is_family else component)
    yield write_prose(_describe_target(signature))
    if component.is_family:
        shown = ", ".join(f"`{name}`" for name in members[:MOST_MEMBERS])
        rest = f" and {len(members) - MOST_MEMBERS} more" if len(members) > MOST_MEMBERS else ""
        yield f"Names: {shown}{rest}."
    rows = [_parameter_row(signature, name, field) for name, field in signature.model.model_fields.items()]
    if rows:
        yield write_table(("parameter", "type", "default", "meaning"), rows)


def _parameter_row(signature: Signature, name: str, field: FieldInfo) -> tuple[str, ...]:
    given = name in signature.from_data
    meaning = field.description or (DATA_PARAMETERS[name] if given else "")
    default = "from the data" if given else show_default(field)
    return f"`{name}`", f"`{show_type(field.annotation, field.metadata)}`", default, write_cell(meaning)


def _describe_target(signature: Signature) -> str:
    docs = parse(inspect.getdoc(signature.target) or "")
    return "\n\n".join(text.strip() for text in (docs.short_description, docs.long_description) if text)


def _read_name(file: Path) -> str:
    name: str = tomllib.loads(file.read_text(encoding="utf-8"))["project"]["name"]
    return name


def _bare(component: Component) -> str:
    return component.canonical if component.is_family else component.name


def _anchor(component: Component) -> str:
    return re.sub(r"[^\w -]", "", f"{component.kind} {_bare(component)}".lower()).replace(" ", "-")


def _plural(kind: str) -> str:
    return PLURALS.get(kind, f"{kind.capitalize()}s")
