"""Exponential moving average of a model's weights (Polyak and Juditsky, 1992; the decay's rise as in TensorFlow's)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from retinue.engine.distributed import spread_tensor


class AveragedWeights:
    """The average of a model's weights and buffers, kept beside it.

    After step n it moves by 1 - min(decay, (1 + n) / (10 + n)) towards the weights: what is random at the start
    is forgotten soon. What is no floating-point number is taken as it is.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = model
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in self._current().items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step` optimizer steps."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        pairs = [(self.values[name], value.detach()) for name, value in self._current().items()]
        floating = [pair for pair in pairs if pair[0].is_floating_point()]
        torch._foreach_lerp_([old for old, _ in floating], [new for _, new in floating], weight)
        for old, new in pairs:
            if not old.is_floating_point():
                old.copy_(new)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While entered, the model has the average for its weights."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Go on from values that were saved."""
        for name, value in self.values.items():
            if name in values:
                value.copy_(spread_tensor(values[name], value))

    @torch.no_grad()
    def _swap(self) -> None:
        for name, value in self._current().items():
            kept = self.values[name].clone()
            self.values[name].copy_(value)
            value.copy_(kept)

    def _current(self) -> dict[str, Tensor]:
        """Tied weights come once."""
        return dict(self.model.named_parameters()) | dict(self.model.named_buffers())
