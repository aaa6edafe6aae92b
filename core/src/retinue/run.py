"""Training, evaluation and prediction by spec: what Python users and the commands share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from retinue.api import Task, read_image
from retinue.build import (
    Builder,
    build_loader,
    build_metrics,
    build_section,
    build_task,
    build_trainer,
    build_transforms,
    check_agreement,
    load_earlier_weights,
)
from retinue.builtin.callbacks.progress import ProgressReport
from retinue.data.loading import choose_workers
from retinue.data.preparation import Preparation
from retinue.engine.cam import Explanation, explain
from retinue.engine.checkpoints import find_checkpoint, load_state, load_weights
from retinue.engine.devices import select_device
from retinue.engine.evaluation import evaluate as evaluate_task
from retinue.engine.history import read_history
from retinue.engine.log import RunLog, logger
from retinue.engine.loop import Trainer, fit, restore_state
from retinue.engine.mask_files import write_mask
from retinue.engine.meters import Meter
from retinue.engine.prediction import Picture, Predictor
from retinue.errors import DataError, Interrupted, RunDirectoryError
from retinue.plan import Plan, make_plan
from retinue.plan.values import list_values, write_resolved
from retinue.plugins.registry import Registry
from retinue.provenance import LearntFrom, read_lock, write_lock
from retinue.rundir import RunDirectory
from retinue.spec.loading import load_spec

Overrides = Iterable[str] | Mapping[str, Any]


class SavedRun:
    """A run on disk, ready to be used."""

    def __init__(self, path: str | Path, registry: Registry | None = None, overrides: Overrides = ()) -> None:
        """Open a run.

        Args:
            path: a run directory, or a folder of them for its latest.
            overrides: changes to the run's spec, such as where the data is now.

        Raises:
            RunDirectoryError: there is no run at `path`.
            SpecError: a plug-in that it needs is not installed, or an override does not fit.
        """
        self.directory = RunDirectory.open(path)
        self.plan: Plan = make_plan(load_spec(self.directory.resolved, overrides), registry or Registry())

    @property
    def metrics(self) -> dict[str, float]:
        """Everything that the last epoch logged, by `split/name`."""
        epochs = [record for record in read_history(self.directory.metrics) if record["event"] == "epoch"]
        return (
            {k: v for k, v in epochs[-1].items() if isinstance(v, float | int) and k not in ("epoch", "step")}
            if epochs
            else {}
        )

    @property
    def epochs(self) -> int:
        """Epochs completed."""
        return max((int(str(record["epoch"])) for record in read_history(self.directory.metrics)), default=0)

    @property
    def steps(self) -> int:
        """Optimizer steps of the last checkpoint."""
        return max(self.directory.checkpoint_steps(), default=0)

    @property
    def model(self) -> nn.Module:
        """The model with the weights of its best checkpoint, in eval mode."""
        return self.task.model

    @cached_property
    def learnt_from(self) -> LearntFrom:
        """What the training data held."""
        return read_lock(self.directory)

    @cached_property
    def device(self) -> torch.device:
        """Where the model is."""
        return select_device(self.plan.spec.train.device)[0]

    @cached_property
    def task(self) -> Task:
        """The task with the weights of the best checkpoint, in eval mode."""
        task = build_task(Builder(self.plan), self.learnt_from.info)
        load_weights(task.model, find_checkpoint(self.directory, "best", "last"))
        return task.to(self.device).eval()

    @cached_property
    def predictor(self) -> Predictor:
        """The task with the preprocessing of its validation data."""
        learnt, fixed = self.learnt_from, not self.task.any_size
        return Predictor(
            task=self.task,
            preparation=self._preparation(),
            channels=learnt.info.channels,
            size=learnt.info.image_size if fixed else None,
            prepared_size=learnt.prepared_size if fixed else None,
            device=self.device,
        )

    def predict(self, picture: Picture) -> dict[str, Any]:
        """Return what the model sees in one picture.

        Raises:
            DataError: the picture cannot be read.
        """
        answer = next(self.predictor.predict([picture]))
        if "error" in answer:
            raise DataError(answer["error"])
        return answer

    def predict_files(self, paths: Sequence[Path], masks: Path | None = None) -> Iterator[dict[str, Any]]:
        """Yield for each picture file its `path` and what the model sees in it; a mask is written to a file.

        Args:
            masks: folder for masks; default: `predictions` in the run directory.
        """
        folder = masks or self.directory.predictions
        for path, answer in zip(paths, self.predictor.predict(paths), strict=True):
            if "mask" in answer:
                answer["mask"] = str(write_mask(answer["mask"], read_image(path), folder, path.stem))
            yield {"path": str(path), **answer}

    def explain(self, path: str | Path, label: str | None = None) -> Explanation:
        """Return where the model looks in a picture file for a class: Grad-CAM (Selvaraju et al., 2017).

        Args:
            label: name of the class; the predicted one unless given.

        Raises:
            DataError: the picture cannot be read, or there is no such class.
            TrainingError: the model gives no scores of classes, or has no feature map.
        """
        return explain(self.predictor, read_image(path, self.learnt_from.info.channels), label)

    def evaluate(self, split: str = "val") -> dict[str, float]:
        """Return loss and metrics on the `val` or `test` data, by `split/name`.

        Raises:
            DataError: the spec has no such data.
        """
        if split not in self.plan.data:
            raise DataError(f"the run has no [data.{split}]; it has {', '.join(self.plan.data)}")
        builder = Builder(self.plan)
        section = build_section(builder, split)
        check_agreement(self.learnt_from.info, section.dataset.info, split)
        workers = choose_workers(self.plan.spec.data.workers, section.dataset.in_memory)
        loader = build_loader(self.plan, section, workers, self.device, shuffle=False)
        found = evaluate_task(self.task, loader, Meter(build_metrics(builder), self.device))
        return {f"{split}/{name}": value for name, value in found.items()}

    def _preparation(self) -> Preparation:
        name = next(name for name in ("val", "test", "train") if name in self.plan.data)
        return build_transforms(Builder(self.plan), self.plan.data[name], name)[0]


def train(
    spec: str | Path | None = None,
    overrides: Overrides = (),
    out: str | Path | None = None,
    resume: str | Path | None = None,
    registry: Registry | None = None,
) -> SavedRun:
    """Train what a spec says, or go on with a run that was stopped.

    Args:
        spec: a spec file in TOML, YAML or JSON.
        overrides: ["key.path=value", "~key.path"] or {"key.path": value}.
        out: the run directory; default: runs/NAME/TIME.
        resume: a run directory, in place of a spec.

    Raises:
        RetinueError: what is wrong with the spec, the data or the run directory.
        Interrupted: SIGINT or SIGTERM stopped the run; its last step is saved.
    """
    registry = registry or Registry()
    with RunLog().open() as log:
        if resume is not None:
            directory, trainer = _reopen(RunDirectory.open(resume), registry)
        elif spec is not None:
            directory, trainer = _begin(Path(spec), overrides, Path(out) if out else None, registry)
        else:
            raise RunDirectoryError("a spec to train, or a run to resume, is needed")
        log.write_to(directory.log)
        if trainer.finished:
            logger.warning("%s is complete: there is nothing to go on with", directory)
        trainer.callbacks = [*trainer.callbacks, ProgressReport()]
        fit(trainer)
    if trainer.interruption.signal is not None:
        message = f"stopped after step {trainer.run.state.step}; go on with: retinue train --resume {directory}"
        raise Interrupted(message, trainer.interruption.signal)
    return SavedRun(directory.path, registry)


def evaluate(run: str | Path, split: str = "val", overrides: Overrides = ()) -> dict[str, float]:
    """Return a run's loss and metrics on its `val` or `test` data, by `split/name`."""
    return SavedRun(run, overrides=overrides).evaluate(split)


