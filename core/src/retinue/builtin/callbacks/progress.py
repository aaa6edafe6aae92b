"""What a person sees while a run goes on: a bar on a terminal, a line per epoch everywhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from retinue.api import Batch, Callback, Output, Run
from retinue.clock import IMPORTED

logger = logging.getLogger("retinue")

REFRESH = 0.25
"""Seconds between two looks at the loss: each waits for the device."""


class ProgressReport(Callback):
    """Reports on stderr; a notebook or a terminal gets a bar, a file plain lines."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("step {task.completed}/{task.total}  loss {task.fields[loss]}  {task.fields[rate]} images/s"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not (self.console.is_terminal or self.console.is_jupyter),
            auto_refresh=False,
        )
        self.task: TaskID | None = None
        self.shown = self.epoch_start = 0.0
        self.images = 0
        self.stepped = False

    def start(self, run: Run) -> None:
        self.task = self.progress.add_task(
            run.name, total=run.total_steps, completed=run.state.step, loss="-", rate="-"
        )
        self.progress.start()
        self.epoch_start = time.perf_counter()

    def step(self, run: Run, batch: Batch, output: Output) -> None:
        now = time.perf_counter()
        if not self.stepped:
            logger.info("first step %.1f s after retinue was imported", now - IMPORTED)
            self.stepped = True
        self.images += output.target.shape[0]
        if self.task is None or self.progress.disable or now - self.shown < REFRESH:
            return
        self.progress.update(
            self.task,
            completed=run.state.step,
            description=f"epoch {run.state.epoch + 1}/{run.epochs}",
            loss=f"{float(output.loss):.4f}",
            rate=f"{self.images / max(now - self.epoch_start, 1e-9):.0f}",
        )
        self.progress.refresh()
        self.shown = now

    def epoch(self, run: Run, values: Mapping[str, float]) -> None:
        line = summarise_epoch(run, values)
        logger.info(line)
        self.console.print(line, highlight=False, soft_wrap=True)
        self.images, self.epoch_start = 0, time.perf_counter()

    def end(self, run: Run) -> None:
        self.progress.stop()
        if run.state.stopped is not None:
            logger.info(run.state.stopped)
            self.console.print(f"stopped early: {run.state.stopped}", highlight=False, soft_wrap=True)


def summarise_epoch(run: Run, values: Mapping[str, float]) -> str:
    """Return an epoch as one line; metrics of many values are left to metrics.jsonl."""
    shown = [f"{name} {value:.4g}" for name, value in values.items() if name.count("/") == 1]
    rate = f"{values['images_per_second']:.0f} images/s"
    return "  ".join([f"epoch {run.state.epoch}/{run.epochs}", *shown, f"lr {values['lr']:.3g}", rate])
