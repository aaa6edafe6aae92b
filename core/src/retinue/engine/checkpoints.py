"""Checkpoints: immutable directories, written beside, synced, then renamed into place.

checkpoints/step-00001234/
    model.safetensors   the weights, by the model's own names
    state.pt            everything else that moves: tensors and plain data, no code
    manifest.json       step, epoch, logged values, and the SHA-256 of both files
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pickle
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch import nn

from retinue.engine.history import json_values
from retinue.errors import RunDirectoryError
from retinue.rundir import RunDirectory

logger = logging.getLogger("retinue")

WEIGHTS = "model.safetensors"
STATE = "state.pt"
MANIFEST = "manifest.json"
LEAST_KEPT = 2


@dataclass(frozen=True)
class Watch:
    """A metric that decides which checkpoint is best.

    Attributes:
        link: the name of the link to the best one.
        higher: whether more is better.
        keep: how many of the best stay.
    """

    metric: str
    link: str
    higher: bool
    keep: int

    def better(self, value: float, than: float | None) -> bool:
        """Say whether a value beats another; what is no number never does."""
        if value != value:
            return False
        return than is None or (value > than if self.higher else value < than)


class CheckpointStore:
    """The checkpoints of one run."""

    def __init__(self, directory: RunDirectory, watch: Watch, last: int) -> None:
        self.directory = directory
        self.watch = watch
        self.last = max(last, LEAST_KEPT)

    def save(
        self, model: nn.Module, state: Mapping[str, Any], step: int, epoch: int, values: Mapping[str, float]
    ) -> None:
        """Write a checkpoint, point the links at what is last and best, and remove what no rule keeps."""
        final = self.directory.checkpoint(step)
        beside = final.with_name(f".{final.name}")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        save_model(model, str(beside / WEIGHTS))
        torch.save(state, beside / STATE)
        manifest = {"step": step, "epoch": epoch, "values": json_values(values), "sha256": _hash_files(beside)}
        (beside / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        for path in (*beside.iterdir(), beside):
            _sync(path)
        if final.exists():
            shutil.rmtree(final)
        beside.rename(final)
        _sync(self.directory.checkpoints)
        self._relink()
        self._remove_others()

    def cut(self, step: int) -> None:
        """Drop what is later than `step`: a resumed run writes it anew, and it may be damaged."""
        for later in self.directory.checkpoint_steps():
            if later > step:
                shutil.rmtree(self.directory.checkpoint(later))
        self._relink()

    def has(self, step: int) -> bool:
        """Say whether there is a checkpoint of a step."""
        return self.directory.checkpoint(step).is_dir()

    def _ranking(self) -> list[int]:
        """Return the steps whose checkpoints have the watched value, best first, of equals the earlier."""
        values = {step: self._value(step) for step in self.directory.checkpoint_steps()}
        known = [(step, value) for step, value in values.items() if value is not None and value == value]
        sign = -1 if self.watch.higher else 1
        return [step for step, _ in sorted(known, key=lambda pair: (sign * pair[1], pair[0]))]

    def _value(self, step: int) -> float | None:
        try:
            manifest = read_manifest(self.directory.checkpoint(step))
        except RunDirectoryError:
            return None
        value: float | None = manifest["values"].get(self.watch.metric)
        return value

    def _remove_others(self) -> None:
        steps = self.directory.checkpoint_steps()
        kept = {*steps[-self.last :], *self._ranking()[: self.watch.keep]}
        for step in steps:
            if step not in kept:
                shutil.rmtree(self.directory.checkpoint(step))

    def _relink(self) -> None:
        self._link("last", self.directory.checkpoint_steps()[-1])
        for best in self._ranking()[:1]:
            self._link(self.watch.link, best)

    def _link(self, name: str, step: int) -> None:
        link = self.directory.link(name)
        beside = link.with_name(f".{name}")
        beside.unlink(missing_ok=True)
        beside.symlink_to(self.directory.checkpoint(step).name)
        beside.replace(link)


def find_checkpoint(directory: RunDirectory, *names: str) -> Path:
    """Return the checkpoint of the first link that leads to a whole one, else the latest whole one.

    A damaged one that is passed over is named in the log.

    Raises:
        RunDirectoryError: there is none; says what is wrong with each.
    """
    latest_first = [directory.checkpoint(step) for step in reversed(directory.checkpoint_steps())]
    linked = [directory.link(name).resolve() for name in names if directory.link(name).exists()]
    reasons: list[str] = []
    for path in dict.fromkeys([*linked, *(path.resolve() for path in latest_first)]):
        try:
            check_whole(path)
        except RunDirectoryError as error:
            reasons.append(str(error))
        else:
            for reason in reasons:
                logger.warning("%s; %s is used in its place", reason, path.name)
            return path
    raise RunDirectoryError("; ".join(reasons) or f"{directory} has no checkpoint yet")


def check_whole(path: Path) -> None:
    """Compare a checkpoint's files with the hashes in its manifest.

    Raises:
        RunDirectoryError: a file is missing or not what was written; names it.
    """
    digests = read_manifest(path)["sha256"]
    for name in (WEIGHTS, STATE):
        if not (path / name).is_file():
            raise RunDirectoryError(f"checkpoint {path} is damaged: {name} is missing")
        if _hash_file(path / name) != digests.get(name):
            raise RunDirectoryError(f"checkpoint {path} is damaged: {name} is not what was written")


def read_manifest(path: Path) -> dict[str, Any]:
    """Return a checkpoint's manifest.

    Raises:
        RunDirectoryError: it is missing or damaged.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        return {"step": manifest["step"], "values": dict(manifest["values"]), "sha256": dict(manifest["sha256"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunDirectoryError(f"checkpoint {path} is damaged: {MANIFEST}: {error}") from error


def load_weights(model: nn.Module, path: Path) -> None:
    """Load a checkpoint's weights into a model of the same names and sizes.

    Raises:
        RunDirectoryError: they do not fit.
    """
    try:
        load_model(model, path / WEIGHTS)
    except (RuntimeError, OSError, SafetensorError) as error:
        raise RunDirectoryError(f"the weights of {path} do not fit the model: {error}") from error


def load_state(path: Path) -> dict[str, Any]:
    """Return what `save` was given as state, on the CPU; nothing in the file is executed.

    Raises:
        RunDirectoryError: it cannot be read, or holds more than tensors and plain data.
    """
    try:
        state: dict[str, Any] = torch.load(path / STATE, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's own message says how to execute it all the same.
        raise RunDirectoryError(f"checkpoint {path}: {STATE} is refused: it holds more than plain data") from error
    except Exception as error:
        raise RunDirectoryError(f"checkpoint {path}: {STATE} cannot be read: {error}") from error
    return state


def _hash_files(path: Path) -> dict[str, str]:
    return {name: _hash_file(path / name) for name in (WEIGHTS, STATE)}


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
