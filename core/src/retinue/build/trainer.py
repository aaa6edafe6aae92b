"""A whole run from its plan."""

from __future__ import annotations

import logging
import math
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from retinue.api import DataInfo, Run, RunState, Task
from retinue.build.builder import Builder
from retinue.build.rehearsal import rehearse, rehearse_lone_sample
from retinue.build.sections import (
    build_loader,
    build_section,
    check_agreement,
    picture_facts,
    prepare_example,
    prepare_spread,
)
from retinue.data.keys import Purpose, derive_key, preserve_generators, seed_generators
from retinue.data.loading import choose_threads, choose_workers
from retinue.data.preparation import collate
from retinue.engine.checkpoints import CheckpointStore, Watch
from retinue.engine.devices import select_device
from retinue.engine.finetuning import FreezeRule, Freezing, GroupRule, group_parameters
from retinue.engine.history import History
from retinue.engine.loop import Trainer
from retinue.engine.meters import Meter
from retinue.engine.schedule import Course, Schedule, ShadowOptimizer
from retinue.engine.stopping import EarlyStop
from retinue.engine.weights import read_weights, transfer_weights
from retinue.errors import Problem, SpecError
from retinue.plan import Plan, PlannedComponent
from retinue.rundir import RunDirectory
from retinue.spec.schema import FinetuneTable, SchedulerTable
from retinue.validation import closest

logger = logging.getLogger("retinue")


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
    example = prepare_example(train, spec.seed)
    builder.facts.update(picture_facts(example))
    task = build_task(builder, train.dataset.info).to(device)
    rehearse(task, "train", example, device)
    if val is not None:
        check_agreement(train.dataset.info, val.dataset.info, "val")
        rehearse(task, "val", prepare_example(val, spec.seed), device)
    optimizer: Optimizer = builder.build(plan.optimizer, params=group_learners(builder, task))
    workers = choose_workers(spec.data.workers, train.dataset.in_memory)
    torch.set_num_threads(choose_threads(workers))
    loader = build_loader(plan, train, workers, device, shuffle=True)
    rehearse_lone_sample(task, example, loader.order, device)
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
        preview=partial(prepare_spread, val or train, spec.seed),
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
        freezing=build_freezing(builder, run),
        schedule=build_schedule(builder, run),
        train_meter=Meter(build_metrics(builder), device),
        val_meter=Meter(build_metrics(builder), device),
        store=CheckpointStore(directory, choose_watch(builder), spec.checkpoint.last),
        history=History(directory.metrics),
        early_stop=build_early_stop(builder, len(loader)),
        callbacks=[builder.build(planned) for planned in plan.callbacks],
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


def group_learners(builder: Builder, task: Task) -> list[dict[str, Any]]:
    """Return the parameters in groups of equal settings."""
    table = builder.plan.spec.finetune or FinetuneTable()
    rules = [GroupRule(group.match, group.lr, group.weight_decay) for group in table.groups]
    lr = builder.plan.optimizer.parameters.get("lr")
    # Losses may learn, and tasks beside them.
    others = nn.ParameterList(value for name, value in task.named_parameters() if not name.startswith("model."))
    return group_parameters(task.model, others, rules, table.layer_decay, lr)


def build_freezing(builder: Builder, run: Run) -> Freezing:
    """Return what does not learn, and until when."""
    table = builder.plan.spec.finetune or FinetuneTable()
    rules = [
        FreezeRule(rule.match, rule.until.steps(run.steps_per_epoch) if rule.until else None) for rule in table.freeze
    ]
    return Freezing(run.task.model, rules)


def load_earlier_weights(plan: Plan, trainer: Trainer) -> None:
    """Fill a new run's model from the file that [finetune] names, and say what became of each tensor.

    Raises:
        DataError: the file cannot be read, or nothing in it fits.
    """
    table = plan.spec.finetune
    if table is None or table.weights is None:
        return
    path = table.weights.expanduser()
    model = trainer.run.task.model
    if table.into is not None:
        modules = dict(model.named_modules())
        if table.into not in modules:
            position = plan.layers.locate(("finetune", "into"))
            raise SpecError([Problem(f'the model has no part "{table.into}"', position, closest(table.into, modules))])
        model = modules[table.into]
    logger.warning("%s: %s", path, transfer_weights(model, read_weights(path), path))


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
    # An epoch counts unless the warm-up lasts to its end.
    total = run.total_steps - warmup if per_step else run.epochs - warmup // run.steps_per_epoch
    shadow = ShadowOptimizer(run.optimizer)
    scheduler = builder.build(planned, optimizer=shadow, total=max(total, 1))
    split = "val" if builder.plan.spec.data.val else "train"
    metric = table.metric or f"{split}/loss"
    if isinstance(scheduler, ReduceLROnPlateau):
        _check_plateau(builder, planned, scheduler, table.every, metric)
    return Course(scheduler, shadow, per_step, warmup, metric)


def _check_plateau(
    builder: Builder, planned: PlannedComponent, scheduler: ReduceLROnPlateau, every: str, metric: str
) -> None:
    if every == "step":
        where = builder.plan.layers.locate((*planned.path, "every"))
        raise SpecError([Problem('plateau watches a metric, which there is once an epoch: leave out "every"', where)])
    direction = metric_direction(builder, metric)
    if direction is not None and direction != (scheduler.mode == "max"):
        wanted = "max" if direction else "min"
        where = builder.plan.layers.locate((*planned.path, "mode")) or builder.plan.layers.locate(planned.path)
        raise SpecError([Problem(f'of {metric} {_better(direction)} is better: set mode = "{wanted}"', where)])


def _better(higher: bool) -> str:
    return "more" if higher else "less"


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
    direction = metric_direction(builder, metric) if mode is None else mode == "max"
    if direction is None:
        raise SpecError([Problem(f'for "{metric}" it is not known which direction is better: give `mode`')])
    return direction


def metric_direction(builder: Builder, metric: str) -> bool | None:
    """Return whether more is better of what is logged under `split/name`; None where the metric does not say."""
    name = metric.split("/")[1]
    if name == "loss":
        return False
    direction: bool | None = getattr(builder.build(builder.plan.metrics[name]), "higher_is_better", None)
    return direction


def build_early_stop(builder: Builder, steps_per_epoch: int) -> EarlyStop | None:
    """Build what ends a run that no longer improves."""
    table = builder.plan.spec.train.early_stop
    if table is None:
        return None
    higher = is_higher_better(builder, table.metric, table.mode)
    return EarlyStop(table.metric, higher, table.min_delta, table.patience.steps(steps_per_epoch))
