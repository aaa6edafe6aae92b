"""What a checkpoint holds, and how a run goes on from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from torch import Tensor

from retinue.api import RunState
from retinue.data.keys import read_generators, set_generators
from retinue.engine.parallel import gather_optimizer, gather_weights, load_optimizer
from retinue.engine.records import check_losses
from retinue.engine.trainer import Trainer


def save_checkpoint(trainer: Trainer) -> None:
    """Keep everything that moves; after a whole epoch, with what it logged.

    Raises:
        TrainingError: the loss is not finite, and such weights must not push good ones out; or the checkpoint before
            this one could not be written.
    """
    check_losses(trainer)
    run, state, learner = trainer.run, trainer.run.state, trainer.learner
    own = {
        "meter": trainer.train_meter.state(),
        "unreadable": trainer.train.unreadable,
        # torch's is seeded for every step. These would cost more than a small model's optimizer, and few models ask.
        "generators": read_generators(),
    }
    moving: dict[str, Any] = {
        "run": asdict(state),
        "optimizer": gather_optimizer(run.optimizer),
        "schedule": trainer.schedule.state(),
        "scaler": learner.scaler.state_dict(),
        "task": gather_weights(run.task, without="model."),
        "processes": trainer.group.gather(own),
        "weights": _copy(gather_weights(run.task.model)) if learner.average is not None else None,
    }
    with learner.averaged():
        weights = gather_weights(run.task.model)
        if trainer.group.leads:
            values = state.values if state.batch == 0 else {}
            trainer.store.save(weights, moving, state.step, state.epoch, values)


def save_missing(trainer: Trainer) -> None:
    """Keep the last step, where no checkpoint has it, and wait until it is on disk."""
    if not trainer.group.share(trainer.group.leads and trainer.store.has(trainer.run.state.step)):
        save_checkpoint(trainer)
    trainer.store.wait()


def restore_state(trainer: Trainer, moving: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Go on from what `save_checkpoint` kept; the model has its weights already.

    Args:
        weights: of the checkpoint: the average, where one is kept.
    """
    trainer.run.state = RunState(**moving["run"])
    load_optimizer(trainer.run.optimizer, moving["optimizer"])
    trainer.schedule.load_state(moving["schedule"], trainer.run.state.step)
    trainer.learner.scaler.load_state_dict(moving["scaler"])
    trainer.run.task.load_state_dict(moving["task"], strict=False)
    if trainer.learner.average is not None:
        trainer.learner.average.load(weights)
    own = moving["processes"][trainer.group.rank :: trainer.group.size]
    trainer.train_meter.load_states([state["meter"] for state in own])
    for state in own[:1]:
        set_generators(state["generators"])
    if trainer.train.unreadable is not None:
        trainer.train.unreadable = sum(state["unreadable"] for state in own)
    if trainer.group.leads:
        trainer.history.cut(trainer.run.state.step)
        trainer.store.cut(trainer.run.state.step)


def _copy(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in values.items()}
