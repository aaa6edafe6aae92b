"""What an author says about a component under test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

TaskName = Literal["classification", "multilabel", "regression", "segmentation"]

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One component with parameters, on small made-up input.

    Attributes:
        kind: "model", "dataset", "transform", ...
        name: within the plug-in; of a family, a member.
        parameters: as a spec gives them, or a function that writes the files they name into the folder that it gets
            and returns them.
        task: what models give, losses and metrics compare, and the batch of a task holds: classification N x C and
            labels N, multilabel N x C and zeros and ones N x C, regression N x C and values N x C, segmentation
            N x C x H x W and masks N x H x W.
        classes: C.
        channels: of the pictures.
        sizes: heights and widths of the pictures, the first for most rules; a model must take each of them.
        ignore_index: what the data set would say of masks and labels.
        fixed: of a transform, that it draws nothing.
        masks: of a transform, whether it takes samples with masks.
        unused: of a model, patterns of the parameters that get no gradient on purpose, such as "teacher.*".
        exempt: rules that cannot apply, each with the reason.
    """

    kind: str
    name: str
    parameters: Parameters | Callable[[Path], Parameters] = field(default_factory=dict)
    task: TaskName = "classification"
    classes: int = 3
    channels: int = 3
    sizes: tuple[tuple[int, int], ...] = ((32, 40),)
    ignore_index: int | None = None
    fixed: bool = False
    masks: bool = True
    unused: tuple[str, ...] = ()
    exempt: Mapping[str, str] = field(default_factory=dict)
