"""A folder of class folders of pictures."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, MinLen

from retinue.api import DataInfo, Dataset, Sample, read_image
from retinue.builtin.datasets.folder import (
    SUFFIXES,
    fingerprint_files,
    identify,
    require_folder,
    visible_folders,
    walk_pictures,
)
from retinue.builtin.datasets.names import did_you_mean, list_names, refuse_repeated
from retinue.errors import DataError

logger = logging.getLogger("retinue")

NOT_READ = (".gif", ".heic", ".heif", ".avif", ".jfif", ".jp2", ".svg")

PARTS = {"train", "training", "val", "valid", "validation", "test", "testing"}


class ImageFolder(Dataset):
    """Pictures in root/CLASS/**/NAME.SUFFIX, as torchvision's ImageFolder takes them.

    Every folder in `root` is a class, in alphabetical order. Pictures end in .jpg, .jpeg, .png, .ppm, .bmp, .pgm,
    .tif, .tiff or .webp in any case; other files and hidden ones (.NAME) are left out, with a warning where they are
    pictures of other formats. Links are followed.

    Args:
        root: the folder that holds the class folders.
        classes: class names in label order, where the folders alone would not say them: a validation folder
            that lacks one of the training classes needs it. A listed class may have no folder; a folder that
            is not listed is an error.
        channels: 3 for RGB, 1 for grey.
        shortest_side: decode JPEG at the smallest of 1/2, 3/8, 1/4 and 1/8 of its size that leaves the shorter side as
            long as this: faster for large photographs, with slightly other pixels. `predict` decodes whole.

    Raises:
        DataError: a folder is missing, or a class has no picture.
    """

    labels: list[int]

    def __init__(
        self,
        root: Path,
        classes: Annotated[list[str], MinLen(1)] | None = None,
        channels: Literal[1, 3] = 3,
        shortest_side: Annotated[int, Ge(1)] | None = None,
    ) -> None:
        self.root = root = require_folder(root)
        self.shortest_side = shortest_side
        folders = _class_folders(root) if classes is None else _listed_folders(root, classes)
        names = folders if classes is None else classes
        self.paths: list[str] = []
        self.labels = []
        for name in folders:
            pictures = _class_pictures(root, name, may_be_empty=classes is not None)
            self.paths += pictures
            self.labels += [names.index(name)] * len(pictures)
        if not self.paths:
            raise DataError(f"{root}: has no pictures of the classes {list_names(names)}")
        _tell_left_out(root, folders)
        self.info = DataInfo(classes=tuple(names), channels=channels)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        path = self.paths[index]
        image = read_image(path, self.info.channels, self.shortest_side)
        return {"image": image, "label": self.labels[index], "path": path}

    def files(self, index: int) -> list[str]:
        return [self.paths[index]]

    def fingerprint(self) -> str:
        return fingerprint_files(self.root, self.paths)


def _tell_left_out(root: Path, folders: list[str]) -> None:
    """A picture in a format that is not read would else be missed much later, or never."""
    files = (file for name in folders if (root / name).is_dir() for file in (root / name).iterdir())
    others = sorted(str(file.relative_to(root)) for file in files if file.name.lower().endswith(NOT_READ))
    if others:
        logger.warning("%s: left out, for only %s are read: %s", root, ", ".join(SUFFIXES), list_names(others))


def _class_folders(root: Path) -> list[str]:
    folders = visible_folders(root)
    if not folders:
        loose = any(file.name.lower().endswith(SUFFIXES) for file in root.iterdir())
        found = "pictures lie directly in it" if loose else "it has no folders"
        raise DataError(f"{root}: has no class folders: {found}, and root/CLASS/picture.jpg is needed")
    if PARTS.issuperset(name.lower() for name in folders):
        raise DataError(
            f"{root}: its folders ({list_names(folders)}) are parts of a data set, not classes; "
            f'did you mean root = "{root / folders[0]}"?'
        )
    return folders


def _listed_folders(root: Path, classes: list[str]) -> list[str]:
    refuse_repeated(classes)
    folders = visible_folders(root)
    for name in folders:
        if name not in classes:
            raise DataError(
                f"{root}: the folder {name} is not among the classes {list_names(classes)}{did_you_mean(name, classes)}"
            )
    return folders


def _class_pictures(root: Path, name: str, may_be_empty: bool) -> list[str]:
    folder = root / name
    pictures = list(walk_pictures(str(folder), {identify(root), identify(folder)}))
    others = [] if pictures else sorted(file.name for file in folder.iterdir() if not file.name.startswith("."))
    if pictures or (may_be_empty and not others):
        return pictures
    found = f"it has {list_names(others)}" if others else "it is empty"
    remedy = "" if may_be_empty else "; remove the folder, or list the classes in `classes`"
    raise DataError(f"{folder}: the class {name} has no pictures ({', '.join(SUFFIXES)}); {found}{remedy}")
