"""The files of a run directory; no other module names them.

spec.toml       the spec as it was written (spec.yaml, spec.json likewise)
resolved.toml   every value that the run used, with its origin
run.lock        who made it: each component's plug-in, version and hash, and what the data holds
metrics.jsonl   what happened, one object a line
log.txt         what was said
checkpoints/    step-00001234/ and the links last and best
predictions/    masks that `predict` wrote
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from retinue.errors import RunDirectoryError


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

    def link(self, name: str) -> Path:
        """Return the link `last` or `best`."""
        return self.checkpoints / name

    def checkpoint_steps(self) -> list[int]:
        """Return the steps of the checkpoints there are, oldest first."""
        return sorted(int(path.name.removeprefix("step-")) for path in self.checkpoints.glob("step-????????"))

    @classmethod
    def choose(cls, path: Path | None, name: str) -> RunDirectory:
        """Return where a new run goes: exactly `path`, or else runs/NAME/TIME. Nothing is written yet.

        Raises:
            RunDirectoryError: `path` is there and not empty.
        """
        if path is not None and path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunDirectoryError(f"{path} is there already and not empty: give another --out, or --resume {path}")
        return cls(path or _unused(Path("runs") / name / datetime.now().strftime("%Y-%m-%dT%H-%M-%S")))

    def make(self) -> None:
        """Make the directory.

        Raises:
            RunDirectoryError: it cannot be made.
        """
        try:
            self.checkpoints.mkdir(parents=True)
        except OSError as error:
            raise RunDirectoryError(f"cannot make the run directory: {error}") from error

    @classmethod
    def open(cls, path: str | Path) -> RunDirectory:
        """Return the run at `path`, or the latest run in a folder of runs.

        Raises:
            RunDirectoryError: there is no run.
        """
        path = Path(path)
        if not path.exists():
            raise RunDirectoryError(f"there is no run directory {path}")
        if cls(path).resolved.is_file():
            return cls(path)
        runs = sorted(found.parent for found in path.glob("*/resolved.toml"))
        if not runs:
            raise RunDirectoryError(f"{path} is no run directory: it has no resolved.toml, nor has a folder in it")
        return cls(runs[-1])


def _unused(path: Path) -> Path:
    """Two runs may start within one second."""
    candidates = (path, *(path.with_name(f"{path.name}-{number}") for number in range(2, 1000)))
    return next(candidate for candidate in candidates if not candidate.exists())
