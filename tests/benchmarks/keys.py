"""What it costs that a seed fixes everything: `python tests/benchmarks/keys.py [ROUNDS]`.

Processor time of what keys are derived, drawn from and given to torch for, on one thread, and its share of a step of
the CIFAR-10 LeNet at batch 64, the smallest work that is common. Then that step with `train.deterministic`.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from comparison import measure, print_machine, print_table, take_turns
from trainers import build_run, give_batches, run_epoch

from retinue.api import Draws
from retinue.data.keys import (
    Purpose,
    derive_key,
    derive_sample_keys,
    preserve_generators,
    seed_generators,
    seed_torch,
    vary_key,
)
from retinue.data.sampling import EpochBatches
from retinue.engine.execution import run_deterministically

BATCH, STEPS, REPEATS = 64, 20, 2000
SPEC = """\
spec = 1
data.batch_size = 64
data.train = { use = "fake", samples = 1280, size = [32, 32] }
model = "lenet"
optimizer = { use = "sgd", lr = 0.01, momentum = 0.9 }
train = { epochs = 1_000_000, device = "cpu" }
"""


def list_parts() -> dict[str, tuple[int, Callable[[], object]]]:
    """Return by name how often a step does something, and what."""
    indices, key = np.arange(BATCH), derive_key(Purpose.STEP, 0)
    keys = derive_sample_keys(0, 0, indices)
    order = EpochBatches(50_000, BATCH, 0, learnt=True, drop_last=False)

    def draw() -> None:
        draws = Draws(keys)
        for _ in range(3):
            draws.uniform()

    def reseed() -> None:
        seed_generators(derive_key(Purpose.SAMPLE, 0, 0, 7))

    def preserve() -> None:
        with preserve_generators():
            pass

    return {
        "step: torch seeded": (1, lambda: seed_torch(vary_key(key, 7, 0))),
        "batched: keys of a batch": (1, lambda: derive_sample_keys(0, 0, indices)),
        "batched: crop and flip draw": (1, draw),
        "streamed: key and draws of a sample": (BATCH, lambda: Draws(derive_sample_keys(0, 0, [7]))),
        "unkeyed: generators of a sample": (BATCH, reseed),
        "unkeyed: generators kept": (1, preserve),
        "epoch: the order of 50,000": (0, order.order),
    }


def measure_part(repeats: int, part: Callable[[], object]) -> float:
    """Return microseconds of processor time of a call."""
    return measure(lambda: [part() for _ in range(repeats)]).processor / repeats * 1e6


def main(rounds: int = 10) -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    print_machine("retinue")
    generator = torch.Generator().manual_seed(0)
    pairs = [
        (torch.rand(BATCH, 3, 32, 32, generator=generator), torch.randint(10, (BATCH,), generator=generator))
        for _ in range(STEPS)
    ]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        trainer = build_run("run", SPEC)
        torch.set_num_threads(1)
        give_batches(trainer, pairs)

        def run(deterministic: bool) -> None:
            with run_deterministically(deterministic):
                run_epoch(trainer)

        costs = take_turns(
            {
                "as it is": partial(measure, partial(run, False)),
                "train.deterministic": partial(measure, partial(run, True)),
            },
            rounds,
        )
    step = statistics.median(cost.processor for cost in costs["as it is"]) / STEPS * 1e6
    print(f"{f'of a step of {step:,.0f} us':38}{'us: min':>10}{'median':>8}{'max':>8}{'times a step':>14}{'share':>8}")
    for name, (times, part) in list_parts().items():
        repeats = REPEATS if times else 20
        taken = [measure_part(repeats, part) for _ in range(rounds)]
        median = statistics.median(taken)
        print(f"{name:38}{min(taken):10.1f}{median:8.1f}{max(taken):8.1f}{times:14}", end="")
        print(f"{times * median / step:8.2%}" if times else "")
    print()
    print_table(f"{STEPS} steps", costs, unit="ms")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
