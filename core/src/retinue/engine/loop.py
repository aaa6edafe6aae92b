"""The heart: train an epoch, validate, write down, go on."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import torch

from retinue.api import Batch, Output
from retinue.data.batches import join_batches, move_batch, slice_batch
from retinue.data.keys import Purpose, derive_key, preserve_generators, seed_generators
from retinue.data.mixing import mix_batch
from retinue.engine.callbacks import notify, notify_end
from retinue.engine.devices import measure_memory
from retinue.engine.evaluation import count_unreadable, evaluate
from retinue.engine.records import check_losses, leave_out, measure_rate, record, record_step
from retinue.engine.saving import save_checkpoint, save_missing
from retinue.engine.trainer import Trainer


def fit(trainer: Trainer) -> int | None:
    """Train to the end, or until a signal asks to stop; return that signal.

    Raises:
        TrainingError: the loss is not finite, a checkpoint cannot be written, or a callback fails.
    """
    with notify_end(trainer):
        if trainer.run.state.step == 0:
            seed_generators(derive_key(Purpose.STEP, trainer.seed, trainer.group.rank))
        # A resumed run starts them too, and must go on with the numbers that come next.
        with preserve_generators():
            notify(trainer, "start")
        with trainer.interruption:
            signal = trainer.ask_for_signal()
            # A signal in the last step leaves an epoch that is trained and not closed.
            while signal is None and not (trainer.finished and trainer.run.state.batch == 0):
                signal = train_epoch(trainer)
                if signal is None:
                    close_epoch(trainer)
                    signal = trainer.ask_for_signal()
            save_missing(trainer)
    return signal


def train_epoch(trainer: Trainer) -> int | None:
    """Train what is left of the present epoch, or until a signal asks to stop; return that signal."""
    run, state = trainer.run, trainer.run.state
    run.task.train()
    apply_freezing(trainer)
    trainer.images, trainer.clock = 0, time.perf_counter()
    signal = None
    for batch in trainer.train.batches(state.epoch, state.batch) if not trainer.finished else ():
        output = train_step(trainer, batch)
        state.step += 1
        state.batch += 1
        trainer.schedule.step(state.step)
        if state.step in trainer.freezing.changes:
            apply_freezing(trainer)
        if output is not None:
            notify(trainer, "step", batch, output)
        if state.step % trainer.log_every == 0:
            record_step(trainer)
        signal = trainer.ask_for_signal()
        if trainer.finished or signal is not None:
            break
        if state.step % trainer.save_every == 0 and state.batch < len(trainer.train):
            save_checkpoint(trainer)
    return signal


def train_step(trainer: Trainer, batch: Batch) -> Output | None:
    """Learn from this process's share of a batch; None if the step was left out."""
    run, state, group = trainer.run, trainer.run.state, trainer.group
    own, whole = trainer.train.order.count(state.batch), trainer.train.order.length(state.batch)
    batch = mix(trainer, batch, own) if trainer.mixing else move_batch(batch, run.device)
    output = trainer.learner.learn(batch, state.step, weight=own * group.size / whole)
    if output is None:
        leave_out(trainer)
    else:
        trainer.losses.add(output.loss, output.target.shape[0] if own else 0)
        trainer.images += whole
        if own:
            trainer.train_meter.update(output)
    return output


def close_epoch(trainer: Trainer) -> None:
    """Validate, write down, adjust the learning rate, keep a checkpoint; or nothing, if a signal asks to stop."""
    run, state = trainer.run, trainer.run.state
    check_losses(trainer)
    values = {"lr": trainer.schedule.lr(), **measure_rate(trainer), "memory_mib": measure_memory(run.device)}
    learnt = trainer.train_meter.compute() | count_unreadable(trainer.train, trainer.group)
    values |= {f"train/{name}": value for name, value in learnt.items()}
    if trainer.val is not None:
        with trainer.learner.averaged():
            found = evaluate(run.task, trainer.val, trainer.val_meter, trainer.ask_for_signal)
        if trainer.ask_for_signal() is not None:
            # A resumed run closes the epoch from its beginning.
            return
        values |= {f"val/{name}": value for name, value in found.items()}
    trainer.train_meter.reset()
    state.epoch, state.batch, state.values = state.epoch + 1, 0, values
    trainer.schedule.epoch(state.step, values)
    improved = note_best(trainer, values)
    if trainer.early_stop is not None:
        state.stopped = trainer.early_stop.judge(state, values) or state.stopped
    record(trainer, "epoch", values)
    notify(trainer, "epoch", values)
    if improved or state.step % trainer.save_every == 0:
        save_checkpoint(trainer)


def apply_freezing(trainer: Trainer) -> None:
    """Freeze and thaw what the next step is to find so."""
    trainer.freezing.apply(trainer.run.state.step)
    trainer.learner.parallel.renew()


def mix(trainer: Trainer, batch: Batch, own: int) -> Batch:
    """Return this process's share of the whole batch after the transforms of batches, which mix over all of it."""
    state, group, device = trainer.run.state, trainer.group, trainer.run.device
    share = slice_batch(batch, 0, own)
    # From a GPU it would come to the others on that GPU.
    shares = group.gather(move_batch(share, torch.device("cpu")) if group.size > 1 else share)
    whole = join_batches(shares) if group.size > 1 else batch
    mixed = mix_batch(move_batch(whole, device), trainer.mixing, trainer.seed, state.epoch, state.batch)
    start = sum(len(share["image"]) for share in shares[: group.rank])
    return slice_batch(mixed, start, start + len(shares[group.rank]["image"])) if own else slice_batch(mixed, 0, 1)


def note_best(trainer: Trainer, values: Mapping[str, float]) -> bool:
    """Remember each watched value that is the best so far; say whether one is."""
    state = trainer.run.state
    improved = False
    for watch in trainer.store.watches:
        value = values.get(watch.metric, math.nan)
        if watch.better(value, state.best.get(watch.metric)):
            state.best[watch.metric], state.best_step[watch.metric] = value, state.step
            improved = True
    return improved
