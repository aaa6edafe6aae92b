"""Where tensors are, and how a batch gets there."""

from __future__ import annotations

import torch

from retinue.api import Batch
from retinue.api.image import scale_pixels
from retinue.errors import TrainingError


def select_device(wanted: str) -> tuple[torch.device, str]:
    """Return the device and why it was taken.

    Raises:
        TrainingError: the device asked for is not there.
    """
    if wanted == "auto":
        return _best_device()
    device = torch.device(wanted)
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[device.type]:
        raise TrainingError(f'device "{wanted}" is asked for, but torch sees none; `retinue env` says more')
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise TrainingError(f'device "{wanted}" is asked for, but torch sees {torch.cuda.device_count()} CUDA devices')
    return device, "the spec says so"


def _best_device() -> tuple[torch.device, str]:
    if torch.cuda.is_available():
        return torch.device("cuda", 0), f"torch sees {torch.cuda.get_device_name(0)}"
    if torch.backends.mps.is_available():
        return torch.device("mps"), "torch sees Apple's GPU"
    return torch.device("cpu"), "torch sees no GPU"


def move_batch(batch: Batch, device: torch.device) -> Batch:
    """Return the batch with its tensors on a device; a copy from pinned memory does not wait."""
    return {
        key: value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value
        for key, value in batch.items()
    }


def scale_image(batch: Batch) -> Batch:
    """At the model's door: uint8 pictures become float32 in [0, 1] where no transform did it."""
    return {**batch, "image": scale_pixels(batch["image"])}
