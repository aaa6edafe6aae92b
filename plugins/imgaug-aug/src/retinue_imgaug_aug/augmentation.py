"""An imgaug augmenter as a transform of samples.

Shapes: picture C x H x W uint8 with C = 1 or 3, mask H x W.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision import tv_tensors

from retinue.api import Sample
from retinue.errors import DataError

# Whatever unpickles an Augmentation imports this module first, and with it what mends imgaug.
from retinue_imgaug_aug.upstream import RNG, SegmentationMapsOnImage, meta


@dataclass(frozen=True)
class Augmentation:
    """Acts on picture and mask together; all else of a sample stays.

    The augmenter is seeded anew for each sample from torch's default generator.

    Attributes:
        name: what the spec calls it.
        augmenter: imgaug's.
        rgb: whether it needs colours.
        moves: whether pixels change their place.
        tears: whether it mixes pixels of several places, so that no mask can follow.
        void: the largest label that it may bring in.
    """

    name: str
    augmenter: Any
    rgb: bool
    moves: bool
    tears: bool
    void: int

    def __call__(self, sample: Sample) -> Sample:
        """Return the changed sample.

        Raises:
            DataError: this sample cannot be augmented by it.
        """
        for mistake in self._mistakes(sample):
            file = f"{sample['path']}: " if "path" in sample else ""
            raise DataError(f"{file}imgaug-aug/{self.name} {mistake}")
        reseed(self.augmenter, RNG(int(torch.randint(2**31, ()))))
        # OpenCV refuses arrays of another order.
        pixels = np.ascontiguousarray(sample["image"].permute(1, 2, 0))
        if "mask" not in sample:
            return sample | {"image": _to_image(self.augmenter(image=pixels))}
        mask = sample["mask"]
        labels = SegmentationMapsOnImage(mask.numpy().astype(np.int32), shape=pixels.shape)
        pixels, labels = self.augmenter(image=pixels, segmentation_maps=labels)
        return sample | {"image": _to_image(pixels), "mask": _to_mask(labels.arr[..., 0], mask.dtype)}

    def _mistakes(self, sample: Sample) -> Iterator[str]:
        image, mask = sample["image"], sample.get("mask")
        if image.dtype != torch.uint8:
            dtype = str(image.dtype)[6:]
            yield f"acts on uint8 pictures, and this one is {dtype}: put it before normalize, whiten and to-dtype"
        if self.rgb and image.shape[0] != 3:
            yield 'acts on colours, and this picture is grey: leave it out, or put "rgb" before it'
        others = [key for key, value in sample.items() if _has_place(value) and value is not mask]
        if self.moves and others:
            yield f"moves the picture and cannot move {', '.join(others)} with it"
        if mask is not None and mask.shape != image.shape[1:]:
            yield f"got a mask of {tuple(mask.shape)} for a picture of {tuple(image.shape[1:])}"
        if mask is not None and mask.numel() and mask.min() < 0:
            yield f"takes masks with labels from 0, and this one has {int(mask.min())}"
        if mask is not None and self.void > torch.iinfo(mask.dtype).max:
            dtype = str(mask.dtype)[6:]
            yield f"brings in the label {self.void}, which a mask of {dtype} cannot hold: change ignore_index"
        if mask is not None and self.tears:
            yield "lays pixels over others that it moves, and a mask has one label for each: move them outside of it"


def _has_place(value: object) -> bool:
    return isinstance(value, tv_tensors.TVTensor) and not isinstance(value, tv_tensors.Image)


def reseed(augmenter: Any, generator: Any) -> None:
    """Seed an augmenter and all within it; upstream's `seed_` passes over lists that are augmenters themselves."""
    augmenter.random_state = generator.copy()
    for listed in augmenter.get_children_lists():
        is_child = isinstance(listed, meta.Augmenter) and listed is not augmenter
        for child in [listed] if is_child else listed:
            reseed(child, generator.derive_rng_())


def _to_image(pixels: NDArray[np.uint8]) -> tv_tensors.Image:
    return tv_tensors.Image(torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))))


def _to_mask(labels: NDArray[np.int32], dtype: torch.dtype) -> tv_tensors.Mask:
    mask: Tensor = torch.from_numpy(np.ascontiguousarray(labels))
    return tv_tensors.Mask(mask.to(dtype))
