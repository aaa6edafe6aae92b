"""Predicted masks as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from retinue.api.drawing import draw_mask, list_colors


def write_mask(mask: Tensor, image: Tensor, folder: Path, stem: str) -> Path:
    """Write STEM.png, whose pixels are class indices under a palette of colours, and STEM-overlay.png to look at.

    A name that is taken gets a number: two pictures may have one name.

    Args:
        mask: uint8 H x W.
        image: uint8 C x H x W, the picture that was predicted.

    Returns:
        The file of indices.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = (stem, *(f"{stem}-{number}" for number in range(2, 10**6)))
    stem = next(name for name in names if not (folder / f"{name}.png").exists())
    indexed = Image.fromarray(mask.numpy(), mode="P")
    indexed.putpalette([value for color in list_colors(256) for value in color])
    path = folder / f"{stem}.png"
    indexed.save(path)
    drawn = draw_mask(image, mask).permute(1, 2, 0).numpy()
    Image.fromarray(np.ascontiguousarray(drawn)).save(folder / f"{stem}-overlay.png")
    return path
