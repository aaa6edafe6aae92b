"""Losses of overlap, each 1 minus a score between 0 and 1.

Shapes: outputs are logits N x C x H x W or N x C; target is integer N x H x W or N; C = 1 is binary. In the formulas,
sums go over the pixels of one picture or of the whole batch: p is a class's probability, g is 1 where it is true.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor, nn

from retinue.errors import Problem, SpecError
from retinue_dice.overlap import Overlap, measure_overlap

Weights = list[Annotated[float, Ge(0)]]
NonNegative = Annotated[float, Ge(0)]


class OverlapLoss(nn.Module, ABC):
    """The mean of 1 - score over classes, and over pictures where they are counted one by one.

    Attributes:
        binary_background: whether the background of one output channel counts as a class.
    """

    binary_background: ClassVar[bool] = False
    weight: Tensor | None

    def __init__(
        self,
        include_background: bool,
        batch: bool,
        smooth: float,
        ignore_index: int | None,
        weight: Weights | None = None,
        num_classes: int | None = None,
        squared_pred: bool = False,
    ) -> None:
        super().__init__()
        self.include_background = include_background
        self.batch = batch
        self.smooth = smooth
        self.ignore_index = ignore_index
        self.squared_pred = squared_pred
        self.register_buffer("weight", _checked(weight, num_classes), persistent=False)

    @abstractmethod
    def score(self, overlap: Overlap) -> Tensor:
        """Return N x C, or N x 1 for one score over all classes."""

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        overlap = measure_overlap(outputs, target, self.ignore_index, self.squared_pred)
        has_background = self.include_background and (outputs.shape[1] > 1 or self.binary_background)
        if self.batch:
            overlap = overlap.over_batch()
        if not has_background:
            overlap = overlap.without_background()
        losses = 1 - self.score(overlap)
        if self.weight is None:
            return losses.mean()
        weight = self.weight if has_background else self.weight[1:]
        return (losses * weight).sum(dim=1).mean() / weight.sum()


class Dice(OverlapLoss):
    """Soft Dice loss: the mean over classes of 1 - (2 sum(p g) + smooth) / (sum(p) + sum(g) + smooth).

    Milletari et al., 2016 (V-Net), who square the denominator's terms: `squared_pred`. A class that is nowhere true
    has 1 - smooth / (sum(p) + smooth): 0 where it is not predicted either. Without any labelled pixel the loss is 0.

    Args:
        include_background: count class 0; with one output channel the foreground alone counts.
        squared_pred: sum(p^2) + sum(g) in the denominator.
        batch: sum over the pixels of the whole batch; else picture by picture, and take the mean.
        smooth: pixels added to the score's numerator and denominator. Classes that a picture lacks are learnt
            through it, or through `batch` (Tilborghs et al., 2022).
        weight: of each class in the mean, class 0 included; the sum is divided by that of the weights.
        num_classes: number of classes.
        ignore_index: label of pixels that do not count.

    Raises:
        SpecError: `weight` has not one value for each class, or only the background's is above 0.
    """

    def __init__(
        self,
        include_background: bool = True,
        squared_pred: bool = False,
        batch: bool = True,
        smooth: NonNegative = 1.0,
        weight: Weights | None = None,
        num_classes: int | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(include_background, batch, smooth, ignore_index, weight, num_classes, squared_pred)

    def score(self, overlap: Overlap) -> Tensor:
        total = overlap.predicted + overlap.actual
        return _divide(2 * overlap.common + self.smooth, total + self.smooth)


class Tversky(OverlapLoss):
    """Tversky loss: the mean over classes of 1 - (t + smooth) / (t + alpha fp + beta fn + smooth).

    Salehi et al., 2017, with t = sum(p g), fp = sum(p (1 - g)) and fn = sum((1 - p) g). alpha = beta = 0.5 is the Dice
    loss with twice the `smooth`, alpha = beta = 1 the Jaccard loss. A class that is nowhere true has
    1 - smooth / (alpha sum(p) + smooth): 0 where it is not predicted either. Without any labelled pixel the loss is 0.

    Args:
        alpha: what a false positive costs; 0.3 was the paper's best.
        beta: what a false negative costs; above alpha for recall, below for precision; 0.7 was the paper's best.
        include_background: count class 0; with one output channel the foreground alone counts.
        batch: sum over the pixels of the whole batch; else picture by picture, and take the mean.
        smooth: pixels added to the score's numerator and denominator. Classes that a picture lacks are learnt
            through it, or through `batch` (Tilborghs et al., 2022).
        weight: of each class in the mean, class 0 included; the sum is divided by that of the weights.
        num_classes: number of classes.
        ignore_index: label of pixels that do not count.

    Raises:
        SpecError: `weight` has not one value for each class, or only the background's is above 0; alpha and beta
            are both 0.
    """

    def __init__(
        self,
        alpha: NonNegative = 0.3,
        beta: NonNegative = 0.7,
        include_background: bool = True,
        batch: bool = True,
        smooth: NonNegative = 1.0,
        weight: Weights | None = None,
        num_classes: int | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(include_background, batch, smooth, ignore_index, weight, num_classes)
        if alpha == beta == 0:
            raise SpecError([Problem("alpha and beta are both 0: no mistake would cost anything")])
        self.alpha = alpha
        self.beta = beta

    def score(self, overlap: Overlap) -> Tensor:
        missed = overlap.actual - overlap.common
        false = overlap.predicted - overlap.common
        errors = self.alpha * false + self.beta * missed
        return _divide(overlap.common + self.smooth, overlap.common + errors + self.smooth)


class GeneralizedDice(OverlapLoss):
    """Generalized Dice loss: 1 - (2 sum(w sum(p g)) + smooth) / (sum(w (sum(p) + sum(g))) + smooth), over all classes.

    Sudre et al., 2017: a class weighs 1 / sum(g)^2, so that large regions do not drown small ones. The weights are
    scaled so that the rarest class present has 1, which leaves the ratio alone and makes `smooth` a number of its
    pixels. A class that is nowhere true weighs as much as that rarest one. Without any labelled pixel the loss is 0.

    Args:
        include_background: count class 0. With one output channel too: the paper's two classes are foreground and
            background, and alone the foreground would be weighed against nothing, which is the Dice loss.
        batch: sum over the pixels of the whole batch; else picture by picture, and take the mean.
        smooth: pixels of the rarest class added to the score's numerator and denominator.
        ignore_index: label of pixels that do not count.
    """

    binary_background = True

    def __init__(
        self,
        include_background: bool = True,
        batch: bool = True,
        smooth: NonNegative = 1.0,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(include_background, batch, smooth, ignore_index)

    def score(self, overlap: Overlap) -> Tensor:
        weight = _weigh_by_rarity(overlap.actual)
        common = (weight * overlap.common).sum(dim=1, keepdim=True)
        total = (weight * (overlap.predicted + overlap.actual)).sum(dim=1, keepdim=True)
        return _divide(2 * common + self.smooth, total + self.smooth)


def _weigh_by_rarity(actual: Tensor) -> Tensor:
    absent = actual == 0
    rarest = actual.masked_fill(absent, torch.inf).amin(dim=1, keepdim=True)
    return (rarest / actual).square().masked_fill(absent, 1)


def _divide(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Return the quotient, 1 where nothing is true and nothing predicted."""
    empty = denominator == 0
    return numerator.masked_fill(empty, 1) / denominator.masked_fill(empty, 1)


def _checked(weight: Weights | None, num_classes: int | None) -> Tensor | None:
    if weight is None:
        return None
    if num_classes not in (None, len(weight)):
        raise SpecError([Problem(f"weight has {len(weight)} values and the data set {num_classes} classes")])
    if not any(weight[1:]):
        raise SpecError([Problem(f"weight is {weight}: at least one class beside the background must count")])
    return torch.tensor(weight)
