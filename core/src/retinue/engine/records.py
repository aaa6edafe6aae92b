"""What a run writes down about itself, and when it refuses to go on."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import NoReturn

from retinue.engine.losses import first_infinite
from retinue.engine.trainer import Trainer
from retinue.errors import TrainingError

logger = logging.getLogger("retinue")


class DivergenceError(TrainingError):
    """The same steps would end so again."""


def record_step(trainer: Trainer) -> None:
    """Write a step's loss and learning rate down: the one place in an epoch that waits for the device."""
    losses = check_losses(trainer)
    loss = {"train/loss": losses[-1]} if losses else {}
    record(trainer, "step", {**loss, "lr": trainer.schedule.lr(), **measure_rate(trainer)})


def record(trainer: Trainer, event: str, values: Mapping[str, float]) -> None:
    """Write a line of metrics.jsonl."""
    if trainer.group.leads:
        trainer.history.append(event, trainer.run.state.epoch, trainer.run.state.step, values)


def check_losses(trainer: Trainer) -> list[float]:
    """Return the losses of the steps since the last look.

    Raises:
        DivergenceError: one is not finite; names the step, the batch's files and the last checkpoint.
    """
    losses = trainer.losses.read()
    place = first_infinite(losses)
    if place is not None:
        back = len(losses) - place
        state = trainer.run.state
        refuse_step(trainer, f"the loss is {losses[place]}", state.step - back, state.batch - back)
    return losses


def leave_out(trainer: Trainer) -> None:
    """Count a step that was left out.

    Raises:
        DivergenceError: they are more than the spec allows.
    """
    state = trainer.run.state
    state.left_out += 1
    if state.left_out > trainer.skips_allowed:
        refuse_step(trainer, "the loss or a gradient is not finite", state.step, state.batch)
    files = ", ".join(trainer.train.name_samples(state.epoch, state.batch))
    logger.warning("step %d is left out, its loss or a gradient is not finite: %s", state.step + 1, files)


def refuse_step(trainer: Trainer, what: str, step: int, batch: int) -> NoReturn:
    """End a run whose numbers are no longer any; what is on disk was saved before."""
    trainer.store.wait()
    steps = trainer.store.directory.checkpoint_steps()
    last = f"the last checkpoint is that of step {steps[-1]}" if steps else "there is no checkpoint of this run yet"
    files = ", ".join(trainer.train.name_samples(trainer.run.state.epoch, batch))
    raise DivergenceError(
        f"{what} at step {step + 1}, in the batch of {files}; {last}. A lower optimizer.lr, a warm-up or "
        "train.clip_norm may help; train.skip_nonfinite leaves out as many such steps as it says"
    )


def measure_rate(trainer: Trainer) -> dict[str, float]:
    """Return the training throughput of this epoch so far."""
    return {"images_per_second": trainer.images / max(time.perf_counter() - trainer.clock, 1e-9)}
