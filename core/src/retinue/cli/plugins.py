"""retinue plugins"""

from __future__ import annotations

import click

from retinue.cli.output import json_option, print_json, print_table
from retinue.plugins.registry_file import RegistryFile, find_registry_file
from retinue.plugins.selection import select_plugins


@click.command("plugins")
@json_option
def command(as_json: bool) -> None:
    """List installed plug-ins from their metadata; none is imported."""
    plugins = select_plugins(RegistryFile(find_registry_file()))
    if as_json:
        keys = ("id", "distribution", "version", "status", "error")
        print_json([{key: getattr(plugin, key) for key in keys} for plugin in plugins])
    else:
        print_table([(p.id, str(p), p.status, p.error or "") for p in plugins])
