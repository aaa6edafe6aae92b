"""Folders that a person names."""

from __future__ import annotations

from pathlib import Path

from retinue.builtin.datasets.names import did_you_mean, list_names
from retinue.errors import DataError

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
