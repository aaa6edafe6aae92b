"""What stands where a geometric transform leaves a picture's edge."""

from __future__ import annotations

from torchvision import tv_tensors

from retinue.builtin.transforms.parameters import Fill


def fill_by_type(fill: Fill, ignore_index: int | None) -> dict[type | str, Fill]:
    """Return torchvision's `fill`: a value by channel is the picture's alone, a mask gets what is not judged."""
    return {tv_tensors.Image: fill, tv_tensors.Mask: ignore_index or 0, "others": 0}


def count_values(fill: Fill) -> int | None:
    """Return how many channels a picture must have to be filled; None where any will do."""
    return len(fill) if isinstance(fill, list) else None
