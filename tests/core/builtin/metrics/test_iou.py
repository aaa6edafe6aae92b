"""Intersection over union, counted over the whole data set."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import jaccard_score

from retinue.builtin.metrics.classes import IoU


def test_equals_scikit_learn_over_batches() -> None:
    torch.manual_seed(0)
    metric = IoU(3, ["a", "b", "c"], ignore_index=255)
    preds, target = torch.rand(4, 3, 6, 5).softmax(1), torch.randint(0, 3, (4, 6, 5))
    target[:, 0] = 255
    sums = sum(metric.statistic.measure(preds[i : i + 1], target[i : i + 1]) for i in range(4))
    values = metric.compute(sums.double())
    kept = target != 255
    expected = jaccard_score(target[kept], preds.argmax(1)[kept], average=None)
    assert [values[name].item() for name in "abc"] == pytest.approx(expected.tolist())
    assert values[""].item() == pytest.approx(expected.mean())


def test_a_class_that_never_occurs_is_left_out_of_the_mean() -> None:
    metric = IoU(3)
    preds = torch.eye(3)[torch.tensor([[0, 1], [1, 1]])].permute(2, 0, 1).unsqueeze(0)
    values = metric.compute(metric.statistic.measure(preds, torch.tensor([[[0, 1], [0, 1]]])).double())
    assert values["2"].isnan()
    assert values[""].item() == pytest.approx((1 / 2 + 2 / 3) / 2)
