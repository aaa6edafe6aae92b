"""What ends training in the middle: told so that a person can mend it, with what is kept."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch

from retinue.engine.distributed import has_lost_process, read_group
from retinue.engine.labels import LABEL_FAULTS, refuse_wrong_labels
from retinue.engine.records import DivergenceError
from retinue.engine.trainer import Trainer
from retinue.errors import Interrupted, TrainingError

NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


@contextmanager
def explain_faults() -> Iterator[None]:
    """Tell what is no mistake in the code from what is.

    Raises:
        TrainingError: memory ran out, a worker process or another process of the group has ended, or an operation is
            not deterministic where it must be.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        told = explain_fault(error)
        if told is None:
            raise
        raise TrainingError(told) from error


@contextmanager
def explain_labels(trainer: Trainer) -> Iterator[None]:
    """Tell an error over a label that is none of the classes as such.

    Raises:
        DataError: names the sample and its label.
    """
    try:
        yield
    except LABEL_FAULTS as error:
        state = trainer.run.state
        refuse_wrong_labels(error, trainer.train, trainer.run.info, state.epoch, state.batch)
        raise


@contextmanager
def tell_what_is_kept(trainer: Trainer) -> Iterator[None]:
    """Add to an error from which checkpoint the run goes on, and how.

    Raises:
        Interrupted: SIGINT came a second time.
    """
    try:
        yield
    except DivergenceError:
        # Going on would meet the same again.
        raise
    except KeyboardInterrupt as error:
        raise Interrupted(f"stopped at once, {_describe_kept(trainer)}", signal.SIGINT) from error
    except Exception as error:
        # What could not be written either is not what ended the run.
        with suppress(TrainingError):
            trainer.store.wait()
        error.add_note(_describe_kept(trainer))
        raise


def _describe_kept(trainer: Trainer) -> str:
    directory = trainer.store.directory
    steps = directory.checkpoint_steps()
    last = f"the last checkpoint is that of step {steps[-1]}" if steps else "there is no checkpoint yet"
    return f"after step {trainer.run.state.step}; {last}; {tell_how_to_go_on(trainer)}"


def tell_how_to_go_on(trainer: Trainer) -> str:
    """Return the command that goes on with a run, in as many processes."""
    processes = f" --processes {trainer.group.size}" if trainer.group.size > 1 else ""
    return f"go on with: retinue train --resume {trainer.store.directory}{processes}"


def explain_fault(error: Exception) -> str | None:
    """Return what an error means that no code is to blame for; None for one of another kind."""
    said = str(error)
    first = said.partition("\n")[0].strip()
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or any(phrase in said for phrase in NO_MEMORY):
        return (
            f"there is not enough memory: {first}\nA smaller data.batch_size needs less; to learn with, so do "
            "train.accumulate, which keeps the batch, train.gradient_checkpointing and train.precision. With them it "
            "is another run, which may begin with this one's weights by finetune.weights"
        )
    if "does not have a deterministic implementation" in said:
        return f"{first.partition(',')[0]}: without train.deterministic it may be used"
    if "device-side assert" in said:
        return f"{first}: most often that is a label out of range; train.device=cpu tells more"
    if "DataLoader worker" in said:
        return (
            f"a process that prepares samples has ended: {first}\nThe system ends those that need too much memory: "
            "fewer data.workers need less, data.workers=0 needs none"
        )
    if has_lost_process(error):
        return f"process {read_group().rank} has lost another one of its group: it has ended, or cannot be reached"
    return None
