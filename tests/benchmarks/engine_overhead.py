"""What the engine costs beside a step written by hand: `python tests/benchmarks/engine_overhead.py [ROUNDS]`.

A two-layer perceptron learns from batches of 64 that are ready in memory, on one thread. The loop of a tutorial logs
the mean loss and the accuracy of an epoch, and so does every other contender. Processor time of a step; contenders
take turns in slices of an epoch, each ratio is between neighbours. Retinue's SGD and Adam are torch's fused ones: each
is compared with the tutorial's optimizer once as it is, once with torch's default.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time

import torch
import torch.nn.functional as F
from perceptron import STEPS, Epoch, build_model, make_pairs, make_tutorial
from torch import Tensor
from trainers import build_run, give_batches, run_epoch

SPEC = """\
spec = 1
data.batch_size = 64
data.train = { use = "fake", samples = 6400, size = [16, 16], channels = 1 }
model = { use = "mlp", hidden = [256] }
optimizer = { use = "OPTIMIZER", lr = 0.01 }
train = { epochs = 1_000_000, device = "cpu" }
log = { tensorboard = false }
"""


def make_hand_tuned(pairs: list[tuple[Tensor, Tensor]]) -> Epoch:
    """Return an epoch without reads of values, and with the optimizer's kernel called directly."""
    model = build_model()
    parameters: list[Tensor] = list(model.parameters())

    def epoch() -> tuple[Tensor, Tensor]:
        losses, correct = [], []
        for image, label in pairs:
            output = model(image)
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


def make_engine(pairs: list[tuple[Tensor, Tensor]], optimizer: str, fused: bool | None) -> Epoch:
    """Return an epoch of Retinue's engine, with its records."""
    trainer = build_run(f"{optimizer}-{fused}", SPEC.replace("OPTIMIZER", optimizer))
    give_batches(trainer, pairs)
    trainer.learner.optimizer.param_groups[0]["fused"] = fused
    return lambda: run_epoch(trainer)


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
    pairs = make_pairs()
    sgd, adam = make_tutorial(pairs), make_tutorial(pairs, torch.optim.Adam)
    contenders = {
        "tutorial's loop, SGD": (sgd, sgd),
        "retinue, the same SGD": (sgd, make_engine(pairs, "sgd", fused=None)),
        "retinue, its own SGD": (sgd, make_engine(pairs, "sgd", fused=True)),
        "hand-tuned": (sgd, make_hand_tuned(pairs)),
        "tutorial's loop, Adam": (adam, adam),
        "retinue, the same Adam": (adam, make_engine(pairs, "adam", fused=None)),
        "retinue, its own Adam": (adam, make_engine(pairs, "adam", fused=True)),
    }
    torch.set_num_threads(1)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for number in range(-2, rounds):
        for name, (loop, epoch) in contenders.items():
            pair = measure(loop), measure(epoch)
            if number >= 0:
                found[name].append(pair)
    print(f"{'ratio to the loop':34}{'min':>6}{'median':>8}{'max':>6}{'us a step':>12}")
    for name, pairs_of_times in found.items():
        ratios = [own / before for before, own in pairs_of_times]
        own = statistics.median(own for _, own in pairs_of_times)
        print(f"{name:34}{min(ratios):6.2f}{statistics.median(ratios):8.2f}{max(ratios):6.2f}{own:12.0f}")


if __name__ == "__main__":
    main()
