"""Writing run.lock and reading it."""

from __future__ import annotations

import hashlib
import inspect
import json
import platform
from array import array
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy
import PIL
import simplejpeg
import torch
import torchvision

from retinue.api import DataInfo, Dataset
from retinue.engine.checkpoints import hash_file
from retinue.engine.distributed import name_launch
from retinue.engine.trainer import Trainer
from retinue.errors import RunDirectoryError
from retinue.plan import Plan, PlannedComponent
from retinue.plugins.discovery import core_version
from retinue.provenance.repository import describe_repository
from retinue.rundir import RunDirectory, writing

MOST_THREADS = 4096

Lock = dict[str, Any]
"""The content of run.lock, or the part of it that is asked for."""

PASSING = ("started", "launch", "workers", "worker_kind", "paths", "git")
"""What may change from one start of a run to the next and says nothing of what it computes."""


def write_lock(directory: RunDirectory, plan: Plan, trainer: Trainer) -> None:
    """Write down which plug-in of which version gave each component, under what it ran, and what the data holds."""
    _write(directory, describe_run(plan, trainer))


def renew_lock(directory: RunDirectory, lock: Lock, step: int) -> None:
    """Note that a run goes on from `step` as `lock` says; what was otherwise before stays under `earlier`."""
    before = read_lock(directory)
    earlier = before.pop("earlier", [])
    if _lasting(before) != _lasting(lock):
        earlier.append({**before, "until_step": step})
    else:
        lock = {**lock, "started": before["started"]}
    _write(directory, {**lock, "earlier": earlier} if earlier else lock)


def _lasting(lock: Lock) -> Lock:
    return {key: value for key, value in json.loads(json.dumps(lock)).items() if key not in PASSING}


def describe_run(plan: Plan, trainer: Trainer) -> Lock:
    """Return what run.lock says of a run that starts now."""
    run = trainer.run
    held = run.info
    loaders = {"train": trainer.train, "val": trainer.val}
    return {
        "lock": 1,
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "resolved": hash_file(RunDirectory(run.directory).resolved),
        **describe_software(plan),
        "platform": platform.platform(),
        "device": str(run.device),
        "threads": torch.get_num_threads(),
        "workers": trainer.train.workers.count,
        "worker_kind": trainer.train.workers.kind,
        "paths": {name: loader.path for name, loader in loaders.items() if loader},
        "processes": trainer.group.size,
        "launch": name_launch(),
        "steps": run.total_steps,
        "watched": {watch.link: watch.metric for watch in trainer.store.watches},
        "git": describe_repository(Path(plan.layers.documents[0].name).parent),
        "data": {
            "classes": held.classes,
            "channels": held.channels,
            "image_size": held.image_size,
            "ignore_index": held.ignore_index,
            "prepared_size": list(run.preview(1)[0]["image"].shape[-2:]),
            **{name: describe_data(loader.samples.dataset) for name, loader in loaders.items() if loader},
        },
    }


def describe_software(plan: Plan) -> Lock:
    """Return the versions of what computes, and who gives each component."""
    components = {(c.component.kind, c.component.canonical): _describe(c) for c in plan.components()}
    return {
        "retinue": core_version(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "numpy": numpy.__version__,
        "decoder": f"pillow {PIL.__version__}",
        "jpeg_decoder": f"simplejpeg {simplejpeg.__version__}",
        "components": [components[key] for key in sorted(components)],
    }


def describe_data(dataset: Dataset) -> dict[str, Any]:
    """Return how many samples a data set has, and a hash of what it says of itself without decoding a picture."""
    info = dataset.info
    digest = hashlib.sha256(json.dumps([len(dataset), info.classes, info.channels, info.ignore_index]).encode())
    if dataset.labels is not None:
        digest.update(array("q", map(int, dataset.labels)))
    digest.update(dataset.fingerprint().encode())
    return {"samples": len(dataset), "fingerprint": digest.hexdigest()}


@dataclass(frozen=True)
class LearntFrom:
    """What a run learnt from.

    Attributes:
        info: what the training data held.
        prepared_size: height and width of a picture after the transforms of validation.
    """

    info: DataInfo
    prepared_size: tuple[int, int]


def read_learnt_from(directory: RunDirectory) -> LearntFrom:
    """Return what a run learnt from.

    Raises:
        RunDirectoryError: run.lock is missing or damaged.
    """
    try:
        data = read_lock(directory)["data"]
        info = DataInfo(
            classes=None if data["classes"] is None else tuple(map(str, data["classes"])),
            channels=int(data["channels"]),
            image_size=None if data["image_size"] is None else _size(data["image_size"]),
            ignore_index=data["ignore_index"],
        )
        return LearntFrom(info, _size(data["prepared_size"]))
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(directory, error) from error


def read_lock(directory: RunDirectory) -> Lock:
    """Return what run.lock says.

    Raises:
        RunDirectoryError: it is missing or damaged.
    """
    try:
        return dict(json.loads(directory.lock.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise damaged(directory, error) from error


def read_threads(directory: RunDirectory) -> int:
    """Return how many threads torch had in a run.

    Raises:
        RunDirectoryError: run.lock is missing or damaged.
    """
    threads = read_lock(directory).get("threads")
    if not isinstance(threads, int) or not 1 <= threads <= MOST_THREADS:
        raise damaged(directory, ValueError(f"{threads!r} threads"))
    return threads


def find_launched(folder: Path, launch: str | None) -> RunDirectory | None:
    """Return the run at `folder`, or the latest in it, that a launch of processes has begun."""
    runs = [RunDirectory(path) for path in (folder, *sorted(folder.glob("*/")))]
    begun = [run for run in runs if run.lock.is_file() and read_lock(run).get("launch") == launch]
    return begun[-1] if begun and launch is not None else None


def damaged(directory: RunDirectory, error: Exception) -> RunDirectoryError:
    """Return the error of a run.lock that cannot be read."""
    return RunDirectoryError(f"{directory.lock} is missing or damaged: {error}")


def _write(directory: RunDirectory, lock: Lock) -> None:
    beside = directory.lock.with_name(f".{directory.lock.name}")
    with writing(directory.lock):
        beside.write_text(json.dumps(lock, indent=1) + "\n", encoding="utf-8")
        beside.replace(directory.lock)


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
    return hash_file(Path(file)) if file else None
