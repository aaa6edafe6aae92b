"""retinue list"""

from __future__ import annotations

from dataclasses import replace

import click

from retinue.cli.output import json_option, open_registry, print_json, print_table
from retinue.errors import PluginError
from retinue.hooks import KINDS
from retinue.plugins.components import Component
from retinue.plugins.registry import Registry
from retinue.validation import closest


@click.command("list")
@click.argument("kind", required=False, type=click.Choice(list(KINDS)))
@click.option("--plugin", metavar="ID", help="Only this plug-in's; a family is listed name by name.")
@json_option
def command(kind: str | None, plugin: str | None, as_json: bool) -> None:
    """List components of KIND, or of every kind. torch is not imported."""
    registry = open_registry()
    _refuse_unknown_plugin(plugin, registry)
    # A local file may: it is mended where it is written.
    for heavy in (found for found in registry.plugins if found.imports_torch and found.distribution):
        click.echo(f"note: plug-in {heavy.id} imports torch, which every command waits for", err=True)
    found = list(registry.components(kind, plugin))
    if plugin is not None:
        found = [member for component in found for member in _members(component)]
    if as_json:
        print_json([_as_record(component) for component in found])
    else:
        print_table([(c.kind, c.canonical, str(c.plugin), _summarise(c)) for c in found])


def _refuse_unknown_plugin(id: str | None, registry: Registry) -> None:
    ids = [plugin.id for plugin in registry.plugins]
    if id is not None and id not in ids:
        meant = closest(id, ids)
        raise PluginError(f'no plug-in "{id}" is installed' + (f': did you mean "{meant}"?' if meant else ""))


def _members(component: Component) -> list[Component]:
    if not component.is_family:
        return [component]
    return [replace(component, name=name.split("/", 1)[1]) for name in component.list_members()]


def _summarise(component: Component) -> str:
    return component.summary + (f" (deprecated: use {component.deprecated})" if component.deprecated else "")


def _as_record(component: Component) -> dict[str, str | None]:
    return {
        "kind": component.kind,
        "name": component.canonical,
        "plugin": component.plugin.id,
        "distribution": component.plugin.distribution,
        "version": component.plugin.version,
        "summary": component.summary,
    }
