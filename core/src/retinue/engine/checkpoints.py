"""Checkpoints: immutable directories. `store.py` writes them.

checkpoints/step-00001234/
    model.safetensors   the weights, by the model's own names; the average where one is kept
    state.pt            everything else that moves: tensors and plain data, no code
    manifest.json       step, epoch, logged values, and the SHA-256 of them and of both files
"""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from retinue.errors import RunDirectoryError
from retinue.rundir import MANIFEST, RunDirectory

logger = logging.getLogger("retinue")

WEIGHTS = "model.safetensors"
STATE = "state.pt"
REPLACED = "-replaced"
"""Ends the hidden name of a checkpoint while its successor of the same step is put in its place."""


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


def restore_replaced(directory: RunDirectory) -> None:
    """Give a checkpoint its name back whose successor was never put in its place."""
    for path in directory.checkpoints.glob(f".step-*{REPLACED}"):
        final = path.with_name(path.name.removeprefix(".").removesuffix(REPLACED))
        if final.exists():
            shutil.rmtree(path)
        else:
            path.rename(final)


def check_whole(path: Path) -> None:
    """Compare a checkpoint's files with the hashes in its manifest.

    Raises:
        RunDirectoryError: a file is missing or not what was written; names it.
    """
    digests = read_manifest(path)["sha256"]
    for name in (WEIGHTS, STATE):
        if not (path / name).is_file():
            raise RunDirectoryError(f"checkpoint {path} is damaged: {name} is missing")
        if hash_file(path / name) != digests.get(name):
            raise RunDirectoryError(f"checkpoint {path} is damaged: {name} is not what was written")


def read_manifest(path: Path) -> dict[str, Any]:
    """Return a checkpoint's manifest.

    Raises:
        RunDirectoryError: it is missing or damaged.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        values = {name: value if value is None else float(value) for name, value in manifest["values"].items()}
        if manifest["sha256"][MANIFEST] != hash_record(manifest):
            raise ValueError("is not what was written")
        return {"step": manifest["step"], "values": values, "sha256": dict(manifest["sha256"])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunDirectoryError(f"checkpoint {path} is damaged: {MANIFEST}: {error}") from error


def hash_record(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a manifest says of the run; the hashes of files that it holds prove themselves."""
    said = [manifest[key] for key in ("step", "epoch", "values")]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return a checkpoint's weights by name.

    Raises:
        RunDirectoryError: the file cannot be read.
    """
    try:
        weights: dict[str, Tensor] = load_file(path / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise RunDirectoryError(f"checkpoint {path}: {WEIGHTS} cannot be read: {error}") from error
    return weights


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Load the weights of the checkpoint at `path` into a model of the same names and sizes.

    Raises:
        RunDirectoryError: they do not fit.
    """
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
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
    if not isinstance(state, dict) or not isinstance(state.get("weights", False), dict | None):
        raise RunDirectoryError(f"checkpoint {path}: {STATE} holds no state of a run")
    return state


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
