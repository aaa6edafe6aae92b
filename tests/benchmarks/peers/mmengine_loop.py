"""MMEngine: a Runner with its default hooks."""

from __future__ import annotations

import sys

import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from perceptron import Turns, build_model, make_pairs
from torch import Tensor, nn
from torch.utils.data import DataLoader


class Model(BaseModel):
    """The perceptron."""

    def __init__(self) -> None:
        super().__init__()
        self.model = build_model()
        self.loss = nn.CrossEntropyLoss()

    def forward(self, image: Tensor, label: Tensor, mode: str) -> dict[str, Tensor]:
        output = self.model(image)
        # What has `loss` in its name is learnt from.
        return {"loss": self.loss(output, label), "accuracy": (output.argmax(1) == label).float().mean()}


class TakeTurns(Hook):
    """Tells where an epoch ends."""

    priority = "LOWEST"

    def after_train_epoch(self, runner: Runner) -> None:
        turns.take()


turns = Turns(int(sys.argv[1]))
model = Model()
runner = Runner(
    model=model,
    work_dir="work",
    train_dataloader=DataLoader(make_pairs(), batch_size=None),
    train_cfg={"by_epoch": True, "max_epochs": turns.epochs},
    optim_wrapper={"optimizer": torch.optim.SGD(model.parameters(), lr=0.01)},
    default_hooks={"checkpoint": None, "sampler_seed": None},
    custom_hooks=[TakeTurns()],
)
runner.train()
turns.tell()
