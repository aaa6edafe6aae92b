"""Metrics of classes, for one label a picture and for any number of them (multilabel)."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Interval
from torch import Tensor

from retinue.api import Metric
from retinue.builtin.metrics.counts import Confusion, Correct, CorrectInTop
from retinue.errors import Problem, SpecError

Average = Literal["macro", "micro", "weighted", "none"]
Threshold = Annotated[float, Interval(ge=0, le=1)]


class Accuracy(Metric):
    """The share of right decisions; in multilabel, of the pictures with every label right.

    Args:
        ignore_index: label that does not count.
        threshold: multilabel: a class is taken as present with a probability above it.
    """

    higher_is_better = True

    def __init__(self, ignore_index: int | None = None, threshold: Threshold = 0.5) -> None:
        self.statistic = Correct(ignore_index, threshold)

    def compute(self, sums: Tensor) -> Tensor:
        return sums[0] / sums[1]


class TopK(Metric):
    """The share of samples whose label is among the k most probable.

    Args:
        k: at most the number of classes.
        num_classes: number of classes.
        ignore_index: label that does not count.

    Raises:
        SpecError: `k` is above the number of classes.
    """

    higher_is_better = True

    def __init__(self, num_classes: int, k: Annotated[int, Ge(1)] = 5, ignore_index: int | None = None) -> None:
        if k > num_classes:
            raise SpecError([Problem(f"top-k: k is {k} and the data set has {num_classes} classes")])
        self.statistic = CorrectInTop(k, ignore_index)

    def compute(self, sums: Tensor) -> Tensor:
        return sums[0] / sums[1]


class ConfusionMatrix(Metric):
    """How often each class was taken for each: counts logged as NAME/TRUE/PREDICTED, C x C of them.

    Multilabel: NAME/CLASS/tn, fp, fn and tp.

    Args:
        num_classes: number of classes.
        class_names: their names, else "0", "1", ...
        ignore_index: label that does not count.
        threshold: multilabel: a class is taken as present with a probability above it.
    """

    def __init__(
        self,
        num_classes: int,
        class_names: list[str] | None = None,
        ignore_index: int | None = None,
        threshold: Threshold = 0.5,
    ) -> None:
        self.names = _names(class_names, num_classes)
        self.statistic = Confusion(num_classes, ignore_index, threshold)

    def compute(self, sums: Tensor) -> dict[str, Tensor]:
        columns = self.names if sums.ndim == 2 else ("tn", "fp", "fn", "tp")
        keys = [f"{name}/{column}" for name in self.names for column in columns]
        return dict(zip(keys, sums.flatten(), strict=True))


class ClassScore(Metric):
    """A score of each class from its counts, averaged as scikit-learn does.

    A score whose denominator is 0 is 0. The macro mean of single labels leaves out classes that occur neither in the
    targets nor in the predictions.
    """

    higher_is_better = True

    def __init__(
        self,
        num_classes: int,
        average: Average = "macro",
        class_names: list[str] | None = None,
        ignore_index: int | None = None,
        threshold: Threshold = 0.5,
    ) -> None:
        self.average = average
        self.names = _names(class_names, num_classes)
        self.statistic = Confusion(num_classes, ignore_index, threshold)

    @abstractmethod
    def score(self, hits: Tensor, predicted: Tensor, actual: Tensor) -> Tensor:
        """Return the score from the right predictions, all predictions and all targets of a class, elementwise."""

    def compute(self, sums: Tensor) -> Tensor | dict[str, Tensor]:
        hits, predicted, actual = _tally(sums)
        if self.average == "micro":
            return self.score(hits.sum(), predicted.sum(), actual.sum())
        scores = self.score(hits, predicted, actual)
        if self.average == "weighted":
            return _mean(scores, actual)
        is_single = sums.ndim == 2
        macro = _mean(scores, (predicted + actual > 0).double() if is_single else torch.ones_like(scores))
        return macro if self.average == "macro" else {"": macro, **dict(zip(self.names, scores, strict=True))}


class Precision(ClassScore):
    """Of the predictions of a class, the share that is right; 0 for a class that is never predicted.

    Args:
        num_classes: number of classes.
        average: "macro" is the mean over classes, "micro" counts all decisions alike, "weighted" is the mean over
            classes by their samples, "none" logs the macro mean and each class beside it.
        class_names: the classes' names for "none", else "0", "1", ...
        ignore_index: label that does not count.
        threshold: multilabel: a class is taken as present with a probability above it.
    """

    def score(self, hits: Tensor, predicted: Tensor, actual: Tensor) -> Tensor:
        return _ratio(hits, predicted)


class Recall(ClassScore):
    """Of the samples of a class, the share that is found; 0 for a class without samples.

    Args:
        num_classes: number of classes.
        average: "macro" is the mean over classes, "micro" counts all decisions alike, "weighted" is the mean over
            classes by their samples, "none" logs the macro mean and each class beside it.
        class_names: the classes' names for "none", else "0", "1", ...
        ignore_index: label that does not count.
        threshold: multilabel: a class is taken as present with a probability above it.
    """

    def score(self, hits: Tensor, predicted: Tensor, actual: Tensor) -> Tensor:
        return _ratio(hits, actual)


class F1(ClassScore):
    """The harmonic mean of precision and recall of a class; 0 for a class without a right prediction.

    Args:
        num_classes: number of classes.
        average: "macro" is the mean over classes, "micro" counts all decisions alike, "weighted" is the mean over
            classes by their samples, "none" logs the macro mean and each class beside it.
        class_names: the classes' names for "none", else "0", "1", ...
        ignore_index: label that does not count.
        threshold: multilabel: a class is taken as present with a probability above it.
    """

    def score(self, hits: Tensor, predicted: Tensor, actual: Tensor) -> Tensor:
        return _ratio(2 * hits, predicted + actual)


class IoU(Metric):
    """Intersection over union (Jaccard index) of each class over the whole data set, and their mean.

    Logged as NAME and NAME/CLASS. The mean leaves out classes that occur neither in the targets nor in the
    predictions; their own value is not a number.

    Args:
        num_classes: number of classes.
        class_names: their names, else "0", "1", ...
        ignore_index: label that does not count.
    """

    higher_is_better = True

    def __init__(self, num_classes: int, class_names: list[str] | None = None, ignore_index: int | None = None) -> None:
        self.names = _names(class_names, num_classes)
        self.statistic = Confusion(num_classes, ignore_index, threshold=0.5)

    def compute(self, sums: Tensor) -> dict[str, Tensor]:
        hits, predicted, actual = _tally(sums)
        scores = hits / (predicted + actual - hits)
        return {"": scores.nanmean(), **dict(zip(self.names, scores, strict=True))}


def _tally(confusion: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return right predictions, predictions and targets of each class."""
    if confusion.ndim == 2:
        return confusion.diagonal(), confusion.sum(dim=0), confusion.sum(dim=1)
    return confusion[:, 1, 1], confusion[:, :, 1].sum(dim=1), confusion[:, 1, :].sum(dim=1)


def _ratio(count: Tensor, total: Tensor) -> Tensor:
    return count / total.clamp(min=1)


def _mean(scores: Tensor, weights: Tensor) -> Tensor:
    return _ratio((scores * weights).sum(), weights.sum())


def _names(class_names: list[str] | None, num_classes: int) -> tuple[str, ...]:
    return tuple(class_names or map(str, range(num_classes)))
