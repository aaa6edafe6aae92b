"""The heart: train an epoch, validate, write down, go on."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from retinue.api import Batch, BatchTransform, Callback, Output, Run, RunState
from retinue.data.keys import Purpose, derive_key, seed_generators
from retinue.data.loading import Loader
from retinue.data.mixing import mix_batch
from retinue.engine.checkpoints import CheckpointStore
from retinue.engine.devices import move_batch, scale_image
from retinue.engine.evaluation import evaluate
from retinue.engine.finetuning import Freezing
from retinue.engine.history import History
from retinue.engine.interruption import Interruption
from retinue.engine.meters import Meter
from retinue.engine.schedule import Schedule
from retinue.engine.stopping import EarlyStop
from retinue.errors import TrainingError


@dataclass
class Trainer:
    """A run with everything that moves it.

    Attributes:
        seed: of every random draw.
        mixing: transforms of whole batches, on the device.
        freezing: which parameters do not learn, and until when.
        log_every: steps between two records of a step.
        save_every: steps between two checkpoints.
    """

    run: Run
    train: Loader
    val: Loader | None
    seed: int
    mixing: Sequence[BatchTransform]
    freezing: Freezing
    schedule: Schedule
    train_meter: Meter
    val_meter: Meter
    store: CheckpointStore
    history: History
    early_stop: EarlyStop | None
    callbacks: Sequence[Callback]
    log_every: int
    save_every: int
    interruption: Interruption = field(default_factory=Interruption)
    images: int = 0
    clock: float = 0.0

    @property
    def finished(self) -> bool:
        """Whether the last step is done or something ended the run before it."""
        state = self.run.state
        return state.step >= self.run.total_steps or state.stopped is not None


def fit(trainer: Trainer) -> None:
    """Train to the end, or until a signal asks to stop: then `trainer.interruption.signal` tells which.

    Raises:
        TrainingError: the loss is not finite.
    """
    try:
        for callback in trainer.callbacks:
            callback.start(trainer.run)
        with trainer.interruption:
            # A signal in the last step leaves an epoch that is trained and not closed.
            while trainer.interruption.signal is None and not (trainer.finished and trainer.run.state.batch == 0):
                if not trainer.finished:
                    train_epoch(trainer)
                if trainer.interruption.signal is None:
                    close_epoch(trainer)
            if not trainer.store.has(trainer.run.state.step):
                save_checkpoint(trainer)
    finally:
        for callback in trainer.callbacks:
            callback.end(trainer.run)


def train_epoch(trainer: Trainer) -> None:
    """Train what is left of the present epoch."""
    run, state = trainer.run, trainer.run.state
    run.task.train()
    trainer.freezing.apply(state.step)
    trainer.images, trainer.clock = 0, time.perf_counter()
    for batch in trainer.train.batches(state.epoch, start=state.batch):
        output = train_step(trainer, batch)
        state.step += 1
        state.batch += 1
        trainer.images += len(output.target)
        trainer.train_meter.update(output)
        trainer.schedule.step(state.step)
        if state.step in trainer.freezing.changes:
            trainer.freezing.apply(state.step)
        for callback in trainer.callbacks:
            callback.step(run, batch, output)
        if state.step % trainer.log_every == 0:
            record_step(trainer, output)
        if trainer.finished or trainer.interruption.signal is not None:
            break
        if state.step % trainer.save_every == 0 and state.batch < len(trainer.train):
            save_checkpoint(trainer)


def train_step(trainer: Trainer, batch: Batch) -> Output:
    """Learn from one batch. What is random in it depends on the seed and the step alone."""
    run, state = trainer.run, trainer.run.state
    batch = mix_batch(move_batch(batch, run.device), trainer.mixing, trainer.seed, state.epoch, state.batch)
    seed_generators(derive_key(Purpose.STEP, trainer.seed, state.step), run.device)
    output: Output = run.task(scale_image(batch))
    # Not after the step: callbacks may look at the gradients.
    run.optimizer.zero_grad()
    output.loss.backward()  # type: ignore[no-untyped-call]
    run.optimizer.step()
    return output


def close_epoch(trainer: Trainer) -> None:
    """Validate, write down, adjust the learning rate, keep a checkpoint."""
    run, state = trainer.run, trainer.run.state
    values = {"lr": trainer.schedule.lr(), "images_per_second": images_per_second(trainer)}
    values |= {f"train/{name}": value for name, value in trainer.train_meter.compute().items()}
    refuse_infinite(trainer, values["train/loss"])
    if trainer.val is not None:
        found = evaluate(run.task, trainer.val, trainer.val_meter)
        values |= {f"val/{name}": value for name, value in found.items()}
    trainer.train_meter.reset()
    state.epoch, state.batch, state.values = state.epoch + 1, 0, values
    trainer.schedule.epoch(state.step, values)
    improved = note_best(trainer, values)
    if trainer.early_stop is not None:
        state.stopped = trainer.early_stop.judge(state, values) or state.stopped
    trainer.history.append("epoch", state.epoch, state.step, values)
    for callback in trainer.callbacks:
        callback.epoch(run, values)
    if improved or state.step % trainer.save_every == 0:
        save_checkpoint(trainer)


def note_best(trainer: Trainer, values: Mapping[str, float]) -> bool:
    """Remember the watched value if it is the best so far; say whether it is."""
    state, watch = trainer.run.state, trainer.store.watch
    value = values.get(watch.metric, math.nan)
    if not watch.better(value, state.best.get(watch.metric)):
        return False
    state.best[watch.metric], state.best_step[watch.metric] = value, state.step
    return True


def record_step(trainer: Trainer, output: Output) -> None:
    """Write a step's loss and learning rate down: the one place in an epoch that waits for the device."""
    state, loss = trainer.run.state, float(output.loss.detach())
    values = {"train/loss": loss, "lr": trainer.schedule.lr(), "images_per_second": images_per_second(trainer)}
    trainer.history.append("step", state.epoch, state.step, values)
    refuse_infinite(trainer, loss)


