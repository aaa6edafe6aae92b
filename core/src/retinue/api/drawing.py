"""Masks and labels as a person sees them."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.utils import draw_segmentation_masks


def list_colors(count: int) -> list[tuple[int, int, int]]:
    """Return colours that are far apart, the first black: those of the PASCAL VOC masks, up to 256 of them."""
    return [_color(index) for index in range(count)]


def draw_mask(image: Tensor, mask: Tensor, opacity: float = 0.5) -> Tensor:
    """Return a picture with its mask in colours over it.

    Args:
        image: uint8 3 x H x W, or 1 x H x W.
        mask: integers H x W; class 0 is left clear.
        opacity: of the colours, 0 to 1.

    Returns:
        uint8 3 x H x W.
    """
    image = image.expand(3, -1, -1)
    labels = [int(label) for label in torch.unique(mask) if label]
    if not labels:
        return image.clone()
    colors = [_color(label) for label in labels]
    masks = torch.stack([mask == label for label in labels])
    drawn: Tensor = draw_segmentation_masks(image, masks, alpha=opacity, colors=colors)
    return drawn


def _color(index: int) -> tuple[int, int, int]:
    """The bits of the index, dealt out to red, green and blue from the highest down."""
    channels = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            channels[channel] |= (index >> (3 * place + channel) & 1) << (7 - place)
    return channels[0], channels[1], channels[2]
