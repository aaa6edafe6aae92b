"""Grad-CAM."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from retinue.api import DataInfo
from retinue.builtin.tasks.classification import Classification
from retinue.builtin.tasks.multilabel import Multilabel
from retinue.builtin.tasks.regression import Regression
from retinue.builtin.tasks.segmentation import Segmentation
from retinue.data.preparation import Preparation
from retinue.engine.cam import explain
from retinue.engine.prediction import Predictor
from retinue.errors import DataError, TrainingError

CLASSES = ("left", "right", "both")


class Halves(nn.Module):
    """A channel that is bright where the picture is red, one where it is green; scores are their weighted means."""

    def __init__(self, form: str = "plain") -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 2, 4, stride=4, bias=False)
        self.head = nn.Linear(2, 3, bias=False)
        self.form = form
        self.last = nn.Identity()
        with torch.no_grad():
            self.features.weight.zero_()
            self.features.weight[0, 0] = self.features.weight[1, 1] = 1 / 16
            self.head.weight.copy_(torch.tensor([[2.0, -1.0], [-1.0, 2.0], [1.0, 1.0]]))

    def forward(self, image: Tensor) -> Any:
        maps: Tensor = self.features(image)
        if self.form == "in-place":
            maps = maps.sub_(0.5)
        if self.form == "channels-last":
            maps = self.last(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        if self.form == "tokens":
            return self.head(self.last(maps.flatten(2).transpose(1, 2)).mean(dim=1))
        scores = self.head(maps.mean(dim=(2, 3)))
        return {"out": scores, "aux": scores} if self.form == "dict" else scores


def predictor(model: nn.Module, task: Any = Classification, transforms: Any = (), classes: Any = CLASSES) -> Predictor:
    preparation = Preparation([(type(transform).__name__, transform) for transform in transforms])
    built = task(model, nn.Identity(), DataInfo(classes=classes)).eval()
    return Predictor(built, preparation, 3, None, None, torch.device("cpu"))


@pytest.fixture
def picture() -> Tensor:
    """The left half red, the right half green and less bright."""
    image = torch.zeros(3, 40, 24, dtype=torch.uint8)
    image[0, :, :12] = 250
    image[1, :, 12:] = 200
    return image


def halves(heat: Tensor) -> tuple[float, float]:
    """Away from where both are interpolated."""
    return float(heat[:, :8].mean()), float(heat[:, 16:].mean())


@pytest.mark.parametrize("form", ["plain", "dict", "in-place", "channels-last"])
def test_heat_lies_where_the_class_is(form: str, picture: Tensor) -> None:
    found = predictor(Halves(form))
    left, right, both = (explain(found, picture, label) for label in CLASSES)
    assert halves(left.heat) == pytest.approx((1, 0))
    assert halves(right.heat) == pytest.approx((0, 1))
    # By the definition: the gradient of each channel's mean is the same, the activations are 250 and 200.
    assert halves(both.heat) == pytest.approx((1, 0.8))
    assert (left.size, left.layer) == ((10, 6), "last" if form == "channels-last" else "features")
    assert left.heat.shape == (40, 24)


def test_the_predicted_class_is_explained_unless_another_is_named(picture: Tensor) -> None:
    found = predictor(Halves())
    probabilities = {entry["label"]: entry["probability"] for entry in next(found.predict([picture]))["top"]}
    best = explain(found, picture)
    assert best.label == max(probabilities, key=lambda label: probabilities[label])
    assert best.probability == pytest.approx(probabilities[best.label])
    assert explain(found, picture, "right").probability == pytest.approx(probabilities["right"])


def test_a_frozen_model_is_explained_and_left_as_it_was(picture: Tensor) -> None:
    model = Halves().requires_grad_(False)
    assert halves(explain(predictor(model), picture, "left").heat) == pytest.approx((1, 0))
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_label_that_nothing_speaks_for_has_no_heat(picture: Tensor) -> None:
    model = Halves()
    with torch.no_grad():
        model.head.weight[0] = -1
    assert explain(predictor(model), picture, "left").heat.abs().max() == 0


def test_multilabel_and_regression_are_explained_too(picture: Tensor) -> None:
    assert halves(explain(predictor(Halves(), Multilabel), picture, "right").heat) == pytest.approx((0, 1))
    assert halves(explain(predictor(Halves(), Regression), picture, "left").heat) == pytest.approx((1, 0))
    with pytest.raises(DataError, match="left, right, both"):
        explain(predictor(Halves(), Regression), picture)


def test_the_overlay_shows_the_picture_beyond_what_the_model_saw(picture: Tensor) -> None:
    found = explain(predictor(Halves(), transforms=[v2.CenterCrop((20, 24))]), picture, "left")
    assert found.heat[:10].isnan().all()
    assert found.heat[10:30].isfinite().all()
    assert found.heat[30:].isnan().all()
    # 24 x 40 pixels, six times as large.
    assert found.overlay.shape == (3, 240, 144)
    assert found.overlay[:, 12, 12].tolist() == [250, 0, 0]
    red, _, blue = found.overlay[:, 120, 12].tolist()
    assert red > blue
    red, _, blue = found.overlay[:, 120, 132].tolist()
    assert blue > red


def test_turned_pictures_are_drawn_as_the_model_sees_them(picture: Tensor) -> None:
    found = explain(predictor(Halves(), transforms=[v2.RandomHorizontalFlip(1)]), picture, "left")
    assert halves(found.heat) == pytest.approx((0, 1))


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(2880, 3)), "there is none"),
        (Halves("tokens"), 'of "last", is a row of 60 tokens'),
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), "there is none"),
    ],
)
def test_a_model_without_feature_map_is_refused(model: nn.Module, reason: str, picture: Tensor) -> None:
    with pytest.raises(TrainingError, match=reason):
        explain(predictor(model), picture)


def test_segmentation_is_refused_with_what_to_do(picture: Tensor) -> None:
    with pytest.raises(TrainingError, match="one for each pixel"):
        explain(predictor(nn.Conv2d(3, 3, 1), Segmentation), picture)


def test_a_class_that_there_is_not_is_named(picture: Tensor) -> None:
    with pytest.raises(DataError, match='no "lef": did you mean "left"'):
        explain(predictor(Halves()), picture, "lef")
