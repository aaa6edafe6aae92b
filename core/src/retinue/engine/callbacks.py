"""Callbacks are called in their order, and one that fails is named."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from retinue.api import Callback
from retinue.engine.faults import explain_fault
from retinue.engine.trainer import Trainer
from retinue.errors import RetinueError, TrainingError

logger = logging.getLogger("retinue")


def notify(trainer: Trainer, event: str, *seen: Any) -> None:
    """Call the method of every callback that has the name of an event.

    Raises:
        TrainingError: one of them fails; names it and its plug-in. log.txt has the traceback.
    """
    for label, callback in trainer.callbacks:
        _call(trainer, label, callback, event, *seen)


@contextmanager
def notify_end(trainer: Trainer) -> Iterator[None]:
    """End every callback at last; one that fails keeps no other from it, and hides no error that is on its way."""
    try:
        yield
    except BaseException as error:
        try:
            _end(trainer)
        except RetinueError as failed:
            error.add_note(str(failed))
        raise
    _end(trainer)


def _end(trainer: Trainer) -> None:
    with ExitStack() as stack:
        for label, callback in reversed(trainer.callbacks):
            stack.callback(_call, trainer, label, callback, "end")


def _call(trainer: Trainer, label: str, callback: Callback, event: str, *seen: Any) -> None:
    try:
        getattr(callback, event)(trainer.run, *seen)
    except RetinueError:
        raise
    except Exception as error:
        if explain_fault(error) is not None:
            raise
        message = f"{label} failed in {event}: {type(error).__name__}: {error}"
        logger.info(message, exc_info=True)
        raise TrainingError(message) from error
