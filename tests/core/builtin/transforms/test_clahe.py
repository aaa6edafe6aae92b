from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from retinue.builtin.transforms.clahe import clahe, equalize
from retinue.builtin.transforms.scaling import to_dtype
from retinue.errors import DataError

# What OpenCV 5.0 and 4.14 give for createCLAHE(clip_limit, (3, rows)).apply(PLANE), by clip_limit and rows: of the
# sides 9 x 10 neither divides into 2 x 3 tiles, and one into 3 x 3.
Y, X = np.mgrid[:9, :10]
PLANE = ((X * X + 3 * Y * Y) // 3 + 90).astype(np.uint8)
OPENCV = {
    (0, 2): [
        [26, 26, 64, 67, 76, 67, 89, 108, 134, 162],
        [64, 64, 76, 96, 83, 92, 102, 131, 146, 175],
        [128, 128, 140, 121, 121, 118, 140, 143, 179, 204],
        [160, 160, 172, 158, 144, 166, 184, 184, 190, 204],
        [161, 161, 169, 163, 161, 159, 169, 172, 180, 186],
        [140, 140, 146, 145, 140, 144, 146, 152, 156, 164],
        [130, 130, 139, 137, 135, 134, 139, 141, 161, 161],
        [163, 163, 186, 186, 175, 175, 186, 192, 203, 218],
        [230, 230, 242, 242, 236, 236, 242, 246, 248, 255],
    ],
    (20, 3): [
        [64, 64, 80, 92, 96, 100, 112, 135, 160, 175],
        [80, 80, 96, 104, 104, 116, 128, 151, 168, 187],
        [128, 128, 143, 135, 136, 136, 159, 167, 183, 211],
        [139, 139, 151, 144, 137, 144, 163, 164, 171, 186],
        [128, 128, 136, 132, 132, 132, 144, 154, 164, 173],
        [124, 124, 136, 137, 132, 142, 152, 157, 165, 173],
        [143, 143, 159, 175, 167, 167, 175, 179, 191, 203],
        [195, 195, 211, 214, 209, 212, 223, 228, 227, 233],
        [223, 223, 231, 235, 235, 239, 247, 247, 243, 243],
    ],
}


@pytest.mark.parametrize(("clip_limit", "rows"), OPENCV)
def test_equals_opencv_to_the_bit(clip_limit: int, rows: int) -> None:
    assert equalize(PLANE, clip_limit, rows, 3).tolist() == OPENCV[clip_limit, rows]


@pytest.mark.parametrize("shape", [(64, 64), (63, 50), (64, 50), (7, 9)])
@pytest.mark.parametrize("clip_limit", [0, 0.5, 2, 40])
def test_equals_the_opencv_installed(clip_limit: float, shape: tuple[int, int]) -> None:
    cv2 = pytest.importorskip("cv2")
    plane = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert np.array_equal(equalize(plane, clip_limit, 8, 4), cv2.createCLAHE(clip_limit, (4, 8)).apply(plane))


def test_grey_in_rgb_stays_grey_and_gains_contrast() -> None:
    ramp = torch.linspace(100, 140, 64).to(torch.uint8).expand(3, 64, 64)
    result = clahe(8.0, (2, 2))({"image": ramp})["image"].int()
    assert (result.amax(0) - result.amin(0)).max() <= 1
    assert result.max() - result.min() > 80


def test_float_pictures_are_refused(make_sample: Any) -> None:
    with pytest.raises(DataError, match="clahe acts on uint8 pictures"):
        clahe()(to_dtype()(make_sample()))
