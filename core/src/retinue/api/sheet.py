"""Many pictures as one, each with a caption."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from retinue.api.data import Batch, DataInfo, Sample
from retinue.api.drawing import draw_mask, list_colors, to_pixels

MARGIN, FONT_SIZE, LINE = 6, 13, 16
MOST_LINES = 6
SMALLEST = 96
"""Tiles of fewer pixels are enlarged, whole times, so that a caption has room."""

Swatch = tuple[str, tuple[int, int, int] | None]
"""A name in a legend and its colour; None for what is left clear."""


def draw_sheet(
    tiles: Sequence[Tensor], captions: Sequence[str], legend: Sequence[Swatch] = (), largest: int = 256
) -> Tensor:
    """Return pictures side by side in rows.

    Args:
        tiles: uint8 3 x H x W each.
        captions: below each, in lines as wide as a tile.
        legend: below all.
        largest: most pixels of a tile's longer side.

    Returns:
        uint8 3 x H x W.
    """
    images = [_scale(Image.fromarray(tile.permute(1, 2, 0).contiguous().numpy()), largest) for tile in tiles]
    font = ImageFont.load_default(FONT_SIZE)
    width, height = max(image.width for image in images), max(image.height for image in images)
    texts = [_wrap(caption, font, width) for caption in captions]
    row = height + LINE * max(map(len, texts)) + MARGIN
    columns = min(len(images), max(1, round(math.sqrt(len(images) * row / (width + MARGIN)))))
    total = columns * (width + MARGIN) + MARGIN
    places, end = _place_legend(legend, font, total, math.ceil(len(images) / columns) * row + MARGIN)
    sheet = Image.new("RGB", (total, end), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (image, lines) in enumerate(zip(images, texts, strict=True)):
        left, top = MARGIN + number % columns * (width + MARGIN), MARGIN + number // columns * row
        sheet.paste(image, (left, top))
        for count, text in enumerate(lines):
            pen.text((left, top + height + 1 + count * LINE), text, fill="black", font=font)
    for (name, color), (left, top) in zip(legend, places, strict=True):
        pen.rectangle((left, top + 2, left + 11, top + 13), fill=color, outline="grey")
        pen.text((left + 16, top), name, fill="black", font=font)
    return torch.from_numpy(np.array(sheet)).permute(2, 0, 1)


def draw_samples(samples: Sequence[Sample], info: DataInfo, largest: int = 256) -> Tensor:
    """Return prepared samples with their labels below, or their masks drawn in.

    Args:
        info: of the data set: names of classes and values.
        largest: most pixels of a picture's longer side.

    Returns:
        uint8 3 x H x W.
    """
    tiles = [_draw_sample(sample) for sample in samples]
    legend = list_swatches([sample["mask"] for sample in samples if "mask" in sample], info)
    return draw_sheet(tiles, [name_target(sample, info) for sample in samples], legend, largest)


def split_batch(batch: Batch, count: int | None = None) -> list[Sample]:
    """Return the samples of a batch, at most `count` of them."""
    return [{key: value[n] for key, value in batch.items()} for n in range(len(batch["image"]))[:count]]


def name_target(sample: Sample, info: DataInfo) -> str:
    """Return a sample's label or target in the data set's names, such as "cat", "cat 0.7, dog 0.3" or "age 31"."""
    if "target" in sample:
        return ", ".join(f"{_name(info, n)} {value:.4g}" for n, value in enumerate(_listed(sample["target"])))
    if "label" not in sample:
        return ""
    label = sample["label"]
    if isinstance(label, int) or label.ndim == 0:
        return "ignored" if int(label) == info.ignore_index else _name(info, int(label))
    weights = [(weight, _name(info, number)) for number, weight in enumerate(_listed(label)) if weight]
    weights.sort(key=lambda pair: -pair[0])
    return ", ".join(name if weight == 1 else f"{name} {weight:.2f}" for weight, name in weights) or "none"


def list_swatches(masks: Sequence[Tensor], info: DataInfo) -> list[Swatch]:
    """Return the legend of the classes that occur in masks."""
    labels = sorted({int(label) for mask in masks for label in torch.unique(mask)})
    colors = list_colors(max(labels, default=0) + 1)
    names = ["ignored" if label == info.ignore_index else _name(info, label) for label in labels]
    return [(name, colors[label] if label else None) for name, label in zip(names, labels, strict=True)]


def _draw_sample(sample: Sample) -> Tensor:
    picture = to_pixels(sample["image"])
    return draw_mask(picture, sample["mask"].cpu()) if "mask" in sample else picture


def _name(info: DataInfo, label: int) -> str:
    return info.classes[label] if info.classes and label < len(info.classes) else str(label)


def _listed(values: Any) -> list[float]:
    listed: list[float] = torch.as_tensor(values).flatten().tolist()
    return listed


def _scale(image: Image.Image, largest: int) -> Image.Image:
    side = max(image.size)
    if side > largest:
        return image.resize((max(1, image.width * largest // side), max(1, image.height * largest // side)))
    times = max(1, min(largest // side, math.ceil(SMALLEST / min(image.size))))
    return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)


def _wrap(caption: str, font: Any, width: float) -> list[str]:
    """Return a caption in lines that fit, at most so many; a word that is too long is cut."""
    lines: list[str] = []
    for paragraph in caption.splitlines():
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and font.getlength(longer) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return [_cut(line, font, width) for line in lines[:MOST_LINES]]


def _cut(text: str, font: Any, width: float) -> str:
    return next(cut for end in range(len(text), -1, -1) if font.getlength(cut := text[:end]) <= width)


def _place_legend(legend: Sequence[Swatch], font: Any, width: int, top: int) -> tuple[list[tuple[int, int]], int]:
    """Return where each entry begins, and where the last one ends."""
    places: list[tuple[int, int]] = []
    left = MARGIN
    for name, _ in legend:
        needed = 16 + math.ceil(font.getlength(name)) + 2 * MARGIN
        if left > MARGIN and left + needed > width:
            left, top = MARGIN, top + LINE
        places.append((left, top))
        left += needed
    return places, top + (LINE + MARGIN if legend else 0)
