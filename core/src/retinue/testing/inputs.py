"""Small made-up input, equal for equal cases.

Shapes: N pictures, C classes, H x W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision import tv_tensors

from retinue.api import Batch, Sample
from retinue.testing.case import Case

COUNT = 6
"""Pictures in a batch: more than there are classes in a usual case, so that each class is met."""


def draw_pictures(case: Case, count: int = COUNT, size: tuple[int, int] | None = None) -> Tensor:
    """Return float pictures in [0, 1]."""
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, case.channels, *(size or case.sizes[0]), generator=generator)


def draw_target(case: Case) -> Tensor:
    """Return what a batch's outputs are compared with; a corner of each mask is to be ignored, if anything is."""
    generator = torch.Generator().manual_seed(2)
    if case.task == "classification":
        return torch.arange(COUNT) % case.classes
    if case.task == "multilabel":
        return (torch.arange(COUNT)[:, None] + torch.arange(case.classes)).remainder(2).float()
    if case.task == "regression":
        return torch.randn(COUNT, case.classes, generator=generator)
    masks = torch.randint(case.classes, (COUNT, *case.sizes[0]), generator=generator)
    if case.ignore_index is not None:
        masks[:, :4, :4] = case.ignore_index
    return masks


def draw_outputs(case: Case, key: int = 3) -> Tensor:
    """Return what a model gives for a batch: logits or values."""
    pixels = case.sizes[0] if case.task == "segmentation" else ()
    return torch.randn(COUNT, case.classes, *pixels, generator=torch.Generator().manual_seed(key))


def draw_predictions(case: Case) -> Tensor:
    """Return what a task makes of outputs for metrics."""
    outputs = draw_outputs(case)
    if case.task == "regression":
        return outputs
    return outputs.sigmoid() if case.task == "multilabel" else outputs.softmax(dim=1)


def draw_compared(case: Case) -> Tensor:
    """Return what a task makes of a target for metrics."""
    target = draw_target(case)
    return target.long() if case.task == "multilabel" else target


def predict_perfectly(case: Case) -> Tensor:
    """Return predictions that are the target."""
    target = draw_target(case)
    if case.task in ("multilabel", "regression"):
        return target
    certain = torch.nn.functional.one_hot(target.clamp(0, case.classes - 1), case.classes).float()
    return certain.movedim(-1, 1)


def make_batch(case: Case) -> Batch:
    """Return a batch as a task gets it."""
    key = {"regression": "target", "segmentation": "mask"}.get(case.task, "label")
    return {"image": draw_pictures(case), key: draw_target(case), "path": [f"{n}.png" for n in range(COUNT)]}


LABELS = (0, 2, 4, 6, 8)
"""Of a scene's mask: whoever interpolates between them gives others."""

COLORS = ((0, 0, 0), (255, 60, 60), (60, 255, 60), (60, 60, 255), (255, 255, 120))


def draw_scene(case: Case) -> Sample:
    """Return a picture and its mask, both of the same areas, which have no symmetry; the picture is black where the
    mask is 0, as what comes in from outside may be."""
    height, width = case.sizes[0]
    mask = torch.zeros(height, width, dtype=torch.uint8)
    mask[: height // 2, width // 8 :] = 2
    mask[height // 2 :, width // 2 :] = 4
    mask[height // 8 : height // 3, 3 * width // 4 :] = 6
    mask[5 * height // 8 : 7 * height // 8, width // 8 : width // 3] = 8
    colors = torch.tensor(COLORS, dtype=torch.uint8)[mask.long() // 2].permute(2, 0, 1)
    image = colors if case.channels == 3 else colors.float().mean(dim=0, keepdim=True).to(torch.uint8)
    sample = {"image": tv_tensors.Image(image.contiguous()), "mask": tv_tensors.Mask(mask)}
    return {**sample, "label": 1, "path": "scene.png"}


def draw_photo(case: Case) -> Sample:
    """Return that scene with texture on it, between black and white."""
    sample = draw_scene(case)
    noise = torch.randint(-40, 40, sample["image"].shape, generator=torch.Generator().manual_seed(4))
    return {**sample, "image": tv_tensors.Image((sample["image"] + noise).clamp(10, 240).to(torch.uint8))}
