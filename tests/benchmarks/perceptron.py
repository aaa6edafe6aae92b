"""The perceptron that loops learn in benchmarks of a step; peers import it, so it does without Retinue."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

STEPS = 100
"""Batches in an epoch."""

WARM_UP = 3
"""Epochs that do not count."""

Epoch = Callable[[], object]


def make_pairs() -> list[tuple[Tensor, Tensor]]:
    """Return the batches of an epoch: pictures and labels."""
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.rand(64, 1, 16, 16, generator=generator), torch.randint(10, (64,), generator=generator))
        for _ in range(STEPS)
    ]


class Perceptron(nn.Module):
    """A network with two linear layers, in the form of PyTorch's quickstart."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(x)
        return logits


def build_model() -> nn.Module:
    """Return the network."""
    torch.manual_seed(0)
    return Perceptron()


def make_tutorial(pairs: list[tuple[Tensor, Tensor]], optimizer_type: Any = torch.optim.SGD) -> Epoch:
    """Return an epoch as PyTorch's tutorials write it."""
    model, loss_function = build_model(), nn.CrossEntropyLoss()
    optimizer = optimizer_type(model.parameters(), lr=0.01)

    def epoch() -> tuple[float, float]:
        total, correct = 0.0, 0
        for image, label in pairs:
            optimizer.zero_grad()
            output = model(image)
            loss = loss_function(output, label)
            loss.backward()
            optimizer.step()
            total += loss.item()
            correct += int((output.argmax(1) == label).sum().item())
        return total / STEPS, correct / (64 * STEPS)

    return epoch


class Turns:
    """Lets the tutorial's loop take its turn after each epoch of a loop that is not ours, in the same process."""

    def __init__(self, rounds: int) -> None:
        """Make it.

        Args:
            rounds: epochs to measure, after some that do not count.
        """
        torch.set_num_threads(1)
        self.epochs = WARM_UP + rounds
        self._tutorial = make_tutorial(make_pairs())
        self._start: float | None = None
        self._taken: list[tuple[float, float]] = []

    def take(self) -> None:
        """Call it at the end of each epoch."""
        end = time.process_time()
        self._tutorial()
        now = time.process_time()
        if self._start is not None:
            self._taken.append(((now - end) / STEPS * 1e6, (end - self._start) / STEPS * 1e6))
        self._start = time.process_time()

    def tell(self) -> None:
        """Print the microseconds of processor time of a step, the tutorial's and the other's, epoch by epoch."""
        print(json.dumps(self._taken[WARM_UP - 1 :]))
