"""Lightning: a module that logs through self.log; "quiet" leaves out bar, logger and checkpoints."""

from __future__ import annotations

import sys

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from perceptron import Turns, build_model, make_pairs
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchmetrics.classification import MulticlassAccuracy


class Module(LightningModule):
    """The perceptron."""

    def __init__(self) -> None:
        super().__init__()
        self.model = build_model()
        self.loss = nn.CrossEntropyLoss()
        self.accuracy = MulticlassAccuracy(10, average="micro")

    def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> Tensor:
        image, label = batch
        output = self.model(image)
        loss: Tensor = self.loss(output, label)
        self.accuracy(output, label)
        self.log("loss", loss, on_step=False, on_epoch=True)
        self.log("accuracy", self.accuracy, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


class TakeTurns(Callback):
    """Tells where an epoch ends."""

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        turns.take()


turns = Turns(int(sys.argv[1]))
quiet = sys.argv[2:] == ["quiet"]
settings = {"enable_progress_bar": False, "enable_checkpointing": False, "logger": False} if quiet else {}
trainer = Trainer(max_epochs=turns.epochs, accelerator="cpu", callbacks=[TakeTurns()], **settings)
trainer.fit(Module(), DataLoader(make_pairs(), batch_size=None))
turns.tell()
