"""From pictures to what a person wants to see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import Resize

from retinue.api import Sample, Task, read_image
from retinue.api.image import convert_image
from retinue.data.batches import move_batch
from retinue.data.preparation import Preparation
from retinue.engine.devices import scale_image
from retinue.engine.placement import Placement, prepare_traced
from retinue.errors import DataError

BATCH = 32

Picture = str | Path | Image.Image | np.ndarray[Any, Any] | Tensor
"""A file, a Pillow image, or uint8 pixels: H x W x C as an array, C x H x W as a tensor."""


@dataclass(frozen=True)
class Predictor:
    """A trained task with the preprocessing it was validated with.

    Attributes:
        size: height and width that pictures are brought to first, where every training picture had the same.
        prepared_size: height and width that the model takes; None for any.
    """

    task: Task
    preparation: Preparation
    channels: int
    size: tuple[int, int] | None
    prepared_size: tuple[int, int] | None
    device: torch.device

    def predict(self, pictures: Iterable[Picture]) -> Iterator[dict[str, Any]]:
        """Yield a prediction for each picture, in order; for one that cannot be read, {"error": why}.

        A mask comes back in the picture's own size and place: 255 where the transforms cut the picture off.
        """
        waiting: list[_Prepared | DataError] = []
        for picture in pictures:
            prepared = self._prepare(picture)
            if len(waiting) == BATCH or not _fits(prepared, waiting):
                yield from self._answer(waiting)
                waiting = []
            waiting.append(prepared)
        yield from self._answer(waiting)

    def prepare(self, sample: Sample) -> Sample:
        """Return a sample as the model takes it.

        Raises:
            DataError: a transform fails.
        """
        return _bring_to(self.preparation(_bring_to(sample, self.size)), self.prepared_size)

    def _prepare(self, picture: Picture) -> _Prepared | DataError:
        try:
            image = _read(picture, self.channels)
            path = str(picture) if isinstance(picture, str | Path) else None
            prepared, placement = prepare_traced(self, image, path)
            return _Prepared(prepared, path, (image.shape[-2], image.shape[-1]), placement)
        except DataError as error:
            return error

    @torch.inference_mode()
    def _answer(self, waiting: list[_Prepared | DataError]) -> Iterator[dict[str, Any]]:
        images = [item.image for item in waiting if isinstance(item, _Prepared)]
        answers: list[dict[str, Any]] = []
        if images:
            batch = scale_image(move_batch({"image": torch.stack(images)}, self.device))
            answers = self.task.predict(batch["image"])
        found = iter(answers)
        for item in waiting:
            yield {"error": str(item)} if isinstance(item, DataError) else _put_back(next(found), item)


@dataclass(frozen=True)
class _Prepared:
    """A picture as the model takes it, and where it comes from."""

    image: Tensor
    path: str | None
    size: tuple[int, int]
    placement: Placement | None


def _bring_to(sample: Sample, size: tuple[int, int] | None) -> Sample:
    if size is None or tuple(sample["image"].shape[-2:]) == size:
        return sample
    resized: Sample = Resize(size)(sample)
    return resized


def _fits(prepared: _Prepared | DataError, waiting: list[_Prepared | DataError]) -> bool:
    if isinstance(prepared, DataError):
        return True
    return all(isinstance(item, DataError) or item.image.shape == prepared.image.shape for item in waiting)


def _put_back(answer: dict[str, Any], item: _Prepared) -> dict[str, Any]:
    if "mask" not in answer:
        return answer
    if item.placement is None:
        reason = "the transforms of validation turn, mirror or bend it, so that its mask would lie elsewhere"
        return {"error": f"{item.path or 'the picture'}: {reason}"}
    return {**answer, "mask": item.placement.place(answer["mask"], item.size)}


def _read(picture: Picture, channels: int) -> tv_tensors.Image:
    if isinstance(picture, str | Path):
        return read_image(picture, channels)
    if isinstance(picture, Image.Image):
        try:
            picture = np.array(convert_image(ImageOps.exif_transpose(picture), channels))
        except (ValueError, OSError) as error:
            raise DataError(f"the picture cannot be read: {error}") from error
    if isinstance(picture, np.ndarray):
        return _from_array(picture, channels)
    _check_pixels(tuple(picture.shape), str(picture.dtype)[6:], (channels, "height", "width"))
    return tv_tensors.Image(picture)


def _from_array(pixels: np.ndarray[Any, Any], channels: int) -> tv_tensors.Image:
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    _check_pixels(pixels.shape, str(pixels.dtype), ("height", "width", channels))
    # A copy: torch takes no negative strides, which turning BGR into RGB leaves.
    return tv_tensors.Image(torch.from_numpy(np.array(pixels, order="C")).permute(2, 0, 1))


def _check_pixels(shape: tuple[int, ...], dtype: str, wanted: tuple[int | str, ...]) -> None:
    fits = len(shape) == 3 and all(want in (size, "height", "width") for size, want in zip(shape, wanted, strict=True))
    if not fits or dtype != "uint8":
        needed, given = " x ".join(map(str, wanted)), " x ".join(map(str, shape))
        raise DataError(f"a picture of {needed} in uint8 is needed, this is {given} in {dtype}")
