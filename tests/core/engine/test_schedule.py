"""Rates are compared with torch's schedulers on a real optimizer, used as torch's documentation says."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn, optim
from torch.optim import Optimizer, lr_scheduler

from retinue.builtin import schedulers
from retinue.engine.schedule import Course, Schedule, ShadowOptimizer

STEPS = 24
PER_EPOCH = 4

Make = Callable[[Optimizer, int], Any]

BUILTIN: dict[str, Make] = {
    "step": lambda o, total: schedulers.step(o, 3, 0.5),
    "multi-step": lambda o, total: schedulers.multi_step(o, [2, 5], 0.3),
    "constant": lambda o, total: schedulers.constant(o, 0.25, 3),
    "linear": lambda o, total: schedulers.linear(o, total, 0.2, 0.8),
    "exponential": lambda o, total: schedulers.exponential(o, 0.9),
    "polynomial": lambda o, total: schedulers.polynomial(o, total, 0.9),
    "cosine": lambda o, total: schedulers.cosine(o, total, 0.01),
    "cosine-warm-restarts": lambda o, total: schedulers.cosine_warm_restarts(o, 2, 2),
    "one-cycle": lambda o, total: schedulers.one_cycle(o, total, 0.8),
    "cyclic": lambda o, total: schedulers.cyclic(o, 0.1, 0.5, 3),
}

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": lambda params: optim.SGD(params, lr=0.4, momentum=0.9, weight_decay=0.01),
    "adamw": lambda params: optim.AdamW(params, lr=0.4, betas=(0.8, 0.99)),
}


def make_optimizer(name: str = "sgd", groups: int = 1) -> Optimizer:
    rates = [{"params": [nn.Parameter(torch.ones(2))], "lr": 0.4 / (n + 1)} for n in range(groups)]
    return OPTIMIZERS[name](rates)


def make_course(optimizer: Optimizer, make: Make, total: int = STEPS, **settings: Any) -> Course:
    shadow = ShadowOptimizer(optimizer)
    given = {"per_step": True, "warmup": 0, "metric": None, **settings}
    return Course(make(shadow, total), shadow, **given)


def settings_of(optimizer: Optimizer) -> list[tuple[float, Any, float]]:
    return [(g["lr"], g.get("momentum", g.get("betas")), g["weight_decay"]) for g in optimizer.param_groups]


def follow(schedule: Schedule, steps: range = range(1, STEPS + 1)) -> list[Any]:
    """Return what each optimizer step is done with, as the loop drives it."""
    seen = []
    for step in steps:
        seen.append(settings_of(schedule.optimizer))
        schedule.step(step)
        if step % PER_EPOCH == 0:
            schedule.epoch(step, {})
    return seen


def reference(optimizer: Optimizer, scheduler: Any, per_step: bool) -> list[Any]:
    seen = []
    for step in range(1, STEPS + 1):
        seen.append(settings_of(optimizer))
        optimizer.step()
        if per_step or step % PER_EPOCH == 0:
            scheduler.step()
    return seen


def rates(seen: list[Any], group: int = 0) -> list[float]:
    return [settings[group][0] for settings in seen]


def assert_equal(ours: list[Any], theirs: list[Any]) -> None:
    flat = [[value for group in seen for setting in group for value in _numbers(setting)] for seen in ours]
    expected = [[value for group in seen for setting in group for value in _numbers(setting)] for seen in theirs]
    for one, other in zip(flat, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-12)


def _numbers(setting: Any) -> tuple[float, ...]:
    return setting if isinstance(setting, tuple) else (setting,)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("every", ["step", "epoch"])
@pytest.mark.parametrize("name", BUILTIN)
def test_one_alone_does_what_torch_does(name: str, every: str, optimizer: str) -> None:
    """Rate, momentum or betas, and what it leaves alone, for two parameter groups."""
    per_step = every == "step"
    total = STEPS if per_step else STEPS // PER_EPOCH
    ours, theirs = make_optimizer(optimizer, groups=2), make_optimizer(optimizer, groups=2)
    schedule = Schedule(ours, [make_course(ours, BUILTIN[name], total, per_step=per_step)])
    assert_equal(follow(schedule), reference(theirs, BUILTIN[name](theirs, total), per_step))


def test_without_schedulers_the_rate_stays() -> None:
    assert set(rates(follow(Schedule(make_optimizer(), [])))) == {0.4}


def test_two_at_once_multiply() -> None:
    optimizer = make_optimizer(groups=2)
    cosine = make_course(optimizer, BUILTIN["cosine"])
    halved = make_course(optimizer, BUILTIN["step"], per_step=False)
    both = follow(Schedule(optimizer, [cosine, halved]))

    first, second = make_optimizer(groups=2), make_optimizer(groups=2)
    alone = reference(first, BUILTIN["cosine"](first, STEPS), per_step=True)
    other = reference(second, BUILTIN["step"](second, STEPS), per_step=False)
    for group, base in enumerate((0.4, 0.2)):
        product = [a * b / base for a, b in zip(rates(alone, group), rates(other, group), strict=True)]
        assert rates(both, group) == pytest.approx(product, rel=1e-12)


@pytest.mark.parametrize("every", ["step", "epoch"])
def test_a_warm_up_is_a_straight_line_to_the_schedulers_start(every: str) -> None:
    per_step, warmup = every == "step", 8
    total = (STEPS - warmup) // (1 if per_step else PER_EPOCH)
    optimizer, other = make_optimizer(), make_optimizer()
    course = make_course(optimizer, BUILTIN["cosine"], total, per_step=per_step, warmup=warmup)
    seen = rates(follow(Schedule(optimizer, [course])))
    assert seen[:warmup] == pytest.approx([0.4 * (step + 1) / (warmup + 1) for step in range(warmup)])
    alone = rates(reference(other, BUILTIN["cosine"](other, total), per_step))
    assert seen[warmup:] == pytest.approx(alone[: STEPS - warmup], rel=1e-12)


def test_the_warm_up_of_one_does_not_hold_up_another() -> None:
    optimizer = make_optimizer()
    courses = [
        make_course(optimizer, BUILTIN["exponential"]),
        make_course(optimizer, BUILTIN["cosine"], STEPS - 4, warmup=4),
    ]
    seen = rates(follow(Schedule(optimizer, courses)))
    assert seen[:4] == pytest.approx([0.4 * 0.9**step * (step + 1) / 5 for step in range(4)])


def test_momentum_that_is_back_where_it_began_is_set_too() -> None:
    """0.9 is both what the optimizer was given and the end of each cycle."""
    optimizer = make_optimizer()
    follow(Schedule(optimizer, [make_course(optimizer, BUILTIN["cyclic"])]), range(1, 7))
    assert optimizer.param_groups[0]["momentum"] == pytest.approx(0.9)


def test_a_schedule_that_does_not_move_momentum_leaves_it_to_others() -> None:
    optimizer = make_optimizer()
    schedule = Schedule(optimizer, [make_course(optimizer, BUILTIN["cosine"])])
    optimizer.param_groups[0]["momentum"] = 0.5
    follow(schedule)
    assert optimizer.param_groups[0]["momentum"] == 0.5


def plateau(optimizer: Optimizer, total: int) -> Any:
    return schedulers.plateau(optimizer, factor=0.5, patience=1)


def test_plateau_watches_its_metric() -> None:
    optimizer = make_optimizer()
    schedule = Schedule(optimizer, [make_course(optimizer, plateau, per_step=False, metric="val/loss")])
    seen = []
    for epoch, loss in enumerate([1.0, 0.8, 0.9, 0.85, 0.7, 0.9, 0.9], start=1):
        schedule.step(epoch * PER_EPOCH)
        schedule.epoch(epoch * PER_EPOCH, {"val/loss": loss, "train/loss": -epoch})
        seen.append(schedule.lr())
    assert seen == pytest.approx([0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1])


def test_plateau_and_cosine_multiply() -> None:
    optimizer = make_optimizer()
    courses = [
        make_course(optimizer, plateau, per_step=False, metric="val/loss"),
        make_course(optimizer, BUILTIN["cosine"], 6, per_step=False),
    ]
    schedule = Schedule(optimizer, courses)
    for epoch in range(1, 4):
        schedule.epoch(epoch * PER_EPOCH, {"val/loss": 1.0})
    # The cosine from 0.4 to 0.01 is halfway, the plateau has halved once.
    assert schedule.lr() == pytest.approx((0.4 + 0.01) / 2 / 2)


@pytest.mark.parametrize("cut", [1, 7, 12, 23])
@pytest.mark.parametrize("name", [*BUILTIN, "plateau"])
def test_a_schedule_goes_on_from_its_state(name: str, cut: int, tmp_path: Path) -> None:
    """After any step, warm-up included, written and read as a checkpoint does."""
    make = BUILTIN.get(name, plateau)

    def begin() -> Schedule:
        optimizer = make_optimizer(groups=2)
        courses = [
            make_course(optimizer, make, 16, warmup=8) if make is not plateau else _watching(optimizer),
            make_course(optimizer, BUILTIN["exponential"], per_step=False),
        ]
        return Schedule(optimizer, courses)

    whole = begin()
    _run(whole, range(1, cut + 1))
    torch.save([whole.state(), whole.optimizer.state_dict()], tmp_path / "state.pt")
    rest = _run(whole, range(cut + 1, STEPS + 1))

    resumed = begin()
    state, optimizer_state = torch.load(tmp_path / "state.pt", weights_only=True)
    resumed.optimizer.load_state_dict(optimizer_state)
    resumed.load_state(state, cut)
    assert _run(resumed, range(cut + 1, STEPS + 1)) == rest


def _watching(optimizer: Optimizer) -> Course:
    return make_course(optimizer, plateau, per_step=False, metric="val/loss")


def _run(schedule: Schedule, steps: range) -> list[Any]:
    seen = []
    for step in steps:
        schedule.step(step)
        if step % PER_EPOCH == 0:
            schedule.epoch(step, {"val/loss": math.sin(step)})
        seen.append(settings_of(schedule.optimizer))
    return seen


def test_nothing_but_rate_and_momentum_is_touched() -> None:
    model = nn.Linear(2, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = Schedule(optimizer, [make_course(optimizer, BUILTIN["one-cycle"])])
    follow(schedule)
    assert optimizer.param_groups[0]["params"] == list(model.parameters())
    assert set(optimizer.param_groups[0]) == set(optim.SGD(model.parameters(), lr=0.1).param_groups[0])


def test_real_training_is_torchs_training() -> None:
    """The weights after some steps with a schedule of each kind are those of plain torch."""

    def train(ours: bool) -> list[float]:
        torch.manual_seed(0)
        model = nn.Linear(3, 1)
        optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        if ours:
            advance = Schedule(optimizer, [make_course(optimizer, lambda o, t: schedulers.one_cycle(o, t, 0.2))]).step
        else:
            scheduler = lr_scheduler.OneCycleLR(optimizer, 0.2, STEPS)
        for step in range(1, STEPS + 1):
            optimizer.zero_grad()
            model(torch.ones(4, 3)).pow(2).mean().backward()
            optimizer.step()
            advance(step) if ours else scheduler.step()
        return model.weight.flatten().tolist()  # type: ignore[no-any-return]

    assert train(ours=True) == pytest.approx(train(ours=False), rel=1e-6)
