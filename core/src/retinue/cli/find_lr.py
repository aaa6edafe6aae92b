"""retinue find-lr"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinue.cli.garbage import resume_collection
from retinue.cli.opening import open_plan
from retinue.cli.output import json_option, open_registry, print_json, write_picture
from retinue.errors import TrainingError
from retinue.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor

    from retinue.engine.lr_range import LrCurve

RATE = click.FloatRange(min=0, min_open=True)


@click.command("find-lr")
@click.argument("spec", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[key.path=value]...")
@click.option(
    "--steps", type=click.IntRange(min=20), metavar="N", default=100, show_default=True, help="How many to train."
)
@click.option("--low", type=RATE, metavar="LR", default=1e-7, show_default=True, help="The first rate.")
@click.option("--high", type=RATE, metavar="LR", default=1.0, show_default=True, help="The last rate.")
@click.option("--out", type=click.Path(path_type=Path), help="PNG file; default: SPEC-lr.png.")
@json_option
def command(
    spec: Path, overrides: tuple[str, ...], steps: int, low: float, high: float, out: Path | None, as_json: bool
) -> None:
    """Suggest a learning rate for SPEC by a range test (Smith, 2017), and draw its curve.

    Trains SPEC's model on its data at rates that rise exponentially, until the loss diverges. The suggestion is where
    the smoothed loss falls steepest. Schedules and callbacks are off, parameters with rates of their own keep their
    ratio to the optimizer's, and nothing but the picture is written.
    """
    if low >= high:
        raise click.UsageError(f"--low {low:g} is not below --high {high:g}")
    plan = open_plan(spec, overrides, open_registry())
    curve = _test_rates(plan, low, high, steps)
    if not curve.rates:
        raise TrainingError(f"the loss is not finite at the first rate, {low:g}")
    found = curve.suggest()
    path = write_picture(_draw_curve(curve, found), out or Path(f"{spec.stem}-lr.png"))
    if found is None:
        raise TrainingError(
            f"no suggestion: from {low:g} to {curve.rates[-1]:g} the loss does not fall clearly ({path}); "
            "a lower --low, a higher --high, more --steps or a larger batch may help"
        )
    settings = _list_settings(plan, found)
    if as_json:
        print_json({"suggestion": settings, "rates": curve.rates, "losses": curve.losses, "curve": str(path)})
        return
    for key, value in settings.items():
        click.echo(f"{key} = {value:g}")
    click.echo(path)


def _test_rates(plan: Plan, low: float, high: float, steps: int) -> LrCurve:
    from functools import partial

    from retinue.build import build_trainer, load_earlier_weights
    from retinue.engine.distributed import Group
    from retinue.engine.faults import explain_faults, explain_labels
    from retinue.engine.lr_range import trace_losses
    from retinue.rundir import RunDirectory
    from retinue.training import prepare_process

    resume_collection()
    plain = replace(plan, schedulers=[], callbacks=[])
    with explain_faults(), prepare_process(plain, Group()):
        directory = RunDirectory.choose(None, plan.spec.name)
        trainer, _ = build_trainer(plain, directory, Group(), partial(load_earlier_weights, plain))
        with explain_labels(trainer):
            return trace_losses(trainer, low, high, steps)


def _list_settings(plan: Plan, rate: float) -> dict[str, float]:
    """Return the spec's rates by their keys, the optimizer's raised to `rate` and the others with it."""
    groups = plan.spec.finetune.groups if plan.spec.finetune else []
    given = {f"finetune.groups.{number}.lr": group.lr for number, group in enumerate(groups) if group.lr is not None}
    own = plan.optimizer.parameters["lr"]
    return {key: float(f"{lr * rate / own:.2g}") for key, lr in {"optimizer.lr": own, **given}.items()}


def _draw_curve(curve: LrCurve, found: float | None) -> Tensor:
    """Return the curve as a picture, uint8 3 x H x W."""
    import numpy as np
    import torch
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # pyplot would choose a backend for the whole process.
    canvas: Any = FigureCanvasAgg(Figure(figsize=(7, 4), dpi=120, layout="constrained"))
    axes = canvas.figure.add_subplot(xscale="log", xlabel="learning rate", ylabel="loss")
    axes.plot(curve.rates, curve.losses, color="lightgrey", label="of each step")
    axes.plot(curve.rates, curve.smooth(), label="smoothed")
    if found is not None:
        axes.axvline(found, color="tab:red", linestyle="--", label=f"suggestion: {found:.2g}")
    # Where it diverges a loss may be higher by any factor.
    middle = float(np.median(curve.losses))
    axes.set_ylim(top=min(axes.get_ylim()[1], 3 * middle - 2 * min(curve.losses)))
    axes.legend()
    canvas.draw()
    return torch.from_numpy(np.asarray(canvas.buffer_rgba())[..., :3].copy()).permute(2, 0, 1)
