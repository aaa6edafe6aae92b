"""What the engine costs beside a step written by hand: `python tests/benchmarks/engine_overhead.py [ROUNDS]`.

A two-layer perceptron learns from batches of 64 that are ready in memory, on one thread. The loop of a tutorial logs
the mean loss and the accuracy of an epoch, and so does every other contender. Processor time of a step; contenders
take turns in slices of an epoch, each ratio is between neighbours.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from retinue.api import Batch
from retinue.build import build_trainer
from retinue.builtin.models.mlp import MLP
from retinue.engine.distributed import Group
from retinue.engine.loop import train_epoch
from retinue.engine.trainer import Trainer
from retinue.plan import make_plan
from retinue.plugins.registry import Registry
from retinue.rundir import RunDirectory
from retinue.spec.loading import load_spec

STEPS = 100
SPEC = """\
spec = 1
data.batch_size = 64
data.train = { use = "fake", samples = 6400, size = [16, 16], channels = 1 }
model = { use = "mlp", hidden = [256] }
optimizer = { use = "sgd", lr = 0.01 }
train = { epochs = 1_000_000, device = "cpu" }
log = { tensorboard = false }
"""

Epoch = Callable[[], object]


def make_batches() -> list[Batch]:
    """Return what every contender learns from."""
    generator = torch.Generator().manual_seed(0)
    return [
        {
            "image": torch.rand(64, 1, 16, 16, generator=generator),
            "label": torch.randint(10, (64,), generator=generator),
        }
        for _ in range(STEPS)
    ]


def build_model() -> nn.Module:
    """Return the perceptron of the spec."""
    torch.manual_seed(0)
    return MLP(num_classes=10, image_size=(16, 16), in_channels=1, hidden=(256,))


def make_tutorial(batches: list[Batch], fused: bool | None) -> Epoch:
    """Return an epoch as PyTorch's tutorials write it."""
    model, loss_function = build_model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, fused=fused)

    def epoch() -> tuple[float, float]:
        total, correct = 0.0, 0
        for batch in batches:
            image, label = batch["image"], batch["label"]
            optimizer.zero_grad()
            output = model(image)
            loss = loss_function(output, label)
            loss.backward()
            optimizer.step()
            total += loss.item()
            correct += (output.argmax(1) == label).sum().item()
        return total / STEPS, correct / (64 * STEPS)

    return epoch


def make_hand_tuned(batches: list[Batch]) -> Epoch:
    """Return an epoch without reads of values, and with the optimizer's kernel called directly."""
    model = build_model()
    parameters: list[Tensor] = list(model.parameters())

    def epoch() -> tuple[Tensor, Tensor]:
        losses, correct = [], []
        for batch in batches:
            label = batch["label"]
            output = model(batch["image"])
            loss = F.cross_entropy(output, label)
            loss.backward()  # type: ignore[no-untyped-call]
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            with torch.no_grad():
                torch._fused_sgd_(
                    parameters, gradients, [], weight_decay=0.0, momentum=0.0, lr=0.01, dampening=0.0,
                    nesterov=False, maximize=False, is_first_step=False,
                )  # fmt: skip
            for parameter in parameters:
                parameter.grad = None
            losses.append(loss.detach())
            correct.append((output.detach().argmax(1) == label).sum())
        return torch.stack(losses).mean(), torch.stack(correct).sum() / (64 * STEPS)

    return epoch


class ReadyBatches:
    """Stands for the loader of a run."""

    unreadable = None

    def __init__(self, batches: list[Batch], trainer: Trainer) -> None:
        self.ready = batches
        self.order = trainer.train.order

    def __len__(self) -> int:
        return len(self.ready)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        return iter(self.ready)


def make_engine(batches: list[Batch], fused: bool | None) -> Epoch:
    """Return an epoch of Retinue's engine, with its records and progress."""
    Path("spec.toml").write_text(SPEC)
    plan = make_plan(load_spec("spec.toml"), Registry())
    directory = RunDirectory(f"run-{fused}")
    directory.path.mkdir()
    trainer, _ = build_trainer(plan, directory, Group(), lambda model: None)
    trainer.train = ReadyBatches(batches, trainer)  # type: ignore[assignment]
    trainer.learner.optimizer.param_groups[0]["fused"] = fused

    def epoch() -> dict[str, float]:
        train_epoch(trainer)
        values = trainer.train_meter.compute()
        trainer.train_meter.reset()
        trainer.run.state.epoch, trainer.run.state.batch = trainer.run.state.epoch + 1, 0
        return values

    return epoch


def measure(epoch: Epoch) -> float:
    """Return microseconds of processor time for a step."""
    start = time.process_time()
    epoch()
    return (time.process_time() - start) / STEPS * 1e6


def main() -> None:
    """Print a table of ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    torch.set_num_threads(1)
    os.chdir(tempfile.mkdtemp())
    batches = make_batches()
    tutorial = make_tutorial(batches, fused=None)
    contenders = {
        "tutorial loop": tutorial,
        "retinue, the same optimizer": make_engine(batches, fused=None),
        "tutorial loop, fused": make_tutorial(batches, fused=True),
        "retinue, defaults (fused)": make_engine(batches, fused=True),
        "hand-tuned": make_hand_tuned(batches),
    }
    torch.set_num_threads(1)
    found: dict[str, list[float]] = {name: [] for name in contenders}
    base = []
    for number in range(-2, rounds):
        for name, epoch in contenders.items():
            before = measure(tutorial)
            ratio = measure(epoch) / before
            if number >= 0:
                found[name].append(ratio)
                base.append(before)
    print(f"tutorial loop: {statistics.median(base):.0f} us of processor time a step, the best {min(base):.0f}")
    print(f"{'ratio to it':34}{'min':>6}{'median':>8}{'max':>6}")
    for name, ratios in found.items():
        print(f"{name:34}{min(ratios):6.2f}{statistics.median(ratios):8.2f}{max(ratios):6.2f}")


if __name__ == "__main__":
    main()
