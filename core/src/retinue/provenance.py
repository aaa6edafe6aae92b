"""run.lock: who made a run, and what the data held."""

from __future__ import annotations

import hashlib
import inspect
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import PIL
import torch
import torchvision

from retinue.api import DataInfo
from retinue.engine.loop import Trainer
from retinue.errors import RunDirectoryError
from retinue.plan import Plan, PlannedComponent
from retinue.plugins.discovery import core_version
from retinue.rundir import RunDirectory


def write_lock(directory: RunDirectory, plan: Plan, trainer: Trainer) -> None:
    """Write down which plug-in of which version gave each component, and under what it ran."""
    info = trainer.run.info
    components = {(c.component.kind, c.component.canonical): _describe(c) for c in plan.components()}
    lock = {
        "lock": 1,
        "retinue": core_version(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "decoder": f"pillow {PIL.__version__}",
        "device": str(trainer.run.device),
        "threads": torch.get_num_threads(),
        "workers": trainer.train.workers,
        "components": [components[key] for key in sorted(components)],
        "data": {
            "classes": info.classes,
            "channels": info.channels,
            "image_size": info.image_size,
            "ignore_index": info.ignore_index,
            "prepared_size": list(trainer.run.preview(1)[0]["image"].shape[-2:]),
        },
    }
    directory.lock.write_text(json.dumps(lock, indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class LearntFrom:
    """What a run learnt from.

    Attributes:
        info: what the training data held.
        prepared_size: height and width of a picture after the transforms of validation.
    """

    info: DataInfo
    prepared_size: tuple[int, int]


def read_lock(directory: RunDirectory) -> LearntFrom:
    """Return what a run learnt from.

    Raises:
        RunDirectoryError: run.lock is missing or damaged.
    """
    try:
        data = json.loads(directory.lock.read_text(encoding="utf-8"))["data"]
        info = DataInfo(
            classes=None if data["classes"] is None else tuple(map(str, data["classes"])),
            channels=int(data["channels"]),
            image_size=None if data["image_size"] is None else _size(data["image_size"]),
            ignore_index=data["ignore_index"],
        )
        return LearntFrom(info, _size(data["prepared_size"]))
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise RunDirectoryError(f"{directory.lock} is missing or damaged: {error}") from error


def _size(sides: Any) -> tuple[int, int]:
    height, width = sides
    return int(height), int(width)


def _describe(planned: PlannedComponent) -> dict[str, Any]:
    component = planned.component
    return {
        "kind": component.kind,
        "name": component.canonical,
        "distribution": component.plugin.distribution,
        "version": component.plugin.version,
        "sha256": _hash_source(planned.signature.target),
    }


def _hash_source(target: Any) -> str | None:
    try:
        file = inspect.getsourcefile(target)
    except TypeError:
        return None
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else None
