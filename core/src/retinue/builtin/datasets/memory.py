"""Pictures that are held in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision import tv_tensors

from retinue.api import Batch, DataInfo, Dataset, Sample


class MemoryDataset(Dataset):
    """Pictures and labels as tensors. A sample is a copy: what a transform writes into it stays there.

    Attributes:
        images: uint8, N x C x H x W.
    """

    in_memory = True
    labels: Sequence[int]

    def __init__(self, images: Tensor, labels: Sequence[int], classes: Sequence[str]) -> None:
        self.images = images
        self.labels = labels
        height, width = images.shape[-2:]
        self.info = DataInfo(classes=tuple(classes), channels=images.shape[1], image_size=(height, width))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Sample:
        return {"image": tv_tensors.Image(self.images[index].clone()), "label": self.labels[index]}

    def tensors(self) -> Batch:
        return {"image": tv_tensors.Image(self.images), "label": torch.tensor(self.labels)}

    def fingerprint(self) -> str:
        return hashlib.sha256(self.images.contiguous().numpy().data).hexdigest()
