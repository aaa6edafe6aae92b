"""What every data set must give: a run looks at its first sample, the conformance kit at more of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors

from retinue.api import DataInfo


def find_fault(sample: Any, info: DataInfo) -> str | None:
    """Return in what a data set's own sample is not what the transforms and `info` count on, and what is right."""
    if not isinstance(sample, dict):
        return f'a sample is a {type(sample).__name__}: give a dict, such as {{"image": image, "label": label}}'
    image, mask = sample.get("image"), sample.get("mask")
    if not (isinstance(image, tv_tensors.Image) and image.dtype == torch.uint8 and image.ndim == 3):
        return (
            f"`image` is {_describe(image)}: give `image` as a tv_tensors.Image, uint8, C x H x W "
            "(retinue.api.read_image makes one)"
        )
    if image.shape[0] != info.channels or info.image_size not in (None, tuple(image.shape[1:])):
        return (
            f"a picture is {list(image.shape)} and `info` says channels = {info.channels}, image_size = "
            f"{info.image_size}: make them agree (None where sizes differ)"
        )
    if "mask" not in sample:
        return None
    if not (isinstance(mask, tv_tensors.Mask) and mask.dtype in (torch.uint8, torch.int64)):
        return (
            f"`mask` is {_describe(mask)}: give `mask` as a tv_tensors.Mask, uint8 or int64: other tensors no "
            "transform moves"
        )
    if mask.shape != image.shape[1:]:
        return (
            f"a mask is {list(mask.shape)} and its picture {list(image.shape)}: give masks of H x W, of the "
            "picture's size"
        )
    return None


def _describe(value: Any) -> str:
    if value is None:
        return "missing"
    name = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
    return f"a {name} {list(value.shape)}, {str(value.dtype)[6:]}" if isinstance(value, Tensor) else f"a {name}"
