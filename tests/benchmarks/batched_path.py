"""What a batch costs on the batched and the streamed path: `python tests/benchmarks/batched_path.py [ROUNDS]`.

Pictures of 32 x 32 as CIFAR's, in batches of 64, on one thread without workers, against torchvision's v1 transforms
of Pillow pictures in a DataLoader, as tutorials have them. Processor time of a picture, data path alone; contenders
take turns, each ratio is between neighbours.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import torchvision.transforms as v1
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from retinue.builtin.datasets.memory import MemoryDataset
from retinue.builtin.transforms.framing import random_crop
from retinue.builtin.transforms.scaling import STATS, normalize
from retinue.builtin.transforms.warping import random_horizontal_flip
from retinue.data.batched import BatchedLoader
from retinue.data.loading import Batches, Loader
from retinue.data.preparation import Preparation
from retinue.data.samples import PreparedSamples
from retinue.data.sampling import EpochBatches
from retinue.data.workers import Workers

PICTURES, BATCH = 2048, 64
Epoch = Callable[[], object]

JOBS: dict[str, tuple[list[Any], list[Any]]] = {
    "normalize": ([normalize("cifar10")], [v1.ToTensor(), v1.Normalize(*STATS["cifar10"])]),
    "crop, flip, normalize": (
        [random_crop(32, 4), random_horizontal_flip(), normalize("cifar10")],
        [v1.RandomCrop(32, 4), v1.RandomHorizontalFlip(), v1.ToTensor(), v1.Normalize(*STATS["cifar10"])],
    ),
}


class Pictures(Dataset[tuple[Tensor, int]]):
    """torchvision's CIFAR10 without its files."""

    def __init__(self, images: Tensor, labels: list[int], transform: Callable[[Any], Tensor]) -> None:
        self.data = images.permute(0, 2, 3, 1).numpy()
        self.targets = labels
        self.transform = transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.data[index])), self.targets[index]


def make_contenders(transforms: list[Any], tutorial: list[Any]) -> dict[str, Epoch]:
    """Return by name what runs through an epoch."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (PICTURES, 3, 32, 32), dtype=torch.uint8, generator=generator)
    labels = torch.randint(10, (PICTURES,), generator=generator).tolist()
    dataset = MemoryDataset(images, labels, [str(label) for label in range(10)])
    samples = PreparedSamples(dataset, Preparation([(type(part).__name__, part) for part in transforms]), seed=0)
    order = EpochBatches(PICTURES, BATCH, 0, learnt=True, drop_last=False)
    plain = DataLoader(Pictures(images, labels, v1.Compose(tutorial)), BATCH, shuffle=True)
    streamed = Loader(samples, order, Workers())
    batched = BatchedLoader(samples, order, dataset.tensors(), torch.device("cpu"))

    def run(loader: Batches) -> Epoch:
        return lambda: sum(len(batch["label"]) for batch in loader.batches(0))

    return {
        "DataLoader, Pillow, v1": lambda: sum(len(labels) for _, labels in plain),
        "retinue, streamed": run(streamed),
        "retinue, batched": run(batched),
    }


def measure(epoch: Epoch) -> float:
    """Return microseconds of processor time for a picture."""
    start = time.process_time()
    epoch()
    return (time.process_time() - start) / PICTURES * 1e6


def main() -> None:
    """Print a table of ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    torch.set_num_threads(1)
    for job, (transforms, tutorial) in JOBS.items():
        contenders = make_contenders(transforms, tutorial)
        for epoch in contenders.values():
            epoch()
        taken = [{name: measure(epoch) for name, epoch in contenders.items()} for _ in range(rounds)]
        first = next(iter(contenders))
        print(f"{job:<36}{'images/s':>10}{'times as fast: min':>22}{'median':>10}{'max':>10}")
        for name in contenders:
            speed = 1e6 / statistics.median(row[name] for row in taken)
            ratios = [row[first] / row[name] for row in taken]
            print(
                f"{name:<36}{speed:>10,.0f}{min(ratios):>22.2f}{statistics.median(ratios):>10.2f}{max(ratios):>10.2f}"
            )
        print()


if __name__ == "__main__":
    main()
