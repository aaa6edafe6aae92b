"""Against scikit-learn, and torchmetrics where scikit-learn has no say; batches are unequal on purpose."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn import metrics as reference
from torchmetrics.classification import MulticlassF1Score, MultilabelF1Score

from retinue.api import Metric
from retinue.builtin.metrics.classes import F1, Accuracy, ConfusionMatrix, Precision, Recall, TopK
from retinue.errors import SpecError, TrainingError

CLASSES = 5
SCORES = {Precision: reference.precision_score, Recall: reference.recall_score, F1: reference.f1_score}
AVERAGES = ["macro", "micro", "weighted"]


def make_labels() -> tuple[torch.Tensor, torch.Tensor]:
    """Return probabilities and labels in which class 3 has no samples and class 4 is neither target nor prediction."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(203, CLASSES, generator=generator)
    logits[:, 4] = -9
    target = torch.randint(0, 3, (203,), generator=generator)
    logits[torch.arange(203), target] += 1
    return logits.softmax(1), target


def make_multilabels() -> tuple[torch.Tensor, torch.Tensor]:
    """Return probabilities and labels N x C: class 4 neither true nor predicted, class 3 never predicted."""
    generator = torch.Generator().manual_seed(0)
    target = (torch.rand(203, CLASSES, generator=generator) > 0.6).long()
    target[:, 4] = 0
    preds = (torch.rand(203, CLASSES, generator=generator) * 0.7 + target * 0.3).clamp(0, 1)
    preds[:, 3:] *= 0.3
    return preds, target


def measure(metric: Metric, preds: torch.Tensor, target: torch.Tensor) -> torch.Tensor | dict[str, torch.Tensor]:
    bounds = [0, 100, 103, len(preds)]
    batches = [metric.statistic.measure(preds[a:b], target[a:b]) for a, b in pairwise(bounds)]
    return metric.compute(torch.stack(batches).double().sum(0))


def test_accuracy_of_labels() -> None:
    preds, target = make_labels()
    assert measure(Accuracy(), preds, target).item() == reference.accuracy_score(target, preds.argmax(1))


def test_accuracy_of_multilabel_wants_every_label_right() -> None:
    preds, target = make_multilabels()
    value = measure(Accuracy(threshold=0.4), preds, target).item()
    assert 0 < value == reference.accuracy_score(target.numpy(), (preds > 0.4).numpy())


@pytest.mark.parametrize("k", [1, 2, 4])
def test_top_k(k: int) -> None:
    preds, target = make_labels()
    expected = reference.top_k_accuracy_score(target, preds, k=k, labels=np.arange(CLASSES))
    assert measure(TopK(CLASSES, k), preds, target).item() == pytest.approx(expected)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("score", SCORES)
def test_scores_of_labels(score: type[Metric], average: str) -> None:
    preds, target = make_labels()
    expected = SCORES[score](target, preds.argmax(1), average=average, zero_division=0)
    assert measure(score(CLASSES, average), preds, target).item() == pytest.approx(expected)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("score", SCORES)
def test_scores_of_multilabel(score: type[Metric], average: str) -> None:
    preds, target = make_multilabels()
    expected = SCORES[score](target.numpy(), (preds > 0.3).numpy(), average=average, zero_division=0)
    assert measure(score(CLASSES, average, threshold=0.3), preds, target).item() == pytest.approx(expected)


@pytest.mark.parametrize("score", SCORES)
def test_scores_of_each_class_stand_under_its_name_beside_their_mean(score: type[Metric]) -> None:
    preds, target = make_labels()
    names = ["ant", "bee", "cat", "dog", "eel"]
    values = measure(score(CLASSES, "none", class_names=names), preds, target)
    expected = SCORES[score](target, preds.argmax(1), average=None, labels=range(CLASSES), zero_division=0)
    assert list(values) == ["", *names]
    assert [values[name].item() for name in names] == pytest.approx(list(expected))
    assert values[""] == measure(score(CLASSES, "macro"), preds, target)


def test_torchmetrics_agrees_on_classes_that_do_not_occur() -> None:
    preds, target = make_labels()
    theirs = MulticlassF1Score(CLASSES)(preds, target)
    assert measure(F1(CLASSES), preds, target).item() == pytest.approx(theirs.item())
    preds, target = make_multilabels()
    theirs = MultilabelF1Score(CLASSES)(preds, target)
    assert measure(F1(CLASSES), preds, target).item() == pytest.approx(theirs.item())


def test_confusion_matrix_counts_truth_by_prediction() -> None:
    preds, target = make_labels()
    values = measure(ConfusionMatrix(CLASSES, ["ant", "bee", "cat", "dog", "eel"]), preds, target)
    expected = reference.confusion_matrix(target, preds.argmax(1), labels=range(CLASSES))
    assert values["ant/dog"].item() == expected[0, 3]
    assert [value.item() for value in values.values()] == expected.flatten().tolist()


def test_confusion_matrix_of_multilabel_counts_each_class_by_itself() -> None:
    preds, target = make_multilabels()
    values = measure(ConfusionMatrix(CLASSES), preds, target)
    expected = reference.multilabel_confusion_matrix(target.numpy(), (preds > 0.5).numpy())
    assert values["2/fn"].item() == expected[2, 1, 0]
    assert [value.item() for value in values.values()] == expected.flatten().tolist()


@pytest.mark.parametrize("metric", [Accuracy, lambda i: TopK(CLASSES, 2, i), lambda i: F1(CLASSES, ignore_index=i)])
def test_the_ignored_label_does_not_count(metric: type[Metric]) -> None:
    preds, target = make_labels()
    kept = torch.arange(203) % 3 > 0
    holes = torch.where(kept, target, 255)
    assert measure(metric(255), preds, holes) == measure(metric(None), preds[kept], target[kept])
    assert measure(metric(0), preds, target) == measure(metric(None), preds[target > 0], target[target > 0])


def test_pixels_count_as_samples() -> None:
    preds, target = make_labels()
    pixels = preds[:200].view(2, 10, 10, CLASSES).permute(0, 3, 1, 2)
    for metric in (Accuracy(), F1(CLASSES), TopK(CLASSES, 2)):
        sums = metric.statistic.measure(pixels, target[:200].view(2, 10, 10))
        torch.testing.assert_close(sums, metric.statistic.measure(preds[:200], target[:200]))


def test_scores_and_confusion_matrix_share_one_count() -> None:
    metrics = [Precision(CLASSES), Recall(CLASSES, "none"), F1(CLASSES, "micro"), ConfusionMatrix(CLASSES)]
    assert len({metric.statistic for metric in metrics}) == 1
    assert F1(CLASSES, ignore_index=0).statistic != F1(CLASSES).statistic


def test_values_are_refused_and_not_taken_for_labels() -> None:
    values = torch.rand(4, CLASSES)
    for metric in (Accuracy(), F1(CLASSES), TopK(CLASSES, 2)):
        with pytest.raises(TrainingError, match="mse or mae"):
            metric.statistic.measure(values, values)


def test_top_k_wants_one_label_and_a_k_below_the_classes() -> None:
    with pytest.raises(TrainingError, match="one label"):
        TopK(CLASSES, 2).statistic.measure(*make_multilabels())
    with pytest.raises(SpecError, match="k is 5 and the data set has 3 classes"):
        TopK(3)
