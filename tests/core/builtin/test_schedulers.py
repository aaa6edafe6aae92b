import math
from itertools import pairwise

import pytest
import torch
from torch import optim
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from retinue.builtin import schedulers
from retinue.errors import SpecError

TOTAL = 20
RATE = 0.4


def make_optimizer() -> Optimizer:
    return optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=RATE, momentum=0.9)


def run(optimizer: Optimizer, scheduler: LRScheduler) -> list[tuple[float, float]]:
    """Return rate and momentum at each of TOTAL steps and after them."""
    seen = []
    for _ in range(TOTAL + 1):
        seen.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]))
        optimizer.step()
        if len(seen) <= TOTAL:
            scheduler.step()
    return seen


CASES = {
    "step": (
        lambda o: schedulers.step(o, 6, 0.5),
        lambda o: lr_scheduler.StepLR(o, step_size=6, gamma=0.5),
    ),
    "multi-step": (
        lambda o: schedulers.multi_step(o, [3, 9], 0.2),
        lambda o: lr_scheduler.MultiStepLR(o, milestones=[3, 9], gamma=0.2),
    ),
    "constant": (
        lambda o: schedulers.constant(o, 0.25, 7),
        lambda o: lr_scheduler.ConstantLR(o, factor=0.25, total_iters=7),
    ),
    "linear": (
        lambda o: schedulers.linear(o, TOTAL, 0.9, 0.1, 8),
        lambda o: lr_scheduler.LinearLR(o, start_factor=0.9, end_factor=0.1, total_iters=8),
    ),
    "exponential": (
        lambda o: schedulers.exponential(o, 0.9),
        lambda o: lr_scheduler.ExponentialLR(o, gamma=0.9),
    ),
    "polynomial": (
        lambda o: schedulers.polynomial(o, TOTAL, 0.9, 8),
        lambda o: lr_scheduler.PolynomialLR(o, total_iters=8, power=0.9),
    ),
    "cosine": (
        lambda o: schedulers.cosine(o, TOTAL, 0.01),
        lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=TOTAL, eta_min=0.01),
    ),
    "cosine-warm-restarts": (
        lambda o: schedulers.cosine_warm_restarts(o, 3, 2, 0.01),
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=2, eta_min=0.01),
    ),
    "one-cycle": (
        lambda o: schedulers.one_cycle(o, TOTAL, 0.8),
        lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.8, total_steps=TOTAL),
    ),
    "one-cycle, all set": (
        lambda o: schedulers.one_cycle(o, TOTAL, 0.8, 0.2, "linear", True, 0.7, 0.99, 10.0, 100.0, True),
        lambda o: lr_scheduler.OneCycleLR(
            o,
            max_lr=0.8,
            total_steps=TOTAL,
            pct_start=0.2,
            anneal_strategy="linear",
            cycle_momentum=True,
            base_momentum=0.7,
            max_momentum=0.99,
            div_factor=10.0,
            final_div_factor=100.0,
            three_phase=True,
        ),
    ),
    "cyclic": (
        lambda o: schedulers.cyclic(o, 0.1, 0.5, 4),
        lambda o: lr_scheduler.CyclicLR(o, base_lr=0.1, max_lr=0.5, step_size_up=4),
    ),
    "cyclic, all set": (
        lambda o: schedulers.cyclic(o, 0.1, 0.5, 4, 2, "exp_range", 0.9, True, 0.7, 0.95),
        lambda o: lr_scheduler.CyclicLR(
            o,
            base_lr=0.1,
            max_lr=0.5,
            step_size_up=4,
            step_size_down=2,
            mode="exp_range",
            gamma=0.9,
            cycle_momentum=True,
            base_momentum=0.7,
            max_momentum=0.95,
        ),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_step_is_torchs(case: str) -> None:
    ours, theirs = make_optimizer(), make_optimizer()
    make, reference = CASES[case]
    assert run(ours, make(ours)) == run(theirs, reference(theirs))


@pytest.mark.parametrize(
    ("make", "end"),
    [
        (lambda o: schedulers.linear(o, TOTAL, 1.0, 0.25), RATE / 4),
        (lambda o: schedulers.polynomial(o, TOTAL, 0.9), 0.0),
        (lambda o: schedulers.cosine(o, TOTAL, 0.01), 0.01),
    ],
    ids=["linear", "polynomial", "cosine"],
)
def test_the_whole_run_is_the_default_length(make, end: float) -> None:
    optimizer = make_optimizer()
    rates = [rate for rate, _ in run(optimizer, make(optimizer))]
    assert rates[0] == RATE
    assert rates[-1] == pytest.approx(end, abs=1e-9)
    assert all(later < earlier for earlier, later in pairwise(rates))


def test_cosine_halves_the_rate_halfway() -> None:
    optimizer = make_optimizer()
    rates = [rate for rate, _ in run(optimizer, schedulers.cosine(optimizer, TOTAL))]
    assert rates[TOTAL // 2] == pytest.approx(RATE / 2)
    assert rates[5] == pytest.approx(RATE * (1 + math.cos(math.pi / 4)) / 2)


def test_plateau_waits_for_the_metric_it_is_told_to_watch() -> None:
    optimizer = make_optimizer()
    scheduler = schedulers.plateau(optimizer, "max", factor=0.5, patience=1, threshold=0.1, threshold_mode="abs")
    rates = []
    for value in [0.2, 0.5, 0.55, 0.52, 0.7, 0.7, 0.7, 0.7]:
        scheduler.step(value)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1, 0.1])


def test_plateau_passes_the_rest_on() -> None:
    ours = schedulers.plateau(make_optimizer(), cooldown=3, min_lr=0.3, eps=1e-3)
    theirs = lr_scheduler.ReduceLROnPlateau(make_optimizer(), cooldown=3, min_lr=0.3, eps=1e-3)
    assert ours.state_dict() == theirs.state_dict()
    assert ours.min_lrs == theirs.min_lrs


@pytest.mark.parametrize(
    "make",
    [lambda o, **c: schedulers.one_cycle(o, TOTAL, 0.1, **c), lambda o, **c: schedulers.cyclic(o, 0.1, 0.2, **c)],
)
def test_an_optimizer_without_momentum_is_told_what_to_set(make) -> None:
    optimizer = optim.Adagrad([torch.nn.Parameter(torch.ones(2))])
    with pytest.raises(SpecError, match=r"Adagrad has none: set cycle_momentum = false"):
        make(optimizer)
    make(optimizer, cycle_momentum=False)
