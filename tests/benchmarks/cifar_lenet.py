"""The CIFAR-10 job of PyTorch's tutorial, end to end: `python tests/benchmarks/cifar_lenet.py [ROUNDS [PICTURES]]`.

Its LeNet learns for two epochs from batches of 64, by SGD with momentum, and is evaluated on a fifth as many pictures.
The tutorial's script has a DataLoader without workers, or with two, and is evaluated once; so is the hand-tuned one,
which shows what can be had. Retinue's run evaluates after each epoch, and keeps records and checkpoints. Each job has a
process of its own, with torch's threads as they are by default. The data are JPEG copies of CIFAR's under
RETINUE_TEST_DATA, 50,000 at most, in the files that torchvision and Retinue read; made up where they are absent.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import pickle
import statistics
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from comparison import Cost, Costs, Stopwatch, measure_process, print_machine, print_table, take_turns
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
DATA = Path(os.environ.get("RETINUE_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)
EPOCHS, BATCH = 2, 64

AUGMENTATION = '{ use = "random-crop", size = 32, padding = 4 }, { use = "random-horizontal-flip" }, '
SPEC = """\
spec = 1
seed = {seed}
data.batch_size = 64
data.train = {{ use = "cifar10", root = "{root}", part = "train", transforms = [{augmentation}{normalize}] }}
data.val = {{ use = "cifar10", root = "{root}", part = "test", transforms = [{normalize}] }}
model = "lenet"
optimizer = {{ use = "sgd", lr = 0.01, momentum = 0.9 }}
train = {{ epochs = {epochs}, device = "cpu", channels_last = {channels_last} }}
"""
NORMALIZE = f'{{ use = "normalize", mean = {list(MEAN)}, std = {list(STD)} }}'

Pictures = tuple[npt.NDArray[np.uint8], list[int]]
"""N x 32 x 32 x 3 and their labels."""


def write_data(root: Path, count: int) -> None:
    """Write training and test pictures in the files of CIFAR-10."""
    archive = DATA / "cifar10" / "cifar10_jpg.tar.gz"
    read = partial(read_pictures, archive) if archive.is_file() else make_pictures
    folder = root / datasets.CIFAR10.base_folder
    folder.mkdir()

    def dump(name: str, content: object) -> tuple[str, str]:
        data = pickle.dumps(content)
        (folder / name).write_bytes(data)
        return name, hashlib.md5(data, usedforsecurity=False).hexdigest()

    def dump_part(name: str, images: npt.NDArray[np.uint8], labels: list[int]) -> tuple[str, str]:
        return dump(name, {"data": images.transpose(0, 3, 1, 2).reshape(len(images), -1), "labels": labels})

    name, md5 = dump("batches.meta", {"label_names": CLASSES})
    files = {
        "train_list": [dump_part("data_batch_1", *read("train", count))],
        "test_list": [dump_part("test_batch", *read("test", count // 5))],
        "meta": {"filename": name, "key": "label_names", "md5": md5},
    }
    (root / "files.json").write_text(json.dumps(files))


def read_pictures(archive: Path, part: str, count: int) -> Pictures:
    """Return pictures of all classes from the archive."""
    images, labels, left = [], [], dict.fromkeys(CLASSES, count // len(CLASSES))
    with tarfile.open(archive) as files:
        for member in files:
            kind, name = Path(member.name).parts[-3:-1] if member.isfile() else ("", "")
            if kind == part and left[name]:
                left[name] -= 1
                images.append(np.array(Image.open(io.BytesIO(files.extractfile(member).read())).convert("RGB")))  # type: ignore[union-attr]
                labels.append(CLASSES.index(name))
    return np.stack(images), labels


def make_pictures(part: str, count: int) -> Pictures:
    """Return noise around a colour for each class."""
    generator = np.random.default_rng(len(part))
    labels = generator.integers(10, size=count)
    colours = np.random.default_rng(0).integers(64, 192, size=(10, 1, 1, 3))
    images = colours[labels] + generator.normal(0, 64, size=(count, 32, 32, 3))
    return images.clip(0, 255).astype(np.uint8), labels.tolist()


def pass_for_official(root: Path) -> None:
    """Let torchvision take these files, whose MD5 sums are not those of the official ones."""
    for name, value in json.loads((root / "files.json").read_text()).items():
        setattr(datasets.CIFAR10, name, value)


class Net(nn.Module):
    """The tutorial's network."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x)  # type: ignore[no-any-return]


