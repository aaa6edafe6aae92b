"""Against torchmetrics and scikit-learn; batches are unequal on purpose."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.metrics import f1_score
from torch import Tensor
from torchmetrics.segmentation import DiceScore

from retinue.errors import TrainingError
from retinue_dice.metrics import Dice

CLASSES = 4
NAMES = ["sky", "road", "tree", "bus"]
VOID = 255


def make_pictures() -> tuple[Tensor, Tensor]:
    """Return probabilities and masks of five pictures; the last class is rare."""
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(0, CLASSES, (5, 11, 6), generator=generator)
    target[1:][target[1:] == 3] = 0
    logits = torch.randn(5, CLASSES, 11, 6, generator=generator).scatter_add(
        1, target.unsqueeze(1), torch.ones(5, 1, 11, 6)
    )
    return logits.softmax(1), target


def measure(metric: Dice, preds: Tensor, target: Tensor) -> dict[str, float]:
    batches = [metric.statistic.measure(preds[part], target[part]) for part in (slice(0, 2), slice(2, 5))]
    return {name: value.item() for name, value in metric.compute(torch.stack(batches).double().sum(0)).items()}


@pytest.mark.parametrize("include_background", [True, False])
def test_torchmetrics_agrees_over_the_data_set(include_background: bool) -> None:
    preds, target = make_pictures()
    settings: Any = {"include_background": include_background, "input_format": "index", "aggregation_level": "global"}
    values = measure(Dice(CLASSES, include_background, NAMES), preds, target)
    theirs = DiceScore(CLASSES, average="macro", **settings)(preds.argmax(1), target)
    assert values[""] == pytest.approx(theirs.item())
    theirs = DiceScore(CLASSES, average="none", **settings)(preds.argmax(1), target)
    counted = NAMES if include_background else NAMES[1:]
    assert [values[name] for name in counted] == pytest.approx(theirs.flatten().tolist())


def test_each_class_stands_under_its_name_beside_the_mean() -> None:
    preds, target = make_pictures()
    values = measure(Dice(CLASSES, class_names=NAMES), preds, target)
    assert list(values) == ["", *NAMES]
    expected = f1_score(target.flatten(), preds.argmax(1).flatten(), average=None)
    assert list(values.values())[1:] == pytest.approx(list(expected))
    assert list(measure(Dice(CLASSES), preds, target)) == ["", "0", "1", "2", "3"]


@pytest.mark.parametrize("ignored", [VOID, -1, 2])
def test_void_pixels_do_not_count(ignored: int) -> None:
    preds, target = make_pictures()
    kept = torch.arange(6) % 3 > 0
    target[target == ignored] = 1
    holes = torch.where(kept, target, ignored)
    values = measure(Dice(CLASSES, ignore_index=ignored), preds, holes)
    assert values == pytest.approx(measure(Dice(CLASSES), preds[..., kept], target[..., kept]), nan_ok=True)


def test_a_class_that_occurs_nowhere_has_no_value_and_leaves_the_mean_alone() -> None:
    preds, target = make_pictures()
    preds[:, 3] = 0
    values = measure(Dice(CLASSES, class_names=NAMES), preds, target.clamp(max=2))
    assert values["bus"] != values["bus"]
    assert values[""] == pytest.approx(sum(values[name] for name in NAMES[:3]) / 3)
    missed = measure(Dice(CLASSES, class_names=NAMES), preds, target)
    assert missed["bus"] == 0
    assert missed[""] == pytest.approx(sum(missed[name] for name in NAMES) / 4)


def test_one_channel_is_the_probability_of_the_second_of_two_classes() -> None:
    preds, target = make_pictures()
    target = target.clamp(max=1)
    foreground = preds[:, :1]
    both = torch.cat([1 - foreground, foreground], dim=1)
    values = measure(Dice(2, include_background=False), foreground, target)
    assert values == measure(Dice(2, include_background=False), both, target)
    assert values[""] == values["1"] == pytest.approx(f1_score(target.flatten(), foreground.flatten() > 0.5))


def test_samples_count_as_pixels() -> None:
    preds, target = make_pictures()
    flat = preds.permute(0, 2, 3, 1).flatten(0, 2), target.flatten()
    metric = Dice(CLASSES)
    torch.testing.assert_close(metric.statistic.measure(*flat), metric.statistic.measure(preds, target))


def test_masks_of_bytes_count_without_overflow() -> None:
    target = torch.arange(20).view(1, 4, 5)
    preds = torch.eye(20).view(1, 20, 4, 5)
    counts = Dice(20).statistic.measure(preds, target.to(torch.uint8))
    assert counts.tolist() == [[1] * 20] * 3


def test_equal_metrics_share_one_count() -> None:
    assert Dice(CLASSES).statistic == Dice(CLASSES, include_background=False).statistic
    assert Dice(CLASSES).statistic != Dice(CLASSES, ignore_index=0).statistic
    assert len({Dice(CLASSES).statistic, Dice(CLASSES).statistic}) == 1


def test_targets_that_are_not_one_class_a_pixel_are_refused() -> None:
    preds, target = make_pictures()
    for wrong in (preds, target.unsqueeze(1), target.float()):
        with pytest.raises(TrainingError, match="one integer label for each pixel"):
            Dice(CLASSES).statistic.measure(preds, wrong)
    target[0, 0, 0] = 7
    with pytest.raises(TrainingError, match="the target has label 7, and there are 4 classes"):
        Dice(CLASSES).statistic.measure(preds, target)
