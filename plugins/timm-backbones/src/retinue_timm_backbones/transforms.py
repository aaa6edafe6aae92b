"""The normalization that a timm model's published weights expect."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torchvision.transforms.v2 import functional

from retinue.api import Sample
from retinue.errors import DataError


@dataclass(frozen=True)
class Normalize:
    """Subtracts a mean from each channel and divides by a standard deviation, both of values in [0, 1]."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, sample: Sample) -> Sample:
        image = sample["image"]
        if image.shape[-3] != len(self.mean):
            raise DataError(
                f"timm's models know a mean and std of {len(self.mean)} channels, and this picture has "
                f"{image.shape[-3]}: put rgb before timm-backbones/normalize"
            )
        image = functional.to_dtype(image, torch.float32, scale=True)
        return {**sample, "image": functional.normalize(image, list(self.mean), list(self.std))}


def normalize(model: str) -> Normalize:
    """Turn to float32, uint8 to [0, 1] first, then subtract the mean and divide by the deviation of a model's weights.

    Args:
        model: as timm has it, such as "vit_base_patch16_224"; where its published weights differ in this, with the
            tag of those used: "vit_base_patch16_224.augreg_in21k". The plug-in's name before it does no harm.

    Raises:
        SpecError: timm has no such model, or the model no such tag.
    """
    # Worker processes import this module and have no need of timm.
    from retinue_timm_backbones.catalog import look_up

    name, _, tag = model.removeprefix("timm-backbones/").partition(".")
    published = look_up(name, tag or None).published
    return Normalize(tuple(published.mean), tuple(published.std))
