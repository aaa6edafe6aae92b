"""Predictions beside the truth."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from retinue.api import DataInfo
from retinue.api.drawing import draw_mask
from retinue.api.sheet import MARGIN
from retinue.builtin.callbacks import predictions
from retinue.builtin.callbacks.predictions import draw_predictions
from retinue.builtin.tasks.classification import Classification
from retinue.builtin.tasks.multilabel import Multilabel
from retinue.builtin.tasks.regression import Regression
from retinue.builtin.tasks.segmentation import Segmentation

CPU = torch.device("cpu")
PETS = DataInfo(classes=("cat", "dog"))


class Brightness(nn.Module):
    """Scores of two classes: the more red, the more of the second."""

    def forward(self, image: Tensor) -> Tensor:
        red = image[:, 0].mean(dim=(1, 2))
        return torch.stack([-red, red], dim=1) * 10


@pytest.fixture
def captions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written below each tile."""
    found: list[str] = []

    def note(tiles: Any, texts: list[str], *others: Any) -> Tensor:
        found.extend(texts)
        return tiles[0]  # type: ignore[no-any-return]

    monkeypatch.setattr(predictions, "draw_sheet", note)
    return found


def picture(red: int) -> Tensor:
    image = torch.zeros(3, 96, 96, dtype=torch.uint8)
    image[0] = red
    return image


def test_a_label_is_drawn_with_its_probability_and_the_truth_where_it_differs(captions: list[str]) -> None:
    task = Classification(Brightness(), nn.Identity(), PETS).eval()
    samples = [
        {"image": picture(255), "label": 1},
        {"image": picture(255), "label": 0},
        {"image": picture(0), "label": 0},
    ]
    draw_predictions(task, samples, CPU, 96)
    assert captions == ["dog 100%", "dog 100%\nis cat", "cat 50%"]


def test_several_labels_and_values_are_drawn(captions: list[str]) -> None:
    image = picture(255)
    draw_predictions(Multilabel(Brightness(), nn.Identity(), PETS), [{"image": image, "label": torch.ones(2)}], CPU, 96)
    draw_predictions(
        Regression(Brightness(), nn.Identity(), PETS), [{"image": image, "target": torch.zeros(2)}], CPU, 96
    )
    assert captions == ["dog\nis cat, dog", "cat -10, dog 10\nis cat 0, dog 0"]


def test_the_predicted_mask_stands_to_the_right_of_the_true_one() -> None:
    image = torch.zeros(3, 96, 96, dtype=torch.uint8)
    image[0, :48] = 255
    model = nn.Conv2d(3, 2, 1)
    with torch.no_grad():
        model.weight.zero_()
        model.weight[1, 0] = 1
        model.bias.copy_(torch.tensor([0.0, -0.5]))
    mask = torch.zeros(96, 96, dtype=torch.uint8)
    mask[:, :48] = 1
    sheet = draw_predictions(
        Segmentation(model, nn.Identity(), PETS).eval(), [{"image": image, "mask": mask}], CPU, 160
    )
    top = slice(MARGIN, MARGIN + 96)
    assert torch.equal(sheet[:, top, MARGIN : MARGIN + 96], draw_mask(image, mask))
    right = MARGIN + 96 + 2
    assert torch.equal(sheet[:, top, right : right + 96], draw_mask(image, (image[0] > 0).byte()))
