import pytest
import torch
import torch.nn.functional as F
from torch import nn

from retinue.builtin.losses.classes import CrossEntropy, Focal

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3], [-1.0, 3.0, 1.0], [0.0, 0.0, 4.0]])
LABELS = torch.tensor([0, 2, 1, 0])
SOFT = torch.tensor([[0.8, 0.2, 0.0], [0.0, 0.5, 0.5], [0.0, 1.0, 0.0], [0.3, 0.3, 0.4]])


def test_cross_entropy_is_torchs() -> None:
    loss = CrossEntropy(weight=[1.0, 2.0, 0.5], label_smoothing=0.1, ignore_index=2)
    expected = nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 0.5]), label_smoothing=0.1, ignore_index=2)
    torch.testing.assert_close(loss(LOGITS, LABELS), expected(LOGITS, LABELS))
    torch.testing.assert_close(CrossEntropy()(LOGITS, SOFT), F.cross_entropy(LOGITS, SOFT))


def test_without_an_ignore_index_torchs_own_is_kept() -> None:
    labels = torch.tensor([0, -100, 1, -100])
    torch.testing.assert_close(CrossEntropy()(LOGITS, labels), F.cross_entropy(LOGITS[[0, 2]], labels[[0, 2]]))


def test_weights_by_frequency_reach_the_loss_and_no_checkpoint() -> None:
    loss = CrossEntropy("inverse", num_classes=3, class_counts=[1, 1, 2])
    weight = torch.tensor([4 / 3, 4 / 3, 2 / 3])
    torch.testing.assert_close(loss(LOGITS, LABELS), F.cross_entropy(LOGITS, LABELS, weight))
    assert not loss.state_dict()
    assert [name for name, _ in loss.named_buffers()] == ["weight"]


@pytest.mark.parametrize("loss", [CrossEntropy(), Focal(gamma=2.0)])
def test_half_precision_outputs_are_reduced_in_float32(loss: nn.Module) -> None:
    half = LOGITS.bfloat16()
    for enabled in (True, False):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            value = loss(half, LABELS)
        torch.testing.assert_close(value, loss(half.float(), LABELS), rtol=0, atol=0)


@pytest.mark.parametrize("target", [LABELS, SOFT], ids=["labels", "soft"])
@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 0.5]])
def test_focal_without_focus_is_cross_entropy(target: torch.Tensor, weight: list[float] | None) -> None:
    torch.testing.assert_close(Focal(0.0, weight)(LOGITS, target), CrossEntropy(weight)(LOGITS, target))


def test_focal_is_the_papers_formula() -> None:
    p = LOGITS.softmax(1)[torch.arange(4), LABELS]
    torch.testing.assert_close(Focal(2.0)(LOGITS, LABELS), -((1 - p) ** 2 * p.log()).mean())
    torch.testing.assert_close(Focal(2.0)(LOGITS, F.one_hot(LABELS, 3).float()), Focal(2.0)(LOGITS, LABELS))


def test_focal_skips_the_ignored_label_and_takes_pixels() -> None:
    kept = LABELS != 2
    torch.testing.assert_close(Focal(ignore_index=2)(LOGITS, LABELS), Focal()(LOGITS[kept], LABELS[kept]))
    pixels = LOGITS.T.reshape(1, 3, 2, 2)
    torch.testing.assert_close(Focal()(pixels, LABELS.view(1, 2, 2)), Focal()(LOGITS, LABELS))
    soft_pixels = SOFT.T.reshape(1, 3, 2, 2)
    weighted = Focal(weight=[1.0, 2.0, 0.5])
    torch.testing.assert_close(weighted(pixels, soft_pixels), weighted(LOGITS, SOFT))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_of_a_certain_sample_has_a_finite_gradient(gamma: float) -> None:
    logits = torch.tensor([[200.0, 0.0], [0.0, 200.0]], requires_grad=True)
    Focal(gamma)(logits, torch.tensor([0, 0])).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
