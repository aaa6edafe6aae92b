import pytest
import torch
from sklearn import metrics as reference

from retinue.api import Metric
from retinue.builtin.metrics.values import mae, mse
from retinue.errors import TrainingError


@pytest.mark.parametrize(
    ("metric", "expected"), [(mse(), reference.mean_squared_error), (mae(), reference.mean_absolute_error)]
)
def test_the_mean_is_over_all_values_of_unequal_batches(metric: Metric, expected: object) -> None:
    preds, target = torch.randn(2, 20, 3, generator=torch.Generator().manual_seed(0))
    sums = metric.statistic.measure(preds[:17], target[:17]) + metric.statistic.measure(preds[17:], target[17:])
    assert metric.compute(sums.double()).item() == pytest.approx(expected(target, preds))
    assert metric.higher_is_better is False


def test_labels_are_refused_and_not_broadcast() -> None:
    with pytest.raises(TrainingError, match="accuracy or f1"):
        mse().statistic.measure(torch.rand(3, 3), torch.tensor([0, 1, 2]))
