"""Ignite: create_supervised_trainer, with its metrics."""

from __future__ import annotations

import sys

import torch
from ignite.engine import Events, create_supervised_trainer
from ignite.metrics import Accuracy, Loss
from perceptron import Turns, build_model, make_pairs
from torch import nn

turns = Turns(int(sys.argv[1]))
model = build_model()
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
trainer = create_supervised_trainer(
    model, optimizer, loss_function, output_transform=lambda x, y, y_pred, loss: (y_pred, y)
)
Accuracy().attach(trainer, "accuracy")
Loss(loss_function).attach(trainer, "loss")


@trainer.on(Events.EPOCH_COMPLETED)
def log(engine: object) -> None:
    print(trainer.state.epoch, trainer.state.metrics)
    turns.take()


trainer.run(make_pairs(), max_epochs=turns.epochs)
turns.tell()
