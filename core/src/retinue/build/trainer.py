"""A whole run from its plan."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from retinue.api import DataInfo, Run, RunState, Sample, Task
from retinue.build.builder import Builder
from retinue.build.caching import cache_sections
from retinue.build.finetuning import build_freezing, group_learners
from retinue.build.loaders import build_loader, choose_section_workers
from retinue.build.rehearsal import rehearse_lone, rehearse_sections
from retinue.build.schedules import build_schedule
from retinue.build.sections import (
    OpenDataset,
    Section,
    build_section,
    check_agreement,
    open_dataset,
    picture_facts,
    prepare_example,
    prepare_spread,
)
from retinue.build.watches import build_early_stop, choose_watches
from retinue.data.batches import collate
from retinue.data.keys import Purpose, derive_key, preserve_generators, seed_generators
from retinue.data.workers import choose_threads
from retinue.engine.averaging import AveragedWeights
from retinue.engine.devices import select_device
from retinue.engine.distributed import Group
from retinue.engine.execution import recompute_blocks, set_precision
from retinue.engine.finetuning import Freezing
from retinue.engine.history import History
from retinue.engine.learner import Learner
from retinue.engine.meters import Meter
from retinue.engine.parallel import Parallel, share_task
from retinue.engine.store import CheckpointStore
from retinue.engine.trainer import Trainer
from retinue.errors import PluginError, Problem, SpecError
from retinue.plan import Plan
from retinue.rundir import RunDirectory

Fill = Callable[[nn.Module], None]
"""Puts weights into a model."""


def build_trainer(plan: Plan, directory: RunDirectory, group: Group, fill: Fill) -> tuple[Trainer, Builder]:
    """Build everything that a run needs.

    Args:
        fill: gives the model the weights that it begins with, where they are not those it is built with.

    Raises:
        SpecError, DataError, TrainingError: what the spec asks for cannot be.
    """
    check_steps(plan, group)
    builder = Builder(plan)
    spec = plan.spec
    device, _ = select_device(spec.train.device, group.local_rank)
    parts = build_parts(builder)
    train, val, task = parts.train, parts.val, parts.task.to(device)
    meters = {name: Meter(build_metrics(builder), device, group) for name in ("train", "val")}
    rehearse_sections(builder, task, parts.sections, parts.examples, meters)
    train, *rest = cache_sections(plan, [train, val] if val else [train], group)
    val = rest[0] if rest else None
    workers = choose_section_workers(plan, train, device, group)
    torch.set_num_threads(choose_threads(workers.count, group.local_size))
    loader = build_loader(plan, train, workers, device, group, learnt=True)
    rehearse_lone(task, parts.examples["train"], loader.order, spec.train.accumulate, device)
    fill(task.model)
    parallel = prepare_task(plan, task, group, device)
    freezing = build_freezing(builder, task.model, len(loader))
    learner = build_learner(builder, parallel, freezing, group, device)
    total = spec.train.steps or (spec.train.epochs or 0) * len(loader)
    run = Run(
        name=spec.name,
        directory=directory.path,
        settings=plan.layers.values,
        task=task,
        optimizer=learner.optimizer,
        device=device,
        holds_model=learner.parallel.holds_model,
        info=train.dataset.info,
        example=collate([parts.examples["train"]]),
        preview=partial(prepare_spread, val or train, spec.seed),
        epochs=math.ceil(total / len(loader)),
        steps_per_epoch=len(loader),
        total_steps=total,
        state=RunState(),
    )
    trainer = Trainer(
        run=run,
        learner=learner,
        train=loader,
        val=build_loader(plan, val, workers, device, group, learnt=False) if val else None,
        seed=spec.seed,
        mixing=train.mixing,
        freezing=freezing,
        schedule=build_schedule(builder, run),
        train_meter=meters["train"],
        val_meter=meters["val"],
        store=CheckpointStore(directory, choose_watches(builder), spec.checkpoint.last),
        history=History(directory.metrics),
        early_stop=build_early_stop(builder, len(loader)),
        callbacks=[(c.component.label, builder.build(c)) for c in plan.callbacks] if group.leads else [],
        log_every=spec.log.every,
        save_every=max(1, spec.checkpoint.every.steps(len(loader))),
        skips_allowed=spec.train.skip_nonfinite,
        group=group,
    )
    return trainer, builder


@dataclass(frozen=True)
class Parts:
    """Data and task of a run, without what moves them.

    Attributes:
        examples: the first prepared sample of `train` and of `val`.
    """

    train: Section
    val: Section | None
    examples: dict[str, Sample]
    task: Task

    @property
    def sections(self) -> dict[str, Section]:
        """Those that there are, by name."""
        return {"train": self.train, **({"val": self.val} if self.val else {})}


def build_parts(builder: Builder, open_dataset: OpenDataset = open_dataset) -> Parts:
    """Build the data and, made for it, the task.

    Raises:
        SpecError, DataError: what the spec asks for cannot be.
    """
    spec = builder.plan.spec
    train = build_section(builder, "train", open_dataset)
    facts = dict(builder.facts)
    val = build_section(builder, "val", open_dataset) if spec.data.val else None
    # What validation data says about itself must not reach the model.
    builder.facts = facts
    examples = {"train": prepare_example(train, spec.seed)}
    builder.facts.update(picture_facts(examples["train"]))
    task = build_task(builder, train.dataset.info)
    if val is not None:
        check_agreement(train.dataset.info, val.dataset.info, "val")
        examples["val"] = prepare_example(val, spec.seed)
    return Parts(train, val, examples, task)


def check_steps(plan: Plan, group: Group) -> None:
    """Refuse what the keys of [train] cannot mean together.

    Raises:
        SpecError: says where.
    """
    train, batch_size = plan.spec.train, plan.spec.data.batch_size
    if train.accumulate * group.size > batch_size:
        shares = f"{group.size} processes, each in {train.accumulate} parts" if group.size > 1 else "so many parts"
        where = plan.layers.locate(("train", "accumulate")) or plan.layers.locate(("data", "batch_size"))
        raise SpecError([Problem(f"a batch of data.batch_size = {batch_size} cannot be cut for {shares}", where)])
    if train.compile and train.gradient_checkpointing:
        where = plan.layers.locate(("train", "compile"))
        raise SpecError([Problem("torch.compile does not take train.gradient_checkpointing: set one of them", where)])
    if train.precision == "fp16" and train.strategy == "fsdp2" and group.size > 1:
        where = plan.layers.locate(("train", "precision"))
        raise SpecError([Problem('fsdp2 has no loss scaling for fp16: set train.precision = "bf16"', where)])


def prepare_task(plan: Plan, task: Task, group: Group, device: torch.device) -> Parallel:
    """Let a task that has its weights run as [train] says, alone or in a group."""
    train = plan.spec.train
    if train.channels_last:
        task.model.to(memory_format=torch.channels_last)
    if train.gradient_checkpointing:
        recompute_blocks(task.model, train.gradient_checkpointing)
    set_precision(task.model, train.precision, device)
    parallel = share_task(task, train.strategy, group, device)
    if train.compile:
        task.model.compile()
    return parallel


def build_learner(
    builder: Builder, parallel: Parallel, freezing: Freezing, group: Group, device: torch.device
) -> Learner:
    """Build the optimizer and what belongs to its steps."""
    spec = builder.plan.spec
    parameters = group_learners(builder, parallel.task, freezing)
    optimizer: Optimizer = builder.build(builder.plan.optimizer, params=parameters)
    if any("lr" not in settings for settings in optimizer.param_groups):
        label = builder.plan.optimizer.component.label
        raise PluginError(f"{label} has no lr in its parameter groups, which schedules change and records show")
    return Learner(
        parallel=parallel,
        optimizer=optimizer,
        group=group,
        device=device,
        seed=spec.seed,
        accumulate=spec.train.accumulate,
        clip_norm=spec.train.clip_norm,
        clip_value=spec.train.clip_value,
        average=AveragedWeights(parallel.task.model, spec.train.ema) if spec.train.ema is not None else None,
        cautious=spec.train.skip_nonfinite > 0,
        scaler=torch.amp.GradScaler(device.type, enabled=spec.train.precision == "fp16"),
    )


def build_task(builder: Builder, info: DataInfo) -> Task:
    """Build model, loss and task, the weights drawn from the seed alone."""
    plan = builder.plan
    with preserve_generators():
        seed_generators(derive_key(Purpose.WEIGHTS, plan.spec.seed))
        model: nn.Module = builder.build(plan.model)
        loss: nn.Module = builder.build(plan.loss)
        task: Task = builder.build(plan.task, model=model, loss=loss, info=info)
    return task


def build_metrics(builder: Builder) -> dict[str, Any]:
    """Build the metrics by the name they are logged under."""
    return {name: builder.build(planned) for name, planned in builder.plan.metrics.items()}