def run_tutorial(root: Path, augmented: bool, seed: int, workers: int) -> float:
    """Train and evaluate as the tutorial does; return the accuracy."""
    torch.manual_seed(seed)
    normalize = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    augmentation = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()] if augmented else []
    trainset = datasets.CIFAR10(root, train=True, transform=transforms.Compose([*augmentation, *normalize]))
    testset = datasets.CIFAR10(root, train=False, transform=transforms.Compose(normalize))
    trainloader = DataLoader(trainset, batch_size=BATCH, shuffle=True, num_workers=workers)
    testloader = DataLoader(testset, batch_size=BATCH, shuffle=False, num_workers=workers)
    net = Net()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    for epoch in range(EPOCHS):
        running_loss = 0.0
        for data in trainloader:
            inputs, labels = data
            optimizer.zero_grad()
            outputs = net(inputs)
            loss = criterion(outputs, labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        print(f"[{epoch + 1}] loss: {running_loss / len(trainloader):.3f}")
    correct, total = 0, 0
    with torch.no_grad():
        for data in testloader:
            images, labels = data
            outputs = net(images)
            _, predicted = torch.max(outputs.data, 1)
            total += labels.size(0)
            correct += (predicted == labels).sum().item()
    torch.save(net.state_dict(), root / "net.pth")
    return correct / total


def run_hand_tuned(root: Path, augmented: bool, seed: int) -> float:
    """Do the tutorial's job with bytes in memory, batches that are prepared as a whole, channels_last and fused SGD."""
    torch.manual_seed(seed)
    train, test = (read_tensors(root, part) for part in (True, False))
    net = Net().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, fused=True)
    windows = F.pad(train[0], (4, 4, 4, 4)).unfold(2, 32, 1).unfold(3, 32, 1)
    for _ in range(EPOCHS):
        losses = []
        for chosen in torch.split(torch.randperm(len(train[0])), BATCH):
            if augmented:
                tops, lefts = torch.randint(9, (2, len(chosen)))
                pictures = windows[chosen, :, tops, lefts]
                pictures = torch.where(torch.rand(len(chosen), 1, 1, 1) < 0.5, pictures.flip(-1), pictures)
            else:
                pictures = train[0].index_select(0, chosen)
            loss = F.cross_entropy(net(normalize(pictures)), train[1][chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.detach())
        print(f"loss: {torch.stack(losses).mean():.3f}")
    with torch.no_grad():
        batches = zip(*(torch.split(values, BATCH) for values in test), strict=True)
        correct = [(net(normalize(pictures)).argmax(1) == labels).sum() for pictures, labels in batches]
    torch.save(net.state_dict(), root / "net.pth")
    return int(torch.stack(correct).sum()) / len(test[0])


def read_tensors(root: Path, train: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return pictures N x 3 x 32 x 32 and labels."""
    part = datasets.CIFAR10(root, train=train)
    return torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(part.targets)


def normalize(pictures: torch.Tensor) -> torch.Tensor:
    """Return a batch as the network takes it."""
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (MEAN, STD))
    return pictures.float().mul_(1 / 255).sub_(mean).div_(std).contiguous(memory_format=torch.channels_last)


def run_retinue(root: Path, augmented: bool, seed: int, channels_last: bool) -> float:
    """Call `retinue train`; return the accuracy."""
    from retinue.cli import main

    with tempfile.TemporaryDirectory() as folder:
        spec, run = Path(folder) / "spec.toml", Path(folder) / "run"
        values = {"root": root, "seed": seed, "epochs": EPOCHS, "channels_last": str(channels_last).lower()}
        spec.write_text(SPEC.format(augmentation=AUGMENTATION if augmented else "", normalize=NORMALIZE, **values))
        sys.argv = ["retinue", "train", str(spec), "--out", str(run)]
        # Even when all is well it ends the process.
        with contextlib.suppress(SystemExit):
            main()
        last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
        return float(last["val/accuracy"])


CONTENDERS: dict[str, Callable[[Path, bool, int], float]] = {
    "tutorial": partial(run_tutorial, workers=0),
    "tutorial, two workers": partial(run_tutorial, workers=2),
    "hand-tuned": run_hand_tuned,
    "retinue": partial(run_retinue, channels_last=False),
    "retinue, channels_last": partial(run_retinue, channels_last=True),
}


def run_job(name: str, root: Path, augmented: bool, seed: int) -> None:
    """Do one job, in a process that is its own; its last line is its accuracy, and its time without imports."""
    pass_for_official(root)
    watch = Stopwatch()
    accuracy = CONTENDERS[name](root, augmented, seed)
    print(json.dumps({"accuracy": accuracy, "threads": torch.get_num_threads(), **asdict(watch.read())}))


def compare(root: Path, augmented: bool, rounds: int) -> None:
    """Print the tables of one job."""
    inner: Costs = {name: [] for name in CONTENDERS}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}

    def run(name: str) -> Cost:
        seed = len(found[name])
        command = [sys.executable, __file__, "job", name, str(root), str(int(augmented)), str(seed)]
        cost, printed = measure_process(command, root)
        result = json.loads(printed.splitlines()[-1])
        inner[name].append(Cost(result["processor"], result["wall"]))
        found[name].append(result)
        return cost

    whole = take_turns({name: partial(run, name) for name in CONTENDERS}, rounds, warm_up=0)
    job = "crop, flip, normalize" if augmented else "normalize"
    print_table(f"{job}: the process", whole, speed=True)
    print_table(f"{job}: torch imported", inner, speed=True)
    for name, results in found.items():
        accuracies = [result["accuracy"] for result in results]
        spread = " ".join(f"{choose(accuracies):.3f}" for choose in (min, statistics.median, max))
        print(f"{name:24}accuracy {spread}, torch has {results[0]['threads']:.0f} threads")
    print()


def main(rounds: int = 3, count: int = 12_500) -> None:
    """Print the tables of both jobs."""
    print_machine("torchvision", "retinue")
    with tempfile.TemporaryDirectory() as folder:
        write_data(Path(folder), count)
        for augmented in (False, True):
            compare(Path(folder), augmented, rounds)


if __name__ == "__main__":
    if sys.argv[1:2] == ["job"]:
        run_job(sys.argv[2], Path(sys.argv[3]), bool(int(sys.argv[4])), int(sys.argv[5]))
    else:
        main(*map(int, sys.argv[1:]))
