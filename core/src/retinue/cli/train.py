"""retinue train"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from retinue.cli.garbage import resume_collection
from retinue.cli.opening import open_plan
from retinue.cli.output import json_option, open_registry


@click.command("train")
@click.argument("arguments", nargs=-1, metavar="[SPEC] [key.path=value]...")
@click.option("--out", type=click.Path(path_type=Path), help="The run directory; default: runs/NAME/TIME.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Go on with a run, by its own spec.")
@click.option("--despite-differences", is_flag=True, help="Resume although code or data are not what they were.")
@click.option("--processes", type=click.IntRange(1), default=1, show_default=True, help="On this machine, by torchrun.")
@json_option
def command(
    arguments: tuple[str, ...],
    out: Path | None,
    resume: Path | None,
    despite_differences: bool,
    processes: int,
    as_json: bool,
) -> None:
    """Train what SPEC says. The last line names the run directory.

    \b
    retinue train spec.toml
    retinue train spec.toml train.epochs=5 model.use=resnet18 ~scheduler
    retinue train spec.toml --processes 2
    retinue train --resume runs/flowers
    retinue train --resume runs/flowers train.device=cpu data.train.root=/mnt/flowers/train

    A resumed run takes its own spec; overrides may change what nothing that is learnt depends on.
    """
    spec, overrides = _part(arguments, resume)
    if resume is not None and out is not None:
        raise click.UsageError("--resume goes on in its own directory: leave --out out")
    if despite_differences and resume is None:
        raise click.UsageError("--despite-differences is for --resume")
    registry = open_registry()
    if spec is not None:
        # Mistakes in names are told before torch is imported.
        open_plan(spec, overrides, registry)
    if processes > 1:
        from retinue.engine.launching import launch

        options = {"--out": out, "--resume": resume}
        flags = {"--despite-differences": despite_differences, "--json": as_json}
        given = [word for name, value in options.items() if value is not None for word in (name, str(value))]
        sys.exit(launch(["train", *given, *(name for name, on in flags.items() if on), "--", *arguments], processes))
    from retinue.engine.distributed import read_group
    from retinue.run import train

    resume_collection()
    run = train(spec, overrides, out, resume, registry, despite_differences)
    if read_group().leads:
        result = {"run": str(run.directory), "epochs": run.epochs, "steps": run.steps, "metrics": run.metrics}
        click.echo(json.dumps(result) if as_json else str(run.directory))


def _part(arguments: tuple[str, ...], resume: Path | None) -> tuple[Path | None, tuple[str, ...]]:
    if resume is None and not arguments:
        raise click.UsageError("give a SPEC, or --resume RUN")
    if resume is None:
        return Path(arguments[0]), arguments[1:]
    if arguments and "=" not in arguments[0] and not arguments[0].startswith("~"):
        raise click.UsageError("give a SPEC, or --resume RUN: a resumed run takes its own spec")
    return None, arguments
