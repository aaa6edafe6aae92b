"""Drawing which part torchvision's RandomCrop and RandomResizedCrop cut out."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors

from retinue.api import Batch, Draws
from retinue.builtin.transforms.keyed import Drawn, Parameters, change, draw_rectangles, find_corners, place


class Crop(Drawn):
    """Draws a place in the padded picture."""

    fixes_size = True

    def draw(self, draws: Draws, image: Tensor) -> list[Parameters]:
        padding = self._measure_padding(image)
        tops, lefts = self._draw_corners(draws, image, padding)
        height, width = self.act.size
        shared = {"needs_pad": any(padding), "padding": padding, "needs_crop": True, "height": height, "width": width}
        return [{**shared, "top": top, "left": left} for top, left in zip(tops.tolist(), lefts.tolist(), strict=True)]

    def transform_batch(self, batch: Batch, draws: Draws) -> Batch:
        self.guard.check(batch)
        padding = self._measure_padding(batch["image"])
        tops, lefts = self._draw_corners(draws, batch["image"], padding)
        pad_alone = {"needs_pad": any(padding), "padding": padding, "needs_crop": False}

        def cut(value: Tensor) -> Tensor:
            padded = self.act.transform(value, pad_alone)
            windows: Tensor = tv_tensors.wrap(cut_windows(padded, tops, lefts, self.act.size), like=value)
            return windows

        return change(batch, cut)

    def _measure_padding(self, image: Tensor) -> list[int]:
        """Return how much is added left, top, right and bottom."""
        left, right, top, bottom = self.act.padding or (0, 0, 0, 0)
        if self.act.pad_if_needed:
            height, width = image.shape[-2:]
            lacking = max(0, self.act.size[0] - height - top - bottom)
            missing = max(0, self.act.size[1] - width - left - right)
            left, right, top, bottom = left + missing, right + missing, top + lacking, bottom + lacking
        return [left, top, right, bottom]

    def _draw_corners(self, draws: Draws, image: Tensor, padding: list[int]) -> tuple[Tensor, Tensor]:
        left, top, right, bottom = padding
        height, width = image.shape[-2:]
        return (
            draws.integers(0, top + height + bottom - self.act.size[0] + 1),
            draws.integers(0, left + width + right - self.act.size[1] + 1),
        )


class ResizedCrop(Drawn):
    """Draws area, aspect ratio and place; where ten tries leave the picture, the largest part in its middle."""

    fixes_size = True

    def draw(self, draws: Draws, image: Tensor) -> list[Parameters]:
        rows, columns = image.shape[-2:]
        least, most = self.act.ratio
        sides, places, found = draw_rectangles(
            draws, rows * columns, self.act.scale, (1 / most, 1 / least), least=1, most=(rows, columns)
        )
        largest = np.array([[round(min(rows, columns / least))], [round(min(columns, rows * most))]])
        sides = np.where(found, sides, largest)
        middle = (np.array([[rows], [columns]]) - largest) // 2
        corners = np.where(found, find_corners(places, sides, (rows, columns)), middle)
        boxes = np.concatenate([corners, sides]).T.astype(int).tolist()
        return [dict(zip(("top", "left", "height", "width"), box, strict=True)) for box in boxes]


def cut_windows(pictures: Tensor, tops: Tensor, lefts: Tensor, size: tuple[int, int]) -> Tensor:
    """Return of each picture the window that begins at its corner.

    Args:
        pictures: N x ... x H x W.
        tops: of the corners, N.
        lefts: of the corners, N.
        size: height and width of the windows.
    """
    if pictures.device.type == "cpu":
        # NumPy copies windows row by row, torch value by value.
        views = np.lib.stride_tricks.sliding_window_view(pictures.numpy(), size, axis=(-2, -1))
        return torch.from_numpy(views[np.arange(len(views)), ..., tops.numpy(), lefts.numpy(), :, :])
    windows = pictures.unfold(-2, size[0], 1).unfold(-2, size[1], 1)
    numbers = torch.arange(len(pictures))
    return windows[place(numbers, pictures), ..., place(tops, pictures), place(lefts, pictures), :, :]
