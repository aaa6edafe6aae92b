"""Which metrics a run watches, and which direction of each is better."""

from __future__ import annotations

from retinue.build.builder import Builder
from retinue.engine.stopping import EarlyStop
from retinue.engine.store import Watch
from retinue.errors import Problem, SpecError
from retinue.plan import Plan
from retinue.plan.names import explain_unproduced, find_watched


def choose_watches(builder: Builder) -> list[Watch]:
    """Return what decides which checkpoints are best: the spec's word, else the first metric that has a direction.

    The first has the link `best`, each other one a link such as `best-val-iou`.
    """
    tables = builder.plan.spec.checkpoint.best
    for number, table in enumerate(tables):
        if table.metric in (other.metric for other in tables[:number]):
            where = builder.plan.layers.locate(("checkpoint", "best", number, "metric"))
            raise SpecError([Problem(f"{table.metric} is watched twice: `keep` says how many of the best stay", where)])
    links = ["best", *(f"best-{table.metric.replace('/', '-')}" for table in tables[1:])]
    return [
        Watch(table.metric, link, is_higher_better(builder, table.metric, table.mode), table.keep)
        for link, table in zip(links, tables, strict=False)
    ] or [_choose_watch(builder)]


def _choose_watch(builder: Builder) -> Watch:
    plan = builder.plan
    split = "val" if plan.spec.data.val else "train"
    directions = {
        name: getattr(builder.build(planned), "higher_is_better", None) for name, planned in plan.metrics.items()
    }
    name = next((name for name, direction in directions.items() if direction is not None), "loss")
    return Watch(f"{split}/{name}", "best", bool(directions.get(name, False)), keep=1)


def check_watches(plan: Plan, produced: set[str]) -> None:
    """Refuse a name below that of a metric of several values which is none of them.

    Args:
        produced: everything that is measured, by `split/name`.

    Raises:
        SpecError: says where.
    """
    problems = []
    for path, name in find_watched(plan.layers.values):
        if name not in produced:
            metric = "/".join(name.split("/")[:2])
            near = sorted(known for known in produced if known.startswith(f"{metric}/") or known == metric)
            problems.append(explain_unproduced(name, near, plan.layers.locate(path)))
    if problems:
        raise SpecError(problems)


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
