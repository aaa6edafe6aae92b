"""How a run begins, and how it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial, reduce
from operator import getitem
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from retinue.build import build_trainer, load_earlier_weights
from retinue.engine.allocation import keep_freed_memory
from retinue.engine.checkpoints import find_checkpoint, load_state, load_weights, read_weights, restore_replaced
from retinue.engine.devices import select_device
from retinue.engine.distributed import Group, join_group
from retinue.engine.execution import run_deterministically
from retinue.engine.saving import restore_state
from retinue.engine.trainer import Trainer
from retinue.errors import Problem, RunDirectoryError, SpecError
from retinue.plan import Plan
from retinue.plan.values import amend_resolved, list_values, write_resolved
from retinue.positions import Path as KeyPath
from retinue.provenance import check_resumable, describe_run, read_threads, renew_lock, write_lock
from retinue.rundir import RunDirectory, writing

SAME_RUN: tuple[KeyPath, ...] = (
    *(("data", key) for key in ("workers", "worker_kind", "path", "cache", "cache_gib")),
    ("train", "device"),
    ("log",),
    ("checkpoint",),
)
"""What may be another when a run goes on: nothing that is learnt depends on it."""


@contextmanager
def prepare_process(plan: Plan, group: Group) -> Iterator[None]:
    """While entered, this process is part of its group and computes as the spec says."""
    device, _ = select_device(plan.spec.train.device, group.local_rank)
    keep_freed_memory()
    with join_group(group, uses_cuda=device.type == "cuda"), run_deterministically(plan.spec.train.deterministic):
        yield


def begin(plan: Plan, out: Path | None, group: Group) -> tuple[RunDirectory, Trainer]:
    """Make a run ready for its first step.

    Raises:
        RetinueError: what is wrong with the spec, the data or the run directory.
    """
    directory = RunDirectory(group.share(str(RunDirectory.choose(out, plan.spec.name)) if group.leads else None))
    trainer, builder = build_trainer(plan, directory, group, partial(load_earlier_weights, plan))
    if group.leads:
        document = plan.layers.documents[0]
        directory.make()
        with writing(spec := directory.spec(f".{document.form}")):
            spec.write_text(document.text, encoding="utf-8")
        with writing(directory.resolved):
            directory.resolved.write_text(write_resolved(list(list_values(plan, builder.filled))), encoding="utf-8")
        write_lock(directory, plan, trainer)
    return directory, trainer


def go_on(plan: Plan, directory: RunDirectory, group: Group, despite_differences: bool) -> Trainer:
    """Make a run ready for the step after its last checkpoint, or for its first where it has none yet.

    Raises:
        SpecError: an override would make it another run.
        RunDirectoryError: what is here now would make it another run, or no checkpoint can be read.
    """
    check_changes(plan)
    if group.leads:
        restore_replaced(directory)
    checkpoint = group.share(find_checkpoint(directory, "last") if group.leads and directory.has_begun() else None)
    if checkpoint is None:
        trainer, _ = build_trainer(plan, directory, group, partial(load_earlier_weights, plan))
    else:
        state, weights = load_state(checkpoint), read_weights(checkpoint)
        learnt = state["weights"] or weights
        trainer, _ = build_trainer(plan, directory, group, lambda model: load_weights(model, learnt, checkpoint))
    torch.set_num_threads(read_threads(directory))
    now = describe_run(plan, trainer)
    check_resumable(directory, now, despite_differences)
    if checkpoint is None:
        trainer.history.cut(0)
    else:
        _restore(trainer, state, weights, checkpoint)
    if group.leads:
        if plan.layers.overrides:
            _keep_changes(plan, directory)
            now = describe_run(plan, trainer)
        renew_lock(directory, now, trainer.run.state.step)
    return trainer


def _keep_changes(plan: Plan, directory: RunDirectory) -> None:
    """Write overrides into resolved.toml: the next time the run goes on, they are its own."""
    paths = [override.path for override in plan.layers.overrides]
    values = list(list_values(plan, {}))
    changed = [v for v in values if any(path[: len(v.path)] == v.path[: len(path)] for path in paths)]
    if changed:
        beside = directory.resolved.with_suffix(".tmp")
        beside.write_text(amend_resolved(directory.resolved.read_text(encoding="utf-8"), changed), encoding="utf-8")
        beside.replace(directory.resolved)


def _restore(trainer: Trainer, state: dict[str, Any], weights: dict[str, Tensor], checkpoint: Path) -> None:
    try:
        restore_state(trainer, state, weights)
    # Plain data of any form may stand in a stranger's file.
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise RunDirectoryError(f"checkpoint {checkpoint}: its state is not that of this run: {error}") from error


def check_changes(plan: Plan) -> None:
    """Refuse overrides that would make a run another one.

    Raises:
        SpecError: names each.
    """
    paths = {
        ("data", name, key)
        for name, section in plan.data.items()
        for key, value in section.dataset.parameters.items()
        if isinstance(value, Path)
    }
    allowed = (*SAME_RUN, *paths)
    problems = [
        Problem(_explain(override.path, plan), override.position(key=True))
        for override in plan.layers.overrides
        if not any(override.path[: len(path)] == path for path in allowed)
        and not _only_longer(override.path, plan)
        and override.value != _find(plan.layers.documents[0].values, override.path)
    ]
    if problems:
        raise SpecError(problems)


def _find(place: Any, path: KeyPath) -> Any:
    try:
        return reduce(getitem, path, place)
    except (LookupError, TypeError):
        return None


def _only_longer(path: KeyPath, plan: Plan) -> bool:
    return path in (("train", "epochs"), ("train", "steps")) and not plan.schedulers


def _explain(path: KeyPath, plan: Plan) -> str:
    name = ".".join(map(str, path))
    if path in (("train", "epochs"), ("train", "steps")):
        return f"the schedule was laid out for the {name} that the run began with; begin another run from its weights"
    return f"another {name} makes another run: begin one, from this one's weights by finetune.weights if you like"
