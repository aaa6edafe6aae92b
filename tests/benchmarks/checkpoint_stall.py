"""How long training waits for a checkpoint: `python tests/benchmarks/checkpoint_stall.py [ROUNDS]`.

ResNet-18 with SGD's momentum, 90 MB, learns for ten steps from small batches, is saved, and learns for ten more:
in a plain loop with `torch.save`, as it is and with what makes a file last, and in Retinue's engine, which writes while
training goes on. The first table is of the call alone; the second of all twenty steps, beside those without a
checkpoint, so what writing takes from the steps beside it is in it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from comparison import Cost, Costs, Stopwatch, measure, print_machine, print_table, take_turns
from torch import Tensor, nn
from trainers import build_run, give_batches

from retinue.engine.loop import train_step
from retinue.engine.saving import save_checkpoint
from retinue_resnet.imagenet import resnet18

STEPS = 20
SPEC = """\
spec = 1
data.batch_size = 4
data.train = { use = "fake", samples = 80, size = [64, 64], classes = 1000 }
model = "resnet18"
optimizer = { use = "sgd", lr = 0.01, momentum = 0.9 }
train = { epochs = 1_000_000, device = "cpu" }
"""

Pairs = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Loop:
    """What learns.

    Attributes:
        step: learns from a batch, by its number.
        save: makes a checkpoint.
        wait: returns when it is on disk.
    """

    step: Callable[[int], object]
    save: Callable[[], object]
    wait: Callable[[], object] = lambda: None


def make_pairs() -> Pairs:
    """Return batches that are ready."""
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.rand(4, 3, 64, 64, generator=generator), torch.randint(1000, (4,), generator=generator))
        for _ in range(STEPS)
    ]


def make_plain(pairs: Pairs, synced: bool) -> Loop:
    """Return a plain loop."""
    torch.manual_seed(0)
    model, loss_function = resnet18(num_classes=1000), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step(number: int) -> None:
        image, label = pairs[number]
        optimizer.zero_grad()
        loss_function(model(image), label).backward()
        optimizer.step()

    def save() -> None:
        with open("checkpoint.pt", "wb") as file:
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
            if synced:
                file.flush()
                os.fsync(file.fileno())

    return Loop(step, save)


def make_retinue(pairs: Pairs) -> Loop:
    """Return Retinue's engine."""
    trainer = build_run("run", SPEC)
    give_batches(trainer, pairs)
    batches = list(trainer.train.batches(0))
    state = trainer.run.state

    def step(number: int) -> None:
        state.batch = number
        train_step(trainer, batches[number])
        state.step += 1

    return Loop(step, partial(save_checkpoint, trainer), trainer.store.wait)


def learn(loop: Loop, calls: list[Cost] | None) -> Cost:
    """Return what all steps cost; where there are calls to add to, with a checkpoint in their middle."""
    watch = Stopwatch()
    for number in range(STEPS):
        loop.step(number)
        if calls is not None and number == STEPS // 2 - 1:
            calls.append(measure(loop.save))
    cost = watch.read()
    # What is still written must not slow down whose turn is next.
    loop.wait()
    return cost


def main(rounds: int = 10) -> None:
    """Print the tables."""
    print_machine("retinue")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        pairs = make_pairs()
        made = {
            "torch.save": make_plain(pairs, synced=False),
            "torch.save, synced": make_plain(pairs, synced=True),
            "retinue": make_retinue(pairs),
        }
        calls: Costs = {name: [] for name in made}
        turns: dict[str, Callable[[], Cost]] = {}
        for name, loop in made.items():
            if name != "torch.save, synced":
                turns[f"{name.replace('torch.save', 'plain loop')}, none"] = partial(learn, loop, None)
            turns[name] = partial(learn, loop, calls[name])
        whole = take_turns(turns, rounds)
    print_table("the call", {name: costs[1:] for name, costs in calls.items()}, unit="ms")
    print_table(f"{STEPS} steps and a checkpoint", whole)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
