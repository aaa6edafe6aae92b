"""The lightness L* of a picture, and the same picture lighter or darker: CIE Lab of sRGB under D65.

Pictures are uint8 3 x H x W; lightness is uint8 H x W, L* from 0 to 100 as 0 to 255.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating]

# Rows X, Y, Z of linear sRGB, each divided by that of the white point (IEC 61966-2-1).
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
TO_XYZ /= TO_XYZ.sum(axis=1, keepdims=True)
TO_RGB = np.linalg.inv(TO_XYZ).astype(np.float32)
TO_XYZ = TO_XYZ.astype(np.float32)

_SRGB = np.arange(256, dtype=np.float32) / 255
LINEAR = np.where(_SRGB <= 0.04045, _SRGB / 12.92, ((_SRGB + 0.055) / 1.055) ** 2.4).astype(np.float32)

EPSILON, KAPPA = np.float32(216 / 24389), np.float32(24389 / 27)


def to_lightness(pixels: Bytes) -> Bytes:
    """Return L* of a picture."""
    luminance = np.tensordot(TO_XYZ[1], LINEAR[pixels], axes=1)
    return _quantize((116 * _compress(luminance) - 16) / 100)


def shift_lightness(pixels: Bytes, shift: NDArray[np.int16]) -> Bytes:
    """Return the picture with L* raised by `shift` H x W, 255 for all of it; colours outside sRGB are clipped."""
    compressed = _compress(np.tensordot(TO_XYZ, LINEAR[pixels], axes=1))
    # a and b are differences of the three, so they stay where all three move by the same.
    moved = compressed + shift.astype(np.float32) * np.float32(100 / 255 / 116)
    linear = np.tensordot(TO_RGB, _expand(moved), axes=1).clip(0, 1)
    return _quantize(np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055))


def _compress(xyz: Floats) -> Floats:
    return np.where(xyz > EPSILON, np.cbrt(xyz), (KAPPA * xyz + 16) / 116)


def _expand(compressed: Floats) -> Floats:
    cubes = compressed**3
    return np.where(cubes > EPSILON, cubes, (116 * compressed - 16) / KAPPA)


def _quantize(fractions: Floats) -> Bytes:
    return np.rint(fractions * 255).astype(np.uint8)
