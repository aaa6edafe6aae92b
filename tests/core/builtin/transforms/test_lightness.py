from __future__ import annotations

from typing import Any

import numpy as np

from retinue.builtin.transforms.lightness import shift_lightness, to_lightness


def test_lightness_has_the_values_of_cie_lab() -> None:
    """L* of white, black, middle grey and the sRGB primaries: 100, 0, 53.585, 53.241, 87.735, 32.297."""
    colors = [[255, 255, 255], [0, 0, 0], [128, 128, 128], [255, 0, 0], [0, 255, 0], [0, 0, 255]]
    pixels = np.array(colors, np.uint8).T[:, None]
    assert to_lightness(pixels)[0].tolist() == [255, 0, 137, 136, 224, 82]


def test_shifted_lightness_leaves_the_hue(make_sample: Any) -> None:
    pixels = make_sample()["image"].numpy()
    assert np.array_equal(shift_lightness(pixels, np.zeros(pixels.shape[1:], np.int16)), pixels)
    orange = np.array([200, 120, 60], np.uint8)[:, None, None]
    lighter = shift_lightness(orange, np.full((1, 1), 26, np.int16))
    # scikit-image: lab2rgb of rgb2lab of the colour, L* raised by 26 / 2.55.
    assert lighter.flatten().tolist() == [231, 147, 85]
    assert to_lightness(lighter) - to_lightness(orange) == 26
