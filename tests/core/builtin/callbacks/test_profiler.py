"""What a window of steps leaves behind. A step of the optimizer is what the trace has once for each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.core.engine.conftest import SPY, records, weights

from retinue.errors import Interrupted, TrainingError
from retinue.run import SavedRun
from retinue.run import train as train_spec

Train = Callable[..., SavedRun]


def window(start: int, steps: int, *others: dict[str, Any], **overrides: Any) -> dict[str, Any]:
    return {"callbacks": [{"use": "profiler", "start": start, "steps": steps}, *others], **overrides}


def steps(run: Path) -> int:
    """The steps in a run's trace."""
    events = json.loads((run / "trace.json").read_text())["traceEvents"]
    return sum(event.get("name") == "Optimizer.step#SGD.step" for event in events)


@pytest.mark.parametrize(
    ("start", "length", "seen"),
    [(5, 3, 3), (0, 2, 2), (21, 4, 4), (40, 20, 6)],
    ids=["in an epoch", "from the first step", "over an epoch's end", "beyond the run's end"],
)
def test_the_steps_of_the_window_are_in_the_trace(
    start: int, length: int, seen: int, train: Train, tmp_path: Path
) -> None:
    train(window(start, length, **{"train.epochs": 2}))
    assert steps(tmp_path / "run") == seen
    assert "aten::addmm" in (tmp_path / "run" / "log.txt").read_text()


def test_a_run_that_ends_before_the_window_writes_nothing(train: Train, tmp_path: Path) -> None:
    train(window(23, 5))
    assert not (tmp_path / "run" / "trace.json").exists()


def test_it_changes_nothing_that_is_learnt(train: Train, tmp_path: Path) -> None:
    train(window(5, 3, **{"data.workers": 1}), "seen")
    train({"data.workers": 1}, "plain")
    assert records(tmp_path / "seen") == records(tmp_path / "plain")
    assert weights(tmp_path / "seen") == weights(tmp_path / "plain")


@pytest.mark.parametrize(("stop", "before", "after"), [(4, None, 6), (8, 3, 3), (15, 6, None)])
def test_of_a_resumed_run(
    stop: int,
    before: int | None,
    after: int | None,
    train: Train,
    local_plugin: Callable[[str], None],
    tmp_path: Path,
) -> None:
    """Each part writes what it saw of steps 6 to 11."""
    local_plugin(SPY)
    trace = tmp_path / "run" / "trace.json"
    with pytest.raises(Interrupted):
        train(window(5, 6, {"use": "spy", "interrupt": stop}))
    assert (steps(tmp_path / "run") if trace.exists() else None) == before
    trace.unlink(missing_ok=True)
    train_spec(resume=tmp_path / "run")
    assert (steps(tmp_path / "run") if trace.exists() else None) == after


def test_an_error_in_the_window_is_the_one_that_is_told(
    train: Train, local_plugin: Callable[[str], None], tmp_path: Path
) -> None:
    local_plugin(SPY)
    with pytest.raises(TrainingError, match=r"spy .* failed in step: ZeroDivisionError: in the callback"):
        train(window(5, 6, {"use": "spy", "fail": 7}))
    assert steps(tmp_path / "run") == 2


def test_a_trace_that_cannot_be_written_costs_no_run(
    train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture, local_plugin: Callable[[str], None]
) -> None:
    local_plugin(
        """
from retinue.api import Callback
from retinue.hooks import hookimpl

class Blocks(Callback):
    def start(self, run):
        (run.directory / "trace.json" / "in the way").mkdir(parents=True)

@hookimpl
def retinue_callbacks(register): register("blocks", Blocks, summary="-")
"""
    )
    assert train(window(5, 3, {"use": "blocks"})).steps == 23
    assert "trace.json cannot be written" in caplog.text
