"""Batches taken from tensors are those that are made sample by sample."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors

from retinue.api import Batch, DataInfo, Dataset, Sample
from retinue.builtin.datasets.digits import Digits
from retinue.builtin.datasets.memory import MemoryDataset
from retinue.builtin.transforms.color import color_jitter
from retinue.builtin.transforms.framing import random_crop, random_resized_crop
from retinue.builtin.transforms.quality import random_erasing
from retinue.builtin.transforms.scaling import normalize
from retinue.builtin.transforms.warping import random_affine, random_horizontal_flip
from retinue.data.batched import BatchedLoader
from retinue.data.loading import Batches, Loader
from retinue.data.preparation import Preparation
from retinue.data.samples import PreparedSamples
from retinue.data.sampling import EpochBatches
from retinue.data.splitting import Part
from retinue.data.workers import Workers
from retinue.errors import DataError

DATA = Path(os.environ.get("RETINUE_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
CIFAR = DATA / "cifar10" / "cifar10_train_first4000.bin.gz"
CPU = torch.device("cpu")


class Scenes(Dataset):
    """Pictures with masks and names, in memory."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.images = torch.randint(256, (20, 3, 12, 10), dtype=torch.uint8, generator=generator)
        self.masks = torch.randint(4, (20, 12, 10), dtype=torch.uint8, generator=generator)
        self.info = DataInfo(classes=tuple("abcd"), image_size=(12, 10), ignore_index=255)

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> Sample:
        image, mask = self.images[index].clone(), self.masks[index].clone()
        return {"image": tv_tensors.Image(image), "mask": tv_tensors.Mask(mask), "path": f"{index}.png"}

    def tensors(self) -> Batch:
        paths = [f"{index}.png" for index in range(20)]
        return {"image": tv_tensors.Image(self.images), "mask": tv_tensors.Mask(self.masks), "path": paths}


def open_digits() -> Dataset:
    return Part(Digits(), range(3, 200, 2))


def open_cifar() -> Dataset:
    if not CIFAR.exists():
        pytest.skip(f"no {CIFAR}")
    with gzip.open(CIFAR) as file:
        records = np.frombuffer(file.read(100 * 3073), np.uint8).reshape(100, 3073)
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy())
    return MemoryDataset(images, records[:, 0].tolist(), [str(label) for label in range(10)])


MOVED = [("crop", random_crop(8, 2, ignore_index=255)), ("flip", random_horizontal_flip())]
TRANSFORMS: dict[str, list[tuple[str, Any]]] = {
    "none": [],
    "crop and flip": MOVED,
    "all": [
        ("affine", random_affine(20, (0.1, 0.1), (0.8, 1.2), ignore_index=255)),
        ("resized-crop", random_resized_crop(8)),
        *MOVED,
        ("jitter", color_jitter(0.4, 0.4)),
        ("normalize", normalize(mean=[0.5], std=[0.2])),
        ("erasing", random_erasing(value="random")),
    ],
}


def make(
    kind: type[Batches],
    dataset: Dataset,
    transforms: list[tuple[str, Any]],
    batch_size: int = 16,
    learnt: bool = True,
    process: int = 0,
    processes: int = 1,
) -> Batches:
    samples = PreparedSamples(dataset, Preparation(transforms), seed=7)
    order = EpochBatches(len(dataset), batch_size, 7, learnt, False, process, processes)
    if kind is Loader:
        return Loader(samples, order, Workers())
    tensors = dataset.tensors()
    assert tensors is not None
    return BatchedLoader(samples, order, tensors, CPU)


