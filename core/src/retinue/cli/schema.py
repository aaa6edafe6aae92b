"""retinue schema"""

from __future__ import annotations

import click

from retinue.cli.output import print_json
from retinue.spec.schema import RunSpec


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of run specs, for editors."""
    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **RunSpec.model_json_schema()})
