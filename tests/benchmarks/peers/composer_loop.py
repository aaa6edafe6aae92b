"""Composer: a ComposerClassifier with its metric of the training data."""

from __future__ import annotations

import sys

import torch
from composer import Callback, Logger, State, Trainer
from composer.models import ComposerClassifier
from perceptron import Turns, build_model, make_pairs
from torch.utils.data import DataLoader


class TakeTurns(Callback):
    """Tells where an epoch ends."""

    def epoch_end(self, state: State, logger: Logger) -> None:
        turns.take()


turns = Turns(int(sys.argv[1]))
model = ComposerClassifier(build_model(), num_classes=10)
trainer = Trainer(
    model=model,
    train_dataloader=DataLoader(make_pairs(), batch_size=None),
    optimizers=torch.optim.SGD(model.parameters(), lr=0.01),
    max_duration=f"{turns.epochs}ep",
    device="cpu",
    device_train_microbatch_size=64,
    callbacks=[TakeTurns()],
)
trainer.fit()
turns.tell()
