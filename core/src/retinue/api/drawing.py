"""Pictures, masks and heat maps as a person sees them."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.utils import draw_segmentation_masks

WARM = ((0.0, 0.0, 0.5), (0.0, 0.4, 1.0), (0.2, 1.0, 0.6), (1.0, 0.8, 0.0), (0.8, 0.0, 0.0))
"""Colours of a heat map from 0 to 1, evenly spaced: dark blue, blue, green, yellow, red."""


def list_colors(count: int) -> list[tuple[int, int, int]]:
    """Return colours that are far apart, the first black: those of the PASCAL VOC masks, up to 256 of them."""
    return [_color(index) for index in range(count)]


def to_pixels(image: Tensor) -> Tensor:
    """Return a prepared picture as bytes. Float values outside [0, 1], as normalisation gives, are stretched over it.

    Args:
        image: uint8 or float, 3 x H x W or 1 x H x W.

    Returns:
        uint8 3 x H x W on the CPU.
    """
    image = image.detach().cpu().as_subclass(Tensor).expand(3, -1, -1)
    if image.dtype == torch.uint8:
        return image.contiguous()
    image = image.float()
    low, high = float(image.min()), float(image.max())
    if low < 0 or high > 1:
        image = (image - low) / max(high - low, 1e-12)
    return (image * 255).round().to(torch.uint8)


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


def draw_heat(image: Tensor, heat: Tensor, opacity: float = 0.5) -> Tensor:
    """Return a picture in grey with a heat map over it, from blue (0) to red (1).

    Args:
        image: uint8 3 x H x W, or 1 x H x W.
        heat: floats H x W from 0 to 1; where it is NaN the picture is left as it is.
        opacity: of the colours, 0 to 1.

    Returns:
        uint8 3 x H x W.
    """
    image = image.expand(3, -1, -1)
    place = heat.nan_to_num().clamp(0, 1) * (len(WARM) - 1)
    below = place.floor().long().clamp(max=len(WARM) - 2)
    share, colors = (place - below).unsqueeze(-1), torch.tensor(WARM)
    warm = (colors[below] * (1 - share) + colors[below + 1] * share).permute(2, 0, 1)
    drawn = image.float().mean(dim=0) * (1 - opacity) + warm * 255 * opacity
    return torch.where(heat.isnan(), image, drawn.round().to(torch.uint8))


def _color(index: int) -> tuple[int, int, int]:
    """The bits of the index, dealt out to red, green and blue from the highest down."""
    channels = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            channels[channel] |= (index >> (3 * place + channel) & 1) << (7 - place)
    return channels[0], channels[1], channels[2]
