"""Randomness by key: what is drawn depends on a seed and a position, never on what was drawn before."""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from retinue.api.draws import mix_bits


class Purpose(IntEnum):
    """What a key is for: equal positions give independent draws for different purposes."""

    WEIGHTS = 1
    ORDER = 2
    SAMPLE = 3
    MIXING = 4
    STEP = 5
    SPLIT = 6


def derive_key(purpose: Purpose, seed: int, *position: int) -> int:
    """Return 63 random bits that depend on the arguments alone."""
    packed = struct.pack(f"<{2 + len(position)}q", purpose, seed, *position)
    return int.from_bytes(hashlib.blake2b(packed, digest_size=8).digest(), "little") >> 1


def derive_sample_keys(seed: int, epoch: int, indices: npt.ArrayLike) -> npt.NDArray[np.uint64]:
    """Return a key for each of these samples of an epoch, as `Draws` takes them: all of a batch at once."""
    base = np.uint64(derive_key(Purpose.SAMPLE, seed, epoch))
    return mix_bits(base ^ mix_bits(np.asarray(indices, dtype=np.uint64)))


def vary_key(key: int, first: int, second: int) -> int:
    """Return another key for each pair of small numbers: for what is drawn so often that hashing would be felt."""
    return (key + first * 0x9E3779B97F4A7C15 + second * 0xBF58476D1CE4E5B9) & (2**63 - 1)


def seed_generators(key: int) -> None:
    """Seed the global torch CPU, NumPy and Python generators."""
    seed_torch(key)
    np.random.seed(key & 0xFFFFFFFF)
    random.seed(key)


def seed_torch(key: int, device: torch.device | None = None) -> None:
    """Seed torch's global CPU generator, and that of a GPU: dropout draws from it."""
    # torch.manual_seed would reach for every accelerator, at fifty times the price.
    torch.default_generator.manual_seed(key)
    if device is not None and device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(key)
    elif device is not None and device.type == "mps":
        torch.mps.manual_seed(key)


def read_generators() -> dict[str, Any]:
    """Return the states of NumPy's and Python's global generators as plain data."""
    state = np.random.get_state(legacy=False)
    assert isinstance(state, dict)
    state["state"]["key"] = state["state"]["key"].tolist()
    return {"numpy": state, "python": random.getstate()}


def set_generators(states: Mapping[str, Any]) -> None:
    """Set NumPy's and Python's global generators to what `read_generators` returned."""
    state = states["numpy"]
    np.random.set_state({**state, "state": {**state["state"], "key": np.array(state["state"]["key"], dtype=np.uint32)}})
    random.setstate(states["python"])


@contextmanager
def preserve_generators() -> Iterator[None]:
    """Give the global generators back as they were."""
    states = torch.default_generator.get_state(), np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        torch.default_generator.set_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
