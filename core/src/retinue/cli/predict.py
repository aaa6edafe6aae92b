"""retinue predict"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from retinue.cli.opening import open_run
from retinue.cli.output import json_option


@click.command("predict")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder for masks; default: RUN/predictions.")
@json_option
def command(run: Path, pictures: tuple[Path, ...], out: Path | None, as_json: bool) -> None:
    """Print what RUN's best model sees in each picture; with --json one object a line.

    RUN is a run directory, or a folder of runs for its latest. Masks are written as PNG files of class indices with
    a palette, each with an overlay to look at.
    """
    failed = False
    for answer in open_run(run).predict_files(pictures, out):
        failed |= "error" in answer
        if as_json:
            click.echo(json.dumps(answer, ensure_ascii=False))
        else:
            click.echo(_summarise(answer), err="error" in answer)
    sys.exit(2 if failed else 0)


def _summarise(answer: dict[str, Any]) -> str:
    if "error" in answer:
        return f"error: {answer['error']}"
    path = answer["path"]
    if "top" in answer:
        chosen = ", ".join(answer.get("labels", [answer["label"]])) or "none"
        ranking = ", ".join(f"{entry['label']} {entry['probability']:.1%}" for entry in answer["top"])
        return f"{path}: {chosen}  ({ranking})"
    if "mask" in answer:
        shares = ", ".join(f"{name} {share:.1%}" for name, share in answer["classes"].items() if share)
        return f"{path}: {answer['mask']}  ({shares})"
    seen = {key: value for key, value in answer.items() if key != "path"}
    return f"{path}: {json.dumps(seen, ensure_ascii=False)}"
