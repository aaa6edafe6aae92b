"""What the files of a run say, read without torch and without trust."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from retinue.engine.history import read_history
from retinue.errors import RunDirectoryError
from retinue.rundir import RunDirectory

Record = dict[str, Any]
Parsed = TypeVar("Parsed")

WHOLE = "whole"
EARLY_STOP = " has not improved since step "
"""What engine/stopping.py says last in the log of a run that it ended."""


class Commit(BaseModel):
    commit: str
    dirty: bool


class Component(BaseModel):
    kind: str
    name: str
    distribution: str | None
    version: str | None
    sha256: str | None


class Section(BaseModel):
    samples: int
    fingerprint: str


class Data(BaseModel):
    classes: list[str] | None
    channels: int
    train: Section
    val: Section | None = None


class Earlier(BaseModel, extra="allow"):
    started: datetime
    until_step: int
    retinue: str
    torch: str
    device: str


class Lock(BaseModel):
    """What run.lock must say for a run to be listed."""

    started: datetime
    retinue: str
    python: str
    torch: str
    torchvision: str
    numpy: str
    decoder: str
    platform: str
    device: str
    steps: int
    git: Commit | None
    components: list[Component]
    data: Data
    watched: dict[str, str]
    earlier: list[Earlier] = []


class Manifest(BaseModel):
    epoch: int
    values: dict[str, float | None]
    sha256: dict[str, str]


TOLD = ("name", "state", "metric", "value", "step", "epoch", "problem", *Lock.model_fields)


def read_run(directory: RunDirectory) -> Record:
    """Return what a run's files say; of a damaged one what is wrong, under `problem`."""
    run: Record = {"run": str(directory), **dict.fromkeys(TOLD), "started": _change_time(directory), "checkpoints": []}
    try:
        run["name"] = _read(directory.resolved, tomllib.loads).get("name")
        lock = _read(directory.lock, Lock.model_validate_json)
        began = lock.earlier[0].started if lock.earlier else lock.started
        run.update(lock.model_dump(mode="json", exclude={"watched"}))
        run.update(started=began.isoformat(), metric=lock.watched.get("best"))
        run.update(_read_progress(directory, run))
    except (RunDirectoryError, OSError) as error:
        run.update(state="damaged", problem=str(error))
    return run


def read_last_values(directory: RunDirectory) -> dict[str, float]:
    """Return what the last epoch logged.

    Raises:
        RunDirectoryError: metrics.jsonl is damaged.
    """
    epochs = [record for record in read_history(directory.metrics) if record["event"] == "epoch"]
    return {k: v for k, v in epochs[-1].items() if "/" in k and isinstance(v, float | int)} if epochs else {}


def _read(path: Path, parse: Callable[[str], Parsed]) -> Parsed:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunDirectoryError(f"{path.name} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        found = error.errors()[0]
        place = "".join(f"{part}: " for part in found["loc"])
        raise RunDirectoryError(f"{path.name} is damaged: {place}{found['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise RunDirectoryError(f"{path.name} is damaged: {error}") from error


def _read_progress(directory: RunDirectory, run: Record) -> Record:
    links = {p.name: p.readlink().name for p in directory.checkpoints.glob("[!.]*") if p.is_symlink()}
    found = [_read_checkpoint(directory, step, links) for step in directory.checkpoint_steps()]
    last = next((c for c in reversed(found) if c["state"] == WHOLE), {"step": None, "epoch": None})
    best = next((c for c in found if "best" in c["links"]), None)
    return {
        "checkpoints": [{key: value for key, value in c.items() if key != "values"} for c in found],
        "step": last["step"],
        "epoch": last["epoch"],
        "value": best["values"].get(run["metric"]) if best else None,
        "state": _find_state(directory, last["step"], run["steps"]),
    }


def _read_checkpoint(directory: RunDirectory, step: int, links: dict[str, str]) -> Record:
    path = directory.checkpoint(step)
    names = sorted(name for name, target in links.items() if target == path.name)
    checkpoint: Record = {"step": step, "epoch": None, "bytes": 0, "links": names, "state": WHOLE, "values": {}}
    try:
        manifest = _read(directory.manifest(step), Manifest.model_validate_json)
    except RunDirectoryError as error:
        return {**checkpoint, "state": f"damaged: {error}"}
    # A stranger's manifest leads to no file outside.
    files = [path / Path(name).name for name in manifest.sha256]
    missing = [file.name for file in files if not file.is_file()]
    return {
        **checkpoint,
        "epoch": manifest.epoch,
        "values": manifest.values,
        "bytes": sum(file.stat().st_size for file in files if file.is_file()),
        "state": f"damaged: {', '.join(missing)} missing" if missing else WHOLE,
    }


def _find_state(directory: RunDirectory, step: int | None, steps: int) -> str:
    if directory.is_held:
        return "running"
    if step is None:
        return "no checkpoint"
    if step >= steps:
        return "complete"
    log = directory.log.read_text(encoding="utf-8", errors="replace") if directory.log.is_file() else ""
    said = re.findall(r"^\d{4}-\d\d-\d\d [\d:,]+ (.*)$", log, re.MULTILINE)[-1:] or [""]
    if EARLY_STOP in said[0]:
        return "stopped early"
    return "failed" if re.match(r"\w+Error: ", said[0]) else "interrupted"


def _change_time(directory: RunDirectory) -> str:
    """Stands in for the start of a run that does not tell it."""
    return datetime.fromtimestamp(directory.path.stat().st_mtime).astimezone().isoformat(timespec="seconds")
