"""The checkpoints of a run: written beside, synced, renamed into place; which stay, and which are last and best."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from torch.utils._pytree import tree_map_only

from retinue.engine.checkpoints import (
    REPLACED,
    STATE,
    WEIGHTS,
    hash_file,
    hash_record,
    read_manifest,
    restore_replaced,
)
from retinue.engine.history import json_values
from retinue.errors import RunDirectoryError, TrainingError
from retinue.rundir import MANIFEST, RunDirectory

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

    def rank(self, values: Mapping[int, float | None]) -> list[int]:
        """Return the steps that have a value, best first, of equals the earlier."""
        known = [(step, value) for step, value in values.items() if value is not None and value == value]
        sign = -1 if self.higher else 1
        return [step for step, _ in sorted(known, key=lambda pair: (sign * pair[1], pair[0]))]


class CheckpointStore:
    """The checkpoints of one run, written by a thread while training goes on.

    Attributes:
        watches: what decides which are best; the first has the link `best`.
    """

    def __init__(self, directory: RunDirectory, watches: Sequence[Watch], last: int) -> None:
        self.directory = directory
        self.watches = list(watches)
        self.last = max(last, LEAST_KEPT)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None

    def save(
        self,
        weights: Mapping[str, Tensor],
        state: Mapping[str, Any],
        step: int,
        epoch: int,
        values: Mapping[str, float],
    ) -> None:
        """Copy what is given, and begin to write it; then the links lead to it, and what no rule keeps is removed.

        Raises:
            TrainingError: the checkpoint before it could not be written.
        """
        self.wait()
        copies = {name: _copy(value) for name, value in weights.items()}
        kept = tree_map_only(Tensor, _copy, state)
        self._writing = self._writer.submit(self._write, copies, kept, step, epoch, dict(values))

    def wait(self) -> None:
        """Wait until the last checkpoint is on disk.

        Raises:
            TrainingError: it could not be written; those before it are as they were.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _write(
        self, weights: dict[str, Tensor], state: Mapping[str, Any], step: int, epoch: int, values: Mapping[str, float]
    ) -> None:
        final = self.directory.checkpoint(step)
        beside = final.with_name(f".{final.name}")
        try:
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            save_file(weights, beside / WEIGHTS)
            torch.save(state, beside / STATE)
            record = {"step": step, "epoch": epoch, "values": json_values(values)}
            manifest = {**record, "sha256": {**_hash_files(beside), MANIFEST: hash_record(record)}}
            (beside / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            for path in (*beside.iterdir(), beside):
                _sync(path)
            self._put_in_place(beside, final)
        # torch and safetensors raise errors of their own where a disk is full.
        except (OSError, RuntimeError, SafetensorError) as error:
            shutil.rmtree(beside, ignore_errors=True)
            restore_replaced(self.directory)
            raise TrainingError(f"the checkpoint of step {step} cannot be written: {error}") from error

    def _put_in_place(self, beside: Path, final: Path) -> None:
        if final.exists():
            # A step that is saved again: until the new one is there the old one can be found under its other name.
            final.replace(_replaced(final))
        beside.rename(final)
        _sync(self.directory.checkpoints)
        shutil.rmtree(_replaced(final), ignore_errors=True)
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
        self.wait()
        return self.directory.checkpoint(step).is_dir()

    def _rankings(self) -> list[list[int]]:
        steps = self.directory.checkpoint_steps()
        logged = {step: _read_values(self.directory.checkpoint(step)) for step in steps}
        return [
            watch.rank({step: values.get(watch.metric) for step, values in logged.items()}) for watch in self.watches
        ]

    def _remove_others(self) -> None:
        steps = self.directory.checkpoint_steps()
        kept = set(steps[-self.last :])
        for watch, ranking in zip(self.watches, self._rankings(), strict=True):
            kept.update(ranking[: watch.keep])
        for step in steps:
            if step not in kept:
                shutil.rmtree(self.directory.checkpoint(step))

    def _relink(self) -> None:
        self._link("last", self.directory.checkpoint_steps()[-1])
        for watch, ranking in zip(self.watches, self._rankings(), strict=True):
            for best in ranking[:1]:
                self._link(watch.link, best)

    def _link(self, name: str, step: int) -> None:
        link = self.directory.link(name)
        beside = link.with_name(f".{name}")
        beside.unlink(missing_ok=True)
        beside.symlink_to(self.directory.checkpoint(step).name)
        beside.replace(link)


def _copy(value: Tensor) -> Tensor:
    """Training goes on while the copy is written; safetensors takes no views."""
    return value.detach().to("cpu", copy=True).contiguous()


def _replaced(path: Path) -> Path:
    return path.with_name(f".{path.name}{REPLACED}")


def _hash_files(path: Path) -> dict[str, str]:
    return {name: hash_file(path / name) for name in (WEIGHTS, STATE)}


def _read_values(path: Path) -> dict[str, float | None]:
    try:
        values: dict[str, float | None] = read_manifest(path)["values"]
    except RunDirectoryError:
        return {}
    return values


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
