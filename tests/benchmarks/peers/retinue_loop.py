"""Retinue: `fit`, with its records and its progress report."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from perceptron import Turns, make_pairs
from trainers import build_run, give_batches

from retinue.api import Callback, Run
from retinue.builtin.callbacks.progress import ProgressReport
from retinue.engine.loop import fit

SPEC = """\
spec = 1
data.batch_size = 64
data.train = {{ use = "fake", samples = 6400, size = [16, 16], channels = 1 }}
model = {{ use = "mlp", hidden = [256] }}
optimizer = {{ use = "sgd", lr = 0.01 }}
train = {{ epochs = {epochs}, device = "cpu" }}
# No checkpoint but the last, as the others: the loss falls, and none becomes the best.
checkpoint = {{ every = "{epochs}ep", best = {{ metric = "train/loss", mode = "max" }} }}
log.tensorboard = false
"""


class TakeTurns(Callback):
    """Tells where an epoch ends."""

    def epoch(self, run: Run, values: Mapping[str, float]) -> None:
        turns.take()


turns = Turns(int(sys.argv[1]))
trainer = build_run("run", SPEC.format(epochs=turns.epochs))
give_batches(trainer, make_pairs())
trainer.callbacks = [("progress", ProgressReport()), ("turns", TakeTurns())]
fit(trainer)
turns.tell()
