"""What a task predicts, drawn beside the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from retinue.api import DataInfo, Sample, Task, draw_mask
from retinue.api.drawing import to_pixels
from retinue.api.image import scale_pixels
from retinue.api.sheet import draw_sheet, list_swatches, name_target


@torch.no_grad()
def draw_predictions(task: Task, samples: Sequence[Sample], device: torch.device, largest: int) -> Tensor:
    """Return prepared samples with what the task, in eval mode, predicts: a label and its probability below, with the
    true one where it is another, or the true mask on the left and the predicted one on the right.

    Args:
        largest: most pixels of a picture's longer side.

    Returns:
        uint8 3 x H x W.
    """
    answers = [task.predict(scale_pixels(sample["image"]).unsqueeze(0).to(device))[0] for sample in samples]
    tiles = [_draw(sample, answer) for sample, answer in zip(samples, answers, strict=True)]
    captions = [_describe(sample, answer, task.info) for sample, answer in zip(samples, answers, strict=True)]
    masks = [mask for pair in (*samples, *answers) if (mask := pair.get("mask")) is not None]
    is_masked = any("mask" in answer for answer in answers)
    return draw_sheet(tiles, captions, list_swatches(masks, task.info), largest * 2 if is_masked else largest)


def _draw(sample: Sample, answer: Mapping[str, Any]) -> Tensor:
    picture = to_pixels(sample["image"])
    if "mask" not in answer:
        return picture
    masks = [mask for mask in (sample.get("mask"), answer["mask"]) if mask is not None]
    gap = picture.new_full((3, picture.shape[1], 2), 255)
    return torch.cat([part for mask in masks for part in (draw_mask(picture, mask.cpu()), gap)][:-1], dim=2)


def _describe(sample: Sample, answer: Mapping[str, Any], info: DataInfo) -> str:
    if "mask" in answer:
        return "truth | predicted"
    truth = name_target(sample, info)
    if "labels" in answer:
        predicted = ", ".join(answer["labels"]) or "none"
    elif "label" in answer:
        predicted = answer["label"]
    else:
        predicted = ", ".join(f"{name} {value:.4g}" for name, value in answer.get("values", {}).items())
    probability = f" {answer['probability']:.0%}" if "probability" in answer and "labels" not in answer else ""
    return f"{predicted}{probability}" + (f"\nis {truth}" if truth != predicted else "")
