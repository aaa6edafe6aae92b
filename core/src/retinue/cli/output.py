"""What the commands share in what they print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from retinue.plugins.registry import Registry

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def open_registry() -> Registry:
    """Return the registry; plug-ins that do not work get one line each on stderr."""
    registry = Registry()
    for plugin in registry.plugins:
        if plugin.status in ("broken", "conflict", "incompatible"):
            click.echo(f"warning: plug-in {plugin.id} ({plugin}) is {plugin.status}: {plugin.error}", err=True)
    return registry


def print_json(value: Any) -> None:
    """Print one value as JSON."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns as wide as they need."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
