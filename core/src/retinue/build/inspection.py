"""What a run would do, found out before its first step: shapes, costs, and whether the parts fit together."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeCopyMode,
    FakeTensorMode,
    UnsupportedOperatorException,
)
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.flop_counter import FlopCounterMode

from retinue.build.builder import Builder
from retinue.build.caching import cache_sections
from retinue.build.loaders import build_order, choose_way
from retinue.build.made_up import MadeUpData, open_readable
from retinue.build.rehearsal import FAILURES, blame_given_shapes, rehearse_sections
from retinue.build.sections import Section
from retinue.build.trainer import Parts, build_metrics, build_parts
from retinue.data.batches import collate, describe_sample
from retinue.engine.devices import scale_image
from retinue.engine.distributed import Group
from retinue.engine.execution import recompute_blocks, set_precision
from retinue.engine.meters import Meter
from retinue.errors import TrainingError
from retinue.plan import Plan

CPU = torch.device("cpu")
MIB = 2**20

UNTRACEABLE = (DataDependentOutputException, DynamicOutputShapeException, UnsupportedOperatorException)
"""What a model raises whose shapes depend on values."""


def inspect_run(plan: Plan, real: bool = False, fake: bool = False) -> dict[str, Any]:
    """Return what the data holds, what the model makes of it, and what a step costs.

    The model is followed through its shapes alone, loss and metrics see values of these shapes.

    Args:
        real: run the model on the CPU instead, on two samples.
        fake: make up samples where data is absent; `data.NAME` says so.

    Raises:
        SpecError, DataError, TrainingError: what does not fit, in one sentence.
    """
    builder, made_up = Builder(plan), MadeUpData()
    parts = build_parts(builder, made_up.open if fake else open_readable)
    found = _describe_data(plan, parts, made_up.told)
    # What a lazy layer's weights are shows when it is run.
    if not (real or any(map(is_lazy, parts.task.model.parameters()))):
        with blame_given_shapes(builder):
            found |= _trace(plan, builder, parts)
        parts.task.model = _StandIn(found.pop("outputs"))
    meters = {name: Meter(build_metrics(builder), CPU) for name in parts.examples}
    rehearse_sections(builder, parts.task, parts.sections, parts.examples, meters)
    return found


def _describe_data(plan: Plan, parts: Parts, made_up: Mapping[str, str]) -> dict[str, Any]:
    real = {name: section for name, section in parts.sections.items() if name not in made_up}
    example = parts.examples["train"]
    return {
        **{f"data.{name}": told for name, told in made_up.items()},
        **{f"{name} samples": len(section.dataset) for name, section in real.items()},
        **_describe_paths(plan, list(real.values())),
        **_count_steps(plan, real.get("train")),
        **{f"sample {key}": _describe(value) for key, value in example.items() if key != "path"},
    }


def _describe_paths(plan: Plan, sections: list[Section]) -> dict[str, str]:
    ways = {section.name: choose_way(plan, section) for section in cache_sections(plan, sections, Group())}
    return {f"{name} path": f"{way.path}, for {way.reason}" for name, way in ways.items()}


def _count_steps(plan: Plan, train: Section | None) -> dict[str, int]:
    """Return what is known of the steps: of made-up data not how many an epoch has."""
    steps, epochs = plan.spec.train.steps, plan.spec.train.epochs or 0
    if train is None:
        return {} if steps is None else {"steps": steps}
    batches = len(build_order(plan, train, Group(), learnt=True))
    return {"steps": steps or epochs * batches, "steps in an epoch": batches}


def _describe(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"{value} ({type(value).__name__})"
    shape = " x ".join(map(str, value.shape)) or "one value"
    return f"{shape}, {str(value.dtype)[6:]} from {float(value.min()):.4g} to {float(value.max()):.4g}"


def _trace(plan: Plan, builder: Builder, parts: Parts) -> dict[str, Any]:
    """Follow the shapes of a training batch through the model."""
    model, train = parts.task.model, plan.spec.train
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    with mode, FakeCopyMode(mode):
        traced = copy.deepcopy(model).train()
    if train.gradient_checkpointing:
        recompute_blocks(traced, train.gradient_checkpointing)
    set_precision(traced, train.precision, CPU)
    shape = scale_image(collate([parts.examples["train"]]))["image"].shape[1:]
    size = -(-plan.spec.data.batch_size // train.accumulate)
    saved, counter = _Saved(traced), FlopCounterMode(display=False)
    with mode, _explain(traced, parts), counter, saved_tensors_hooks(saved.count, lambda value: value):
        outputs = traced(torch.empty(size, *shape))
    parameters = list(model.parameters())
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    weights = sum(parameter.nbytes for parameter in parameters)
    learnt = sum(parameter.nbytes for parameter in learning)
    kept = learnt * (1 + _measure_state(builder)) + (weights if train.ema is not None else 0)
    return {
        "outputs": tree_map_only(Tensor, lambda value: _Shape(tuple(value.shape[1:])), outputs),
        "batch": " x ".join(map(str, (size, *shape))),
        "output": ", ".join(" x ".join(map(str, leaf.shape)) for leaf in tree_leaves(outputs)),
        "parameters": sum(parameter.numel() for parameter in parameters),
        "parameters that learn": sum(parameter.numel() for parameter in learning),
        "GFLOPs of a forward pass": round(counter.get_total_flops() / 1e9, 3),
        "MiB in a step, about": round((weights + kept + saved.bytes) / MIB),
    }


class _StandIn(nn.Module):
    """Gives values of the shapes that the model gives."""

    def __init__(self, outputs: Any) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, image: Tensor) -> Any:
        return tree_map_only(_Shape, lambda shape: torch.rand(len(image), *shape.sides), self.outputs)


@dataclass(frozen=True)
class _Shape:
    """The sides of an output, without the samples."""

    sides: tuple[int, ...]


class _Saved:
    """Counts what a forward pass keeps for the backward pass.

    Attributes:
        bytes: of it, without the weights.
    """

    def __init__(self, model: nn.Module) -> None:
        self.seen = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
        self.bytes = 0

    def count(self, value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage._cdata not in self.seen:
            self.seen.add(storage._cdata)
            self.bytes += storage.nbytes()
        return value


@contextmanager
def _explain(model: nn.Module, parts: Parts) -> Iterator[None]:
    """Name the layer that fails, or that cannot be followed."""
    entered: list[str] = []
    hooks = [
        module.register_forward_pre_hook(lambda module, args, name=name: entered.append(name))
        for name, module in model.named_modules()
        if name
    ]
    try:
        yield
    except UNTRACEABLE as error:
        reason = "its shapes depend on values"
        raise TrainingError(f"{_name(entered)} cannot be followed, {reason}: `--run` runs it on the CPU") from error
    except FAILURES as error:
        example = describe_sample(parts.examples["train"])
        raise TrainingError(f"the model fails on data.train: {example}, in {_name(entered)}: {error}") from error
    finally:
        for hook in hooks:
            hook.remove()


def _name(entered: list[str]) -> str:
    return f"its layer {entered[-1]}" if entered else "its first layer"


def _measure_state(builder: Builder) -> float:
    """Return how many values the optimizer keeps for each that learns."""
    parameter = nn.Parameter(torch.zeros(64, 64))
    optimizer = builder.build(builder.plan.optimizer, params=[parameter])
    parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    kept = (value for value in optimizer.state[parameter].values() if isinstance(value, Tensor))
    return sum(value.numel() for value in kept if value.numel() > 1) / parameter.numel()
