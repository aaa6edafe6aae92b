"""A window of steps through torch's profiler."""

from __future__ import annotations

import logging
import os
from typing import Annotated

from annotated_types import Ge
from torch.profiler import ProfilerActivity, profile

from retinue.api import Batch, Callback, Output, Run

logger = logging.getLogger("retinue")

ROWS = 15
"""Operators in the log."""


class Profiler(Callback):
    """Records some steps with torch.profiler: what ran when, on the CPU and on the run's GPU.

    `trace.json` in the run directory opens in https://ui.perfetto.dev or chrome://tracing; log.txt gets the operators
    that took most time. The trace holds all that the first process does in these steps: waiting for data, checkpoints,
    and the validation where an epoch ends among them. Steps are slower while they are recorded. A run that ends or is
    resumed among them writes what it saw of them; one that is resumed after them records nothing.

    Args:
        start: optimizer steps before the recorded ones; the very first ones are slower than the rest.
        steps: how many to record.
    """

    def __init__(self, start: Annotated[int, Ge(0)] = 10, steps: Annotated[int, Ge(1)] = 5) -> None:
        self.first = start
        self.last = start + steps
        self.profile: profile | None = None

    def start(self, run: Run) -> None:
        self._follow(run)

    def step(self, run: Run, batch: Batch, output: Output) -> None:
        self._follow(run)

    def end(self, run: Run) -> None:
        if self.profile is not None:
            self._write(run, self.profile)

    def _follow(self, run: Run) -> None:
        """Record from the first step to the last."""
        wanted = self.first <= run.state.step < min(self.last, run.total_steps)
        if wanted and self.profile is None:
            # Kineto says on stderr that it starts and stops, and misses a GPU where none is wanted.
            os.environ.setdefault("KINETO_LOG_LEVEL", "6")
            gpu = [ProfilerActivity.CUDA] if run.device.type == "cuda" else []
            self.profile = profile(activities=[ProfilerActivity.CPU, *gpu])
            self.profile.start()
        elif not wanted and self.profile is not None:
            self._write(run, self.profile)

    def _write(self, run: Run, recorded: profile) -> None:
        self.profile = None
        recorded.stop()
        path = run.directory / "trace.json"
        recorded.export_chrome_trace(str(path))
        # The exporter keeps a failure to itself.
        if not path.is_file():
            logger.warning("%s cannot be written", path)
        kind = "device" if run.device.type == "cuda" else "cpu"
        table = recorded.key_averages().table(
            sort_by=f"self_{kind}_time_total", row_limit=ROWS, max_name_column_width=40
        )
        logger.info("%s: steps up to %d; most time by operator:\n%s", path.name, run.state.step, table)
