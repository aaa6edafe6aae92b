"""Callbacks see a run happen.

for callback in callbacks: callback.start(run)
for epoch in epochs:
    for batch in batches:
        ...                                   # forward, backward, optimizer step
        for callback in callbacks: callback.step(run, batch, output)
    ...                                       # validation
    for callback in callbacks: callback.epoch(run, values)
for callback in callbacks: callback.end(run)  # also after an error or an interruption
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from retinue.api.data import Batch
from retinue.api.task import Output

if TYPE_CHECKING:
    from retinue.api.run import Run


class Callback:
    """Override what you need; each does nothing here."""

    def start(self, run: Run) -> None:
        """Before the first step, of a resumed run too."""

    def step(self, run: Run, batch: Batch, output: Output) -> None:
        """After an optimizer step. `run.state.step` counts it. Reading a tensor's value here waits for the device."""

    def epoch(self, run: Run, values: Mapping[str, float]) -> None:
        """After an epoch and its validation, with everything logged for it by its `split/name`."""

    def end(self, run: Run) -> None:
        """When training ends, however it ends: close files here."""
