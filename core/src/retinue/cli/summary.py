"""retinue summary"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinue.cli.garbage import resume_collection
from retinue.cli.opening import open_plan
from retinue.cli.output import json_option, open_registry, print_json, print_table
from retinue.errors import TrainingError
from retinue.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor, nn


@click.command("summary")
@click.argument("spec", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[key.path=value]...")
@click.option("--depth", type=click.IntRange(min=1), default=3, show_default=True, help="Levels of layers in layers.")
@json_option
def command(spec: Path, overrides: tuple[str, ...], depth: int, as_json: bool) -> None:
    """Print the layers of SPEC's model with the shapes of their outputs and their parameters.

    The model is built for SPEC's data and sees its first picture. FLOPs are those of one picture's forward pass,
    counted by torch over matrix products, convolutions and attention; a multiplication and an addition count as two.
    """
    plan = open_plan(spec, overrides, open_registry())
    model, image = _build_model(plan)
    found = _measure(model, image, depth)
    if as_json:
        print_json(found)
        return
    rows = [
        (f"{'  ' * layer['depth']}{layer['type']}", layer["name"], _show(layer["output"]), f"{layer['parameters']:,}")
        for layer in found["layers"]
    ]
    print_table([("layer", "name", "output", "parameters"), *rows])
    click.echo(f"\ninput       {_show(found['input'])}")
    click.echo(f"parameters  {found['parameters']:,}, of which {found['trainable']:,} learn at the first step")
    click.echo(f"FLOPs       {found['flops']:,} for one picture, forward")


def _build_model(plan: Plan) -> tuple[nn.Module, Tensor]:
    """Return the model as it is at the first step, in eval mode, and a batch of one picture."""
    import torch

    from retinue.build import Builder, build_section, build_task
    from retinue.build.sections import picture_facts, prepare_example
    from retinue.engine.devices import scale_image
    from retinue.engine.finetuning import FreezeRule, Freezing

    resume_collection()
    builder = Builder(plan)
    section = build_section(builder, "train")
    example = prepare_example(section, plan.spec.seed)
    builder.facts.update(picture_facts(example))
    model = build_task(builder, section.dataset.info).model.eval()
    frozen = plan.spec.finetune.freeze if plan.spec.finetune else []
    Freezing(model, [FreezeRule(rule.match, None) for rule in frozen]).apply(0)
    return model, scale_image({"image": example["image"].as_subclass(torch.Tensor).unsqueeze(0)})["image"]


def _measure(model: nn.Module, image: Tensor, depth: int) -> dict[str, Any]:
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from torchinfo import summary

    fused = torch.backends.mha.get_fastpath_enabled()
    # The counter does not see into fused attention, and torchinfo's own count leaves out most of it.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(image)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise TrainingError(f"the model fails on a picture of {_show(list(image.shape))}: {error}") from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    statistics = summary(model, input_data=[image], depth=depth, mode="eval", verbose=0)
    layers = [
        {
            "name": ".".join(_path(layer)),
            "type": layer.class_name,
            "depth": layer.depth,
            "output": layer.output_size,
            "parameters": layer.num_params,
            "trainable": layer.trainable_params,
        }
        for layer in statistics.summary_list
        if layer.depth <= depth
    ]
    totals = {"parameters": statistics.total_params, "trainable": statistics.trainable_params}
    return {"layers": layers, "input": list(image.shape), **totals, "flops": counter.get_total_flops()}


def _path(layer: Any) -> list[str]:
    return [*_path(layer.parent_info), layer.var_name] if layer.parent_info is not None else []


def _show(shape: list[int]) -> str:
    return " x ".join(map(str, shape))
