from __future__ import annotations

from typing import Any

import pytest
import torch

from retinue.builtin.transforms.labels import OneHot
from retinue.errors import DataError


def test_label_becomes_a_vector(make_sample: Any) -> None:
    label = OneHot(5)(make_sample(label=3))["label"]
    assert label.dtype == torch.float32
    assert label.tolist() == [0, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("label", "message"),
    [(5, "from 0 to 4, and this one is 5"), (-1, "this one is -1"), (torch.zeros(5), r"has a tensor \(5,\)")],
)
def test_other_labels_are_refused(label: Any, message: str, make_sample: Any) -> None:
    with pytest.raises(DataError, match=message):
        OneHot(5)(make_sample(label=label))


def test_a_picture_to_predict_passes(make_sample: Any) -> None:
    sample = make_sample()
    del sample["label"]
    assert OneHot(5)(sample) is sample
