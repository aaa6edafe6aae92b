"""Randomness by key: what is drawn depends on a seed and a position, never on what was drawn before."""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch


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


def seed_generators(key: int, device: torch.device | None = None) -> None:
    """Seed the global torch CPU, NumPy and Python generators, and that of a GPU: dropout draws from it."""
    # torch.manual_seed would reach for every accelerator, at fifty times the price.
    torch.default_generator.manual_seed(key)
    np.random.seed(key & 0xFFFFFFFF)
    random.seed(key)
    if device is not None and device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(key)
    elif device is not None and device.type == "mps":
        torch.mps.manual_seed(key)


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
