"""A folder of JPEGs read by Retinue and by torch's loader: `python tests/benchmarks/image_folder.py [ROUNDS] [COUNT]`.

Pictures of 500 x 375 become random crops of 224 x 224, half of them mirrored, normalized, in batches of 64. All
contenders have two workers. They are photographs where the project's data is there, and smooth noise where it is not.
A second table has them resized to 256 x 256 before random crops of 224, from the second epoch on: from a cache of
pictures as they are decoded, or as they are resized.
"""

from __future__ import annotations

import os
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comparison import Cost, Stopwatch, print_machine, print_table, take_turns
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms as v1
from torchvision.datasets import ImageFolder
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms import v2

from retinue.builtin.datasets.image_folder import ImageFolder as Folder
from retinue.builtin.transforms.framing import random_crop, random_resized_crop, resize
from retinue.builtin.transforms.scaling import normalize
from retinue.builtin.transforms.warping import random_horizontal_flip
from retinue.data.cache import Budget, CachedDataset
from retinue.data.loading import Loader
from retinue.data.preparation import Preparation
from retinue.data.samples import PreparedSamples
from retinue.data.sampling import EpochBatches
from retinue.data.workers import Workers
from retinue.engine.allocation import keep_freed_memory

ARCHIVE = (
    Path(os.environ.get("RETINUE_TEST_DATA", "../shared/data")).absolute() / "hymenoptera" / "hymenoptera_data.tar"
)
MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
BATCH, WORKERS = 64, 2


def write_folder(root: Path, count: int) -> None:
    """Write so many JPEGs of two classes."""
    pictures = draw_pictures()
    for number in range(count):
        folder = root / ("ants", "bees")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        next(pictures).resize((500, 375), Image.Resampling.BICUBIC).save(folder / f"{number}.jpg", quality=90)


def draw_pictures() -> Iterator[Image.Image]:
    """Yield photographs over and over again, or else smooth noise."""
    if not ARCHIVE.exists():
        generator = np.random.default_rng(0)
        while True:
            yield Image.fromarray(generator.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    with tarfile.open(ARCHIVE) as archive:
        names = [name for name in archive.getnames() if name.endswith(".jpg")]
        for name in cycle(names):
            yield Image.open(archive.extractfile(name)).convert("RGB")  # type: ignore[arg-type]


def measure(batches: Iterable[Any]) -> Cost:
    """Return what an epoch costs."""
    watch = Stopwatch()
    for _ in batches:
        pass
    return watch.read()


def load_by_torch(folder: ImageFolder) -> Callable[[], Cost]:
    """Return an epoch of torch's loader; its workers start and end in it, so that their time is counted."""
    return lambda: measure(
        DataLoader(folder, BATCH, shuffle=True, num_workers=WORKERS, worker_init_fn=lambda _: torch.set_num_threads(1))
    )


def decode(path: str) -> torch.Tensor:
    """Decode as torchvision does."""
    return decode_jpeg(read_file(path), ImageReadMode.RGB)


def load_by_retinue(root: Path, workers: Workers, cached: bool = False) -> Callable[[], Cost]:
    """Return an epoch of Retinue's loader; the first one fills its cache."""
    dataset = CachedDataset(Folder(root), Budget(2**33), copies=False) if cached else Folder(root)
    transforms = [
        ("random-resized-crop", random_resized_crop(224)),
        ("random-horizontal-flip", random_horizontal_flip()),
        ("normalize", normalize(mean=MEAN, std=DEVIATION)),
    ]
    return load_samples(PreparedSamples(dataset, Preparation(transforms), seed=0), workers)


def load_from_cache(root: Path, resized: bool, gathers: bool = False) -> Callable[[], Cost]:
    """Return an epoch from a cache of pictures, whole or resized; the first one fills it."""
    fixed = [("resize", resize([256, 256]))]
    drawn = [
        ("random-crop", random_crop(224)),
        ("random-horizontal-flip", random_horizontal_flip()),
        ("normalize", normalize(mean=MEAN, std=DEVIATION)),
    ]
    kept, left = (fixed, drawn) if resized else ([], fixed + drawn)
    dataset = CachedDataset(Folder(root), Budget(2**33), copies=False, preparation=Preparation(kept))
    samples = PreparedSamples(dataset, Preparation(left), seed=0, gathers=gathers)
    return load_samples(samples, Workers(WORKERS, "thread"))


def load_samples(samples: PreparedSamples, workers: Workers) -> Callable[[], Cost]:
    """Return an epoch of samples, another one each time."""
    order = EpochBatches(len(samples.dataset), BATCH, 0, learnt=True, drop_last=False)
    epochs = iter(range(10**9))
    return lambda: measure(Loader(samples, order, workers).batches(next(epochs)))


def main(rounds: int = 5, count: int = 512) -> None:
    """Print the table."""
    print_machine("torchvision", "pillow", "simplejpeg", "retinue")
    torch.set_num_threads(1)
    # As a run does; here for all contenders, who share the process.
    keep_freed_memory()
    first = v1.Compose(
        [v1.RandomResizedCrop(224), v1.RandomHorizontalFlip(), v1.ToTensor(), v1.Normalize(MEAN, DEVIATION)]
    )
    second = v2.Compose(
        [
            v2.RandomResizedCrop(224, antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, DEVIATION),
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_folder(root, count)
        contenders = {
            "Pillow and transforms v1": load_by_torch(ImageFolder(folder, first)),
            "decode_jpeg and transforms v2": load_by_torch(ImageFolder(folder, second, loader=decode)),
            "retinue, processes": load_by_retinue(root, Workers(WORKERS, "process")),
            "retinue, threads": load_by_retinue(root, Workers(WORKERS, "thread")),
            "retinue, cached": load_by_retinue(root, Workers(WORKERS, "thread"), cached=True),
        }
        print_table(f"{count} pictures", take_turns(contenders, rounds), speed=True)
        cached = {
            "cached whole, streamed": load_from_cache(root, resized=False),
            "cached resized, streamed": load_from_cache(root, resized=True),
            "cached resized, batched": load_from_cache(root, resized=True, gathers=True),
        }
        print_table("resize, crop", take_turns(cached, rounds), speed=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
