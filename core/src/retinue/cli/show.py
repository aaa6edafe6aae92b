"""retinue show"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retinue.cli.garbage import resume_collection
from retinue.cli.opening import open_plan
from retinue.cli.output import open_registry, write_picture
from retinue.errors import DataError
from retinue.plan import Plan

if TYPE_CHECKING:
    from retinue.api import Sample
    from retinue.build import Section


@click.command("show")
@click.argument("spec", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[key.path=value]...")
@click.option("--split", type=click.Choice(["train", "val", "test"]), default="train", show_default=True)
@click.option("--count", type=click.IntRange(min=1), default=16, show_default=True, help="Most samples to draw.")
@click.option("--out", type=click.Path(path_type=Path), help="PNG file; default: SPEC-SPLIT.png.")
def command(spec: Path, overrides: tuple[str, ...], split: str, count: int, out: Path | None) -> None:
    """Draw the samples that a run of SPEC would see first, after all transforms, with their labels or masks.

    Normalised pictures are stretched to the whole range of values. The last line names the file.
    """
    plan = open_plan(spec, overrides, open_registry())
    if split not in plan.data:
        raise DataError(f"the spec has no [data.{split}]; it has {', '.join(plan.data)}")
    from retinue.api.sheet import draw_samples
    from retinue.build import Builder, build_section

    resume_collection()
    section = build_section(Builder(plan), split)
    samples = list(islice(_prepare_samples(plan, section, learnt=split == "train"), count))
    sheet = draw_samples(samples, section.dataset.info)
    click.echo(write_picture(sheet, out or Path(f"{spec.stem}-{split}.png")))


def _prepare_samples(plan: Plan, section: Section, learnt: bool) -> Iterator[Sample]:
    """Yield the samples of the first epoch as they reach the task."""
    import torch

    from retinue.api.sheet import split_batch
    from retinue.build import build_loader
    from retinue.data.mixing import mix_batch
    from retinue.data.workers import Workers
    from retinue.engine.distributed import Group

    loader = build_loader(plan, section, Workers(), torch.device("cpu"), Group(), learnt)
    for number, batch in enumerate(loader.batches(epoch=0)):
        yield from split_batch(mix_batch(batch, section.mixing, plan.spec.seed, 0, number))
