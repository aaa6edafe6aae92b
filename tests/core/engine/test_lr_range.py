"""The range test on the digits, and where its curves point."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from tests.core.build.conftest import BuildRun, build, plan
from tests.core.engine.conftest import records

from retinue.engine.lr_range import LrCurve, trace_losses

__all__ = ["build", "plan"]


def curve(falls: float, depth: float, noise: float, steps: int = 100) -> LrCurve:
    """A loss of 2 that falls by `depth` around a rate, is least a decade above it and then rises."""
    rates = np.geomspace(1e-7, 1, steps)
    decades = np.log10(rates / falls)
    losses = 2 - depth / (1 + np.exp(-4 * decades)) + 3 * np.clip(decades - 1, 0, None)
    losses += np.random.default_rng(0).normal(0, noise, steps)
    return LrCurve(rates.tolist(), losses.tolist(), diverged=False)


@pytest.mark.parametrize("falls", [1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_suggestion_is_where_the_loss_falls_steepest(falls: float, noise: float) -> None:
    found = curve(falls, depth=1, noise=noise).suggest()
    assert found is not None
    assert abs(math.log10(found / falls)) < 0.5


def test_a_loss_that_jumps_back_from_a_peak_does_not_count() -> None:
    found = curve(1e-3, depth=1, noise=0.02)
    found.losses[-10:] = [30.0] * 5 + [2.0] * 5
    suggestion = found.suggest()
    assert suggestion is not None
    assert suggestion < 1e-2


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_suggests_nothing(seed: int) -> None:
    losses = np.random.default_rng(seed).normal(2.3, 0.1, 100).tolist()
    assert LrCurve(np.geomspace(1e-7, 1, 100).tolist(), losses, diverged=False).suggest() is None


def test_few_points_suggest_nothing() -> None:
    assert LrCurve([1e-3, 1e-2, 1e-1], [3.0, 2.0, 1.0], diverged=True).suggest() is None


def test_rates_rise_by_one_factor_and_each_learns_a_step(build: BuildRun) -> None:
    trainer, _ = build()
    before = [parameter.detach().clone() for parameter in trainer.run.task.parameters()]
    found = trace_losses(trainer, 1e-4, 1e-2, 30)
    assert found.rates == pytest.approx(np.geomspace(1e-4, 1e-2, 30).tolist())
    assert len(found.losses) == 30
    assert not found.diverged
    assert not any(map(torch.equal, before, trainer.run.task.parameters()))


def test_it_learns_from_what_a_run_would(build: BuildRun, train: Any) -> None:
    """At the run's own rate its losses are the run's, also in the next epoch: data, mixing, accumulation, precision."""
    overrides = {
        "data.train.transforms": [{"use": "random-horizontal-flip"}, {"use": "mixup"}],
        "model.dropout": 0.2,
        "train.accumulate": 3,
        "train.precision": "bf16",
        "train.epochs": 2,
        "log.every": 1,
    }
    run = train(overrides).directory.path
    expected = [record["train/loss"] for record in records(run) if record["event"] == "step"][:30]
    trainer, _ = build(overrides)
    assert trace_losses(trainer, 0.1, 0.1, 30).losses == pytest.approx(expected, rel=1e-6)


def test_it_stops_where_the_loss_diverges(build: BuildRun) -> None:
    trainer, _ = build()
    found = trace_losses(trainer, 1e-3, 1e6, 100)
    assert found.diverged
    assert len(found.losses) < 100
    assert all(map(math.isfinite, found.losses))


def test_steps_that_are_left_out_are_no_points(build: BuildRun) -> None:
    trainer, _ = build({"train.skip_nonfinite": 1})
    learn, learner = trainer.learner.learn, trainer.learner
    learner.learn = lambda batch, step, weight: None if step in (3, 4) else learn(batch, step, weight)  # type: ignore[method-assign]
    rates = np.geomspace(1e-4, 1e-2, 20).tolist()
    assert trace_losses(trainer, 1e-4, 1e-2, 20).rates == pytest.approx([*rates[:3], *rates[5:]])


def test_groups_keep_their_ratio_and_what_is_frozen_stays(build: BuildRun) -> None:
    finetune = {
        "groups": [{"match": "*.bias", "lr": 0.5}],
        "freeze": [{"match": "layers.1.weight", "until": "1it"}],
    }
    trainer, _ = build({"finetune": finetune})
    names = dict(trainer.run.task.model.named_parameters())
    frozen = {name: value.detach().clone() for name, value in names.items() if name == "layers.1.weight"}
    assert frozen
    trace_losses(trainer, 1e-3, 1e-2, 20)
    assert sorted(group["lr"] for group in trainer.run.optimizer.param_groups) == pytest.approx([0.01, 0.05])
    assert all(torch.equal(value, names[name]) for name, value in frozen.items())
