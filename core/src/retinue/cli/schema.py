"""retinue schema"""

from __future__ import annotations

import click

from retinue.cli.output import open_registry, print_json
from retinue.plan.json_schema import write_json_schema


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of run specs with all installed components, for editors.

    \b
    retinue schema > retinue.schema.json
    """
    print_json(write_json_schema(open_registry()))
