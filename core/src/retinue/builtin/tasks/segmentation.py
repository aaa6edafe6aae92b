"""One class for each pixel."""

from __future__ import annotations

from itertools import chain, combinations
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor, nn
from torch.nn import functional

from retinue.api import DataInfo, split_outputs
from retinue.builtin.tasks.supervised import Supervised
from retinue.builtin.tasks.tiling import blend_tiles
from retinue.errors import DataError, TrainingError

Axis = Literal["horizontal", "vertical"]
AXES: dict[Axis, int] = {"horizontal": -1, "vertical": -2}


class Segmentation(Supervised):
    """One class for each pixel.

    The model gives logits N x C x H x W of the picture's size, or smaller ones, which are enlarged bilinearly. The
    batch's "mask" is integer N x H x W: the class of each pixel, or the data set's ignore index.

    Args:
        model: gives logits N x C x H x W; auxiliary logits beside them are welcome.
        loss: of (logits, mask).
        info: what the data set holds.
        aux_weight: weight of each auxiliary output's loss in training: 0.5 in torchvision's references.
        window: side of the tiles that a larger picture is predicted in; without it a picture is predicted whole.
        overlap: share of a tile that its neighbour covers too, where both are blended.
        flips: predict mirrored pictures too, and average.
    """

    name = "segmentation"
    key = "mask"
    default_loss = "cross-entropy"
    default_metrics: ClassVar = {"iou": "iou", "accuracy": "accuracy"}
    any_size = True

    def __init__(
        self,
        model: nn.Module,
        loss: nn.Module,
        info: DataInfo,
        aux_weight: Annotated[float, Ge(0)] = 0.5,
        window: Annotated[int, Gt(0)] | None = None,
        overlap: Annotated[float, Interval(ge=0, lt=1)] = 0.5,
        flips: list[Axis] | None = None,
    ) -> None:
        super().__init__(model, loss, info, aux_weight)
        self.window = window
        self.overlap = overlap
        self.flips: list[Axis] = flips or []

    def prepare(self, target: Tensor) -> Tensor:
        if target.ndim != 3 or target.is_floating_point():
            raise DataError(f"masks of {list(target.shape)} are not N x H x W, one class a pixel")
        return target.long()

    def scale(self, outputs: Tensor, size: torch.Size) -> Tensor:
        if outputs.ndim != 4 or outputs.shape[-2:] == size:
            return outputs
        return functional.interpolate(outputs, size, mode="bilinear")

    def check(self, outputs: Tensor, target: Tensor | None) -> None:
        expected = self.info.num_classes
        if outputs.ndim != 4 or expected not in (None, outputs.shape[1]):
            raise TrainingError(
                f"the model gives {' x '.join(map(str, outputs.shape[1:]))} values for each picture and the task "
                f'"{self.name}" needs {expected or "C"} x height x width, one score for each class and pixel'
            )

    def predictions(self, outputs: Tensor) -> Tensor:
        return outputs.float().softmax(dim=1)

    def compared(self, target: Tensor) -> Tensor:
        return target

    def predict(self, image: Tensor) -> list[dict[str, Any]]:
        """Return `mask`, uint8 H x W on the CPU, and `classes`: each class's share of the pixels."""
        masks = self.probabilities(image).max(dim=1).indices.to("cpu", torch.uint8)
        names = self.class_names(self.info.num_classes or int(masks.max()) + 1)
        return [{"mask": mask, "classes": _measure_shares(mask, names)} for mask in masks]

    def probabilities(self, image: Tensor) -> Tensor:
        """Return N x C x H x W, averaged over tiles and mirrored pictures."""
        subsets = chain.from_iterable(combinations(self.flips, count) for count in range(len(self.flips) + 1))
        dims = [tuple(AXES[axis] for axis in subset) for subset in subsets]
        mirrored = [self._whole_or_tiled(image.flip(axes)).flip(axes) for axes in dims]
        return torch.stack(mirrored).mean(dim=0)

    def _whole_or_tiled(self, image: Tensor) -> Tensor:
        if self.window is None or max(image.shape[-2:]) <= self.window:
            return self._predict_whole(image)
        return blend_tiles(self._predict_whole, image, self.window, self.overlap)

    def _predict_whole(self, image: Tensor) -> Tensor:
        outputs = self.scale(split_outputs(self.model(image))[0], image.shape[-2:])
        self.check(outputs, None)
        return self.predictions(outputs)


def _measure_shares(mask: Tensor, names: tuple[str, ...]) -> dict[str, float]:
    counts = mask.flatten().long().bincount(minlength=len(names)).tolist()
    return {name: count / mask.numel() for name, count in zip(names, counts, strict=True)}
