"""A whole run from its plan."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from retinue.api import Callback, DataInfo, Run, RunState, Task
from retinue.build.builder import Builder
from retinue.build.sections import build_loader, build_section, check_agreement, picture_facts, prepare_example
from retinue.data.keys import Purpose, derive_key, preserve_generators, seed_generators
from retinue.data.loading import choose_threads, choose_workers
from retinue.data.preparation import collate
from retinue.engine.checkpoints import CheckpointStore, Watch
from retinue.engine.devices import select_device
from retinue.engine.history import History
from retinue.engine.loop import Trainer
from retinue.engine.meters import Meter
from retinue.engine.schedule import Course, Schedule, ShadowOptimizer
from retinue.engine.stopping import EarlyStop
from retinue.errors import Problem, RetinueError, SpecError
from retinue.plan import Plan, PlannedComponent
from retinue.rundir import RunDirectory
from retinue.spec.schema import SchedulerTable


def build_trainer(plan: Plan, directory: RunDirectory) -> tuple[Trainer, Builder]:
    """Build everything that a run needs.

    Raises:
        SpecError, DataError, TrainingError: what the spec asks for cannot be.
    """
    builder = Builder(plan)
    spec = plan.spec
    device, _ = select_device(spec.train.device)
    train = build_section(builder, "train")
    facts = dict(builder.facts)
    val = build_section(builder, "val") if spec.data.val else None
    # What validation data says about itself must not reach the model.
    builder.facts = facts
    check_agreement(train, val)
    example = prepare_example(train, spec.seed)
    builder.facts.update(picture_facts(example))
    task = build_task(builder, train.dataset.info).to(device)
    optimizer: Optimizer = builder.build(plan.optimizer, params=[p for p in task.parameters() if p.requires_grad])
    workers = choose_workers(spec.data.workers, train.dataset.in_memory)
    torch.set_num_threads(choose_threads(workers))
    loader = build_loader(plan, train, workers, device, shuffle=True)
    total = spec.train.steps or (spec.train.epochs or 0) * len(loader)
    run = Run(
        name=spec.name,
        directory=directory.path,
        settings=plan.layers.values,
        task=task,
        optimizer=optimizer,
        device=device,
        info=train.dataset.info,
        example=collate([example]),
        epochs=math.ceil(total / len(loader)),
        steps_per_epoch=len(loader),
        total_steps=total,
        state=RunState(),
    )
    trainer = Trainer(
        run=run,
        train=loader,
        val=build_loader(plan, val, workers, device, shuffle=False) if val else None,
        seed=spec.seed,
        mixing=train.mixing,
        schedule=build_schedule(builder, run),
        train_meter=Meter(build_metrics(builder), device),
        val_meter=Meter(build_metrics(builder), device),
        store=CheckpointStore(directory, choose_watch(builder), spec.checkpoint.last),
        history=History(directory.metrics),
        early_stop=build_early_stop(builder, len(loader)),
        callbacks=[_checked_callback(builder.build(planned)) for planned in plan.callbacks],
        log_every=spec.log.every,
        save_every=max(1, spec.checkpoint.every.steps(len(loader))),
    )
    return trainer, builder


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


def build_schedule(builder: Builder, run: Run) -> Schedule:
    """Build the learning-rate schedules, each over an optimizer of its own."""
    courses = [_build_course(builder, planned, table, run) for planned, table in builder.plan.schedulers]
    return Schedule(run.optimizer, courses)


def _build_course(builder: Builder, planned: PlannedComponent, table: SchedulerTable, run: Run) -> Course:
    warmup = table.warmup.steps(run.steps_per_epoch) if table.warmup else 0
    per_step = table.every == "step"
    steps = max(run.total_steps - warmup, 1)
    shadow = ShadowOptimizer(run.optimizer)
    scheduler = builder.build(
        planned, optimizer=shadow, total=steps if per_step else math.ceil(steps / run.steps_per_epoch)
    )
    split = "val" if builder.plan.spec.data.val else "train"
    return Course(scheduler, shadow, per_step, warmup, table.metric or f"{split}/loss")


def choose_watch(builder: Builder) -> Watch:
    """Return what decides which checkpoint is best: the spec's word, else the first metric that has a direction."""
    plan, best = builder.plan, builder.plan.spec.checkpoint.best
    if best is not None:
        return Watch(best.metric, "best", is_higher_better(builder, best.metric, best.mode), best.keep)
    split = "val" if plan.spec.data.val else "train"
    directions = {
        name: getattr(builder.build(planned), "higher_is_better", None) for name, planned in plan.metrics.items()
    }
    name = next((name for name, direction in directions.items() if direction is not None), "loss")
    return Watch(f"{split}/{name}", "best", bool(directions.get(name, False)), keep=1)


def is_higher_better(builder: Builder, metric: str, mode: str | None) -> bool:
    """Return a watched metric's direction.

    Raises:
        SpecError: neither the spec nor the metric says it.
    """
    if mode is not None:
        return mode == "max"
    name = metric.split("/")[1]
    if name == "loss":
        return False
    direction: bool | None = getattr(builder.build(builder.plan.metrics[name]), "higher_is_better", None)
    if direction is None:
        raise SpecError([Problem(f'for "{metric}" it is not known which direction is better: give `mode`')])
    return direction


def build_early_stop(builder: Builder, steps_per_epoch: int) -> EarlyStop | None:
    """Build what ends a run that no longer improves."""
    table = builder.plan.spec.train.early_stop
    if table is None:
        return None
    higher = is_higher_better(builder, table.metric, table.mode)
    return EarlyStop(table.metric, higher, table.min_delta, table.patience.steps(steps_per_epoch))


def _checked_callback(callback: Any) -> Callback:
    if not isinstance(callback, Callback):
        raise RetinueError(f"a callback must be a retinue.api.Callback, this is a {type(callback).__name__}")
    return callback
