"""retinue cam"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinue.cli.opening import open_run
from retinue.cli.output import json_option, print_json, write_picture

if TYPE_CHECKING:
    from retinue.run import SavedRun


@click.command("cam")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("picture", type=click.Path(path_type=Path))
@click.option("--label", metavar="NAME", help="The class to explain; default: the predicted one.")
@click.option("--out", type=click.Path(path_type=Path), help="PNG file; default: RUN/predictions/PICTURE-cam.png.")
@json_option
def command(run: Path, picture: Path, label: str | None, out: Path | None, as_json: bool) -> None:
    """Draw where RUN's best model looked in PICTURE for a class (Grad-CAM, Selvaraju et al., 2017).

    RUN is a run directory, or a folder of runs for its latest. From blue to red: how much each place of the model's
    last feature map speaks for the class; what its transforms cut off keeps its colours. It needs such a map:
    convolutional models of classification, multilabel and regression have one.
    """
    saved = open_run(run)
    found = saved.explain(picture, label)
    path = write_picture(found.overlay, out or _choose_path(saved, picture.stem, label))
    size = list(found.size)
    if as_json:
        answer = {"path": str(picture), "label": found.label, "probability": found.probability}
        print_json({**answer, "layer": found.layer, "size": size, "cam": str(path)})
        return
    probability = "" if found.probability is None else f" {found.probability:.1%}"
    click.echo(f"{picture}: {found.label}{probability}: {path}  (layer {found.layer}, {size[0]} x {size[1]})")
    if not found.heat.nan_to_num().any():
        click.echo(f"nothing in the feature map speaks for {found.label}", err=True)


def _choose_path(run: SavedRun, stem: str, label: str | None) -> Path:
    name = f"{stem}-cam" if label is None else f"{stem}-cam-{label.replace('/', '-')}"
    return run.directory.predictions / f"{name}.png"
