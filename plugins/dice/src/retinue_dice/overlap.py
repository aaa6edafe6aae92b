"""How far predicted and true regions overlap: sums over pixels.

Shapes: N samples, C classes, P pixels of a sample (1 where labels are of whole samples). One output channel z stands
for two classes with the logits (0, z).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from retinue.errors import TrainingError


@dataclass(frozen=True)
class Overlap:
    """Sums over pixels, each N x C.

    Attributes:
        common: of a class's probability where it is true.
        predicted: of its probability, or of the square of it.
        actual: pixels where it is true.
    """

    common: Tensor
    predicted: Tensor
    actual: Tensor

    def over_batch(self) -> Overlap:
        """Return the sums over all samples, each 1 x C."""
        return Overlap(*(part.sum(dim=0, keepdim=True) for part in (self.common, self.predicted, self.actual)))

    def without_background(self) -> Overlap:
        """Return the sums of all classes but class 0."""
        return Overlap(self.common[:, 1:], self.predicted[:, 1:], self.actual[:, 1:])


def measure_overlap(outputs: Tensor, target: Tensor, ignore_index: int | None, squared: bool = False) -> Overlap:
    """Return the sums for logits `outputs` N x C x ... and labels `target` N x ..., in float32 or the wider type given.

    Raises:
        TrainingError: the target is not one label for each pixel of the outputs.
    """
    _check(outputs, target)
    probabilities = _normalize(outputs)
    labels = target.long().unsqueeze(-1).flatten(1)
    if ignore_index is None:
        labelled = torch.ones_like(labels, dtype=torch.bool)
    else:
        labelled = labels != ignore_index
        labels = labels.masked_fill(~labelled, 0)
        probabilities = probabilities.masked_fill(~labelled.unsqueeze(1), 0)
    # Scattered and not compared with each class, so that a label that is no class is an error and not a void pixel.
    truth = torch.zeros_like(probabilities, dtype=torch.bool).scatter_(1, labels.unsqueeze(1), labelled.unsqueeze(1))
    return Overlap(
        common=probabilities.masked_fill(~truth, 0).sum(dim=2),
        predicted=(probabilities.square() if squared else probabilities).sum(dim=2),
        actual=truth.sum(dim=2).to(probabilities.dtype),
    )


def _check(outputs: Tensor, target: Tensor) -> None:
    if target.is_floating_point() or outputs.shape[:1] + outputs.shape[2:] != target.shape:
        wanted = " x ".join(map(str, outputs.shape[:1] + outputs.shape[2:]))
        raise TrainingError(
            f"losses of overlap compare outputs {list(outputs.shape)} with one integer label for each pixel, {wanted}, "
            f"and the target is {str(target.dtype).removeprefix('torch.')} {list(target.shape)}"
        )


def _normalize(outputs: Tensor) -> Tensor:
    """Return probabilities N x C x P, C at least 2."""
    # Sums over a million pixels are beyond float16, and too coarse in bfloat16.
    logits = outputs.to(torch.promote_types(outputs.dtype, torch.float32)).unsqueeze(-1).flatten(2)
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    return logits.softmax(dim=1)
