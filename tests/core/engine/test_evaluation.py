from typing import Any, ClassVar

import pytest
import torch
from tests.core.engine.conftest import Gathered
from torch import Tensor, nn
from torchvision import tv_tensors

from retinue.api import Batch, DataInfo, Dataset, Output, Sample, Task
from retinue.builtin.metrics.classes import Accuracy
from retinue.data.loading import Loader
from retinue.data.preparation import Preparation
from retinue.data.samples import PreparedSamples
from retinue.data.sampling import EpochBatches
from retinue.data.workers import Workers
from retinue.engine.evaluation import evaluate
from retinue.engine.meters import Meter

SIZE = 10


class Counted(Dataset):
    in_memory = True

    def __init__(self) -> None:
        self.info = DataInfo(classes=("a", "b"), channels=1)

    def __len__(self) -> int:
        return SIZE

    def __getitem__(self, index: int) -> Sample:
        return {"image": tv_tensors.Image(torch.full((1, 1, 1), index, dtype=torch.uint8)), "label": index % 2}


class Mean(Task):
    """Its loss is the mean value of the pictures; it takes every picture for an "a"."""

    default_loss = "mse"
    default_metrics: ClassVar = {}

    def __init__(self) -> None:
        super().__init__(nn.BatchNorm2d(1), nn.Identity(), DataInfo())
        self.modes: list[bool] = []

    def predict(self, image: Tensor) -> list[dict[str, Any]]:
        raise NotImplementedError

    def forward(self, batch: Batch) -> Output:
        self.modes.append(self.training)
        self.model(batch["image"])
        preds = torch.tensor([[1.0, 0.0]]).repeat(len(batch["label"]), 1)
        return Output(batch["image"].mean() * 255, preds, batch["label"])


def loader(batch_size: int, transforms: Any = (), process: int = 0, processes: int = 1) -> Loader:
    samples = PreparedSamples(Counted(), Preparation(transforms), seed=0)
    order = EpochBatches(SIZE, batch_size, 0, False, False, process, processes)
    return Loader(samples, order, Workers())


def meter() -> Meter:
    return Meter({"accuracy": Accuracy()}, torch.device("cpu"))


@pytest.mark.parametrize("batch_size", [1, 4, 10, 100])
def test_every_sample_counts_once_whatever_the_batches(batch_size: int) -> None:
    found = evaluate(Mean(), loader(batch_size), meter())
    assert found == {"loss": pytest.approx(4.5), "accuracy": 0.5}


@pytest.mark.parametrize("processes", [2, 3, 4, 7])
@pytest.mark.parametrize("batch_size", [1, 3, 4])
def test_every_sample_counts_once_in_any_number_of_processes(batch_size: int, processes: int) -> None:
    """Those too that have no batch of their own in the last turn, or none at all."""
    meters = [meter() for _ in range(processes)]
    for process, own in enumerate(meters):
        evaluate(Mean(), loader(batch_size, process=process, processes=processes), own)
    group = Gathered(size=processes, states=tuple(own.state() for own in meters))
    found = Meter({"accuracy": Accuracy()}, torch.device("cpu"), group).compute()
    assert found == evaluate(Mean(), loader(batch_size), meter())


def test_nothing_is_learnt_and_nothing_added_to_the_last_time() -> None:
    task, counter, data = Mean().train(), meter(), loader(4)
    before = {name: value.clone() for name, value in task.state_dict().items()}
    assert evaluate(task, data, counter) == evaluate(task, data, counter)
    assert not any(task.modes)
    assert not task.training
    assert all(torch.equal(value, before[name]) for name, value in task.state_dict().items())


def test_random_transforms_draw_the_same_at_every_evaluation() -> None:
    def noise(sample: Sample) -> Sample:
        return {**sample, "image": torch.rand(1, 1, 1)}

    task, data = Mean(), loader(4, [("noise", noise)])
    first = evaluate(task, data, meter())
    list(data.batches(epoch=5))
    assert evaluate(task, data, meter()) == first
