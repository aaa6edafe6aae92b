from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from retinue.api import Batch, DataInfo, Dataset, Draws, KeyedTransform, Sample, read_image
from retinue.builtin.transforms import framing, scaling, warping
from retinue.data.loading import Loader
from retinue.data.preparation import Preparation
from retinue.data.samples import PreparedSamples
from retinue.data.sampling import EpochBatches
from retinue.data.threads import open_pool
from retinue.data.workers import Workers
from retinue.errors import DataError

SIZE = 13

KEYED = [
    ("random-resized-crop", framing.random_resized_crop(24)),
    ("random-horizontal-flip", warping.random_horizontal_flip()),
    ("normalize", scaling.normalize(mean=[0.5] * 3, std=[0.25] * 3)),
]


class Files(Dataset):
    """JPEG files of different sizes.

    Attributes:
        read: the indices that were asked for.
    """

    info = DataInfo(classes=("a", "b"))

    def __init__(self, folder: Path) -> None:
        self.paths = [folder / f"{index}.jpg" for index in range(SIZE)]
        self.read: list[int] = []
        for index, path in enumerate(self.paths):
            pixels = np.random.default_rng(index).integers(0, 256, (30 + index, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path)

    def __len__(self) -> int:
        return SIZE

    def __getitem__(self, index: int) -> Sample:
        self.read.append(index)
        path = str(self.paths[index])
        return {"image": read_image(path), "label": index % 2, "path": path}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Any:
    yield
    assert not [thread.name for thread in threading.enumerate() if "retinue-data" in thread.name]


def loader(dataset: Dataset, workers: Workers, transforms: Any = KEYED, skips: bool = False) -> Loader:
    samples = PreparedSamples(dataset, Preparation(transforms), seed=0, skips=skips)
    return Loader(samples, EpochBatches(len(dataset), 4, 0, True, drop_last=False), workers)


def same(one: Batch, other: Batch) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(value, other[key]) if isinstance(value, Tensor) else value == other[key]
        for key, value in one.items()
    )


@pytest.mark.parametrize("workers", [Workers(1, "thread"), Workers(3, "thread"), Workers(2, "process")], ids=str)
def test_batches_are_those_of_the_main_process(files: Files, workers: Workers) -> None:
    expected, found = loader(files, Workers()), loader(files, workers)
    for epoch, start in ((0, 0), (1, 2), (2, 0)):
        pairs = list(zip(expected.batches(epoch, start), found.batches(epoch, start), strict=True))
        assert len(pairs) == 4 - start
        assert all(same(*pair) for pair in pairs)


def test_samples_are_those_prepared_one_by_one(files: Files) -> None:
    found = loader(files, Workers(2, "thread"))
    for number, batch in enumerate(found.batches(3)):
        assert type(batch["image"]) is Tensor
        for row, index in enumerate(found.indices(3, number)):
            assert torch.equal(batch["image"][row], found.samples[3, index]["image"])


def test_late_transforms_give_the_same_batches(files: Files) -> None:
    early = loader(files, Workers(2, "thread"))
    late = loader(files, Workers(2, "thread"))
    late.samples.late = True
    assert all(same(*pair) for pair in zip(early.batches(0), late.batches(0), strict=True))


def test_a_batch_that_is_kept_does_not_change(files: Files) -> None:
    found = loader(files, Workers(2, "thread"), KEYED[:2])
    kept = list(found.batches(0))
    list(found.batches(1))
    assert all(same(*pair) for pair in zip(kept, found.batches(0), strict=True))


def test_threads_draw_nothing_from_the_generators_of_the_process(files: Files) -> None:
    torch.manual_seed(3)
    expected = torch.rand(())
    torch.manual_seed(3)
    list(loader(files, Workers(2, "thread")).batches(0))
    assert torch.rand(()) == expected


