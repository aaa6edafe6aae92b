"""Learning-rate schedules from the spec."""

from __future__ import annotations

from torch.optim.lr_scheduler import ReduceLROnPlateau

from retinue.api import Run
from retinue.build.builder import Builder
from retinue.build.watches import metric_direction
from retinue.engine.schedule import Course, Schedule, ShadowOptimizer
from retinue.errors import Problem, SpecError
from retinue.plan import PlannedComponent
from retinue.spec.schema import SchedulerTable


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
