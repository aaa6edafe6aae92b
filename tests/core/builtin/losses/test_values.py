import pytest
import torch
from torch import nn

from retinue.builtin.losses.values import l1, mse, smooth_l1

VALUES = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
TARGET = torch.tensor([[1.5, 2.0], [0.0, 8.0]])


def test_means_over_all_values() -> None:
    # Errors 0.5, 0, 3, 4.
    assert mse()(VALUES, TARGET).item() == pytest.approx((0.25 + 9 + 16) / 4)
    assert l1()(VALUES, TARGET).item() == pytest.approx(7.5 / 4)
    assert smooth_l1(beta=2.0)(VALUES, TARGET).item() == pytest.approx((0.25 / 4 + 2 + 3) / 4)


@pytest.mark.parametrize("loss", [mse(), l1(), smooth_l1()])
def test_half_precision_outputs_are_reduced_in_float32(loss: nn.Module) -> None:
    half, target = VALUES.bfloat16() / 3, TARGET.bfloat16()
    for enabled in (True, False):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            value = loss(half, target)
        torch.testing.assert_close(value, loss(half.float(), target.float()), rtol=0, atol=0)
