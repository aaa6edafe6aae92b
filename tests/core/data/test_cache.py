from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision import tv_tensors

from retinue.api import DataInfo, Dataset, Sample
from retinue.builtin.transforms.framing import center_crop
from retinue.data.cache import AROUND, Budget, CachedDataset, measure_free
from retinue.data.preparation import Preparation

BYTES = 3 * 4 * 5


class Counted(Dataset):
    """One file for each sample, its byte the value of all pixels.

    Attributes:
        read: how often each sample was read.
    """

    info = DataInfo(classes=("a",))
    labels = (0, 0, 0)

    def __init__(self, folder: Path) -> None:
        self.paths = [folder / str(index) for index in range(3)]
        for index, path in enumerate(self.paths):
            path.write_bytes(bytes([index]))
        self.read = [0, 0, 0]

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Sample:
        self.read[index] += 1
        value = self.paths[index].read_bytes()[0]
        return {"image": tv_tensors.Image(torch.full((3, 4, 5), value, dtype=torch.uint8)), "label": 0}

    def files(self, index: int) -> list[Path]:
        return [self.paths[index]]

    def fingerprint(self) -> str:
        return "content"


@pytest.fixture
def counted(tmp_path: Path) -> Counted:
    return Counted(tmp_path)


def values(dataset: Dataset) -> list[int]:
    return [int(dataset[index]["image"][0, 0, 0]) for index in range(len(dataset))]


def test_each_sample_is_read_once(counted: Counted) -> None:
    cached = CachedDataset(counted, Budget(10**6), copies=False)
    assert [values(cached), values(cached)] == [[0, 1, 2]] * 2
    assert counted.read == [1, 1, 1]
    assert type(cached[0]["image"]) is tv_tensors.Image
    assert (cached.info, cached.labels, cached.fingerprint()) == (counted.info, counted.labels, "content")


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_file_that_has_changed_is_read_again(counted: Counted, change: str) -> None:
    budget = Budget(10**6)
    cached = CachedDataset(counted, budget, copies=False)
    values(cached)
    free = budget.free
    before = os.stat(counted.paths[1])
    counted.paths[1].write_bytes(b"\x09\x09" if change == "size" else b"\x09")
    later = before.st_mtime_ns + (1 if change == "time" else 0)
    os.utime(counted.paths[1], ns=(later, later))
    assert [values(cached), values(cached)] == [[0, 9, 2]] * 2
    assert counted.read == [1, 2, 1]
    assert budget.free == free


def test_a_file_that_is_gone_is_missed(counted: Counted) -> None:
    cached = CachedDataset(counted, Budget(10**6), copies=False)
    values(cached)
    counted.paths[0].unlink()
    with pytest.raises(FileNotFoundError):
        cached[0]


def test_what_does_not_fit_is_read_each_time_and_told_once(counted: Counted, caplog: pytest.LogCaptureFixture) -> None:
    cached = CachedDataset(counted, Budget(2 * (BYTES + AROUND)), copies=False)
    for _ in range(3):
        assert values(cached) == [0, 1, 2]
    assert counted.read == [1, 1, 3]
    told = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) == 1
    assert "data.cache_gib" in told[0]


def test_caches_share_a_budget(counted: Counted) -> None:
    budget = Budget(4 * (BYTES + AROUND))
    first, second = (CachedDataset(counted, budget, copies=False) for _ in range(2))
    for _ in range(2):
        values(first), values(second)
    assert counted.read == [1 + 1, 1 + 2, 1 + 2]


def test_copies_may_be_written_into(counted: Counted) -> None:
    cached = CachedDataset(counted, Budget(10**6), copies=True)
    for _ in range(2):
        cached[1]["image"].fill_(77)
    assert values(cached) == [0, 1, 2]


def test_of_a_crop_no_more_is_kept_than_is_seen(counted: Counted) -> None:
    kept = Preparation([("center-crop", center_crop((2, 5)))])
    budget = Budget(10**6)
    cached = CachedDataset(counted, budget, copies=False, preparation=kept)
    values(cached)
    assert counted.read == [1, 1, 1]
    assert cached[0]["image"].shape == (3, 2, 5)
    assert cached[0]["image"].untyped_storage().nbytes() == 3 * 2 * 5
    assert budget.size - budget.free == 3 * (3 * 2 * 5 + AROUND)


def test_free_memory_is_no_more_than_the_machine_has() -> None:
    assert 0 < measure_free() < 2**50


def test_samples_of_a_folder_name_their_files(tmp_path: Path) -> None:
    from PIL import Image

    from retinue.builtin.datasets.image_folder import ImageFolder
    from retinue.builtin.datasets.mask_folder import MaskFolder
    from retinue.data.splitting import Part

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("L", (4, 4)).save(tmp_path / name / "x.png")
    pictures: Any = Part(ImageFolder(tmp_path), [1])
    assert pictures.files(0) == [str(tmp_path / "b" / "x.png")]
    masks = MaskFolder(tmp_path / "a", tmp_path / "b", ["one", "two"])
    assert masks.files(0) == (tmp_path / "a" / "x.png", tmp_path / "b" / "x.png")
