"""Random numbers by key: what a sample draws depends on its own key, not on who else is in its batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


class Draws:
    """The random numbers of N samples. Each call gives the next number of every sample, as SplitMix64 does
    (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).

    A transform that calls it as often, whatever the numbers are, gives a sample the same numbers alone and in a batch.
    """

    def __init__(self, keys: npt.NDArray[np.uint64]) -> None:
        """Begin.

        Args:
            keys: N of them, one for each sample.
        """
        self._state = mix_bits(keys)

    @classmethod
    def join(cls, parts: Sequence[Draws]) -> Draws:
        """Go on with several as one, each sample where it stood."""
        joined = cls(np.empty(0, dtype=np.uint64))
        joined._state = np.concatenate([part._state for part in parts])
        return joined

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._state)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return a number from [low, high) for each sample: float64, N, on the CPU."""
        return torch.from_numpy(low + (high - low) * self._next())

    def integers(self, low: int, high: int) -> Tensor:
        """Return a whole number from low, ..., high - 1 for each sample: int64, N, on the CPU."""
        return torch.from_numpy(low + np.floor((high - low) * self._next()).astype(np.int64))

    def table(self, count: int) -> npt.NDArray[np.float64]:
        """Return `count` x N numbers from [0, 1): the rows are what as many calls of `uniform` would give."""
        states = self._state + _STEP * np.arange(1, count + 1, dtype=np.uint64)[:, None]
        self._state = states[-1]
        return _scale(states)

    def _next(self) -> npt.NDArray[np.float64]:
        self._state = self._state + _STEP
        return _scale(self._state)


def _scale(states: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    # 53 bits fill a float64's mantissa.
    return (mix_bits(states) >> np.uint64(11)) * np.float64(2**-53)


def mix_bits(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return for each value another that looks unrelated to it: the finalizer of SplitMix64."""
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))
