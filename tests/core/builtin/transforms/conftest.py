from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torchvision import tv_tensors


@pytest.fixture
def make_sample() -> Callable[..., dict[str, Any]]:
    def make(channels: int = 3, height: int = 48, width: int = 50, label: Any = 3) -> dict[str, Any]:
        pixels = torch.randint(20, 230, (channels, height, width), generator=torch.Generator().manual_seed(1))
        return {"image": tv_tensors.Image(pixels.to(torch.uint8)), "label": label, "path": "ants/1.png"}

    return make


@pytest.fixture
def make_batch() -> Callable[..., dict[str, Any]]:
    def make(channels: int = 3, count: int = 4) -> dict[str, Any]:
        pixels = torch.randint(256, (count, channels, 16, 12), generator=torch.Generator().manual_seed(1))
        return {"image": pixels.to(torch.uint8), "label": torch.arange(count) % 5, "path": ["a.png"] * count}

    return make
