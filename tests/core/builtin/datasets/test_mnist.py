from __future__ import annotations

import gzip
import shutil
import socket
import struct
from pathlib import Path

import pytest
import torch
from torchvision import datasets

from retinue.builtin.datasets import download
from retinue.builtin.datasets.mnist import MNIST, FashionMNIST, read_idx
from retinue.errors import DataError

FIRST_LABELS = {
    (MNIST, "train"): [5, 0, 4, 1, 9, 2, 1, 3],
    (MNIST, "test"): [7, 2, 1, 0, 4, 1, 4, 9],
    (FashionMNIST, "train"): [9, 0, 0, 3, 0, 2, 7, 2],
    (FashionMNIST, "test"): [9, 2, 1, 1, 6, 1, 4, 6],
}


def write_idx(path: Path, shape: tuple[int, ...], data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape) + data)


def write_small(folder: Path, labels: bytes = b"\x03\x09", pictures: int = 2) -> None:
    write_idx(folder / "t10k-images-idx3-ubyte", (pictures, 2, 3), bytes(range(6 * pictures)))
    write_idx(folder / "t10k-labels-idx1-ubyte", (len(labels),), labels)


@pytest.mark.parametrize(("cls", "part"), FIRST_LABELS)
def test_real_files(cls, part, real_data):
    dataset = cls(real_data(cls.name), part)
    assert len(dataset) == {"train": 60_000, "test": 10_000}[part]
    assert dataset.labels[:8] == FIRST_LABELS[cls, part]
    assert dataset.info.image_size == (28, 28)
    assert dataset.info.channels == 1
    assert dataset.info.num_classes == 10


@pytest.mark.parametrize(("cls", "mean"), [(MNIST, 0.13066), (FashionMNIST, 0.28604)])
def test_pixels_have_the_published_mean(cls, mean, real_data):
    dataset = cls(real_data(cls.name), "train")
    assert dataset.images.sum(dtype=torch.int64).item() / dataset.images.numel() / 255 == pytest.approx(mean, abs=1e-5)


def test_fashion_class_names():
    assert FashionMNIST.classes[0] == "T-shirt/top"
    assert FashionMNIST.classes == tuple(datasets.FashionMNIST.classes)


def test_torchvisions_layout_gives_what_torchvision_reads(real_data, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for packed in real_data("mnist").glob("*.gz"):
        with gzip.open(packed) as source, (raw / packed.stem).open("wb") as target:
            shutil.copyfileobj(source, target)
    ours, theirs = MNIST(tmp_path, "test"), datasets.MNIST(tmp_path, train=False)
    assert ours.labels == theirs.targets.tolist()
    assert torch.equal(ours.images.squeeze(1), theirs.data)


def test_small_files_give_their_pixels(tmp_path):
    write_small(tmp_path)
    dataset = MNIST(tmp_path, "test")
    assert dataset[1]["image"].tolist() == [[[6, 7, 8], [9, 10, 11]]]
    assert dataset[1]["label"] == 9
    assert dataset.info.image_size == (2, 3)


def test_files_that_a_browser_unpacked_but_did_not_rename(tmp_path):
    write_small(tmp_path)
    for file in list(tmp_path.iterdir()):
        file.rename(f"{file}.gz")
    assert MNIST(tmp_path, "test").labels == [3, 9]


def test_part_has_no_default(tmp_path):
    with pytest.raises(TypeError, match="part"):
        MNIST(tmp_path)


def test_missing_files_are_named_with_the_folders_and_the_remedy(tmp_path):
    with pytest.raises(DataError) as caught:
        FashionMNIST(tmp_path, "train")
    message = str(caught.value)
    assert f"{tmp_path / 'FashionMNIST' / 'raw'} (no such folder)" in message
    assert f"nor {tmp_path} has train-images-idx3-ubyte and train-labels-idx1-ubyte" in message
    assert "set `download = true`" in message


def test_one_file_is_not_enough(tmp_path):
    write_small(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="the test part is not there"):
        MNIST(tmp_path, "test")


@pytest.mark.parametrize("cls", [MNIST, FashionMNIST])
def test_download_without_a_network_says_so(cls, tmp_path, no_network):
    with pytest.raises(DataError, match=f"{cls.name} cannot be downloaded into .*refused"):
        cls(tmp_path, "train", download=True)


def test_download_from_a_server_that_never_answers_ends(tmp_path, silent_network, monkeypatch):
    monkeypatch.setattr(download, "SILENCE", 0.1)
    with pytest.raises(DataError, match=r"fashion-mnist cannot be downloaded into .*timed out"):
        FashionMNIST(tmp_path, "train", download=True)
    assert socket.getdefaulttimeout() is None


def test_download_is_not_tried_where_the_files_are(tmp_path, no_network):
    write_small(tmp_path)
    assert len(MNIST(tmp_path, "test", download=True)) == 2


def test_download_into_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"mnist cannot be downloaded into .*file"):
        MNIST(tmp_path / "file", "test", download=True)


def test_truncated_file(tmp_path):
    write_small(tmp_path)
    file = tmp_path / "t10k-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte: is damaged: 12 bytes are announced, 8 are there"):
        MNIST(tmp_path, "test")


def test_truncated_packed_file(tmp_path):
    write_small(tmp_path)
    file = tmp_path / "t10k-images-idx3-ubyte"
    (tmp_path / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes())[:-10])
    file.unlink()
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz: cannot be read"):
        MNIST(tmp_path, "test")


def test_file_of_another_kind(tmp_path):
    (tmp_path / "a").write_text("<html>not found</html>")
    with pytest.raises(DataError, match="is no idx file of unsigned bytes in 3 dimensions"):
        read_idx(tmp_path / "a", 3)


def test_pictures_and_labels_of_different_number(tmp_path):
    write_small(tmp_path, labels=b"\x01\x02\x03")
    with pytest.raises(DataError, match="has 2 pictures, but t10k-labels-idx1-ubyte has 3 labels"):
        MNIST(tmp_path, "test")


def test_label_that_is_no_class(tmp_path):
    write_small(tmp_path, labels=b"\x01\x2e")
    with pytest.raises(DataError, match="has a label 46; mnist has the labels 0 to 9"):
        MNIST(tmp_path, "test")


def test_file_without_pictures(tmp_path):
    write_small(tmp_path, labels=b"", pictures=0)
    with pytest.raises(DataError, match="has no pictures"):
        MNIST(tmp_path, "test")
