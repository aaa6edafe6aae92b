import math

import pytest

from retinue.api import RunState
from retinue.engine.stopping import EarlyStop

EPOCH = 10


def judge(stop: EarlyStop, values: list[float | None], state: RunState | None = None) -> list[bool]:
    """Return after each epoch whether the run should stop."""
    state = state or RunState()
    told = []
    for value in values:
        state.step += EPOCH
        told.append(stop.judge(state, {} if value is None else {"val/loss": value}) is not None)
    return told


def stop(higher: bool = False, min_delta: float = 0.0, patience: int = 2 * EPOCH) -> EarlyStop:
    return EarlyStop("val/loss", higher, min_delta, patience)


def test_it_waits_as_long_as_it_is_told() -> None:
    assert judge(stop(), [1.0, 0.9, 0.95, 0.9]) == [False, False, False, True]
    assert judge(stop(patience=3 * EPOCH), [1.0, 0.9, 0.95, 0.9]) == [False] * 4
    assert judge(stop(), [1.0, 1.1, 0.9, 1.0, 0.8, 0.9, 0.9]) == [False] * 6 + [True]


def test_more_may_be_better() -> None:
    assert judge(stop(higher=True), [0.1, 0.2, 0.3, 0.3, 0.3]) == [False, False, False, False, True]


@pytest.mark.parametrize("higher", [False, True])
def test_a_small_gain_does_not_count(higher: bool) -> None:
    sign = 1 if higher else -1
    values = [sign * value for value in (1.0, 1.05, 1.09)]
    assert judge(stop(higher, min_delta=0.1), values) == [False, False, True]
    assert judge(stop(higher, min_delta=0.01), values) == [False, False, False]


def test_small_gains_that_add_up_count() -> None:
    assert judge(stop(min_delta=0.1), [1.0, 0.95, 0.89, 0.85]) == [False] * 4


@pytest.mark.parametrize("value", [math.nan, None])
def test_what_is_no_number_is_no_gain(value: float | None) -> None:
    assert judge(stop(), [1.0, value, value]) == [False, False, True]
    assert judge(stop(), [value, value]) == [False, True]
    assert judge(stop(), [value, 1.0, 1.0]) == [False, False, False]


def test_the_reason_names_metric_step_and_value() -> None:
    state = RunState()
    judge(stop(), [1.0, 0.9, 0.95], state)
    state.step += EPOCH
    assert stop().judge(state, {"val/loss": 1.0}) == "val/loss has not improved since step 20 (best 0.9)"


def test_a_resumed_run_waits_on() -> None:
    state = RunState()
    judge(stop(), [1.0, 1.1], state)
    resumed = RunState(step=state.step, best=dict(state.best), best_step=dict(state.best_step))
    assert judge(stop(), [1.1], resumed) == [True]