def require_same(first: list[Batch], second: list[Batch]) -> None:
    assert len(first) == len(second) > 0
    for one, other in zip(first, second, strict=True):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert type(value) is type(other[key])
            assert torch.equal(value, other[key]) if isinstance(value, Tensor) else value == other[key]
            assert not isinstance(value, Tensor) or value.dtype == other[key].dtype


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("dataset", [open_digits, open_cifar, Scenes], ids=["digits", "cifar", "masks"])
@pytest.mark.parametrize("learnt", [True, False], ids=["learnt", "evaluated"])
def test_batches_are_those_of_the_streamed_path(dataset: Any, name: str, learnt: bool) -> None:
    """Bit for bit, in types too, in two epochs."""
    opened = dataset()
    transforms = [
        (label, normalize(mean=[0.5] * opened.info.channels, std=[0.2] * opened.info.channels))
        if label == "normalize"
        else (label, transform)
        for label, transform in TRANSFORMS[name]
    ]
    batched, streamed = (make(kind, opened, transforms, learnt=learnt) for kind in (BatchedLoader, Loader))
    assert len(batched) == len(streamed)
    for epoch in (0, 3):
        require_same(list(batched.batches(epoch)), list(streamed.batches(epoch)))


def by_sample(batches: list[Batch]) -> dict[str, Tensor]:
    return {path: image for batch in batches for path, image in zip(batch["path"], batch["image"], strict=True)}


@pytest.mark.parametrize("kind", [BatchedLoader, Loader])
def test_a_sample_depends_on_no_other(kind: type[Batches]) -> None:
    """Neither on the size of its batch, nor on where the epoch was entered, nor on the number of processes."""
    whole = by_sample(list(make(kind, Scenes(), MOVED).batches(2)))
    assert len(whole) == 20
    others = [
        by_sample(list(make(kind, Scenes(), MOVED, batch_size=7).batches(2))),
        by_sample(list(make(kind, Scenes(), MOVED).batches(2, start=1))),
        by_sample([b for n in range(2) for b in make(kind, Scenes(), MOVED, process=n, processes=2).batches(2)]),
    ]
    assert [len(other) for other in others] == [20, 4, 20]
    for other in others:
        assert all(torch.equal(image, whole[path]) for path, image in other.items())
    again = by_sample(list(make(kind, Scenes(), MOVED).batches(3)))
    assert any(not torch.equal(image, whole[path]) for path, image in again.items())


def test_the_data_set_is_left_as_it_was() -> None:
    dataset = Scenes()
    before = dataset.images.clone(), dataset.masks.clone()
    for batch in make(BatchedLoader, dataset, []).batches(0):
        batch["image"].zero_(), batch["mask"].zero_()
    assert torch.equal(dataset.images, before[0])
    assert torch.equal(dataset.masks, before[1])


def test_a_transform_that_fails_is_named() -> None:
    loader = make(BatchedLoader, Scenes(), [("crop", random_crop(40))], learnt=False)
    with pytest.raises(DataError, match=r"^0\.png: random-crop needs pictures of at least 40 x 40"):
        next(loader.batches(0))
    broken = random_affine(10)
    broken.act.degrees = ("a", "b")
    loader = make(BatchedLoader, Scenes(), [("affine", broken)], learnt=False)
    with pytest.raises(
        DataError, match=r'^transform "affine" failed on a batch \(16 x 3 x 12 x 10, uint8\): TypeError'
    ):
        next(loader.batches(0))


def test_samples_of_a_batch_are_named_by_their_files() -> None:
    names = make(BatchedLoader, Scenes(), [], learnt=False).name_samples(0, 1)
    assert names == ["16.png", "17.png", "18.png", "19.png"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_a_gpu_holds_the_data_and_makes_the_same_batches() -> None:
    dataset, transforms = open_digits(), MOVED
    samples = PreparedSamples(dataset, Preparation(transforms), seed=7)
    order = EpochBatches(len(dataset), 16, 7, learnt=True, drop_last=False)
    loader = BatchedLoader(samples, order, dataset.tensors() or {}, torch.device("cuda", 0))
    assert loader.tensors["image"].is_cuda
    found = [{key: value.cpu() for key, value in batch.items()} for batch in loader.batches(1)]
    require_same(found, list(make(Loader, dataset, transforms).batches(1)))
