"""The files of a run directory; no other module names them.

spec.toml       the spec as it was written (spec.yaml, spec.json likewise)
resolved.toml   every value that the run used, with its origin
run.lock        who made it: each component's plug-in, version and hash, and what the data holds
metrics.jsonl   what happened, one object a line
log.txt         what was said
.holder         locked by the process that trains
checkpoints/    step-00001234/ with manifest.json, and the links last and best
predictions/    masks that `predict` wrote
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from retinue.errors import RunDirectoryError, TrainingError

if sys.platform != "win32":
    import fcntl

MANIFEST = "manifest.json"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file that is written while entered, should that fail.

    Raises:
        TrainingError: the disk is full, or whatever it is.
    """
    try:
        yield
    except OSError as error:
        raise TrainingError(f"{path} cannot be written: {error.strerror}") from error


class RunDirectory:
    """Names in one run directory."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __str__(self) -> str:
        return str(self.path)

    @property
    def resolved(self) -> Path:
        return self.path / "resolved.toml"

    @property
    def lock(self) -> Path:
        return self.path / "run.lock"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def predictions(self) -> Path:
        return self.path / "predictions"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def spec(self, suffix: str) -> Path:
        """Return where the spec is kept as it was written."""
        return self.path / f"spec{suffix}"

    def checkpoint(self, step: int) -> Path:
        """Return the directory of the checkpoint after a step."""
        return self.checkpoints / f"step-{step:08d}"

    def manifest(self, step: int) -> Path:
        """Return the file that says what a checkpoint holds."""
        return self.checkpoint(step) / MANIFEST

    def link(self, name: str) -> Path:
        """Return the link `last` or `best`."""
        return self.checkpoints / name

    def checkpoint_steps(self) -> list[int]:
        """Return the steps of the checkpoints there are, oldest first."""
        return sorted(int(path.name.removeprefix("step-")) for path in self.checkpoints.glob("step-" + 8 * "[0-9]"))

    def has_begun(self) -> bool:
        """Whether there is a checkpoint, whole or damaged."""
        return bool(self.checkpoint_steps()) or any(self.checkpoints.glob(".step-*-replaced"))

    @classmethod
    def choose(cls, path: Path | None, name: str) -> RunDirectory:
        """Return where a new run goes: exactly `path`, or else runs/NAME/TIME. Nothing is written yet.

        Raises:
            RunDirectoryError: `path` is there and not empty.
        """
        if path is not None and path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunDirectoryError(f"{path} is there already and not empty: give another --out, or --resume {path}")
        return cls(path or _unused(runs_of(name) / datetime.now().strftime("%Y-%m-%dT%H-%M-%S")))

    def make(self) -> None:
        """Make the directory.

        Raises:
            RunDirectoryError: it cannot be made.
        """
        try:
            self.checkpoints.mkdir(parents=True)
        except OSError as error:
            raise RunDirectoryError(f"cannot make the run directory: {error}") from error

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep other processes from training this run while entered; the end of this one, of any kind, lets it go.

        Raises:
            RunDirectoryError: another process trains it, or nothing can be written.
        """
        try:
            file = self._holder.open("w")
        except OSError as error:
            raise RunDirectoryError(f"cannot write to the run directory: {error}") from error
        with file:
            if not _lock(file.fileno()):
                raise RunDirectoryError(f"{self} is being trained by another process")
            yield

    @property
    def is_held(self) -> bool:
        """Whether another process trains this run now."""
        try:
            with self._holder.open("r+") as file:
                return not _lock(file.fileno())
        except OSError:
            return False

    @property
    def _holder(self) -> Path:
        return self.path / ".holder"

    @classmethod
    def open(cls, path: str | Path) -> RunDirectory:
        """Return the run at `path`, or the latest run in a folder of runs.

        Raises:
            RunDirectoryError: there is no run, or a link leads out of it.
        """
        path = Path(path)
        if not path.exists():
            raise RunDirectoryError(f"there is no run directory {path}")
        if not cls(path).resolved.is_file():
            runs = sorted(found.parent for found in path.glob("*/resolved.toml"))
            if not runs:
                raise RunDirectoryError(f"{path} is no run directory: it has no resolved.toml, nor has a folder in it")
            path = runs[-1]
        _refuse_links(path)
        return cls(path)


def find_runs(folder: Path) -> Iterator[RunDirectory]:
    """Yield every run in a folder at any depth, whole or not; links are not followed.

    Raises:
        RunDirectoryError: there is no such folder.
    """
    if not folder.is_dir():
        raise RunDirectoryError(f"there is no folder {folder}")
    for path, folders, files in os.walk(folder):
        if {"resolved.toml", "run.lock", "metrics.jsonl"} & set(files) or "checkpoints" in folders:
            folders.clear()
            yield RunDirectory(path)


def _lock(descriptor: int) -> bool:
    """Lock a file for this process, not for those that it forks; say whether that could be."""
    if sys.platform != "win32":
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            # Some network file systems have no locks: a run is worth more than what guards it.
            return True
    return True


def runs_of(name: str) -> Path:
    """Return where the runs of a name go by default."""
    return Path("runs") / name


def _refuse_links(run: Path) -> None:
    """Refuse a run that has files elsewhere read, written or removed; `last` and `best` lead to a checkpoint beside."""
    for folder, folders, files in os.walk(run):
        for link in (path for name in (*folders, *files) if (path := Path(folder, name)).is_symlink()):
            if link.parent != run / "checkpoints" or not re.fullmatch(r"step-[0-9]{8}", os.readlink(link)):
                raise RunDirectoryError(f"{link} is a link to elsewhere: the files of a run are in its directory")


def _unused(path: Path) -> Path:
    """Two runs may start within one second."""
    candidates = (path, *(path.with_name(f"{path.name}-{number}") for number in range(2, 1000)))
    return next(candidate for candidate in candidates if not candidate.exists())
