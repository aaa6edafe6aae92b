"""Training steps of ResNet-50 beside a tuned loop: `python tests/benchmarks/resnet_step.py [ROUNDS]`.

On a GPU, where torch sees one, batches of 256 pictures of 224 x 224; else batches of 8 of 64 x 64. They are ready where
the model is. The loop has channels_last, fused SGD and, for bf16, autocast, and reads no value before the epoch ends.
Retinue logs the mean loss and the accuracy besides. An epoch is 20 steps; contenders take turns.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable

import torch
import torch.nn.functional as F
from comparison import measure, print_machine, print_table, take_turns
from torch import Tensor
from trainers import build_run, give_batches, run_epoch

from retinue_resnet.imagenet import resnet50

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
BATCH, SIZE = (256, 224) if DEVICE == "cuda" else (8, 64)
STEPS = 20

SPEC = """\
spec = 1
data.batch_size = BATCH
data.train = { use = "fake", samples = SAMPLES, size = [SIZE, SIZE], classes = 1000 }
model = "resnet50"
optimizer = { use = "sgd", lr = 0.01, momentum = 0.9 }
train = { epochs = 1_000_000, device = "DEVICE", channels_last = true, precision = "PRECISION" }
log = { tensorboard = false }
"""

Epoch = Callable[[], object]


def make_batches() -> list[tuple[Tensor, Tensor]]:
    """Return the batches of an epoch, which are one again and again."""
    image = torch.rand(BATCH, 3, SIZE, SIZE, device=DEVICE).to(memory_format=torch.channels_last)
    return [(image, torch.randint(1000, (BATCH,), device=DEVICE))] * STEPS


def make_loop(batches: list[tuple[Tensor, Tensor]], precision: str) -> Epoch:
    """Return an epoch of the tuned loop."""
    model = resnet50(num_classes=1000).to(DEVICE, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)

    def epoch() -> float:
        losses = []
        for image, label in batches:
            with torch.autocast(DEVICE, torch.bfloat16, enabled=precision == "bf16"):
                loss = F.cross_entropy(model(image), label)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.detach())
        return float(torch.stack(losses).mean())

    return epoch


def make_retinue(batches: list[tuple[Tensor, Tensor]], precision: str) -> Epoch:
    """Return an epoch of Retinue's engine."""
    values = {"BATCH": BATCH, "SAMPLES": BATCH * STEPS, "SIZE": SIZE, "DEVICE": DEVICE, "PRECISION": precision}
    spec = SPEC
    for name, value in values.items():
        spec = spec.replace(name, str(value))
    trainer = build_run(precision, spec)
    give_batches(trainer, batches)
    return lambda: run_epoch(trainer)


def main(rounds: int = 5) -> None:
    """Print the tables of both number formats."""
    print_machine("torchvision", "retinue")
    print(torch.cuda.get_device_name() if DEVICE == "cuda" else "no GPU")
    threads = torch.get_num_threads()
    batches = make_batches()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for precision in ("fp32", "bf16"):
            contenders = {"tuned loop": make_loop(batches, precision), "retinue": make_retinue(batches, precision)}
            # Building a run sets them, as its workers need.
            torch.set_num_threads(threads)
            costs = take_turns({name: lambda act=act: measure(act) for name, act in contenders.items()}, rounds)  # type: ignore[misc]
            print_table(f"{precision}, {STEPS} x {BATCH} x {SIZE} x {SIZE}", costs)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
