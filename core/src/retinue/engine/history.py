"""metrics.jsonl: what happened, one object a line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from retinue.errors import RunDirectoryError
from retinue.rundir import writing


class History:
    """Appends records; each is on disk when `append` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, event: str, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """Write one record.

        Raises:
            TrainingError: it cannot be written.
        """
        record = {"event": event, "epoch": epoch, "step": step, **json_values(values)}
        with writing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def cut(self, step: int) -> None:
        """Drop what was written after `step`, and a line that a killed process left unfinished.

        Raises:
            RunDirectoryError: the file is not what was written.
            TrainingError: what is kept of it cannot be written; the file stays as it is.
        """
        if not self.path.exists():
            return
        kept = [line for line, record in _read_lines(self.path) if record["step"] <= step]
        beside = self.path.with_suffix(".tmp")
        with writing(self.path):
            beside.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
            beside.replace(self.path)


def json_values(values: Mapping[str, float]) -> dict[str, float | None]:
    """Return values as JSON has them: one that is not finite is null."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def read_history(path: Path) -> list[dict[str, Any]]:
    """Return the records of a metrics.jsonl; none where nothing was written yet.

    Raises:
        RunDirectoryError: the file is not what was written.
    """
    return [record for _, record in _read_lines(path)] if path.exists() else []


def _read_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RunDirectoryError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            known = {"event": str(record["event"]), "epoch": int(record["epoch"]), "step": int(record["step"])}
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            # A killed process may have left the last line unfinished.
            if number < len(lines):
                raise RunDirectoryError(f"{path} is damaged: line {number} is no record") from None
        else:
            yield line, {**record, **known}
