"""By hand, against MONAI, and against torchmetrics where predictions are certain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.segmentation import dice_score, generalized_dice_score

from retinue.errors import SpecError, TrainingError
from retinue_dice.losses import Dice, GeneralizedDice, OverlapLoss, Tversky

VOID = 255
LOSSES: list[Callable[..., OverlapLoss]] = [Dice, Tversky, GeneralizedDice]

# One picture of three pixels: probability of the foreground, and truth.
BINARY = torch.tensor([0.8, 0.6, 0.1]).logit().view(1, 1, 1, 3)
TRUTH = torch.tensor([[[1, 0, 1]]])

# Two pictures of two pixels: probability of three classes, and truth; class 2 is only in the second picture.
SEVERAL = torch.tensor([[[0.5, 0.2], [0.25, 0.6], [0.25, 0.2]], [[0.1, 0.3], [0.1, 0.3], [0.8, 0.4]]]).log()
LABELS = torch.tensor([[0, 1], [2, 0]])


def make_pictures(classes: int = 4, size: tuple[int, int] = (9, 7)) -> tuple[Tensor, Tensor]:
    """Return logits and labels of three pictures, the last class only in the first and the second."""
    generator = torch.Generator().manual_seed(0)
    outputs = 2 * torch.randn(3, classes, *size, generator=generator, dtype=torch.float64)
    target = torch.randint(0, classes, (3, *size), generator=generator)
    target[2] = target[2].clamp(max=max(1, classes - 2))
    return outputs, target


def make_voids(target: Tensor) -> Tensor:
    voids = torch.rand(target.shape, generator=torch.Generator().manual_seed(1)) < 0.3
    return target.masked_fill(voids, VOID)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (Dice(smooth=0), 1 - 1.8 / 3.5),
        (Dice(), 1 - 2.8 / 4.5),
        (Dice(smooth=0, squared_pred=True), 1 - 1.8 / 3.01),
        (Dice(smooth=0, include_background=False), 1 - 1.8 / 3.5),
        (Tversky(smooth=0), 1 - 0.9 / (0.9 + 0.3 * 0.6 + 0.7 * 1.1)),
        (Tversky(1, 1, smooth=0.5), 1 - 1.4 / (0.9 + 0.6 + 1.1 + 0.5)),
        (GeneralizedDice(smooth=0), 1 - 2 * (0.9 / 4 + 0.4) / (3.5 / 4 + 2.5)),
        (GeneralizedDice(), 1 - (2 * (0.9 / 4 + 0.4) + 1) / (3.5 / 4 + 2.5 + 1)),
        (GeneralizedDice(smooth=0, include_background=False), 1 - 1.8 / 3.5),
    ],
)
def test_binary_by_hand(loss: OverlapLoss, expected: float) -> None:
    assert loss(BINARY, TRUTH).item() == pytest.approx(expected)


# Over both pictures: common (0.8, 0.6, 0.8), predicted (1.1, 1.25, 1.65), actual (2, 1, 1).
SCORES = (1.6 / 3.1, 1.2 / 2.25, 1.6 / 2.65)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (Dice(smooth=0), 1 - sum(SCORES) / 3),
        (Dice(smooth=0, include_background=False), 1 - (SCORES[1] + SCORES[2]) / 2),
        (Dice(smooth=0, weight=[1, 2, 5]), 1 - (SCORES[0] + 2 * SCORES[1] + 5 * SCORES[2]) / 8),
        (Dice(smooth=0, weight=[1, 2, 6], include_background=False), 1 - (2 * SCORES[1] + 6 * SCORES[2]) / 8),
        (Tversky(0.5, 0.5, smooth=0), 1 - sum(SCORES) / 3),
        (Tversky(0, 1, smooth=0, weight=[0, 1, 0]), 1 - 0.6),
        (GeneralizedDice(smooth=0), 1 - 2 * (0.8 / 4 + 0.6 + 0.8) / (3.1 / 4 + 2.25 + 2.65)),
        (GeneralizedDice(smooth=0, include_background=False), 1 - 2 * (0.6 + 0.8) / (2.25 + 2.65)),
    ],
)
def test_several_classes_by_hand(loss: OverlapLoss, expected: float) -> None:
    assert loss(SEVERAL, LABELS).item() == pytest.approx(expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_over_the_batch_pictures_count_as_one_and_else_one_by_one(loss: Callable[..., OverlapLoss]) -> None:
    outputs, target = make_pictures()
    side_by_side = outputs.permute(1, 2, 0, 3).flatten(2).unsqueeze(0), target.transpose(0, 1).flatten(1).unsqueeze(0)
    torch.testing.assert_close(loss()(outputs, target), loss(batch=False)(*side_by_side))
    each = [loss()(outputs[n : n + 1], target[n : n + 1]) for n in range(3)]
    torch.testing.assert_close(loss(batch=False)(outputs, target), torch.stack(each).mean())


@pytest.mark.parametrize("ignored", [VOID, -1, 2, 0])
@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize("loss", [Dice, Tversky, GeneralizedDice, lambda **kw: Dice(squared_pred=True, **kw)])
def test_void_pixels_are_as_if_cut_out(loss: Callable[..., OverlapLoss], batch: bool, ignored: int) -> None:
    outputs, target = make_pictures(size=(1, 40))
    target[:, :, 30:] = ignored
    target[:, :, :30][target[:, :, :30] == ignored] = 1
    outputs.requires_grad_()
    value = loss(batch=batch, ignore_index=ignored)(outputs, target)
    torch.testing.assert_close(value, loss(batch=batch)(outputs[..., :30], target[..., :30]))
    value.backward()
    assert outputs.grad is not None
    assert not outputs.grad[..., 30:].any()
    assert outputs.grad[..., :30].all()


@pytest.mark.parametrize("loss", LOSSES)
def test_one_channel_is_two_classes_of_which_the_first_has_the_logit_0(loss: Callable[..., OverlapLoss]) -> None:
    outputs, target = make_pictures(classes=1)
    pair = torch.cat([torch.zeros_like(outputs), outputs], dim=1)
    single = loss(ignore_index=VOID)(outputs, make_voids(target))
    counts_both = loss is GeneralizedDice
    expected = loss(ignore_index=VOID, include_background=counts_both)(pair, make_voids(target))
    torch.testing.assert_close(single, expected)


@pytest.mark.parametrize("classes", [1, 4])
@pytest.mark.parametrize("loss", LOSSES)
def test_whole_samples_are_pictures_of_one_pixel(loss: Callable[..., OverlapLoss], classes: int) -> None:
    outputs, target = make_pictures(classes, size=(1, 1))
    torch.testing.assert_close(loss()(outputs.flatten(1), target.flatten()), loss()(outputs, target))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_certain_and_right_prediction_costs_nothing_and_a_wrong_one_all(loss: Callable[..., OverlapLoss]) -> None:
    _, target = make_pictures()
    right = F.one_hot(target, 4).movedim(-1, 1) * 100.0
    assert loss()(right, target).item() == pytest.approx(0, abs=1e-6)
    assert loss(smooth=0)(right.roll(1, dims=1), target).item() == pytest.approx(1)


@pytest.mark.parametrize("smooth", [0.0, 1.0])
def test_a_class_nowhere_true_costs_nothing_unless_it_is_predicted(smooth: float) -> None:
    target = torch.zeros(1, 2, 2, dtype=torch.long)
    probabilities = torch.tensor([0.5, 0.0, 0.5]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    first = 1 - (4 + smooth) / (6 + smooth)
    predicted = 1 - smooth / (2 + smooth)
    assert Dice(smooth=smooth)(probabilities.log(), target).item() == pytest.approx((first + 0 + predicted) / 3)
    only: dict[str, Any] = {"smooth": smooth, "weight": [0, 0, 1]}
    assert Dice(**only)(probabilities.log(), target).item() == pytest.approx(predicted)
    assert Tversky(0.5, 0.5, **only)(probabilities.log(), target).item() == pytest.approx(1 - smooth / (1 + smooth))


def test_a_class_nowhere_true_weighs_as_the_rarest_that_is() -> None:
    # Common (1.5, 0.25, 0), predicted (2, 1, 1), actual (3, 1, 0): weights 1/9, 1, 1.
    outputs = torch.tensor([0.5, 0.25, 0.25]).log().view(1, 3, 1, 1).expand(1, 3, 1, 4)
    target = torch.tensor([[[0, 0, 0, 1]]])
    expected = 1 - 2 * (1.5 / 9 + 0.25) / (5 / 9 + 2 + 1)
    assert GeneralizedDice(smooth=0)(outputs, target).item() == pytest.approx(expected)
    # Of the classes that count none is there: what is predicted of them is wrong.
    alone = GeneralizedDice(include_background=False)(outputs, torch.zeros_like(target))
    assert alone.item() == pytest.approx(1 - 1 / (2 + 1))


@pytest.mark.parametrize("loss", [Dice, Tversky])
def test_false_positives_of_a_class_are_unlearnt_through_smoothing_or_the_batch(
    loss: Callable[..., OverlapLoss],
) -> None:
    def unlearn(labels: Tensor, **settings: Any) -> Tensor:
        logits = outputs.clone().requires_grad_()
        loss(weight=[0, 0, 0, 1], **settings)(logits, labels).backward()
        assert logits.grad is not None
        return logits.grad[2, 3] > 0

    outputs, target = make_pictures()
    assert unlearn(target.clamp(max=2)).all()
    assert not unlearn(target.clamp(max=2), smooth=0).any()
    assert unlearn(target, smooth=0).all()
    assert not unlearn(target, smooth=0, batch=False).any()


@pytest.mark.parametrize("smooth", [0.0, 1.0])
@pytest.mark.parametrize("classes", [1, 4])
@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_void_pictures_cost_nothing_and_teach_nothing(
    loss: Callable[..., OverlapLoss], batch: bool, classes: int, smooth: float
) -> None:
    outputs, target = make_pictures(classes)
    outputs.requires_grad_()
    value = loss(batch=batch, smooth=smooth, ignore_index=VOID)(outputs, torch.full_like(target, VOID))
    value.backward()
    assert value.item() == 0
    assert outputs.grad is not None
    assert not outputs.grad.any()


@pytest.mark.parametrize("scale", [1, 1e4])
@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_finite_without_smoothing(loss: Callable[..., OverlapLoss], scale: float) -> None:
    outputs, target = make_pictures()
    logits = (outputs.float() * scale).requires_grad_()
    for labels in (target, torch.zeros_like(target)):
        loss(smooth=0, batch=False)(logits, labels).backward()
        assert logits.grad is not None
        assert logits.grad.isfinite().all()


@pytest.mark.parametrize("classes", [1, 4])
@pytest.mark.parametrize(
    "loss",
    [
        Dice(ignore_index=VOID),
        Dice(ignore_index=VOID, batch=False, squared_pred=True, smooth=0),
        Dice(ignore_index=VOID, include_background=False),
        Tversky(ignore_index=VOID),
        Tversky(0.2, 1.5, batch=False, ignore_index=VOID),
        GeneralizedDice(ignore_index=VOID),
        GeneralizedDice(ignore_index=VOID, batch=False, include_background=False),
    ],
)
def test_gradients(loss: OverlapLoss, classes: int) -> None:
    outputs, target = make_pictures(classes, size=(2, 3))
    voids = make_voids(target)
    assert torch.autograd.gradcheck(lambda logits: loss(logits, voids), outputs.requires_grad_())


@pytest.mark.parametrize(("dtype", "classes"), [(torch.float16, 1), (torch.float16, 3), (torch.bfloat16, 3)])
@pytest.mark.parametrize("loss", [*LOSSES, lambda **kw: Dice(squared_pred=True, **kw)])
def test_a_million_half_precision_pixels(loss: Callable[..., OverlapLoss], dtype: torch.dtype, classes: int) -> None:
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(0, max(2, classes), (1, 1024, 1024), generator=generator)
    target[:, :8] = VOID
    outputs = torch.randn(1, classes, 1024, 1024, generator=generator).to(dtype).requires_grad_()
    function = loss(ignore_index=VOID)
    expected = function(outputs.detach().double(), target)
    for enabled in (True, False):
        outputs.grad = None
        with torch.autocast("cpu", dtype, enabled=enabled):
            value = function(outputs, target)
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(expected.item(), rel=1e-5)
        # As a gradient scaler does: a pixel's share of the loss is below float16.
        (value * 2**16).backward()
        assert outputs.grad is not None
        assert outputs.grad.isfinite().all()
        assert outputs.grad[..., 8:, :].count_nonzero() > 0.99 * outputs[..., 8:, :].numel()


@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize("include_background", [True, False])
def test_certain_predictions_give_torchmetrics_scores(include_background: bool, batch: bool) -> None:
    outputs, target = make_pictures(classes=3)
    target[2, 0, :3] = torch.arange(3)
    predicted = outputs.argmax(dim=1)
    certain = F.one_hot(predicted, 3).movedim(-1, 1) * 100.0
    level: Any = "global" if batch else "samplewise"
    settings: Any = {"include_background": include_background, "input_format": "index"}
    theirs = dice_score(predicted, target, 3, average="macro", aggregation_level=level, **settings)
    ours = Dice(include_background, batch=batch, smooth=0)(certain, target)
    assert ours.item() == pytest.approx(1 - theirs.mean().item())
    if not batch:
        theirs = generalized_dice_score(predicted, target, 3, **settings)
        ours = GeneralizedDice(include_background, batch=False, smooth=0)(certain, target)
        assert ours.item() == pytest.approx(1 - theirs.mean().item())


MONAI: list[tuple[Callable[..., OverlapLoss], str, int, dict[str, Any]]] = [
    (Dice, "DiceLoss", 1, {}),
    (Dice, "DiceLoss", 1, {"squared_pred": True}),
    (Dice, "DiceLoss", 4, {}),
    (Dice, "DiceLoss", 4, {"squared_pred": True}),
    (Dice, "DiceLoss", 4, {"include_background": False}),
    # Equal where the weights have mean 1: theirs are no shares of their sum.
    (Dice, "DiceLoss", 4, {"weight": [0.5, 1.5, 1.25, 0.75]}),
    (Tversky, "TverskyLoss", 1, {"alpha": 0.3, "beta": 0.7}),
    (Tversky, "TverskyLoss", 4, {"alpha": 1.5, "beta": 0.1}),
    (Tversky, "TverskyLoss", 4, {"alpha": 0.3, "beta": 0.7, "include_background": False}),
    (GeneralizedDice, "GeneralizedDiceLoss", 4, {}),
    (GeneralizedDice, "GeneralizedDiceLoss", 4, {"include_background": False}),
]


@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize(("loss", "name", "classes", "settings"), MONAI)
def test_monai_agrees(
    loss: Callable[..., OverlapLoss], name: str, classes: int, settings: dict[str, Any], batch: bool
) -> None:
    reference = pytest.importorskip("monai.losses", reason="the reference implementation is not installed")
    # Its smoothing of the generalized Dice is in units of the weights.
    smooth = 0.0 if loss is GeneralizedDice else 0.7
    activation = {"sigmoid": True} if classes == 1 else {"softmax": True, "to_onehot_y": True}
    theirs = getattr(reference, name)(batch=batch, smooth_nr=smooth, smooth_dr=smooth, **activation, **settings)
    ours = loss(batch=batch, smooth=smooth, **settings)
    outputs, target = make_pictures(classes)
    ours_at, theirs_at = outputs.clone().requires_grad_(), outputs.clone().requires_grad_()
    value, expected = ours(ours_at, target), theirs(theirs_at, target.unsqueeze(1).double()).squeeze()
    torch.testing.assert_close(value, expected, check_dtype=False, rtol=1e-6, atol=0)
    value.backward()
    expected.backward()
    torch.testing.assert_close(ours_at.grad, theirs_at.grad, rtol=1e-5, atol=1e-9)


def test_class_weights_reach_the_loss_and_no_checkpoint() -> None:
    loss = Dice(weight=[1.0, 2.0], num_classes=2)
    assert not loss.state_dict()
    assert [name for name, _ in loss.named_buffers()] == ["weight"]


def test_mistakes_in_a_spec_are_named() -> None:
    with pytest.raises(SpecError, match="weight has 2 values and the data set 3 classes"):
        Dice(weight=[1.0, 2.0], num_classes=3)
    with pytest.raises(SpecError, match="beside the background"):
        Tversky(weight=[1.0, 0.0])
    with pytest.raises(SpecError, match="alpha and beta are both 0"):
        Tversky(0, 0)


@pytest.mark.parametrize("loss", LOSSES)
def test_targets_that_are_not_one_label_a_pixel_are_refused(loss: Callable[..., OverlapLoss]) -> None:
    outputs, target = make_pictures()
    for wrong in (target.unsqueeze(1), target[:, :-1], F.one_hot(target).movedim(-1, 1), target.double()):
        with pytest.raises(TrainingError, match=r"one integer label for each pixel, 3 x 9 x 7, and the target is"):
            loss()(outputs, wrong)


@pytest.mark.parametrize(("classes", "label"), [(1, 2), (4, 4), (4, VOID), (4, -1)])
def test_a_label_that_is_no_class_is_an_error_and_no_void(classes: int, label: int) -> None:
    outputs, target = make_pictures(classes)
    target[0, 0, 0] = label
    with pytest.raises(RuntimeError, match="out of bounds"):
        Dice()(outputs, target)
