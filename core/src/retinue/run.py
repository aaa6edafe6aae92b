"""Training, evaluation and prediction by spec: what Python users and the commands share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

from torch import nn

from retinue.builtin.callbacks.progress import ProgressReport
from retinue.engine.distributed import Group, count_restarts, name_launch, read_group
from retinue.engine.faults import explain_faults, explain_labels, tell_how_to_go_on, tell_what_is_kept
from retinue.engine.log import RunLog, logger
from retinue.engine.loop import fit
from retinue.engine.prediction import Picture
from retinue.engine.trainer import Trainer
from retinue.errors import Interrupted, RunDirectoryError
from retinue.plan import make_plan
from retinue.plugins.registry import Registry
from retinue.provenance import find_launched, require_plugins
from retinue.rundir import RunDirectory, runs_of
from retinue.saved_run import Overrides, SavedRun
from retinue.spec.loading import load_spec
from retinue.training import begin, go_on, prepare_process

__all__ = ["SavedRun", "evaluate", "load_model", "predict", "train"]


def train(
    spec: str | Path | None = None,
    overrides: Overrides = (),
    out: str | Path | None = None,
    resume: str | Path | None = None,
    registry: Registry | None = None,
    despite_differences: bool = False,
) -> SavedRun:
    """Train what a spec says, or go on with a run that was stopped.

    Under torch's launcher every process of the group calls this.

    Args:
        spec: a spec file in TOML, YAML or JSON.
        overrides: ["key.path=value", "~key.path"] or {"key.path": value}; of a resumed run, what changes nothing that
            is learnt: where its data is now, the device, the workers, what is logged and kept.
        out: the run directory; default: runs/NAME/TIME.
        resume: a run directory, in place of a spec.
        despite_differences: resume although code or data are not what they were.

    Raises:
        RetinueError: what is wrong with the spec, the data or the run directory.
        Interrupted: SIGINT or SIGTERM stopped the run; its last step is saved.
    """
    if (spec is None) == (resume is None):
        raise RunDirectoryError("either a spec to train, or a run to resume, is needed")
    registry, group = registry or Registry(), read_group()
    with RunLog(group.leads).open() as log:
        directory = RunDirectory.open(resume) if resume is not None else None
        plan = make_plan(load_spec(spec, overrides), registry) if spec is not None else None
        if plan is not None and count_restarts():
            directory = find_launched(Path(out) if out else runs_of(plan.spec.name), name_launch())
        if directory is not None:
            require_plugins(directory)
            plan = make_plan(
                load_spec(directory.resolved, overrides if resume is not None else (), alone=True), registry
            )
        assert plan is not None
        with explain_faults(), prepare_process(plan, group), ExitStack() as stack:
            if directory is None:
                directory, trainer = begin(plan, Path(out) if out else None, group)
                stack.enter_context(_hold(directory, group))
            else:
                # Before the run is cut back to its last checkpoint: another process may be writing it.
                stack.enter_context(_hold(directory, group))
                trainer = go_on(plan, directory, group, despite_differences)
            signal = _follow(trainer, directory, log)
    if signal is not None:
        raise Interrupted(f"stopped after step {trainer.run.state.step}; {tell_how_to_go_on(trainer)}", signal)
    return SavedRun(directory.path, registry)


def _hold(directory: RunDirectory, group: Group) -> AbstractContextManager[None]:
    return directory.hold() if group.leads else nullcontext()


def _follow(trainer: Trainer, directory: RunDirectory, log: RunLog) -> int | None:
    if trainer.group.leads:
        log.write_to(directory.log)
        trainer.callbacks = [*trainer.callbacks, ("the progress report", ProgressReport())]
    if trainer.finished:
        logger.warning("%s is complete: there is nothing to go on with", directory)
    with tell_what_is_kept(trainer), explain_faults(), explain_labels(trainer):
        return fit(trainer)


def evaluate(run: str | Path, split: str = "val", overrides: Overrides = ()) -> dict[str, float]:
    """Return a run's loss and metrics on its `val` or `test` data, by `split/name`."""
    return SavedRun(run, overrides=overrides).evaluate(split)


def predict(run: str | Path, pictures: Iterable[Picture]) -> Iterator[dict[str, Any]]:
    """Yield what a run's best model sees in each picture; for one that cannot be read, {"error": why}."""
    return SavedRun(run).predictor.predict(pictures)


def load_model(run: str | Path) -> nn.Module:
    """Return a run's best model in eval mode, on the device of its spec."""
    return SavedRun(run).model
