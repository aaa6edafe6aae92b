"""Rules for metrics; the engine's own meter adds them up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from retinue.api import Metric, Output
from retinue.engine.distributed import Group
from retinue.engine.meters import Meter
from retinue.testing.inputs import draw_compared, draw_predictions, predict_perfectly
from retinue.testing.rule import NotApplicable, require, rule
from retinue.testing.subject import Subject

Pairs = Sequence[tuple[Tensor, Tensor]]

CPU = torch.device("cpu")


@dataclass(frozen=True)
class _Gathered(Group):
    """Processes whose states are known."""

    states: tuple[Any, ...] = ()

    def gather(self, value: Any) -> list[Any]:
        return list(self.states)


def measure(metric: Any, pairs: Pairs, group: Group = Group()) -> Meter:  # noqa: B008
    meter = Meter({"metric": metric}, CPU, group)
    for preds, target in pairs:
        meter.update(Output(torch.zeros(()), preds, target))
        # What waits to be counted together is counted now.
        meter.state()
    return meter


def evaluate(metric: Any, pairs: Pairs) -> dict[str, float]:
    values = measure(metric, pairs).compute()
    del values["loss"]
    return values


def batches(subject: Subject) -> Pairs:
    """Return the case's predictions and targets in batches of different lengths."""
    preds, target = draw_predictions(subject.case), draw_compared(subject.case)
    return list(zip(preds.split([3, 2, 1]), target.split([3, 2, 1]), strict=True))  # type: ignore[no-untyped-call]


def whole(subject: Subject) -> Pairs:
    return [(draw_predictions(subject.case), draw_compared(subject.case))]


def agree(one: dict[str, float], other: dict[str, float]) -> bool:
    return one.keys() == other.keys() and all(
        math.isclose(one[name], other[name], rel_tol=1e-5, abs_tol=1e-7) for name in one
    )


@rule("metric")
def finite(subject: Subject) -> None:
    """Data that has every class gives finite values."""
    values = evaluate(subject.build(), whole(subject))
    require(bool(values), "compute gives no value")
    odd = [name for name, value in values.items() if not math.isfinite(value)]
    require(not odd, f"{', '.join(odd)} is not finite although every class occurs: mind divisions by 0")


@rule("metric")
def adds_up(subject: Subject) -> None:
    """Any division into batches gives one value."""
    once, thrice = (evaluate(subject.build(), pairs) for pairs in (whole(subject), batches(subject)))
    require(
        agree(once, thrice),
        f"{once} for one batch, {thrice} for the same in three: let `measure` return sums and counts, never means, and "
        "divide in `compute`",
    )


@rule("metric")
def whole_is_whole(subject: Subject) -> None:
    """A statistic that says that it counts in whole numbers does."""
    metric = subject.build()
    if not isinstance(metric, Metric) or not metric.statistic.whole:
        raise NotApplicable("it does not say so")
    counted = metric.statistic.measure(*whole(subject)[0])
    require(
        not counted.is_floating_point(),
        f"`measure` gives {str(counted.dtype).removeprefix('torch.')}: leave out `whole = True`, or count in integers",
    )


@rule("metric")
def merges_across_processes(subject: Subject) -> None:
    """What several processes have counted gives the value of one."""
    expected, rounds = evaluate(subject.build(), whole(subject)), batches(subject)
    metrics = [subject.build(), subject.build()]
    if isinstance(metrics[0], Metric):
        meters = [measure(metric, rounds[rank::2]) for rank, metric in enumerate(metrics)]
        group = _Gathered(size=2, states=tuple(meter.state() for meter in meters))
        merged = Meter({"metric": metrics[0]}, CPU, group).compute()
        del merged["loss"]
    else:
        merged = _synchronize(metrics, [rounds[0::2], rounds[1::2]])
    require(
        agree(expected, merged),
        f"{expected} in one process, {merged} in two: keep all that is counted in the statistic's tensor "
        "(of a torchmetrics.Metric: in states with dist_reduce_fx)",
    )


def _synchronize(metrics: Sequence[Any], shares: Sequence[Pairs]) -> dict[str, float]:
    """Let torchmetrics gather the states of processes that are none."""
    sent: list[Tensor] = []

    def send(state: Tensor, group: Any) -> list[Tensor]:
        sent.append(state)
        return [state]

    def receive(state: Tensor, group: Any) -> list[Tensor]:
        return [state, sent.pop(0)]

    for metric, act, share in zip(reversed(metrics), (send, receive), reversed(shares), strict=True):
        metric.dist_sync_fn, metric.distributed_available_fn = act, lambda: True
        values = measure(metric, share).compute()
    del values["loss"]
    return values


@rule("metric")
def starts_again(subject: Subject) -> None:
    """After an epoch nothing is left of it, and a state that was saved goes on."""
    metric, rounds = subject.build(), batches(subject)
    expected = evaluate(subject.build(), rounds)
    evaluate(metric, [(preds, target.flip(0)) for preds, target in whole(subject)])
    second = evaluate(metric, rounds)
    require(
        agree(expected, second),
        f"{expected} at first, {second} in a second epoch of the same data: keep nothing on the metric or "
        "the statistic (of a torchmetrics.Metric: in add_state alone)",
    )
    meter = measure(metric, rounds[:2])
    state = meter.state()
    resumed = measure(subject.build(), [])
    resumed.load_states([state])
    for preds, target in rounds[2:]:
        resumed.update(Output(torch.zeros(()), preds, target))
    values = resumed.compute()
    del values["loss"]
    require(agree(expected, values), f"{values} after a resumed epoch, {expected} otherwise")


@rule("metric")
def direction_is_right(subject: Subject) -> None:
    """Perfect predictions are no worse than random ones, as the declared direction has it."""
    metric = subject.build()
    direction = getattr(metric, "higher_is_better", None)
    if direction is None:
        raise NotApplicable("it declares no direction")
    perfect = evaluate(metric, [(predict_perfectly(subject.case), draw_compared(subject.case))])
    random = evaluate(metric, whole(subject))
    name = "metric" if "metric" in perfect else next(iter(perfect))
    kept = perfect[name] >= random[name] if direction else perfect[name] <= random[name]
    require(
        kept,
        f"{perfect[name]:.4g} for perfect predictions, {random[name]:.4g} for random ones, with "
        f"higher_is_better = {direction}: the direction is the other, or None where there is none",
    )


@rule("metric")
def shares_its_count(subject: Subject) -> None:
    """Equal metrics have equal statistics, so that they are counted once."""
    first, second = subject.build(), subject.build()
    if not isinstance(first, Metric):
        raise NotApplicable("torchmetrics' metrics keep their own counts")
    try:
        equal = first.statistic == second.statistic and hash(first.statistic) == hash(second.statistic)
    except TypeError:
        equal = False
    require(equal, "statistics of equal metrics differ: make the statistic a frozen dataclass")


@rule("metric")
def ignores_what_it_should(subject: Subject) -> None:
    """Predictions where the mask says so change nothing."""
    case = subject.case
    if case.ignore_index is None or case.task != "segmentation":
        raise NotApplicable("the case has no ignore_index in masks")
    preds, target = draw_predictions(case), draw_compared(case)
    ignored = (target == case.ignore_index).unsqueeze(1)
    other = torch.where(ignored, preds.roll(1, dims=1), preds)
    require(
        agree(evaluate(subject.build(), [(preds, target)]), evaluate(subject.build(), [(other, target)])),
        f"predictions where the mask is {case.ignore_index} change the value: take a parameter "
        "`ignore_index` and leave them out",
    )
