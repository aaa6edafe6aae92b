import pytest
import torch
import torch.nn.functional as F
from torch import nn

from retinue.api import DataInfo
from retinue.builtin.losses.binary import BinaryCrossEntropy
from retinue.builtin.tasks.multilabel import Multilabel
from retinue.errors import DataError, TrainingError


class Logits(nn.Module):
    """Gives the same logits for every batch."""

    def __init__(self, logits: list[list[float]]) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits


def make_task(logits: list[list[float]], **parameters: float) -> Multilabel:
    return Multilabel(Logits(logits), BinaryCrossEntropy(), DataInfo(classes=("sun", "sea", "sand")), **parameters)


IMAGES = torch.zeros(2, 3, 2, 2)


def test_each_class_is_decided_by_itself() -> None:
    logits = [[2.0, 1.0, -3.0], [-1.0, 0.0, 4.0]]
    label = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    output = make_task(logits)({"image": IMAGES, "label": label})
    torch.testing.assert_close(output.loss, F.binary_cross_entropy_with_logits(torch.tensor(logits), label))
    torch.testing.assert_close(output.preds, torch.tensor(logits).sigmoid())


def test_mixed_labels_count_as_present_from_one_half() -> None:
    label = torch.tensor([[0.5, 0.49, 1.0], [0.0, 0.6, 0.1]])
    output = make_task([[0.0] * 3] * 2)({"image": IMAGES, "label": label})
    assert output.target.tolist() == [[1, 0, 1], [0, 1, 0]]
    assert output.target.dtype == torch.int64


def test_predict_names_the_classes_above_the_threshold_and_the_best() -> None:
    sunny, empty = make_task([[2.0, 1.0, -3.0], [-1.0, -2.0, -4.0]]).predict(IMAGES)
    assert sunny["labels"] == ["sun", "sea"]
    assert (sunny["label"], sunny["probability"]) == ("sun", pytest.approx(0.8808, abs=1e-4))
    assert [entry["label"] for entry in sunny["top"]] == ["sun", "sea", "sand"]
    assert (empty["label"], empty["labels"]) == ("sun", [])


def test_the_threshold_is_the_users() -> None:
    (answer, _) = make_task([[2.0, 1.0, -3.0], [0.0] * 3], threshold=0.8).predict(IMAGES)
    assert answer["labels"] == ["sun"]


def test_labels_of_one_class_each_are_told_of_their_task() -> None:
    with pytest.raises(DataError, match="classification"):
        make_task([[0.0] * 3] * 2)({"image": IMAGES, "label": torch.tensor([0, 1])})


def test_a_model_of_another_size_is_told_both_sizes() -> None:
    with pytest.raises(TrainingError, match=r"gives 2 values.*needs 3"):
        make_task([[0.0] * 2] * 2)({"image": IMAGES, "label": torch.ones(2, 3)})
