"""From pictures to what a person wants to see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2.functional import resize

from retinue.api import Sample, Task, read_image
from retinue.data.preparation import Preparation, collate
from retinue.engine.devices import move_batch, scale_image
from retinue.errors import DataError

BATCH = 32

Picture = str | Path | Image.Image | np.ndarray[Any, Any] | Tensor
"""A file, a Pillow image, or uint8 pixels: H x W x C as an array, C x H x W as a tensor."""


@dataclass(frozen=True)
class Predictor:
    """A trained task with the preprocessing it was validated with.

    Attributes:
        size: height and width that pictures are brought to first, where every training picture had the same.
    """

    task: Task
    preparation: Preparation
    channels: int
    size: tuple[int, int] | None
    device: torch.device

    def predict(self, pictures: Iterable[Picture]) -> Iterator[dict[str, Any]]:
        """Yield a prediction for each picture, in order; for one that cannot be read, {"error": why}."""
        waiting: list[Sample | DataError] = []
        for picture in pictures:
            sample = self._prepare(picture)
            if len(waiting) == BATCH or not _fits(sample, waiting):
                yield from self._answer(waiting)
                waiting = []
            waiting.append(sample)
        yield from self._answer(waiting)

    def _prepare(self, picture: Picture) -> Sample | DataError:
        try:
            image = _read(picture, self.channels)
            if self.size is not None and tuple(image.shape[-2:]) != self.size:
                image = resize(image, list(self.size))
            return {"image": self.preparation({"image": image})["image"]}
        except DataError as error:
            return error

    @torch.inference_mode()
    def _answer(self, waiting: list[Sample | DataError]) -> Iterator[dict[str, Any]]:
        readable = [item for item in waiting if not isinstance(item, DataError)]
        answers: list[dict[str, Any]] = []
        if readable:
            batch = scale_image(move_batch(collate(readable), self.device))
            answers = self.task.predict(batch["image"])
        found = iter(answers)
        for item in waiting:
            yield {"error": str(item)} if isinstance(item, DataError) else next(found)


def _fits(sample: Sample | DataError, waiting: list[Sample | DataError]) -> bool:
    if isinstance(sample, DataError):
        return True
    return all(isinstance(item, DataError) or item["image"].shape == sample["image"].shape for item in waiting)


def _read(picture: Picture, channels: int) -> tv_tensors.Image:
    if isinstance(picture, str | Path):
        return read_image(picture, channels)
    if isinstance(picture, Image.Image):
        picture = np.array(picture.convert("RGB" if channels == 3 else "L"))
    if isinstance(picture, np.ndarray):
        picture = torch.from_numpy(picture.reshape(*picture.shape[:2], -1)).permute(2, 0, 1)
    if picture.dtype != torch.uint8 or picture.ndim != 3 or picture.shape[0] != channels:
        raise DataError(
            f"a picture of {channels} x height x width in uint8 is needed, "
            f"this is {' x '.join(map(str, picture.shape))} in {str(picture.dtype)[6:]}"
        )
    return tv_tensors.Image(picture)
