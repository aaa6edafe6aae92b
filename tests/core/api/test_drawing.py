"""Colours of masks."""

from __future__ import annotations

import torch

from retinue.api import draw_mask, list_colors


def test_the_colours_are_those_of_pascal_voc() -> None:
    assert list_colors(4) == [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)]
    assert len(set(list_colors(256))) == 256


def test_classes_are_drawn_over_a_picture_and_background_is_left_clear() -> None:
    image = torch.full((1, 2, 2), 100, dtype=torch.uint8)
    drawn = draw_mask(image, torch.tensor([[0, 1], [0, 2]]))
    assert drawn.shape == (3, 2, 2)
    assert drawn[:, 0, 0].tolist() == [100, 100, 100]
    assert drawn[:, 0, 1].tolist() == [114, 50, 50]
    assert torch.equal(draw_mask(image, torch.zeros(2, 2, dtype=torch.long)), image.expand(3, -1, -1))
