"""An epoch of U-Net, and of ResNet-18, in fp32 and bf16: `python tests/benchmarks/unet_epoch.py [ROUNDS]`.

U-Net, of width 16 and depth 4, learns from 24 micrographs of 512 x 512 (ISBI 2012, under RETINUE_TEST_DATA; made up
where they are absent), four at a time, cut to 192 x 192 and flipped; ResNet-18 from batches of 16 pictures of 160 x 160
that are ready. The same networks in a plain loop with a DataLoader. bf16 is autocast with channels_last on both sides.
All log the mean loss and the accuracy; contenders take turns, an epoch each.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comparison import Cost, measure, print_machine, print_table, take_turns
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2
from trainers import build_run, give_batches, run_epoch

from retinue_resnet.imagenet import resnet18
from retinue_unet.models import UNet

DATA = Path(os.environ.get("RETINUE_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
PICTURES = 24

UNET = """\
spec = 1
task = "segmentation"
data.batch_size = 4
data.train = { use = "mask-folder", images = "images", masks = "labels", classes = ["membrane", "cell"], values = [0, 255], channels = 1, transforms = [{ use = "random-crop", size = 192 }, { use = "random-horizontal-flip" }, { use = "random-vertical-flip" }] }
model = { use = "unet", width = 16, depth = 4 }
optimizer = { use = "adam", lr = 2e-3 }
metrics = { accuracy = "accuracy" }
"""  # noqa: E501
RESNET = """\
spec = 1
data.batch_size = 16
data.train = { use = "fake", samples = 64, size = [160, 160], classes = 100 }
model = "resnet18"
optimizer = { use = "sgd", lr = 0.01, momentum = 0.9 }
metrics = { accuracy = "accuracy" }
"""
FORMATS = {
    "fp32": 'train = { epochs = 1_000_000, device = "cpu" }\n',
    "bf16": 'train = { epochs = 1_000_000, device = "cpu", precision = "bf16", channels_last = true }\n',
}

Pair = tuple[Any, Any]
Values = dict[str, float]
Epoch = Callable[[], Values]


class Micrographs(Dataset[Pair]):
    """Pictures and masks as a script reads them."""

    def __init__(self) -> None:
        self.transform = v2.Compose(
            [
                v2.RandomCrop(192),
                v2.RandomHorizontalFlip(),
                v2.RandomVerticalFlip(),
                v2.ToDtype({tv_tensors.Image: torch.float32, "others": None}, scale=True),
            ]
        )

    def __len__(self) -> int:
        return PICTURES

    def __getitem__(self, index: int) -> Pair:
        image = np.array(Image.open(f"images/{index:02}.png").convert("L"))
        mask = np.array(Image.open(f"labels/{index:02}.png")) > 0
        pair: Pair = self.transform(tv_tensors.Image(image[None]), tv_tensors.Mask(mask.astype(np.int64)))
        return pair


def write_micrographs() -> None:
    """Put pictures and masks in this folder."""
    archive = DATA / "isbi-membrane" / "isbi2012_membrane.tar"
    if archive.is_file():
        with tarfile.open(archive) as files:
            files.extractall(filter="data")
        for part in ("images", "labels"):
            (Path("isbi2012_membrane") / part).rename(part)
            for path in sorted(Path(part).iterdir())[PICTURES:]:
                path.unlink()
        return
    generator = np.random.default_rng(0)
    for part in ("images", "labels"):
        Path(part).mkdir()
    for number in range(PICTURES):
        coarse = Image.fromarray(generator.integers(256, size=(32, 32), dtype=np.uint8)).resize((512, 512))
        coarse.save(f"images/{number:02}.png")
        coarse.point(lambda value: 255 * (value > 100)).save(f"labels/{number:02}.png")


def make_plain(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterable[Pair], precision: str) -> Epoch:
    """Return an epoch as a script writes it."""
    loss_function = nn.CrossEntropyLoss()
    if precision == "bf16":
        model.to(memory_format=torch.channels_last)

    def epoch() -> Values:
        model.train()
        losses, right, count = [], 0, 0
        for image, target in batches:
            if precision == "bf16":
                image = image.to(memory_format=torch.channels_last)
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                output = model(image)
                loss = loss_function(output, target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            right += int((output.argmax(1) == target).sum().item())
            count += target.numel()
        return {"loss": sum(losses) / len(losses), "accuracy": right / count}

    return epoch


def make_retinue(name: str, spec: str, precision: str, ready: list[tuple[Tensor, Tensor]] | None = None) -> Epoch:
    """Return an epoch of Retinue's engine."""
    trainer = build_run(f"{name}-{precision}", spec + FORMATS[precision])
    if ready is not None:
        give_batches(trainer, ready)
    return lambda: run_epoch(trainer)


def make_unets() -> dict[str, Epoch]:
    """Return by name what runs through an epoch of U-Net."""
    contenders = {}
    for precision in FORMATS:
        torch.manual_seed(0)
        model = UNet(num_classes=2, in_channels=1, width=16, depth=4)
        batches = DataLoader(Micrographs(), batch_size=4, shuffle=True)
        adam = torch.optim.Adam(model.parameters(), lr=2e-3)
        contenders[f"plain loop, {precision}"] = keep_threads(make_plain(model, adam, batches, precision))
        contenders[f"retinue, {precision}"] = keep_threads(make_retinue("unet", UNET, precision))
    return contenders


def make_resnets() -> dict[str, Epoch]:
    """Return by name what runs through an epoch of ResNet-18."""
    generator = torch.Generator().manual_seed(0)
    ready = [
        (torch.rand(16, 3, 160, 160, generator=generator), torch.randint(100, (16,), generator=generator))
        for _ in range(4)
    ]
    contenders = {}
    for precision in FORMATS:
        torch.manual_seed(0)
        model = resnet18(num_classes=100)
        sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        contenders[f"plain loop, {precision}"] = keep_threads(make_plain(model, sgd, ready, precision))
        contenders[f"retinue, {precision}"] = keep_threads(make_retinue("resnet", RESNET, precision, ready))
    return contenders


def keep_threads(epoch: Epoch) -> Epoch:
    """Return an epoch that has the threads that torch has now: building a run sets them, as its workers need."""
    threads = torch.get_num_threads()

    def run() -> Values:
        torch.set_num_threads(threads)
        return epoch()

    return run


def compare(title: str, contenders: dict[str, Epoch], rounds: int) -> None:
    """Print the table of one network."""
    latest: dict[str, Values] = {}

    def run(name: str, epoch: Epoch) -> Cost:
        return measure(lambda: latest.update({name: epoch()}))

    costs = take_turns({name: lambda n=name, e=epoch: run(n, e) for name, epoch in contenders.items()}, rounds)  # type: ignore[misc]
    print_table(title, costs, speed=True)
    for name, values in latest.items():
        print(f"{name:24}last epoch: loss {values['loss']:.3f}, accuracy {values['accuracy']:.3f}")
    print()


def main(rounds: int = 6) -> None:
    """Print the tables of both networks."""
    print_machine("torchvision", "retinue")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        write_micrographs()
        compare("U-Net, 24 x 192 x 192", make_unets(), rounds)
        compare("ResNet-18, 64 x 160 x 160", make_resnets(), rounds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
