"""torch.optim.lr_scheduler's schedules by name, with torch's defaults.

A scheduler step is an epoch or an optimizer step, as the scheduler's table says; `total` is the number of them after
the warm-up.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval, MinLen
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from retinue.errors import Problem, SpecError

Steps = Annotated[int, Ge(1)]
Rate = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Factor = Annotated[float, Interval(gt=0, le=1)]
Momentum = Annotated[float, Interval(ge=0, lt=1)]


def step(optimizer: Optimizer, step_size: Steps, gamma: Rate = 0.1) -> LRScheduler:
    """Multiply the rate by `gamma` every `step_size` steps.

    Args:
        step_size: in scheduler steps.
        gamma: the factor.
    """
    return lr_scheduler.StepLR(optimizer, step_size, gamma)


def multi_step(optimizer: Optimizer, milestones: Annotated[list[Steps], MinLen(1)], gamma: Rate = 0.1) -> LRScheduler:
    """Multiply the rate by `gamma` at each milestone.

    Args:
        milestones: in scheduler steps.
        gamma: the factor.
    """
    return lr_scheduler.MultiStepLR(optimizer, milestones, gamma)


def constant(optimizer: Optimizer, factor: Factor = 1 / 3, total_iters: Annotated[int, Ge(0)] = 5) -> LRScheduler:
    """Multiply the rate by `factor` for the first `total_iters` steps.

    Args:
        factor: above 0 and at most 1.
        total_iters: in scheduler steps.
    """
    return lr_scheduler.ConstantLR(optimizer, factor, total_iters)


def linear(
    optimizer: Optimizer,
    total: int,
    start_factor: Factor = 1 / 3,
    end_factor: Annotated[float, Interval(ge=0, le=1)] = 1.0,
    total_iters: Steps | None = None,
) -> LRScheduler:
    """Move the rate's factor from `start_factor` to `end_factor` in a straight line.

    Args:
        start_factor: above 0 and at most 1.
        end_factor: from 0 to 1.
        total_iters: scheduler steps until the end factor; the whole run by default.
    """
    return lr_scheduler.LinearLR(optimizer, start_factor, end_factor, total_iters or total)


def exponential(optimizer: Optimizer, gamma: Rate) -> LRScheduler:
    """Multiply the rate by `gamma` at every step.

    Args:
        gamma: the factor, such as 0.95.
    """
    return lr_scheduler.ExponentialLR(optimizer, gamma)


def polynomial(optimizer: Optimizer, total: int, power: Rate = 1.0, total_iters: Steps | None = None) -> LRScheduler:
    """Lower the rate to 0 as (1 - t / total_iters)^power; with 0.9 the "poly" schedule of semantic segmentation.

    Args:
        power: 1 is a straight line.
        total_iters: scheduler steps until 0; the whole run by default.
    """
    return lr_scheduler.PolynomialLR(optimizer, total_iters or total, power)


def cosine(optimizer: Optimizer, total: int, eta_min: NotNegative = 0.0) -> LRScheduler:
    """Lower the rate along half a cosine over the whole run (SGDR without restarts, Loshchilov and Hutter, 2017).

    Args:
        eta_min: the rate at the end.
    """
    return lr_scheduler.CosineAnnealingLR(optimizer, total, eta_min)


def cosine_warm_restarts(
    optimizer: Optimizer, t_0: Steps, t_mult: Steps = 1, eta_min: NotNegative = 0.0
) -> LRScheduler:
    """Lower the rate along half a cosine, again and again (SGDR, Loshchilov and Hutter, 2017).

    Args:
        t_0: scheduler steps of the first cycle.
        t_mult: each cycle is so many times as long as the one before.
        eta_min: the rate at the end of a cycle.
    """
    return lr_scheduler.CosineAnnealingWarmRestarts(optimizer, t_0, t_mult, eta_min)


def one_cycle(
    optimizer: Optimizer,
    total: int,
    max_lr: Rate,
    pct_start: Annotated[float, Interval(ge=0, le=1)] = 0.3,
    anneal_strategy: Literal["cos", "linear"] = "cos",
    cycle_momentum: bool = True,
    base_momentum: Momentum = 0.85,
    max_momentum: Momentum = 0.95,
    div_factor: Rate = 25.0,
    final_div_factor: Rate = 1e4,
    three_phase: bool = False,
) -> LRScheduler:
    """Raise the rate to `max_lr` and lower it far below its start, once over the run (Smith and Topin, 2018).

    The optimizer's own lr is not used. Meant to advance every step, not every epoch.

    Args:
        max_lr: the highest rate.
        pct_start: share of the run in which the rate rises.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: move the momentum (or Adam's first beta) the other way.
        base_momentum: momentum at the highest rate.
        max_momentum: momentum at the start and the end.
        div_factor: the rate starts at max_lr / div_factor.
        final_div_factor: the rate ends at its start / final_div_factor.
        three_phase: come down as one went up, then anneal.

    Raises:
        SpecError: `cycle_momentum` with an optimizer that has none.
    """
    _check_momentum("one-cycle", optimizer, cycle_momentum)
    return lr_scheduler.OneCycleLR(
        optimizer,
        max_lr,
        total_steps=total,
        pct_start=pct_start,
        anneal_strategy=anneal_strategy,
        cycle_momentum=cycle_momentum,
        base_momentum=base_momentum,
        max_momentum=max_momentum,
        div_factor=div_factor,
        final_div_factor=final_div_factor,
        three_phase=three_phase,
    )


def cyclic(
    optimizer: Optimizer,
    base_lr: Rate,
    max_lr: Rate,
    step_size_up: Steps = 2000,
    step_size_down: Steps | None = None,
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
    gamma: Rate = 1.0,
    cycle_momentum: bool = True,
    base_momentum: Momentum = 0.8,
    max_momentum: Momentum = 0.9,
) -> LRScheduler:
    """Move the rate between two bounds, again and again (Smith, 2017).

    The optimizer's own lr is not used. Meant to advance every step, not every epoch.

    Args:
        base_lr: the lower bound.
        max_lr: the upper bound.
        step_size_up: scheduler steps of the rising half.
        step_size_down: scheduler steps of the falling half; as many as of the rising one by default.
        mode: the same height each cycle, half of the last one's, or times gamma to the power of the step.
        gamma: for "exp_range".
        cycle_momentum: move the momentum (or Adam's first beta) the other way.
        base_momentum: momentum at the upper bound.
        max_momentum: momentum at the lower bound.

    Raises:
        SpecError: `cycle_momentum` with an optimizer that has none.
    """
    _check_momentum("cyclic", optimizer, cycle_momentum)
    return lr_scheduler.CyclicLR(
        optimizer,
        base_lr,
        max_lr,
        step_size_up,
        step_size_down,
        mode,
        gamma,
        cycle_momentum=cycle_momentum,
        base_momentum=base_momentum,
        max_momentum=max_momentum,
    )


def plateau(
    optimizer: Optimizer,
    mode: Literal["min", "max"] = "min",
    factor: Annotated[float, Interval(gt=0, lt=1)] = 0.1,
    patience: Annotated[int, Ge(0)] = 10,
    threshold: NotNegative = 1e-4,
    threshold_mode: Literal["rel", "abs"] = "rel",
    cooldown: Annotated[int, Ge(0)] = 0,
    min_lr: NotNegative = 0.0,
    eps: NotNegative = 1e-8,
) -> ReduceLROnPlateau:
    """Multiply the rate by `factor` when the watched metric stops getting better.

    Args:
        mode: whether lower ("min") or higher ("max") is better.
        factor: above 0 and below 1.
        patience: scheduler steps without progress that are borne.
        threshold: what counts as progress.
        threshold_mode: whether the threshold is a share of the best value or a difference to it.
        cooldown: scheduler steps after a change that are not judged.
        min_lr: the rate never falls below.
        eps: smaller changes of the rate are not made.
    """
    return ReduceLROnPlateau(optimizer, mode, factor, patience, threshold, threshold_mode, cooldown, min_lr, eps)


def _check_momentum(name: str, optimizer: Optimizer, cycle_momentum: bool) -> None:
    if cycle_momentum and not {"momentum", "betas"} & set(optimizer.defaults):
        message = f"{name} moves the momentum, and {type(optimizer).__name__} has none: set cycle_momentum = false"
        raise SpecError([Problem(message)])
