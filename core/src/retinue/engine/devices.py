"""Where tensors are, and how a batch gets there."""

from __future__ import annotations

import sys

import torch

from retinue.api import Batch
from retinue.api.image import scale_pixels
from retinue.errors import TrainingError


def select_device(wanted: str, local_rank: int = 0) -> tuple[torch.device, str]:
    """Return the device and why it was taken.

    Args:
        local_rank: number of this process on its machine: each takes a GPU of its own.

    Raises:
        TrainingError: the device asked for is not there.
    """
    if wanted == "auto":
        return _best_device(local_rank)
    device = torch.device("cuda", local_rank) if wanted == "cuda" and local_rank else torch.device(wanted)
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[device.type]:
        raise TrainingError(f'device "{wanted}" is asked for, but torch sees none; `retinue env` says more')
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise TrainingError(f'device "{wanted}" is asked for, but torch sees {torch.cuda.device_count()} CUDA devices')
    return device, "the spec says so"


def _best_device(local_rank: int) -> tuple[torch.device, str]:
    gpus = torch.cuda.device_count()
    if 0 < gpus <= local_rank:
        raise TrainingError(
            f"there are more processes than GPUs, which are {gpus}: start fewer, or set train.device=cpu"
        )
    if gpus:
        return torch.device("cuda", local_rank), f"torch sees {torch.cuda.get_device_name(local_rank)}"
    if torch.backends.mps.is_available():
        return torch.device("mps"), "torch sees Apple's GPU"
    return torch.device("cpu"), "torch sees no GPU"


def measure_memory(device: torch.device) -> float:
    """Return the most memory taken so far, in MiB: by tensors on a GPU, by this process elsewhere; 0 on
    Windows, which does not say."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "win32":
        return 0.0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def scale_image(batch: Batch) -> Batch:
    """At the model's door: uint8 pictures become float32 in [0, 1] where no transform did it."""
    image = batch["image"]
    return {**batch, "image": scale_pixels(image)} if image.dtype == torch.uint8 else batch
