from __future__ import annotations

import gzip
import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets

from retinue.builtin.datasets.cifar import CIFAR10, CIFAR100
from retinue.errors import DataError

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
RECORDS = 40


@pytest.fixture
def records(real_data) -> np.ndarray:
    """The first records of the official training set: a label, then 3,072 bytes."""
    with gzip.open(real_data("cifar10/cifar10_train_first4000.bin.gz")) as file:
        return np.frombuffer(file.read(3073 * RECORDS), np.uint8).reshape(RECORDS, 3073)


@pytest.fixture
def cifar10(records, tmp_path, monkeypatch) -> Path:
    """A root with those records in files of the official format, whose MD5 sums pass for the official ones."""
    source = datasets.CIFAR10
    folder = tmp_path / source.base_folder
    folder.mkdir()

    def dump(name: str, content: object) -> tuple[str, str]:
        data = pickle.dumps(content, protocol=2)
        (folder / name).write_bytes(data)
        return name, hashlib.md5(data, usedforsecurity=False).hexdigest()

    def batch(part: np.ndarray) -> dict[str, object]:
        return {"data": part[:, 1:].copy(), "labels": part[:, 0].tolist()}

    train = [dump(f"data_batch_{n + 1}", batch(part)) for n, part in enumerate(np.split(records, 5))]
    monkeypatch.setattr(source, "train_list", train)
    monkeypatch.setattr(source, "test_list", [dump("test_batch", batch(records[:3]))])
    name, md5 = dump("batches.meta", {"label_names": NAMES})
    monkeypatch.setattr(source, "meta", {"filename": name, "key": "label_names", "md5": md5})
    return tmp_path


def test_samples_are_the_records(cifar10, records):
    dataset = CIFAR10(cifar10, "train")
    assert len(dataset) == RECORDS
    assert dataset.labels == records[:, 0].tolist()
    assert dataset.info.classes == tuple(NAMES)
    assert dataset.info.image_size == (32, 32)
    assert dataset.info.channels == 3
    assert dataset.in_memory
    sample = dataset[7]
    assert sample["image"].flatten().tolist() == records[7, 1:].tolist()
    assert sample["label"] == records[7, 0]
    assert len(CIFAR10(cifar10, "test")) == 3


def test_pickles(cifar10):
    dataset = CIFAR10(cifar10, "test")
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy.images, dataset.images)
    assert copy.labels == dataset.labels


def test_root_may_be_the_folder_of_the_files(cifar10):
    assert len(CIFAR10(cifar10 / "cifar-10-batches-py", "test")) == 3


def test_damaged_and_missing_files_are_named(cifar10):
    folder = cifar10 / "cifar-10-batches-py"
    (folder / "data_batch_2").write_bytes(b"half")
    (folder / "test_batch").unlink()
    with pytest.raises(DataError, match="cifar-10-batches-py: data_batch_2, test_batch missing or damaged; set `dow"):
        CIFAR10(cifar10, "train")


@pytest.mark.parametrize(("cls", "folder"), [(CIFAR10, "cifar-10-batches-py"), (CIFAR100, "cifar-100-python")])
def test_missing_folder_is_named_with_the_remedy(cls, folder, tmp_path):
    with pytest.raises(DataError, match=f"{cls.name}: .*{folder}: no such folder; set `download = true` to fetch it"):
        cls(tmp_path, "train")


def test_archive_that_was_not_unpacked(tmp_path):
    (tmp_path / "cifar-100-python.tar.gz").write_bytes(b"")
    with pytest.raises(DataError, match=r"unpack cifar-100-python\.tar\.gz, which is there, or set `download = true`"):
        CIFAR100(tmp_path, "test")


@pytest.mark.parametrize("cls", [CIFAR10, CIFAR100])
def test_download_without_a_network_says_so(cls, tmp_path, no_network):
    with pytest.raises(DataError, match=f"{cls.name} cannot be downloaded into .*refused"):
        cls(tmp_path, "train", download=True)
