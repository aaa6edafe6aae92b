import pytest
import torch
from torch import nn
from torchvision.ops import sigmoid_focal_loss

from retinue.builtin.losses.binary import BinaryCrossEntropy, SigmoidFocal
from retinue.errors import SpecError

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3]])
LABELS = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.25, 1.0]])


def test_bce_is_torchs_with_its_factors() -> None:
    weight, pos_weight = [1.0, 2.0, 0.5], [3.0, 1.0, 0.1]
    expected = nn.BCEWithLogitsLoss(torch.tensor(weight), pos_weight=torch.tensor(pos_weight))
    torch.testing.assert_close(BinaryCrossEntropy(weight, pos_weight)(LOGITS, LABELS), expected(LOGITS, LABELS))
    torch.testing.assert_close(BinaryCrossEntropy()(LOGITS, LABELS), nn.BCEWithLogitsLoss()(LOGITS, LABELS))


def test_bce_names_the_list_of_another_length() -> None:
    with pytest.raises(SpecError, match="pos_weight has 2 values and the data set 3 classes"):
        BinaryCrossEntropy(pos_weight=[1.0, 2.0], num_classes=3)


def test_sigmoid_focal_is_torchvisions_mean() -> None:
    expected = sigmoid_focal_loss(LOGITS, LABELS, alpha=0.4, gamma=3.0).mean()
    torch.testing.assert_close(SigmoidFocal(gamma=3.0, alpha=0.4)(LOGITS, LABELS), expected)


@pytest.mark.parametrize("loss", [BinaryCrossEntropy(), SigmoidFocal()])
def test_half_precision_outputs_are_reduced_in_float32(loss: nn.Module) -> None:
    half = LOGITS.bfloat16()
    for enabled in (True, False):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            value = loss(half, LABELS)
        torch.testing.assert_close(value, loss(half.float(), LABELS), rtol=0, atol=0)
