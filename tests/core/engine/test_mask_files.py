"""Masks as files: indices for programs, an overlay for people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from retinue.engine.mask_files import write_mask


def test_the_file_holds_class_indices_under_colours(tmp_path: Path) -> None:
    mask = torch.tensor([[0, 1], [2, 255]], dtype=torch.uint8)
    path = write_mask(mask, torch.zeros(3, 2, 2, dtype=torch.uint8), tmp_path / "new", "cell")
    image = Image.open(path)
    assert (path.name, image.mode) == ("cell.png", "P")
    assert np.asarray(image).tolist() == mask.tolist()
    assert image.convert("RGB").getpixel((1, 0)) == (128, 0, 0)
    assert Image.open(tmp_path / "new" / "cell-overlay.png").size == (2, 2)


def test_an_earlier_mask_of_the_name_stays(tmp_path: Path) -> None:
    picture = torch.zeros(1, 1, 1, dtype=torch.uint8)
    first = write_mask(torch.tensor([[1]], dtype=torch.uint8), picture, tmp_path, "x")
    second = write_mask(torch.tensor([[2]], dtype=torch.uint8), picture, tmp_path, "x")
    assert (first.name, second.name) == ("x.png", "x-2.png")
    assert np.asarray(Image.open(first)).item() == 1
