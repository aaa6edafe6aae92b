"""Learning rates in a CSV file.

callbacks = [{ use = "my-part", every = 5 }]
"""

import csv
from collections.abc import Mapping
from typing import Annotated

from annotated_types import Gt

from retinue.api import Callback, Run
from retinue.hooks import Register, hookimpl


class MyPart(Callback):
    """Writes the learning rate beside metrics.jsonl, as my-part.csv.

    Args:
        every: epochs from one line to the next.
    """

    def __init__(self, every: Annotated[int, Gt(0)] = 1) -> None:
        self.every = every

    def epoch(self, run: Run, values: Mapping[str, float]) -> None:
        if run.state.epoch % self.every == 0:
            with (run.directory / "my-part.csv").open("a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerow([run.state.epoch, run.optimizer.param_groups[0]["lr"]])


@hookimpl
def retinue_callbacks(register: Register) -> None:
    register("my-part", MyPart, summary="learning rates in a CSV file")