@pytest.mark.parametrize("workers", [Workers(), Workers(2, "thread"), Workers(2, "process")], ids=str)
def test_an_unreadable_picture_is_named_in_its_turn(files: Files, workers: Workers) -> None:
    found = loader(files, workers)
    broken = found.indices(0, 2)[1]
    files.paths[broken].write_bytes(b"no picture")
    batches = found.batches(0)
    assert len([next(batches), next(batches)]) == 2
    with pytest.raises(DataError, match=f"{broken}.jpg: is no picture"):
        next(batches)


@pytest.mark.parametrize("workers", [Workers(), Workers(2, "thread"), Workers(2, "process")], ids=str)
def test_unreadable_pictures_are_left_out_and_counted(
    files: Files, workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    found = loader(files, workers, skips=True)
    broken = found.indices(0, 1)[2]
    expected = list(loader(files, Workers()).batches(0))
    files.paths[broken].unlink()
    batches = list(found.batches(0))
    assert found.unreadable == 1
    assert f"left out: {files.paths[broken]}: no such file" in caplog.text
    rest = [0, 1, 3]
    assert torch.equal(batches[1]["image"], expected[1]["image"][rest])
    assert same(batches[2], expected[2])


class Fussy(KeyedTransform):
    """Fails on a file, alone and in a batch."""

    def __init__(self, name: str) -> None:
        self.name = name

    def transform(self, sample: Sample, draws: Draws) -> Sample:
        if self.name in sample["path"]:
            raise ValueError("not this one")
        return sample

    def transform_batch(self, batch: Batch, draws: Draws) -> Batch:
        if any(self.name in path for path in batch["path"]):
            raise ValueError("not one of these")
        return batch


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("workers", [Workers(), Workers(2, "thread"), Workers(2, "process")], ids=str)
def test_a_transform_that_fails_is_named_with_the_sample(files: Files, workers: Workers, place: int) -> None:
    transforms = [*KEYED[:place], ("fussy", Fussy("7.jpg")), *KEYED[place:]]
    with pytest.raises(DataError, match=r'transform "fussy" failed on .*/7\.jpg \(3 x .*ValueError: not this one'):
        list(loader(files, workers, transforms).batches(0))


def test_sizes_that_differ_are_told(files: Files) -> None:
    with pytest.raises(DataError, match="images of a batch differ in size"):
        list(loader(files, Workers(2, "thread"), []).batches(0))


class Gated(Files):
    """The second batch begins and waits until its epoch is left."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.begun, self.left = threading.Event(), threading.Event()

    def __getitem__(self, index: int) -> Sample:
        if len(self.read) == 4:
            self.begun.set()
            self.left.wait()
            time.sleep(0.2)
        return super().__getitem__(index)


def test_leaving_in_mid_epoch_reads_no_further_sample(tmp_path: Path) -> None:
    gated = Gated(tmp_path)
    batches = loader(gated, Workers(1, "thread")).batches(0)
    next(batches)
    gated.begun.wait()
    gated.left.set()
    batches.close()
    assert len(gated.read) == 5


def test_a_fault_of_the_data_set_comes_out_as_it_is(files: Files) -> None:
    files.paths = files.paths[:5]
    with pytest.raises(IndexError):
        list(loader(files, Workers(2, "thread")).batches(0))


def test_pool_threads_compute_alone_and_the_main_thread_keeps_its_number() -> None:
    own = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        with open_pool(2) as pool:
            met = threading.Barrier(2)
            futures = [pool.submit(lambda: (met.wait(), torch.get_num_threads())[1]) for _ in range(2)]
            assert [future.result() for future in futures] == [1, 1]
            assert torch.get_num_threads() == 3
            later: list[int] = []
            thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
            thread.start()
            thread.join()
            assert later == [3]
    finally:
        torch.set_num_threads(own)


@pytest.mark.parametrize("workers", [Workers(), Workers(2, "thread"), Workers(2, "process")], ids=str)
@pytest.mark.parametrize("transforms", [KEYED[:1], KEYED], ids=["bytes", "normalized"])
def test_pictures_lie_in_memory_alike(files: Files, workers: Workers, transforms: Any) -> None:
    """A model may compute otherwise with another layout."""
    for batch in loader(files, workers, transforms).batches(0):
        assert batch["image"].is_contiguous()