def refuse_infinite(trainer: Trainer, loss: float) -> None:
    """Stop a run whose loss is no longer a number."""
    if not math.isfinite(loss):
        steps = trainer.store.directory.checkpoint_steps()
        last = f"the last checkpoint is that of step {steps[-1]}" if steps else "there is no checkpoint of this run yet"
        raise TrainingError(
            f"the loss is {loss} at step {trainer.run.state.step}; {last}. A lower optimizer.lr or a warm-up may help"
        )


def images_per_second(trainer: Trainer) -> float:
    """Return the training throughput of this epoch so far."""
    return trainer.images / max(time.perf_counter() - trainer.clock, 1e-9)


def save_checkpoint(trainer: Trainer) -> None:
    """Keep everything that moves; after a whole epoch, with what it logged.

    Raises:
        TrainingError: the loss is not finite; such weights must not push good ones out.
    """
    run, state = trainer.run, trainer.run.state
    refuse_infinite(trainer, float(trainer.train_meter.loss))
    values = state.values if state.batch == 0 else {}
    moving: dict[str, Any] = {
        "run": asdict(state),
        "optimizer": run.optimizer.state_dict(),
        "schedule": trainer.schedule.state(),
        "meter": trainer.train_meter.state(),
        "task": {name: value for name, value in run.task.state_dict().items() if not name.startswith("model.")},
    }
    trainer.store.save(run.task.model, moving, state.step, state.epoch, values)


def restore_state(trainer: Trainer, moving: Mapping[str, Any]) -> None:
    """Go on from what `save_checkpoint` kept; the weights are loaded by themselves."""
    trainer.run.state = RunState(**moving["run"])
    trainer.run.optimizer.load_state_dict(moving["optimizer"])
    trainer.schedule.load_state(moving["schedule"], trainer.run.state.step)
    trainer.train_meter.load_state(moving["meter"])
    trainer.run.task.load_state_dict(moving["task"], strict=False)
    trainer.history.cut(trainer.run.state.step)
    trainer.store.cut(trainer.run.state.step)
