"""The embedded data set: handwritten digits, no download."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from retinue.builtin.datasets.memory import MemoryDataset

LEVELS = 16
FILE = Path(__file__).with_name("digits.npz")


class Digits(MemoryDataset):
    """1,797 handwritten digits of 13 people, 8 x 8 grey, about 180 of each; in one part, so cut it with `split`.

    The set counts 0 to 16 inked dots for each pixel; a count v becomes (255 v + 8) div 16, so that 0 stays 0,
    16 becomes 255 and no two counts become one.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0. See digits.txt beside this module.
    """

    def __init__(self) -> None:
        with np.load(FILE) as arrays:
            counts, labels = arrays["counts"], arrays["labels"]
        pixels = (counts.astype(np.uint16) * 255 + LEVELS // 2) // LEVELS
        images = torch.from_numpy(pixels.astype(np.uint8)).unsqueeze(1)
        super().__init__(images, labels.tolist(), [str(digit) for digit in range(10)])
