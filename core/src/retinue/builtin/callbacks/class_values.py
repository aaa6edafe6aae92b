"""Logged values that belong to classes: NAME/CLASS, and NAME/TRUE/PREDICTED of a confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

COUNTS = ("", "/tn", "/fp", "/fn", "/tp")
"""What may follow a class: nothing, or a multilabel confusion matrix's counts."""

SIDE, LARGEST_CELL, FONT_SIZE = 480, 48, 12
LEGIBLE = 14
"""A cell of fewer pixels bears no text."""
TITLE = "true class by row, predicted by column"
BLUE = (8, 48, 107)


def find_matrices(values: Mapping[str, float], classes: Sequence[str]) -> dict[str, list[list[float]]]:
    """Return each confusion matrix by `split/name`, its rows by true class."""
    corner = f"/{classes[0]}/{classes[0]}"
    prefixes = [name.removesuffix(corner) for name in values if name.endswith(corner)]
    names = {prefix: [[f"{prefix}/{row}/{column}" for column in classes] for row in classes] for prefix in prefixes}
    return {
        prefix: [[values[name] for name in row] for row in rows]
        for prefix, rows in names.items()
        if all(name in values for row in rows for name in row)
    }


def is_cell(name: str, matrices: Mapping[str, object]) -> bool:
    """Whether a value's name is that of a matrix's cell."""
    return any(name.startswith(f"{prefix}/") for prefix in matrices)


def write_table(values: Mapping[str, float], classes: Sequence[str]) -> str:
    """Return the values of each class as a table in Markdown, a column for each metric; "" where there are none.

    Args:
        values: of one split by `split/name`, without the cells of confusion matrices.
    """
    columns = [
        (name.removesuffix(first), suffix)
        for suffix in COUNTS
        for first in (f"/{classes[0]}{suffix}",)
        for name in values
        if name.endswith(first) and all(f"{name.removesuffix(first)}/{c}{suffix}" in values for c in classes)
    ]
    if not columns:
        return ""
    titles = [(prefix.split("/", 1)[1] + suffix.replace("/", " ")) for prefix, suffix in columns]
    rows = [[name, *(f"{values[f'{prefix}/{name}{suffix}']:.4g}" for prefix, suffix in columns)] for name in classes]
    lines = [["class", *titles], ["---", *["---:"] * len(columns)], *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def draw_matrix(cells: Sequence[Sequence[float]], classes: Sequence[str]) -> Tensor:
    """Return a confusion matrix as a picture: rows by true class, darker for a larger share of the row.

    Returns:
        uint8 3 x H x W.
    """
    font = ImageFont.load_default(FONT_SIZE)
    cell = max(1, min(LARGEST_CELL, SIDE // len(classes)))
    names = [_shorten(name) for name in classes] if cell >= LEGIBLE else []
    edge = int(max((font.getlength(name) for name in names), default=0)) + 2 * FONT_SIZE
    side = edge + cell * len(classes)
    picture = Image.new("RGB", (max(side, int(font.getlength(TITLE))) + FONT_SIZE, side + FONT_SIZE), "white")
    pen = ImageDraw.Draw(picture)
    for row, counts in enumerate(cells):
        for column, count in enumerate(counts):
            place = (edge + column * cell, edge + row * cell)
            _draw_cell(pen, place, cell, count, count / max(sum(counts), 1), font)
    pen.rectangle((edge - 1, edge - 1, side, side), outline="grey")
    _write_names(picture, names, (edge - 4, edge), cell, "rm")
    picture = picture.transpose(Image.Transpose.ROTATE_270)
    _write_names(picture, names, (picture.width - edge + 4, edge), cell, "lm")
    picture = picture.transpose(Image.Transpose.ROTATE_90)
    ImageDraw.Draw(picture).text((4, 2), TITLE, fill="grey", font=font)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def _write_names(picture: Image.Image, names: Sequence[str], place: tuple[int, int], cell: int, anchor: str) -> None:
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(FONT_SIZE)
    for number, name in enumerate(names):
        pen.text((place[0], place[1] + (number + 0.5) * cell), name, fill="black", font=font, anchor=anchor)


def _draw_cell(
    pen: ImageDraw.ImageDraw, place: tuple[int, int], cell: int, count: float, share: float, font: Any
) -> None:
    left, top = place
    color = tuple(round(255 + (blue - 255) * share) for blue in BLUE)
    pen.rectangle((left, top, left + cell - 1, top + cell - 1), fill=color)
    text = f"{count:.0f}" if count < 1e4 else f"{count:.0e}".replace("e+0", "e")
    if count and cell >= LEGIBLE and font.getlength(text) < cell - 2:
        ink = "white" if share > 0.5 else "black"
        pen.text((left + cell / 2, top + cell / 2), text, fill=ink, font=font, anchor="mm")


def _shorten(name: str) -> str:
    return name if len(name) <= 16 else f"{name[:15]}."