def predict(run: str | Path, pictures: Iterable[Picture]) -> Iterator[dict[str, Any]]:
    """Yield what a run's best model sees in each picture; for one that cannot be read, {"error": why}."""
    return SavedRun(run).predictor.predict(pictures)


def load_model(run: str | Path) -> nn.Module:
    """Return a run's best model in eval mode, on the device of its spec."""
    return SavedRun(run).model


def _begin(spec: Path, overrides: Overrides, out: Path | None, registry: Registry) -> tuple[RunDirectory, Trainer]:
    plan = make_plan(load_spec(spec, overrides), registry)
    directory = RunDirectory.choose(out, plan.spec.name)
    trainer, builder = build_trainer(plan, directory)
    load_earlier_weights(plan, trainer)
    directory.make()
    directory.spec(spec.suffix.lower()).write_text(plan.layers.documents[0].text, encoding="utf-8")
    directory.resolved.write_text(write_resolved(list(list_values(plan, builder.filled))), encoding="utf-8")
    write_lock(directory, plan, trainer)
    return directory, trainer


def _reopen(directory: RunDirectory, registry: Registry) -> tuple[RunDirectory, Trainer]:
    plan = make_plan(load_spec(directory.resolved), registry)
    trainer, _ = build_trainer(plan, directory)
    checkpoint = find_checkpoint(directory, "last")
    load_weights(trainer.run.task.model, checkpoint)
    restore_state(trainer, load_state(checkpoint))
    return directory, trainer
