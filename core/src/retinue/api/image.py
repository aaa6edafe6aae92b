"""Reading a picture file, the same way for training, validation and prediction."""

from __future__ import annotations

from io import BufferedReader, BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import simplejpeg
import torch
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torchvision import tv_tensors

from retinue.errors import DataError

DECODED = {1: ("Gray",), 3: ("Gray", "YCbCr", "RGB")}
"""By the channels that are asked for, the colour spaces of JPEG of which Pillow and libjpeg make the same pixels."""


def read_image(path: str | Path, channels: int = 3, shortest_side: int | None = None) -> tv_tensors.Image:
    """Decode a picture whatever the file holds: palette, grey, 16 bit, RGBA, CMYK, an EXIF turn.

    Transparency is dropped, and 16 bits become the upper 8 of them. JPEG is decoded by libjpeg-turbo straight into
    the result, with the pixels that Pillow gives.

    Args:
        path: any format that Pillow reads; of an animation, the first frame.
        channels: 3 for RGB, 1 for grey.
        shortest_side: decode an ordinary JPEG at the smallest of 1/2, 3/8, 1/4 and 1/8 of its size that leaves the
            shorter side as long as this, which is faster and gives other pixels; all else is decoded whole.

    Returns:
        uint8, channels x H x W.

    Raises:
        DataError: the file is missing, truncated or no picture, or its values have no fixed range to scale to
            bytes: floating point, integers of 32 bits.
    """
    try:
        with open(path, "rb") as stream:
            pixels = _decode_jpeg(stream, channels, shortest_side)
            if pixels is None:
                stream.seek(0)
                with Image.open(stream) as file:
                    pixels = np.array(convert_image(ImageOps.exif_transpose(file), channels))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: is no picture in a format that Pillow reads") from error
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder, not a picture") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: cannot be read as a picture ({error})") from error
    return tv_tensors.Image(torch.from_numpy(pixels.reshape(*pixels.shape[:2], channels)).permute(2, 0, 1))


def _decode_jpeg(stream: BufferedReader, channels: int, shortest_side: int | None) -> npt.NDArray[np.uint8] | None:
    """Return the pixels of an ordinary JPEG, H x W x channels; None of all else, which is left to Pillow."""
    if not stream.peek(3).startswith(b"\xff\xd8\xff"):
        return None
    data = stream.read()
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
        if space not in DECODED[channels] or _is_special(data, height * width):
            return None
        # Scales above a half are no faster than decoding whole.
        shrinks = shortest_side is not None and min(height, width) >= 2 * shortest_side
        scale = {"min_height": shortest_side, "min_width": shortest_side, "min_factor": 2} if shrinks else {}
        pixels: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB" if channels == 3 else "GRAY", **scale)
    except ValueError:
        return None
    return pixels


def _is_special(data: bytes, size: int) -> bool:
    """Say whether Pillow turns a picture, or warns of its size."""
    if Image.MAX_IMAGE_PIXELS is not None and size > Image.MAX_IMAGE_PIXELS:
        return True
    if b"Exif" not in data and b"ns.adobe.com/xap" not in data:
        return False
    with Image.open(BytesIO(data)) as file:
        return bool(file.getexif().get(ExifTags.Base.Orientation, 1) != 1)


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
