"""What the commands share in what they print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinue.errors import DataError
from retinue.plugins.registry import FAILED, Registry

if TYPE_CHECKING:
    from torch import Tensor

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def open_registry() -> Registry:
    """Return the registry; plug-ins that do not work get one line each on stderr."""
    registry = Registry()
    for plugin in registry.plugins:
        if plugin.status in FAILED:
            click.echo(f"warning: plug-in {plugin.id} ({plugin}) is {plugin.condition}: {plugin.error}", err=True)
    return registry


def print_json(value: Any) -> None:
    """Print one value as JSON."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns as wide as they need."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def write_picture(picture: Tensor, path: Path) -> Path:
    """Write uint8 3 x H x W to a file in the format of its suffix.

    Raises:
        DataError: it cannot be written.
    """
    from torchvision.transforms.functional import to_pil_image

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        to_pil_image(picture).save(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be written: {error}") from error
    return path
