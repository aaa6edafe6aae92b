"""Lying and standing bars.

[data.train]
use = "my-part"
samples = 256
"""

from typing import Annotated

import torch
from annotated_types import Gt
from torchvision import tv_tensors

from retinue.api import DataInfo, Dataset, Sample
from retinue.hooks import Register, hookimpl


class MyPart(Dataset):
    """Bright bars on black, lying or standing, one channel.

    Args:
        samples: how many.
        size: height and width.
    """

    in_memory = True

    def __init__(self, samples: Annotated[int, Gt(0)] = 64, size: Annotated[int, Gt(0)] = 16) -> None:
        self.samples, self.size = samples, size
        self.labels = [index % 2 for index in range(samples)]
        self.info = DataInfo(classes=("lying", "standing"), channels=1, image_size=(size, size))

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> Sample:
        image = torch.zeros(1, self.size, self.size, dtype=torch.uint8)
        image[:, index // 2 % self.size] = 255
        standing = index % 2
        return {"image": tv_tensors.Image(image.mT if standing else image), "label": standing}


@hookimpl
def retinue_datasets(register: Register) -> None:
    register("my-part", MyPart, summary="lying and standing bars")
