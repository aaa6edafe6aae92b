"""Reading a picture file, the same way for training, validation and prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torchvision import tv_tensors

from retinue.errors import DataError


def read_image(path: str | Path, channels: int = 3) -> tv_tensors.Image:
    """Decode a picture whatever the file holds: palette, grey, 16 bit, RGBA, CMYK, an EXIF turn.

    Transparency is dropped, and 16 bits become the upper 8 of them.

    Args:
        path: any format that Pillow reads; of an animation, the first frame.
        channels: 3 for RGB, 1 for grey.

    Returns:
        uint8, channels x H x W.

    Raises:
        DataError: the file is missing, truncated or no picture, or its values have no fixed range to scale to
            bytes: floating point, integers of 32 bits.
    """
    try:
        with Image.open(path) as file:
            turned = ImageOps.exif_transpose(file)
            pixels = np.array(convert_image(turned, channels))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: is no picture in a format that Pillow reads") from error
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder, not a picture") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: cannot be read as a picture ({error})") from error
    return tv_tensors.Image(torch.from_numpy(pixels.reshape(*pixels.shape[:2], channels)).permute(2, 0, 1))


def scale_pixels(image: Tensor) -> Tensor:
    """Return pictures as a model takes them: uint8 becomes float32 in [0, 1], all else stays."""
    return image.float().div_(255) if image.dtype == torch.uint8 else image


def convert_image(image: Image.Image, channels: int) -> Image.Image:
    """Return a Pillow picture in RGB, or with one channel in grey; 16 bits are scaled to 8."""
    mode = "RGB" if channels == 3 else "L"
    if image.mode.startswith("I"):
        # Pillow clips 16-bit grey to 255 instead of scaling it; it may call 16 bits "I" too.
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise ValueError("its integers have no fixed range; save it with 8 or 16 bits")
        image = Image.fromarray((values >> 8).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("its floating point values have no fixed range; save it with 8 or 16 bits")
    if image.mode == "LAB" and mode == "L":
        image = image.convert("RGB")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert(mode)
