"""retinue train"""

from __future__ import annotations

import json
from pathlib import Path

import click

from retinue.cli.output import json_option, open_registry, warn_of_deprecated
from retinue.plan import make_plan
from retinue.spec.loading import load_spec


@click.command("train")
@click.argument("spec", required=False, type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[key.path=value]...")
@click.option("--out", type=click.Path(path_type=Path), help="The run directory; default: runs/NAME/TIME.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Go on with a run, by its own spec.")
@json_option
def command(
    spec: Path | None, overrides: tuple[str, ...], out: Path | None, resume: Path | None, as_json: bool
) -> None:
    """Train what SPEC says. The last line names the run directory.

    \b
    retinue train spec.toml
    retinue train spec.toml train.epochs=5 model.use=resnet18 ~scheduler
    retinue train --resume runs/flowers
    """
    if (spec is None) == (resume is None):
        raise click.UsageError("give a SPEC, or --resume RUN: a resumed run takes its own spec")
    if resume is not None and out is not None:
        raise click.UsageError("--resume goes on in its own directory: leave --out out")
    registry = open_registry()
    if spec is not None:
        # Mistakes in names are told before torch is imported.
        warn_of_deprecated(make_plan(load_spec(spec, overrides), registry))
    from retinue.run import train

    run = train(spec, overrides, out, resume, registry)
    result = {"run": str(run.directory), "epochs": run.epochs, "steps": run.steps, "metrics": run.metrics}
    click.echo(json.dumps(result) if as_json else str(run.directory))
