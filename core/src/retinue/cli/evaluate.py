"""retinue evaluate"""

from __future__ import annotations

from pathlib import Path

import click

from retinue.cli.opening import open_run
from retinue.cli.output import json_option, print_json, print_table


@click.command("evaluate")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[key.path=value]...")
@click.option("--split", type=click.Choice(["val", "test"]), default="val", show_default=True)
@json_option
def command(run: Path, overrides: tuple[str, ...], split: str, as_json: bool) -> None:
    """Print the loss and metrics of RUN's best model.

    RUN is a run directory, or a folder of runs for its latest. Overrides say what is different now:

    \b
    retinue evaluate runs/flowers data.val.root=/mnt/flowers/val
    """
    values = open_run(run, overrides).evaluate(split)
    if as_json:
        print_json(values)
    else:
        print_table([(name, f"{value:.6g}") for name, value in values.items()])
