"""A run with everything that moves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from retinue.api import BatchTransform, Callback, Run
from retinue.data.loading import Batches
from retinue.engine.distributed import Group
from retinue.engine.finetuning import Freezing
from retinue.engine.history import History
from retinue.engine.interruption import Interruption
from retinue.engine.learner import Learner
from retinue.engine.losses import LatestLosses
from retinue.engine.meters import Meter
from retinue.engine.schedule import Schedule
from retinue.engine.stopping import EarlyStop
from retinue.engine.store import CheckpointStore


@dataclass
class Trainer:
    """A run with everything that moves it.

    Attributes:
        seed: of every random draw.
        mixing: transforms of whole batches, on the device.
        freezing: which parameters do not learn, and until when.
        callbacks: they see the run in the process that leads; each with the name that messages give it.
        log_every: steps between two records of a step.
        save_every: steps between two checkpoints.
        skips_allowed: steps that may be left out because their loss or gradients are not finite.
    """

    run: Run
    learner: Learner
    train: Batches
    val: Batches | None
    seed: int
    mixing: Sequence[BatchTransform]
    freezing: Freezing
    schedule: Schedule
    train_meter: Meter
    val_meter: Meter
    store: CheckpointStore
    history: History
    early_stop: EarlyStop | None
    callbacks: Sequence[tuple[str, Callback]]
    log_every: int
    save_every: int
    skips_allowed: int
    group: Group
    interruption: Interruption = field(default_factory=Interruption)
    images: int = 0
    clock: float = 0.0

    def __post_init__(self) -> None:
        self.losses = LatestLosses(self.group)

    @property
    def finished(self) -> bool:
        """Whether the last step is done or something ended the run before it."""
        state = self.run.state
        return state.step >= self.run.total_steps or state.stopped is not None

    def ask_for_signal(self) -> int | None:
        """Return the signal that asks to stop, if one came to any process. Every process must call it."""
        return self.group.most(self.interruption.signal or 0) or None
