"""How long commands take to begin: `python tests/benchmarks/start_up.py [ROUNDS]`.

Each runs in a process of its own, from its start to its end. First what needs no torch, beside the import of the
library that reads the command line, and the listings of others: those that are installed here, and those whose
environments `peers.py` has made. Then training for one step and an evaluation, on the digits that ship inside, beside a
script that does the same with a network as small; and the same, each ended by itself right after the step.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch
from comparison import Cost, measure_process, print_machine, print_table, take_turns
from peers import find_python

from retinue.builtin.datasets.digits import Digits

SPEC = """\
spec = 1
data.batch_size = 64
data.train = { use = "digits", split = { fraction = 0.8 } }
data.val = { use = "digits", split = { fraction = 0.8 } }
model = "lenet"
optimizer = { use = "sgd", lr = 0.1 }
train = { steps = 1, device = "cpu" }
"""
SCRIPT = """\
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

images, labels = torch.load("digits.pt")
scale = v2.ToDtype(torch.float32, scale=True)
train = DataLoader(TensorDataset(images[:1438], labels[:1438]), batch_size=64, shuffle=True)
val = DataLoader(TensorDataset(images[1438:], labels[1438:]), batch_size=64)
net = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(96, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for image, label in train:
    loss = nn.functional.cross_entropy(net(scale(image)), label)
    loss.backward()
    optimizer.step()
    break
net.eval()
with torch.no_grad():
    right = sum((net(scale(image)).argmax(1) == label).sum().item() for image, label in val)
print(f"loss {loss.item():.3f} accuracy {right / 359:.3f}")
torch.save(net.state_dict(), "net.pt")
"""
STOPPING_SCRIPT = "import os\n" + SCRIPT.replace("    break\n", "    os._exit(0)\n")
STOPPING_PLUGIN = """\
import os

from retinue.api import Callback
from retinue.hooks import hookimpl


class Stop(Callback):
    def step(self, run, batch, output):
        os._exit(0)


@hookimpl
def retinue_callbacks(register):
    register("stop", Stop, summary="Ends the process after the first step.")
"""
# After TensorBoard, which draws the first batch.
STOPPING = 'callbacks=["tensorboard", "stop"]'
TRAINING = {
    "retinue train": ["-m", "retinue", "train", "spec.toml", "--out"],
    "retinue.train": ["-c", "import retinue, sys; retinue.train('spec.toml', sys.argv[2:], sys.argv[1])"],
}
FIRST = {"import click": ["-c", "import click"]}
TORCH_FREE = {
    **FIRST,
    "python": ["-c", "pass"],
    "retinue --help": ["-m", "retinue", "--help"],
    "retinue list": ["-m", "retinue", "list"],
    "retinue plugins list": ["-m", "retinue", "plugins", "list"],
    "retinue check, a wrong name": ["-m", "retinue", "check", "wrong.toml"],
}
LISTINGS = {
    "MMEngine's registries": (
        "mmengine",
        ["-c", "import mmengine.registry as registry; registry.count_registered_modules('.', verbose=False)"],
    ),
    "accelerate --help": ("accelerate", ["-m", "accelerate.commands.accelerate_cli", "--help"]),
    "LightningCLI": ("lightning", ["-c", "import lightning.pytorch.cli"]),
}

Contender = Callable[[], Cost]


def run(command: list[str | Path], fails: bool = False) -> Cost:
    """Return what a process costs in this folder."""
    return measure_process(command, Path.cwd(), fails)[0]


def make_contenders(commands: dict[str, list[str]]) -> dict[str, Contender]:
    """Return by name what runs this Python."""
    return {
        name: partial(run, [sys.executable, *arguments], fails="wrong" in name) for name, arguments in commands.items()
    }


def make_listings() -> dict[str, Contender]:
    """Return by name what lists in libraries that are installed."""
    contenders = make_contenders(FIRST)
    if find_spec("timm"):
        contenders["timm's models"] = partial(run, [sys.executable, "-c", "import timm; timm.list_models()"])
    for name, (peer, arguments) in LISTINGS.items():
        if python := find_python(peer):
            contenders[name] = partial(run, [python, *arguments])
    return contenders


def make_trainings(script: str, *overrides: str) -> dict[str, Contender]:
    """Return by name what trains for a step."""
    trainings = {name: partial(train_anew, arguments, overrides) for name, arguments in TRAINING.items()}
    return {"script": partial(run, [sys.executable, script]), **trainings}


def train_anew(arguments: list[str], overrides: tuple[str, ...]) -> Cost:
    """Return what a run costs whose directory is its own."""
    number = sum(path.name.startswith("run-") for path in Path.cwd().iterdir())
    return run([sys.executable, *arguments, f"run-{number}", *overrides])


def main(rounds: int = 10) -> None:
    """Print the tables."""
    print_machine("torchvision", "click", "retinue")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("spec.toml").write_text(SPEC)
        Path("wrong.toml").write_text(SPEC.replace("lenet", "lenett"))
        Path("script.py").write_text(SCRIPT)
        digits = Digits()
        images = torch.stack([digits[number]["image"] for number in range(len(digits))])
        torch.save((images.as_subclass(torch.Tensor), torch.tensor(digits.labels)), "digits.pt")
        print_table("without torch", take_turns(make_contenders(TORCH_FREE), rounds), unit="ms")
        # They take seconds: a fifth of the rounds.
        print_table("listings of others", take_turns(make_listings(), max(1, rounds // 5), warm_up=0), unit="ms")
        print_table("a step and an evaluation", take_turns(make_trainings("script.py"), rounds))
        # Written now: the listings would show it.
        Path("stopping.py").write_text(STOPPING_SCRIPT)
        Path("stop.py").write_text(STOPPING_PLUGIN)
        Path("registry.toml").write_text('schema = 1\n[local]\nstop = { path = "stop.py" }\n')
        print_table("the first step", take_turns(make_trainings("stopping.py", STOPPING), rounds))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
