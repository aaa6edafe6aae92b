"""CIFAR-10 and CIFAR-100 through torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torchvision import datasets
from torchvision.datasets.utils import check_integrity

from retinue.api import DataInfo
from retinue.builtin.datasets.download import downloading
from retinue.builtin.datasets.memory import MemoryDataset
from retinue.errors import DataError


class CifarDataset(MemoryDataset):
    """A data set in the Python files of CIFAR, whose MD5 sums are checked before they are unpickled.

    Attributes:
        name: what specs and messages call it.
        source: the torchvision class that reads and downloads it.
        info: of the class, what is known without the files.
    """

    name: ClassVar[str]
    source: ClassVar[type[datasets.CIFAR10]]

    def __init__(self, root: Path, part: Literal["train", "test"], download: bool = False) -> None:
        root = root.expanduser()
        if root.name == self.source.base_folder:
            root = root.parent
        read = self._load(root, part == "train", download)
        images = torch.from_numpy(read.data).permute(0, 3, 1, 2).contiguous()
        super().__init__(images, list(read.targets), read.classes)

    def _load(self, root: Path, train: bool, download: bool) -> Any:
        if download:
            with downloading(self.name, root):
                return self.source(root, train=train, download=True)
        try:
            return self.source(root, train=train)
        except RuntimeError as error:
            raise DataError(f"{self.name}: {self._lack(root)}") from error

    def _lack(self, root: Path) -> str:
        folder, archive = root / self.source.base_folder, root / self.source.filename
        if not folder.is_dir():
            unpack = f"unpack {archive.name}, which is there, or " if archive.is_file() else ""
            return f"{folder}: no such folder; {unpack}set `download = true` to fetch it"
        meta = self.source.meta
        sums = [*self.source.train_list, *self.source.test_list, (meta["filename"], meta["md5"])]
        bad = [name for name, md5 in sums if not check_integrity(folder / name, md5)]
        return f"{folder}: {', '.join(bad)} missing or damaged; set `download = true` to fetch them anew"


class CIFAR10(CifarDataset):
    """Small photographs of 10 classes, 32 x 32 RGB: 50,000 to train, 10,000 to test (Krizhevsky, 2009).

    Args:
        root: torchvision's data folder; the files are in cifar-10-batches-py in it (the "python version" of
            https://www.cs.toronto.edu/~kriz/cifar.html).
        part: "train" or "test".
        download: fetch what is missing (170 MB).
    """

    name = "cifar10"
    source = datasets.CIFAR10
    info = DataInfo(
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        image_size=(32, 32),
    )


class CIFAR100(CifarDataset):
    """Small photographs of 100 classes, 32 x 32 RGB: 50,000 to train, 10,000 to test (Krizhevsky, 2009).

    Args:
        root: torchvision's data folder; the files are in cifar-100-python in it (the "python version" of
            https://www.cs.toronto.edu/~kriz/cifar.html).
        part: "train" or "test".
        download: fetch what is missing (169 MB).
    """

    name = "cifar100"
    source = datasets.CIFAR100
    # The names themselves are in the files.
    info = DataInfo(classes=tuple(map(str, range(100))), image_size=(32, 32))
