import pytest
import torch
from torch import nn

from retinue.api import DataInfo
from retinue.builtin.losses.values import mse
from retinue.builtin.tasks.regression import Regression
from retinue.errors import DataError, TrainingError

IMAGES = torch.arange(8.0).view(2, 1, 2, 2)


def make_task(model: nn.Module, info: DataInfo) -> Regression:
    return Regression(model, mse(), info)


def test_the_loss_compares_value_by_value() -> None:
    task = make_task(nn.Flatten(), DataInfo(classes=("a", "b", "c", "d")))
    target = IMAGES.flatten(1) + torch.tensor([1.0, 0.0, 0.0, 3.0])
    output = task({"image": IMAGES, "target": target.double()})
    assert output.loss.item() == pytest.approx((1 + 9) / 4)
    assert output.preds.dtype == output.target.dtype == torch.float32
    torch.testing.assert_close(output.target, target)


def test_predict_gives_each_value_by_its_name() -> None:
    named = make_task(nn.Flatten(), DataInfo(classes=("width", "height", "x", "y")))
    assert named.predict(IMAGES)[1] == {"values": {"width": 4.0, "height": 5.0, "x": 6.0, "y": 7.0}}
    assert make_task(nn.Flatten(), DataInfo()).predict(IMAGES)[0] == {
        "values": {"0": 0.0, "1": 1.0, "2": 2.0, "3": 3.0}
    }


def test_one_value_against_several_is_refused_and_not_broadcast() -> None:
    task = make_task(nn.Sequential(nn.Flatten(), nn.Linear(4, 1)), DataInfo())
    with pytest.raises(TrainingError, match=r"gives 1 values.*needs 4"):
        task({"image": IMAGES, "target": torch.zeros(2, 4)})


def test_targets_must_be_rows() -> None:
    with pytest.raises(DataError, match="N x T"):
        make_task(nn.Flatten(), DataInfo())({"image": IMAGES, "target": torch.zeros(2)})


def test_a_data_set_of_labels_is_told_what_is_missing() -> None:
    with pytest.raises(DataError, match=r'needs "target".*the data set gives: image, label'):
        make_task(nn.Flatten(), DataInfo())({"image": IMAGES, "label": torch.tensor([0, 1])})
