"""Test-time flips."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from retinue_airbench.flips import FlipAverage


class Classifier(nn.Module):
    """Gives an auxiliary output too, as torchvision's GoogLeNet does."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3 * 8 * 8, 4)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.head(image.flatten(1))
        return logits, -logits


@pytest.fixture
def image() -> Tensor:
    return torch.rand(2, 3, 8, 8)


def test_the_mirror_image_gets_the_same_answer(image: Tensor) -> None:
    model = FlipAverage(Classifier()).eval()
    inner = model.model
    assert torch.equal(model(image), model(image.flip(-1)))
    torch.testing.assert_close(model(image), (inner(image)[0] + inner(image.flip(-1))[0]) / 2)


def test_a_mask_turns_with_the_picture(image: Tensor) -> None:
    inner = nn.Conv2d(3, 4, 3, padding=1)
    model = FlipAverage(inner).eval()
    assert torch.equal(model(image), model(image.flip(-1)).flip(-1))
    symmetric = (inner.weight + inner.weight.flip(-1)) / 2
    torch.testing.assert_close(model(image), torch.conv2d(image, symmetric, inner.bias, padding=1))


def test_it_learns_as_the_model_alone(image: Tensor) -> None:
    model = FlipAverage(Classifier()).train()
    main, auxiliary = model(image)
    expected, _ = model.model(image)
    assert torch.equal(main, expected)
    assert torch.equal(auxiliary, -expected)


def test_the_picture_itself_is_seen_last(image: Tensor) -> None:
    """Grad-CAM draws the last feature map over it."""
    model = FlipAverage(Classifier()).eval()
    seen: list[Tensor] = []
    model.model.register_forward_pre_hook(lambda module, inputs: seen.extend(inputs))
    model(image)
    assert torch.equal(seen[-1], image)
