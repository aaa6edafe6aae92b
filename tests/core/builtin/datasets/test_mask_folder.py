"""Pictures and masks in two folders, in the forms that masks are stored in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retinue.builtin.datasets.mask_folder import MaskFolder
from retinue.errors import DataError, SpecError

LABELS = np.array([[0, 1, 2], [2, 1, 0]], dtype=np.uint8)
CLASSES = ["sky", "road", "car"]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    Image.new("RGB", (3, 2), (10, 20, 30)).save(images / "one.JPG")
    return images, masks


def indexed() -> Image.Image:
    image = Image.fromarray(LABELS, mode="P")
    image.putpalette([9, 9, 9, 0, 255, 0, 255, 0, 0])
    return image


COLORS = np.array([[128, 128, 128], [0, 255, 0], [255, 0, 1]], dtype=np.uint8)


@pytest.mark.parametrize(
    ("mask", "options"),
    [
        (Image.fromarray(LABELS), {}),
        (indexed(), {}),
        (Image.fromarray(LABELS * 100), {"values": [0, 100, 200]}),
        (Image.fromarray((LABELS.astype(np.int32) * 1000).astype(np.uint16)), {"values": [0, 1000, 2000]}),
        (Image.fromarray(np.stack([LABELS] * 3, axis=-1)), {}),
        (Image.fromarray(COLORS[LABELS]), {"values": [(128, 128, 128), (0, 255, 0), (255, 0, 1)]}),
    ],
    ids=["grey", "palette", "values", "16 bit", "grey in RGB", "colours"],
)
def test_every_form_of_mask_gives_classes(
    folders: tuple[Path, Path], mask: Image.Image, options: dict[str, object]
) -> None:
    mask.save(folders[1] / "one.png")
    sample = MaskFolder(*folders, CLASSES, **options)[0]
    assert sample["mask"].tolist() == LABELS.tolist()
    assert sample["image"].shape == (3, 2, 3)
    assert sample["path"].endswith("one.JPG")


def test_black_and_white_masks(folders: tuple[Path, Path]) -> None:
    Image.fromarray(LABELS == 1).save(folders[1] / "one.png")
    assert MaskFolder(*folders, ["out", "in"])[0]["mask"].tolist() == (LABELS == 1).astype(int).tolist()


def test_ignored_values_become_the_ignore_index(folders: tuple[Path, Path]) -> None:
    Image.fromarray(LABELS).save(folders[1] / "one.png")
    dataset = MaskFolder(*folders, ["sky", "road"], ignore=[2])
    assert dataset.info.ignore_index == 255
    assert dataset[0]["mask"].tolist() == [[0, 1, 255], [255, 1, 0]]


def test_an_unknown_value_is_named_with_its_file(folders: tuple[Path, Path]) -> None:
    Image.fromarray(LABELS * 7).save(folders[1] / "one.png")
    with pytest.raises(DataError, match=r"one\.png has 7, 14, which stand for no class; known: 0, 1, 2"):
        MaskFolder(*folders, CLASSES)[0]


def test_colours_without_values_are_told_of_them(folders: tuple[Path, Path]) -> None:
    Image.fromarray(COLORS[LABELS]).save(folders[1] / "one.png")
    with pytest.raises(DataError, match="mask in colours"):
        MaskFolder(*folders, CLASSES)[0]


def test_a_mask_of_another_size_is_named(folders: tuple[Path, Path]) -> None:
    Image.new("L", (3, 3)).save(folders[1] / "one.png")
    with pytest.raises(DataError, match=r"one\.JPG is 2 x 3 pixels and its mask .*one\.png 3 x 3"):
        MaskFolder(*folders, CLASSES)[0]


def test_files_without_a_counterpart_are_named(folders: tuple[Path, Path]) -> None:
    Image.fromarray(LABELS).save(folders[1] / "two.png")
    with pytest.raises(DataError, match=r"masks lacks the counterparts of one:"):
        MaskFolder(*folders, CLASSES)


def test_values_are_one_for_each_class(folders: tuple[Path, Path]) -> None:
    Image.fromarray(LABELS).save(folders[1] / "one.png")
    with pytest.raises(SpecError, match="values has 2 entries, and there are 3 classes"):
        MaskFolder(*folders, CLASSES, values=[0, 255])
