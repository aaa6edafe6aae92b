"""Pictures made from noise and patterns, for trying things out."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt
from numpy.typing import NDArray
from torch import Tensor
from torchvision import tv_tensors

from retinue.api import DataInfo, Dataset, Sample

GRID = 4
GREY = 128
CONTRAST = 48
NOISE = 64


class Fake(Dataset):
    """Random pictures that a model can learn from, for trying things out without data.

    Class k has a pattern of 4 x 4 light and dark fields, the same whatever the seed. A picture is grey, plus each
    pattern times its weight, plus noise; so a set with another `seed` is a fair validation set. A sample depends
    on (seed, index) and the other parameters alone, and is made anew each time: no memory is needed.

    Args:
        samples: how many.
        size: height and width.
        channels: 3 for RGB, 1 for grey.
        classes: number of classes, or of target values in regression.
        task: what a sample holds, in the words of the spec's own `task`. classification: `label`, which is
            index mod classes, the weight of its pattern 1. multilabel: `label`, a float vector of independent
            ones and zeros, the weights. regression: `target`, a float vector uniform in [-1, 1), the weights.
        seed: of everything but the patterns.
    """

    in_memory = True

    def __init__(
        self,
        samples: Annotated[int, Gt(0)] = 256,
        size: tuple[Annotated[int, Gt(0)], Annotated[int, Gt(0)]] = (32, 32),
        channels: Literal[1, 3] = 3,
        classes: Annotated[int, Ge(1)] = 10,
        task: Literal["classification", "multilabel", "regression"] = "classification",
        seed: Annotated[int, Ge(0)] = 0,
    ) -> None:
        self.samples, self.task, self.seed = samples, task, seed
        name = "value" if task == "regression" else "class"
        self.info = DataInfo(
            classes=tuple(f"{name}{k}" for k in range(classes)), channels=channels, image_size=(size[0], size[1])
        )
        self.labels = [index % classes for index in range(samples)] if task == "classification" else None
        self.patterns = np.random.default_rng(0).integers(0, 2, (classes, channels, GRID, GRID)) * 2 - 1

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.samples:
            raise IndexError(index)
        draw = np.random.default_rng([self.seed, index])
        weights = self._draw_weights(draw, index)
        image = tv_tensors.Image(self._paint(draw, weights))
        if self.labels is not None:
            return {"image": image, "label": self.labels[index]}
        key = "target" if self.task == "regression" else "label"
        return {"image": image, key: torch.from_numpy(weights.astype(np.float32))}

    def _draw_weights(self, draw: np.random.Generator, index: int) -> NDArray[np.float64]:
        classes = len(self.patterns)
        if self.task == "classification":
            weights = np.zeros(classes)
            weights[index % classes] = 1
            return weights
        if self.task == "multilabel":
            return draw.integers(0, 2, classes).astype(np.float64)
        return draw.uniform(-1, 1, classes)

    def _paint(self, draw: np.random.Generator, weights: NDArray[np.float64]) -> Tensor:
        height, width = self.info.image_size or (0, 0)
        fields = np.tensordot(weights, self.patterns, 1)
        if self.task != "classification":
            # Patterns that add up would leave the range of a byte.
            fields /= math.sqrt(len(weights))
        rows, columns = np.arange(height) * GRID // height, np.arange(width) * GRID // width
        noise = draw.integers(-NOISE, NOISE + 1, (len(fields), height, width))
        picture = GREY + CONTRAST * fields[:, rows[:, None], columns] + noise
        return torch.from_numpy(picture.round().clip(0, 255).astype(np.uint8))
