"""metrics.jsonl: what happened, one object a line."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path


class History:
    """Appends records; each is on disk when `append` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, event: str, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """Write one record."""
        record = {"event": event, "epoch": epoch, "step": step, **json_values(values)}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def cut(self, step: int) -> None:
        """Drop what was written after `step`, and a line that a killed process left unfinished."""
        if not self.path.exists():
            return
        kept = [line for line in self.path.read_text(encoding="utf-8").splitlines() if _step_of(line) <= step]
        beside = self.path.with_suffix(".tmp")
        beside.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        beside.replace(self.path)


def json_values(values: Mapping[str, float]) -> dict[str, float | None]:
    """Return values as JSON has them: one that is not finite is null."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def read_history(path: Path) -> list[dict[str, object]]:
    """Return the records of a metrics.jsonl; none where nothing was written yet."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if math.isfinite(_step_of(line))]


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf
