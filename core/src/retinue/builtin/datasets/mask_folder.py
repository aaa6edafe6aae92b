"""Pictures in one folder and their masks in another, paired by file name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from annotated_types import Interval, MinLen
from PIL import Image
from torchvision import tv_tensors

from retinue.api import DataInfo, Dataset, Sample, read_image
from retinue.builtin.datasets.folder import find_pictures, fingerprint_files
from retinue.builtin.datasets.names import list_names, refuse_repeated
from retinue.errors import DataError, Problem, SpecError

IGNORE = 255
"""What a pixel that counts for nothing becomes."""

Level = Annotated[int, Interval(ge=0, le=65535)]
Color = tuple[Level, Level, Level]


class MaskFolder(Dataset):
    """Pictures and their masks, paired by file name without suffix.

    A mask is a picture file of the same size whose pixels are numbers: grey, a palette's indices, or RGB colours.

    Args:
        images: folder of the pictures.
        masks: folder of the masks.
        classes: names of the classes.
        values: what stands for each class in the masks, in the order of `classes`: numbers, or RGB colours;
            0, 1, 2, ... unless given.
        ignore: numbers or colours in the masks that count for nothing.
        channels: 3 for RGB, 1 for grey.

    Raises:
        DataError: a folder is missing or empty, or files have no counterpart.
        SpecError: `values` has not one entry for each class.
    """

    def __init__(
        self,
        images: Path,
        masks: Path,
        classes: Annotated[list[str], MinLen(2)],
        values: list[Level] | list[Color] | None = None,
        ignore: list[Level] | list[Color] | None = None,
        channels: Literal[1, 3] = 3,
    ) -> None:
        refuse_repeated(classes)
        if values is not None and len(values) != len(classes):
            raise SpecError([Problem(f"values has {len(values)} entries, and there are {len(classes)} classes")])
        self.folders = (images.expanduser(), masks.expanduser())
        self.pairs = _pair(images, masks)
        self.coding = _Coding(values if values is not None else list(range(len(classes))), ignore or [])
        self.info = DataInfo(classes=tuple(classes), channels=channels, ignore_index=IGNORE)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        picture, mask = self.pairs[index]
        image = read_image(picture, self.info.channels)
        labels = self.coding.read(mask)
        if labels.shape != image.shape[-2:]:
            sizes = [" x ".join(map(str, part.shape[-2:])) for part in (image, labels)]
            raise DataError(f"{picture} is {sizes[0]} pixels and its mask {mask} {sizes[1]}: they must be equal")
        return {"image": image, "mask": tv_tensors.Mask(labels), "path": str(picture)}

    def files(self, index: int) -> tuple[Path, Path]:
        return self.pairs[index]

    def fingerprint(self) -> str:
        sides = zip(self.folders, zip(*self.pairs, strict=True), strict=True)
        return " ".join(fingerprint_files(folder, paths) for folder, paths in sides)


class _Coding:
    """Which class each number or colour of a mask file stands for."""

    def __init__(self, values: Sequence[int | Color], ignore: Sequence[int | Color]) -> None:
        self.classes = {_as_number(value): label for label, value in enumerate(values)}
        self.classes |= {_as_number(value): IGNORE for value in ignore}
        self.in_color = any(not isinstance(value, int) for value in (*values, *ignore))

    def read(self, path: Path) -> torch.Tensor:
        """Return uint8 H x W."""
        numbers = _read_colors(path) if self.in_color else _read_numbers(path)
        found, inverse = np.unique(numbers, return_inverse=True)
        unknown = [int(number) for number in found if int(number) not in self.classes]
        if unknown:
            names = list_names([self._show(number) for number in unknown])
            known = list_names([self._show(number) for number in self.classes])
            raise DataError(f"{path} has {names}, which stand for no class; known: {known}. `ignore` leaves them out")
        labels = np.array([self.classes[int(number)] for number in found], dtype=np.uint8)
        return torch.from_numpy(labels[inverse].reshape(numbers.shape))

    def _show(self, number: int) -> str:
        return f"[{number >> 16}, {number >> 8 & 255}, {number & 255}]" if self.in_color else str(number)


def _as_number(value: int | Color) -> int:
    return value if isinstance(value, int) else value[0] << 16 | value[1] << 8 | value[2]


def _read_colors(path: Path) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    pixels = read_image(path, 3).numpy().astype(np.int64)
    numbers: np.ndarray[tuple[int, int], np.dtype[np.int64]] = pixels[0] << 16 | pixels[1] << 8 | pixels[2]
    return numbers


def _read_numbers(path: Path) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    try:
        with Image.open(path) as file:
            pixels = np.asarray(file).astype(np.int64)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: cannot be read as a mask ({error})") from error
    if pixels.ndim == 3:
        if (pixels[..., :3] != pixels[..., :1]).any():
            raise DataError(f"{path} is a mask in colours: give each class's colour under `values`")
        pixels = pixels[..., 0]
    return pixels


def _pair(images: Path, masks: Path) -> list[tuple[Path, Path]]:
    pictures, labels = find_pictures(images), find_pictures(masks)
    for folder, lacking in ((masks, pictures.keys() - labels.keys()), (images, labels.keys() - pictures.keys())):
        if lacking:
            raise DataError(f"{folder} lacks the counterparts of {list_names(sorted(lacking))}: pairs have equal stems")
    return [(pictures[stem], labels[stem]) for stem in pictures]
