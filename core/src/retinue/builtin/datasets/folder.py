"""Folders that a person names, and the pictures in them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from retinue.builtin.datasets.names import did_you_mean, list_names
from retinue.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""torchvision's, so that the same folder gives the same samples."""

ARCHIVES = (".tar", ".gz", ".tgz", ".zip", ".bz2", ".xz", ".7z")


def require_folder(folder: Path) -> Path:
    """Return the folder with `~` expanded.

    Raises:
        DataError: it is missing, and the message tells what there is in its stead, or it is a file.
    """
    folder = folder.expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        unpack = ": unpack it and name the folder" if folder.suffix.lower() in ARCHIVES else ""
        raise DataError(f"{folder}: is a file, not a folder{unpack}")
    there = next(parent for parent in folder.parents if parent.is_dir())
    wanted = folder.relative_to(there).parts[0]
    names = visible_folders(there)
    raise DataError(f"{folder}: no such folder; {_contents(there, names)}{did_you_mean(wanted, names)}")


def visible_folders(folder: Path) -> list[str]:
    """Return the names of the folders in a folder, sorted, without the hidden ones."""
    return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith(".") and entry.is_dir())


def _contents(folder: Path, names: list[str]) -> str:
    place = folder.resolve()
    return f"{place} has the folders {list_names(names)}" if names else f"{place} has no folders"


def find_pictures(folder: Path) -> dict[str, Path]:
    """Return the pictures at any depth of a folder by their path in it without suffix, sorted.

    Raises:
        DataError: the folder is missing or has none, or two differ only in their suffix.
    """
    folder = require_folder(folder)
    found: dict[str, Path] = {}
    for path in map(Path, walk_pictures(str(folder), {identify(folder)})):
        stem = str(path.relative_to(folder).with_suffix(""))
        if stem in found:
            raise DataError(f"{path} and {found[stem]} differ only in their suffix: one of them is too many")
        found[stem] = path
    if not found:
        raise DataError(f"{folder}: has no pictures ({', '.join(SUFFIXES)})")
    return dict(sorted(found.items()))


def walk_pictures(folder: str, seen: set[tuple[int, int]]) -> Iterator[str]:
    """Yield the pictures at any depth; a folder that was seen before, through a link, is not entered again."""
    for entry in _sorted_entries(folder):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            identity = identify(entry)
            if identity not in seen:
                seen.add(identity)
                yield from walk_pictures(entry.path, seen)
        elif entry.name.lower().endswith(SUFFIXES):
            if not entry.is_file():
                raise DataError(f"{entry.path}: is a link to a file that does not exist")
            yield entry.path


def _sorted_entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror})") from error


def fingerprint_files(root: Path, paths: Iterable[str | Path]) -> str:
    """Return a hash of the names of files in a folder and of their sizes; none is read.

    Raises:
        DataError: a file is no longer there.
    """
    digest = hashlib.sha256()
    prefix = "" if root == Path() else f"{root}{os.sep}"
    for path in map(str, paths):
        try:
            size = os.stat(path).st_size
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from error
        name = path.removeprefix(prefix).replace(os.sep, "/")
        digest.update(f"{name}\0{size}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def identify(place: Path | os.DirEntry[str]) -> tuple[int, int]:
    """Return what stays the same whatever link leads to a folder."""
    status = os.stat(place)
    return status.st_dev, status.st_ino
