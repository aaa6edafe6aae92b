"""Samples in place of data that is not on this machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torchvision import tv_tensors

from retinue.api import DataInfo, Dataset, Sample
from retinue.build.builder import Builder
from retinue.build.sections import open_dataset
from retinue.errors import DataError, Problem, SpecError
from retinue.plan import Plan

CLASSES, CHANNELS, SIZE = 10, 3, (480, 640)
"""What is assumed where nothing says it. Usual crops fit into such a picture, and a network can halve it five times."""

TASKS = ("builtin/classification", "builtin/multilabel", "builtin/regression", "builtin/segmentation")
"""Those of which is known what their samples hold."""


def open_readable(builder: Builder, name: str) -> Dataset:
    """Open the data of a section and read a sample.

    Raises:
        SpecError, DataError: it cannot be; where it is absent, says how the rest can be checked.
    """
    try:
        return _read_one(open_dataset(builder, name))
    except Exception as error:
        if _is_absent(error):
            error.add_note("`retinue check --fake` checks the rest, with samples that are made up")
        raise


class MadeUpData:
    """Opens data, and makes up what is absent.

    Attributes:
        told: by section, what is made up, on which assumptions, and why.
    """

    def __init__(self) -> None:
        self.told: dict[str, str] = {}
        self.info: DataInfo | None = None

    def open(self, builder: Builder, name: str) -> Dataset:
        """Open the data of a section, or make it up; without data.train all is, for their classes must agree.

        Raises:
            SpecError: data is absent, and what samples of the spec's task hold is not known.
        """
        if "train" in self.told:
            return self._make_up(builder.plan, name, "as data.train is")
        try:
            dataset = _read_one(open_dataset(builder, name))
        except Exception as error:
            if not _is_absent(error):
                raise
            reason = str(error.__cause__ if isinstance(error, SpecError) else error).partition("\n")[0]
            return self._make_up(builder.plan, name, f"because {reason}")
        self.info = self.info or dataset.info
        return dataset

    def _make_up(self, plan: Plan, name: str, reason: str) -> Dataset:
        self.told[name] = f"made up {reason}"
        if self.info is None:
            self.info, words = guess_info(plan, name)
            self.told[name] += f"; {words}"
        return MadeUpSamples(self.info, _require_task(plan), plan.spec.data.batch_size)


class MadeUpSamples(Dataset):
    """Noise with answers that fit a task: as many samples as a batch holds, and one of each class at least."""

    in_memory = True

    def __init__(self, info: DataInfo, task: str, batch_size: int) -> None:
        self.info, self.task = info, task
        self.size = info.image_size or SIZE
        self.classes = info.num_classes or CLASSES
        self.length = max(batch_size, self.classes)
        is_counted = task == "builtin/classification"
        self.labels = [index % self.classes for index in range(self.length)] if is_counted else None

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        draw = torch.Generator().manual_seed(index)
        image = torch.randint(256, (self.info.channels, *self.size), generator=draw, dtype=torch.uint8)
        return {"image": tv_tensors.Image(image), **self._answer(index, draw), "path": "a made-up sample"}

    def _answer(self, index: int, draw: torch.Generator) -> dict[str, Any]:
        if self.labels is not None:
            return {"label": self.labels[index]}
        if self.task == "builtin/segmentation":
            mask = torch.randint(self.classes, self.size, generator=draw)
            return {"mask": tv_tensors.Mask(mask.to(torch.uint8) if self.classes <= 256 else mask)}
        values = torch.rand(self.classes, generator=draw)
        return {"target": values} if self.task == "builtin/regression" else {"label": values.round()}


def guess_info(plan: Plan, name: str) -> tuple[DataInfo, str]:
    """Return what the data of a section holds, and in words who says so: the spec, the data set's class, or nobody."""
    dataset = plan.data[name].dataset
    told = getattr(dataset.signature.target, "info", None)
    known = told if isinstance(told, DataInfo) else None
    values = plan.task.component.canonical == "builtin/regression"
    classes, classes_by = _choose(
        (dataset.parameters.get("classes"), f"data.{name}.classes"),
        (known and known.classes, dataset.component.name),
        _find_num_classes(plan),
        (1 if values else CLASSES, "assumed"),
    )
    channels, channels_by = _choose(
        (dataset.parameters.get("channels"), f"data.{name}.channels"),
        (known and known.channels, dataset.component.name),
        (CHANNELS, "assumed"),
    )
    size, size_by = _choose((known and known.image_size, dataset.component.name), (SIZE, "assumed"))
    names = tuple(f"class{n}" for n in range(classes)) if isinstance(classes, int) else tuple(classes)
    words = (
        f"{'values' if values else 'classes'}: {len(names)} ({classes_by}), channels: {channels} ({channels_by}), "
        f"size: {size[0]} x {size[1]} ({size_by})"
    )
    return replace(known or DataInfo(), classes=names, channels=channels), words


def _choose(*offers: tuple[Any, str]) -> tuple[Any, str]:
    return next(offer for offer in offers if offer[0])


def _find_num_classes(plan: Plan) -> tuple[int | None, str]:
    """Return the number of classes that a component is given in the spec, and its key."""
    for planned in plan.components():
        if "num_classes" in planned.given:
            return planned.parameters["num_classes"], ".".join(map(str, (*planned.path, "num_classes")))
    return None, ""


def _require_task(plan: Plan) -> str:
    task = plan.task.component.canonical
    if task not in TASKS:
        message = f'samples can be made up for the tasks {", ".join(TASKS)}, and not for "{task}"'
        raise SpecError([Problem(message, plan.layers.locate(("task", "use")) or plan.layers.locate(("task",)))])
    return task


def _read_one(dataset: Dataset) -> Dataset:
    if len(dataset):
        dataset[0]
    return dataset


def _is_absent(error: Exception) -> bool:
    return isinstance(error, DataError | OSError) or isinstance(error.__cause__, OSError)
