"""Tiles: every pixel is seen, and neighbours are blended."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from retinue.builtin.tasks.tiling import blend_tiles


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 31), (40, 5), (64, 64)])
@pytest.mark.parametrize("overlap", [0, 0.25, 0.9])
def test_what_depends_on_the_pixel_alone_comes_out_unchanged(height: int, width: int, overlap: float) -> None:
    image = torch.rand(2, 3, height, width)
    torch.testing.assert_close(blend_tiles(lambda tile: tile * 2, image, 8, overlap), image * 2)


def test_tiles_are_of_the_window_and_blend_without_a_seam() -> None:
    sizes = set()
    count = iter(range(100))

    def predict(tile: Tensor) -> Tensor:
        sizes.add(tuple(tile.shape[-2:]))
        return torch.full_like(tile, next(count))

    blended = blend_tiles(predict, torch.zeros(1, 1, 8, 24), 8, 0.5)[0, 0, 4]
    assert sizes == {(8, 8)}
    assert (blended[0], blended[-1]) == (0, 4)
    assert (blended.diff() >= 0).all()
    assert blended.diff().max() < 0.5
