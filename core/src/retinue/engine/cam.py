"""Where a model looked: Grad-CAM (Selvaraju et al., "Grad-CAM", 2017).

A is the last feature map, K x h x w, and s the score of a class:

    weight[k] = mean over pixels of ds / dA[k]
    heat = relu(sum over k of weight[k] * A[k]), divided by its maximum
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resize

from retinue.api import split_outputs
from retinue.api.drawing import draw_heat, to_pixels
from retinue.data.batches import move_batch
from retinue.engine.devices import scale_image
from retinue.engine.placement import prepare_traced
from retinue.engine.prediction import Predictor
from retinue.errors import DataError, TrainingError
from retinue.validation import closest

SMALLEST = 224
"""Smaller pictures are enlarged, whole times, before heat is drawn over them."""


@dataclass(frozen=True)
class Explanation:
    """Where the model looked for a class.

    Attributes:
        label: the class, or the name of the value.
        probability: of the class, where the task gives it.
        layer: whose feature map it is.
        size: height and width of that map.
        heat: float H x W from 0 to 1, in the picture's size; NaN where the model sees nothing of it, and all 0 if
            nothing speaks for the class. In the size of what the model sees where transforms turn or bend the picture.
        overlay: uint8 3 x H x W: the picture with the heat over it.
    """

    label: str
    probability: float | None
    layer: str
    size: tuple[int, ...]
    heat: Tensor
    overlay: Tensor


def explain(predictor: Predictor, picture: Tensor, label: str | None = None) -> Explanation:
    """Return where the model looked in a picture for a class.

    Args:
        picture: uint8 C x H x W.
        label: name of the class; the predicted one unless given.

    Raises:
        DataError: there is no such class.
        TrainingError: the model gives no scores of classes, or has no feature map.
    """
    task, model = predictor.task, predictor.task.model
    seen, placement = prepare_traced(predictor, picture)
    image = scale_image(move_batch({"image": seen.as_subclass(Tensor).unsqueeze(0)}, predictor.device))["image"]
    with torch.no_grad():
        scores, features = _find_features(model, image)
        answer = task.predict(image)[0]
    names = task.info.classes or tuple(map(str, range(scores.shape[1])))
    label = _choose_label(label or answer.get("label"), names)
    heat = _measure_heat(model, features, image, names.index(label))
    heat = functional.interpolate(heat[None, None], image.shape[-2:], mode="bilinear")[0, 0]
    if placement is None:
        picture = to_pixels(seen)
    else:
        heat = placement.place(heat, (picture.shape[-2], picture.shape[-1]))
    probability = next((entry["probability"] for entry in answer.get("top", ()) if entry["label"] == label), None)
    return Explanation(label, probability, features.name, features.size, heat, _draw_overlay(picture, heat))


@dataclass(frozen=True)
class _Features:
    """A module whose output has places: 1 x K x h x w, 1 x h x w x K, or 1 x tokens x K."""

    name: str
    module: nn.Module
    size: tuple[int, ...]
    channels_last: bool


def _find_features(model: nn.Module, image: Tensor) -> tuple[Tensor, _Features]:
    """Return the scores, and the last feature map on the way to them."""
    outputs: list[tuple[str, nn.Module, torch.Size]] = []

    def note(name: str, module: nn.Module, output: Any) -> None:
        # Attention cuts a picture into windows, which then are the batch.
        if isinstance(output, Tensor) and output.ndim in (3, 4) and len(output) == 1:
            outputs.append((name, module, output.shape))

    hooks = [
        module.register_forward_hook(lambda module, _, output, name=name: note(name, module, output))
        for name, module in model.named_modules()
    ]
    try:
        scores, _ = split_outputs(model(image))
    finally:
        for hook in hooks:
            hook.remove()
    if scores.ndim != 2:
        raise TrainingError(
            "Grad-CAM explains one score for each class, and this model gives one for each pixel: its predicted mask "
            "itself shows what it sees where"
        )
    maps = [_Features(name, module, *_read_shape(shape, image.shape)) for name, module, shape in outputs]
    last = next((found for found in reversed(maps) if math.prod(found.size) > 1), None)
    if last is None or len(last.size) == 1:
        reason = f'the last, of "{last.name}", is a row of {last.size[0]} tokens' if last else "there is none"
        raise TrainingError(f"Grad-CAM needs a feature map of height and width before the scores: {reason}")
    return scores, last


def _read_shape(shape: torch.Size, picture: torch.Size) -> tuple[tuple[int, ...], bool]:
    """Return what a shape has besides batch and channels: height and width, or tokens; and whether channels are last.

    Of 1 x a x b x c, height and width go with the picture's: b and c, unless a and b alone do.
    """
    if len(shape) == 3:
        return (shape[1],), True
    bends = [abs(math.log(shape[n] / shape[n + 1] * picture[3] / picture[2])) for n in (1, 2)]
    channels_last = bends[0] < math.log(1.5) < bends[1]
    return tuple(shape[1:3] if channels_last else shape[2:]), channels_last


def _measure_heat(model: nn.Module, features: _Features, image: Tensor, index: int) -> Tensor:
    """Return h x w from 0 to 1."""
    kept: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        kept.append(output)
        # What follows may work in place.
        return output.clone()

    hook = features.module.register_forward_hook(keep)
    try:
        # Frozen weights alone would leave nothing to differentiate by.
        scores, _ = split_outputs(model(image.clone().requires_grad_().clone()))
    finally:
        hook.remove()
    (gradient,) = torch.autograd.grad(scores[0, index], kept[-1], materialize_grads=True)
    pixels = (1, 2) if features.channels_last else (2, 3)
    weighted = gradient.mean(dim=pixels, keepdim=True) * kept[-1]
    heat = weighted.sum(dim=3 if features.channels_last else 1)[0].relu().detach().float().cpu()
    return heat / heat.max().clamp(min=torch.finfo(heat.dtype).tiny)


def _choose_label(wanted: str | None, names: Sequence[str]) -> str:
    known = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    if wanted is None and len(names) > 1:
        raise DataError(f"of several values, the one to explain must be given as the label: {known}")
    if wanted is not None and wanted not in names:
        meant = closest(wanted, names)
        raise DataError(f'the run knows no "{wanted}": ' + (f'did you mean "{meant}"?' if meant else f"it has {known}"))
    return wanted or names[0]


def _draw_overlay(picture: Tensor, heat: Tensor) -> Tensor:
    times = math.ceil(SMALLEST / max(heat.shape))
    size = [side * times for side in heat.shape]
    enlarged = resize(picture, size, InterpolationMode.NEAREST)
    return draw_heat(enlarged, functional.interpolate(heat[None, None], size, mode="bilinear")[0, 0])
