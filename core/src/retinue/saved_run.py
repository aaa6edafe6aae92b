"""A run on disk, ready to be used: evaluation, prediction, explanation."""

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
    build_transforms,
    check_agreement,
    choose_section_workers,
)
from retinue.data.preparation import Preparation
from retinue.engine.allocation import keep_freed_memory
from retinue.engine.cam import Explanation, explain
from retinue.engine.checkpoints import find_checkpoint, hash_file, load_weights, read_weights
from retinue.engine.devices import select_device
from retinue.engine.distributed import Group
from retinue.engine.evaluation import evaluate
from retinue.engine.execution import set_precision
from retinue.engine.faults import explain_faults
from retinue.engine.history import read_history
from retinue.engine.mask_files import write_mask
from retinue.engine.meters import Meter
from retinue.engine.prediction import Picture, Predictor
from retinue.errors import DataError
from retinue.plan import Plan, make_plan
from retinue.plugins.registry import Registry
from retinue.provenance import (
    LearntFrom,
    describe_data,
    describe_software,
    read_learnt_from,
    require_plugins,
    warn_of_differences,
)
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
            RunDirectoryError: there is no run at `path`, or a plug-in that made it is not installed.
            SpecError: an override does not fit.
        """
        self.directory = RunDirectory.open(path)
        require_plugins(self.directory)
        self.plan: Plan = make_plan(load_spec(self.directory.resolved, overrides, alone=True), registry or Registry())

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
        return read_learnt_from(self.directory)

    @cached_property
    def device(self) -> torch.device:
        """Where the model is."""
        return select_device(self.plan.spec.train.device)[0]

    @cached_property
    def task(self) -> Task:
        """The task with the weights of the best checkpoint, in eval mode."""
        made_of = {"resolved": hash_file(self.directory.resolved), **describe_software(self.plan)}
        warn_of_differences(self.directory, made_of)
        task = build_task(Builder(self.plan), self.learnt_from.info)
        checkpoint = find_checkpoint(self.directory, "best", "last")
        load_weights(task.model, read_weights(checkpoint), checkpoint)
        set_precision(task.model, self.plan.spec.train.precision, self.device)
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
            TrainingError: memory ran out, or a worker process has ended.
        """
        if split not in self.plan.data:
            raise DataError(f"the run has no [data.{split}]; it has {', '.join(self.plan.data)}")
        builder = Builder(self.plan)
        section = build_section(builder, split)
        check_agreement(self.learnt_from.info, section.dataset.info, split)
        warn_of_differences(self.directory, {"data": {split: describe_data(section.dataset)}})
        keep_freed_memory()
        workers = choose_section_workers(self.plan, section, self.device, Group())
        loader = build_loader(self.plan, section, workers, self.device, Group(), learnt=False)
        with explain_faults():
            found = evaluate(self.task, loader, Meter(build_metrics(builder), self.device))
        return {f"{split}/{name}": value for name, value in found.items()}

    def _preparation(self) -> Preparation:
        name = next(name for name in ("val", "test", "train") if name in self.plan.data)
        return build_transforms(Builder(self.plan), self.plan.data[name], name)[0]
