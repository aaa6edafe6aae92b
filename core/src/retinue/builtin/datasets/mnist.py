"""MNIST and Fashion-MNIST from their idx files."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision import datasets

from retinue.api import DataInfo
from retinue.builtin.datasets.download import downloading
from retinue.builtin.datasets.memory import MemoryDataset
from retinue.errors import DataError

GZIP = b"\x1f\x8b"
UNSIGNED_BYTE = 8


class IdxDataset(MemoryDataset):
    """A data set in the four idx files of MNIST.

    Attributes:
        name: what specs and messages call it.
        source: the torchvision class that downloads it.
        classes: names of its labels.
    """

    name: ClassVar[str]
    source: ClassVar[type[datasets.MNIST]]
    classes: ClassVar[tuple[str, ...]]

    def __init__(self, root: Path, part: Literal["train", "test"], download: bool = False) -> None:
        root = root.expanduser()
        stem = "train" if part == "train" else "t10k"
        wanted = [f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte"]
        places = [root / self.source.__name__ / "raw", root]
        found = _find(wanted, places)
        if found is None and download:
            with downloading(self.name, root):
                self.source(root, train=part == "train", download=True)
            found = _find(wanted, places)
        if found is None:
            raise DataError(_missing(self.name, part, wanted, places))
        pictures, labels = read_idx(found[0], 3), read_idx(found[1], 1)
        self._check(found, pictures, labels)
        super().__init__(torch.from_numpy(pictures).unsqueeze(1), labels.tolist(), self.classes)

    def _check(self, files: list[Path], pictures: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
        if len(pictures) != len(labels):
            raise DataError(f"{files[0]} has {len(pictures)} pictures, but {files[1].name} has {len(labels)} labels")
        if not len(labels):
            raise DataError(f"{files[0]} has no pictures")
        if labels.max() >= len(self.classes):
            raise DataError(f"{files[1]} has a label {labels.max()}; {self.name} has the labels 0 to 9")


class MNIST(IdxDataset):
    """Handwritten digits, 28 x 28 grey: 60,000 to train, 10,000 to test (LeCun, Cortes, Burges, 1998).

    Args:
        root: torchvision's data folder (the files in MNIST/raw), or the folder of the idx files themselves,
            packed (.gz) or not.
        part: "train" or "test".
        download: fetch missing files (12 MB) into root/MNIST/raw.
    """

    name = "mnist"
    source = datasets.MNIST
    classes = tuple("0123456789")
    info = DataInfo(classes=classes, channels=1, image_size=(28, 28))


class FashionMNIST(IdxDataset):
    """Pieces of clothing, 28 x 28 grey: 60,000 to train, 10,000 to test (Xiao, Rasul, Vollgraf, 2017).

    Args:
        root: torchvision's data folder (the files in FashionMNIST/raw), or the folder of the idx files
            themselves, packed (.gz) or not. They have the names of MNIST's: do not mix the two folders up.
        part: "train" or "test".
        download: fetch missing files (31 MB) into root/FashionMNIST/raw.
    """

    name = "fashion-mnist"
    source = datasets.FashionMNIST
    classes = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    info = DataInfo(classes=classes, channels=1, image_size=(28, 28))


def read_idx(file: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an idx file of unsigned bytes, packed with gzip or not.

    Args:
        file: big-endian: two zero bytes, the type, the number of dimensions, each dimension in four bytes, the data.
        dimensions: how many it must have.

    Raises:
        DataError: it is damaged, or holds something else.
    """
    data = _unpack(file)
    start = 4 + 4 * dimensions
    if len(data) < start or tuple(data[:4]) != (0, 0, UNSIGNED_BYTE, dimensions):
        raise DataError(f"{file}: is no idx file of unsigned bytes in {dimensions} dimensions")
    shape = np.frombuffer(data, ">u4", dimensions, 4).tolist()
    if len(data) - start != math.prod(shape):
        raise DataError(f"{file}: is damaged: {math.prod(shape)} bytes are announced, {len(data) - start} are there")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()


def _unpack(file: Path) -> bytes:
    try:
        data = file.read_bytes()
        # By content: some browsers unpack a download and leave its name as it was.
        return gzip.decompress(data) if data.startswith(GZIP) else data
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file}: cannot be read ({error})") from error


def _find(names: list[str], places: list[Path]) -> list[Path] | None:
    for place in places:
        files = [next((f for f in (place / name, place / f"{name}.gz") if f.is_file()), None) for name in names]
        found = [file for file in files if file is not None]
        if len(found) == len(names):
            return found
    return None


def _missing(name: str, part: str, wanted: list[str], places: list[Path]) -> str:
    searched = " nor ".join(str(place) if place.is_dir() else f"{place} (no such folder)" for place in places)
    return (
        f"{name}: the {part} part is not there: neither {searched} has {' and '.join(wanted)}, packed (.gz) or not; "
        "set `download = true` to fetch them"
    )
