"""retinue predict"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from retinue.cli.output import json_option, open_registry


@click.command("predict")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def command(run: Path, pictures: tuple[Path, ...], as_json: bool) -> None:
    """Print what RUN's best model sees in each picture; with --json one object a line.

    RUN is a run directory, or a folder of runs for its latest.
    """
    registry = open_registry()
    from retinue.run import SavedRun

    failed = False
    for path, answer in zip(pictures, SavedRun(run, registry).predictor.predict(pictures), strict=True):
        failed |= "error" in answer
        if as_json:
            click.echo(json.dumps({"path": str(path), **answer}, ensure_ascii=False))
        else:
            click.echo(_summarise(path, answer), err="error" in answer)
    sys.exit(2 if failed else 0)


def _summarise(path: Path, answer: dict[str, Any]) -> str:
    if "error" in answer:
        return f"error: {answer['error']}"
    if "label" in answer:
        others = ", ".join(f"{other['label']} {other['probability']:.1%}" for other in answer["top"][1:])
        return f"{path}: {answer['label']} {answer['probability']:.1%}" + (f"  ({others})" if others else "")
    return f"{path}: {json.dumps(answer, ensure_ascii=False)}"
