"""fastai: a Learner with its recorder, which logs the loss of training, and its accuracy over the training batches."""

from __future__ import annotations

import sys

from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import AvgMetric, Learner
from fastai.metrics import accuracy
from fastai.optimizer import SGD
from perceptron import Turns, build_model, make_pairs
from torch import nn


class TakeTurns(Callback):
    """Tells where an epoch ends."""

    order = 100

    def after_epoch(self) -> None:
        turns.take()


turns = Turns(int(sys.argv[1]))
loaders = DataLoaders(DataLoader(make_pairs(), bs=None, num_workers=0), DataLoader([], bs=None, num_workers=0))
learner = Learner(loaders, build_model(), nn.CrossEntropyLoss(), opt_func=SGD, lr=0.01, metrics=AvgMetric(accuracy))
learner.recorder.train_metrics, learner.recorder.valid_metrics = True, False
learner.fit(turns.epochs, cbs=TakeTurns())
turns.tell()
