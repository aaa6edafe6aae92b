"""Rules for callbacks, in a run that is none: two epochs of two steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.optim import SGD

from retinue.api import Batch, Callback, DataInfo, Run, RunState
from retinue.testing.inputs import draw_scene, make_batch
from retinue.testing.rule import Violation, rule
from retinue.testing.subject import Subject
from retinue.testing.tasks import Linear

EPOCHS, STEPS = 2, 2
VALUES = {"train/loss": 1.0, "val/loss": 1.0, "val/accuracy": 0.5, "lr": 0.1, "images_per_second": 10.0}


def make_run(subject: Subject, name: str, epoch: int = 0) -> Run:
    """Return a run that has completed some epochs, in a directory of that name."""
    case = subject.case
    info = DataInfo(classes=subject.class_names, channels=case.channels, image_size=case.sizes[0])
    builder = subject.build_planned
    task = builder(subject.plan.task, model=Linear(case), loss=builder(subject.plan.loss), info=info)
    directory = subject.folder / name
    directory.mkdir(exist_ok=True)
    batch = make_batch(case)
    return Run(
        name=name,
        directory=directory,
        settings=subject.plan.layers.values,
        task=task,
        optimizer=SGD(task.parameters(), lr=0.1),
        device=torch.device("cpu"),
        holds_model=True,
        info=info,
        example={key: value[:1] for key, value in batch.items()},
        preview=lambda count: [draw_scene(case)] * min(count, 2),
        epochs=EPOCHS,
        steps_per_epoch=STEPS,
        total_steps=EPOCHS * STEPS,
        state=RunState(epoch=epoch, step=epoch * STEPS),
    )


def train(callback: Callback, run: Run, batch: Batch) -> None:
    """Do what a run does, call by call."""
    callback.start(run)
    while run.state.epoch < run.epochs:
        for _ in range(run.steps_per_epoch):
            run.state.step += 1
            output = run.task(batch)
            output.loss.backward()
            callback.step(run, batch, output)
        run.state.epoch += 1
        run.state.values = dict(VALUES)
        callback.epoch(run, VALUES)
    callback.end(run)


def _try(what: str, act: Callable[[], None]) -> None:
    try:
        act()
    # A callback may fail in any way.
    except Exception as error:
        raise Violation(f"it fails {what}: {type(error).__name__}: {error}") from error


@rule("callback")
def sees_a_run(subject: Subject) -> None:
    """From the start through steps and epochs to the end."""
    run = make_run(subject, "whole")
    _try("in a run of two epochs", lambda: train(subject.build(), run, make_batch(subject.case)))


@rule("callback")
def sees_a_resumed_run(subject: Subject) -> None:
    """A run that was resumed begins in the middle, with a callback built anew."""
    train(subject.build(), make_run(subject, "resumed"), make_batch(subject.case))
    run = make_run(subject, "resumed", epoch=1)
    _try(
        "in a run that is resumed after its first epoch, in a directory where it has written before",
        lambda: train(subject.build(), run, make_batch(subject.case)),
    )


@rule("callback")
def sees_a_run_that_ends_early(subject: Subject) -> None:
    """An error or a signal may end a run before its first step."""
    run, callback = make_run(subject, "short"), subject.build()

    def end() -> None:
        callback.start(run)
        callback.end(run)

    _try("when a run ends before its first step: let `end` take that nothing has happened", end)
