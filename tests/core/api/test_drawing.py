"""Colours of masks."""

from __future__ import annotations

import torch

from retinue.api import draw_mask, list_colors
from retinue.api.drawing import draw_heat, to_pixels


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


def test_bytes_are_left_and_floats_beyond_0_and_1_are_stretched() -> None:
    grey = torch.arange(4, dtype=torch.uint8).reshape(1, 2, 2)
    assert torch.equal(to_pixels(grey), grey.expand(3, -1, -1))
    assert to_pixels(torch.tensor([[[0.2, 0.4]]]))[0].tolist() == [[51, 102]]
    assert to_pixels(torch.tensor([[[-2.0, 0.0, 2.0]]]))[0].tolist() == [[0, 128, 255]]
    assert to_pixels(torch.full((3, 2, 2), 7.0)).unique().tolist() == [0]


def test_heat_goes_from_blue_to_red_over_grey_and_leaves_alone_what_is_unknown() -> None:
    image = torch.tensor([30, 60, 90], dtype=torch.uint8).reshape(3, 1, 1).expand(3, 1, 3)
    cold, hot, unknown = draw_heat(image, torch.tensor([[0.0, 1.0, torch.nan]]), opacity=0.5)[:, 0].T.tolist()
    assert cold == [30, 30, 94]
    assert hot == [132, 30, 30]
    assert unknown == [30, 60, 90]
