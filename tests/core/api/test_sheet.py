"""Sheets of pictures: tiles where they belong, captions in the data set's names."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from retinue.api import DataInfo
from retinue.api.sheet import MARGIN, draw_samples, draw_sheet, list_swatches, name_target, split_batch

ANIMALS = DataInfo(classes=("cat", "dog", "emu"), ignore_index=255)


def plain(shade: int, height: int = 100, width: int = 100) -> torch.Tensor:
    return torch.full((3, height, width), shade, dtype=torch.uint8)


def test_tiles_stand_in_rows_in_their_order() -> None:
    sheet = draw_sheet([plain(shade) for shade in (10, 20, 30, 40)], ["", "", "", ""])
    assert sheet.shape == (3, 2 * 100 + 3 * MARGIN, 2 * 100 + 3 * MARGIN)
    step = 100 + MARGIN
    assert [int(sheet[0, 50 + step * row, 50 + step * column]) for row in (0, 1) for column in (0, 1)] == [
        10,
        20,
        30,
        40,
    ]
    assert sheet[0, MARGIN // 2].unique().tolist() == [255]


def test_tiny_pictures_are_enlarged_by_whole_times_and_large_ones_shrunk() -> None:
    tiny = torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8)
    tile = draw_sheet([tiny], [""])[:, MARGIN : MARGIN + 96, MARGIN : MARGIN + 96]
    assert torch.equal(tile, tiny.repeat_interleave(12, 1).repeat_interleave(12, 2))
    assert draw_sheet([plain(0, 600, 300)], [""], largest=200).shape == (3, 200 + 2 * MARGIN, 100 + 2 * MARGIN)
    assert draw_sheet([plain(0, 10, 900)], [""], largest=200).shape[2] == 200 + 2 * MARGIN


def test_a_caption_is_written_below_its_tile_and_cut_to_its_width() -> None:
    tiles, middle = [plain(0), plain(0)], MARGIN + 100 + MARGIN // 2
    right = draw_sheet(tiles, ["", "cat\nis dog"])
    assert right.shape[2] == 2 * 100 + 3 * MARGIN
    below = right[0, MARGIN + 100 :]
    assert below[:, :middle].min() == 255
    assert below[: len(below) // 2, middle:].min() < 128
    assert below[len(below) // 2 :, middle:].min() < 128
    below = draw_sheet(tiles, ["a" * 200, "\n"])[0, MARGIN + 100 :]
    assert below[:, :middle].min() < 128
    assert below[:, middle:].min() == 255


@pytest.mark.parametrize(
    ("sample", "name"),
    [
        ({"label": 1}, "dog"),
        ({"label": torch.tensor(2)}, "emu"),
        ({"label": 255}, "ignored"),
        ({"label": torch.tensor([0.3, 0.0, 0.7])}, "emu 0.70, cat 0.30"),
        ({"label": torch.tensor([1.0, 1.0, 0.0])}, "cat, dog"),
        ({"label": torch.zeros(3)}, "none"),
        ({"target": torch.tensor([31.25])}, "cat 31.25"),
        ({"mask": torch.zeros(2, 2)}, ""),
    ],
)
def test_targets_are_named(sample: dict[str, Any], name: str) -> None:
    assert name_target(sample, ANIMALS) == name


def test_without_names_numbers_stand_for_classes() -> None:
    assert name_target({"label": 7}, DataInfo()) == "7"


def test_the_legend_has_the_classes_that_occur() -> None:
    masks = [torch.tensor([[0, 0], [2, 255]], dtype=torch.uint8), torch.zeros(2, 2, dtype=torch.uint8)]
    assert list_swatches(masks, ANIMALS) == [("cat", None), ("emu", (0, 128, 0)), ("ignored", (224, 224, 192))]


def test_samples_of_a_batch_are_drawn_with_their_masks() -> None:
    batch = {
        "image": torch.zeros(3, 1, 96, 96),
        "mask": torch.zeros(3, 96, 96, dtype=torch.uint8),
        "path": ["a", "b", "c"],
    }
    batch["mask"][1] = 2
    samples = split_batch(batch, 2)
    assert [sample["path"] for sample in samples] == ["a", "b"]
    sheet = draw_samples(samples, ANIMALS)
    assert sheet[:, MARGIN + 48, MARGIN + 48].tolist() == [0, 0, 0]
    second = (
        (2 * MARGIN + 96 + 48, MARGIN + 48) if sheet.shape[1] > sheet.shape[2] else (MARGIN + 48, 2 * MARGIN + 96 + 48)
    )
    assert sheet[:, second[0], second[1]].tolist() == [0, 64, 0]
