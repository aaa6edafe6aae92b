from __future__ import annotations

from typing import Any

import pytest
import torch
from torchvision import tv_tensors

from retinue.builtin.transforms.warping import (
    elastic_transform,
    random_affine,
    random_horizontal_flip,
    random_perspective,
    random_rotation,
    random_vertical_flip,
)
from retinue.errors import DataError


@pytest.mark.parametrize(
    "transform",
    [
        random_horizontal_flip(1),
        random_vertical_flip(1),
        random_rotation(90),
        random_rotation((45, 45), expand=True),
        random_affine(20, (0.2, 0.2), (0.5, 2), 20),
        random_perspective(p=1, interpolation="nearest"),
        elastic_transform(400, 4, interpolation="nearest"),
    ],
)
def test_picture_and_mask_move_together(transform: Any) -> None:
    scene = torch.arange(48 * 50, dtype=torch.float32).remainder(251).add(1).view(48, 50).to(torch.uint8)
    result = transform({"image": tv_tensors.Image(scene[None]), "mask": tv_tensors.Mask(scene)})
    assert not torch.equal(result["image"][0].flatten()[: scene.numel()], scene.flatten())
    assert torch.equal(result["image"][0], result["mask"])


def test_rotation_turns_by_the_angle_asked_for() -> None:
    image = tv_tensors.Image(torch.arange(9, dtype=torch.uint8).view(1, 3, 3))
    turned = random_rotation((90, 90))({"image": image})["image"]
    assert torch.equal(turned, torch.rot90(image, dims=(1, 2)))


def test_affine_moves_within_its_bounds() -> None:
    image = tv_tensors.Image(torch.zeros(1, 40, 40, dtype=torch.uint8))
    image[0, 20, 20] = 255
    moved = [random_affine(translate=(0.25, 0.0))({"image": image})["image"][0].nonzero()[0] for _ in range(50)]
    assert {int(at[0]) for at in moved} == {20}
    columns = {int(at[1]) for at in moved}
    assert min(columns) >= 10
    assert max(columns) <= 30
    assert len(columns) > 5


def test_picture_too_small_for_the_smoothing_is_refused(make_sample: Any) -> None:
    transform = elastic_transform(sigma=5)
    assert transform(make_sample(height=21, width=21))["image"].shape == (3, 21, 21)
    with pytest.raises(DataError, match=r"elastic-transform needs .* at least 21 x 21 .* 8 x 8: set a sigma below 5"):
        transform(make_sample(height=8, width=8))


def test_fill_with_other_channels_is_refused(make_sample: Any) -> None:
    with pytest.raises(DataError, match="random-rotation got 3 values"):
        random_rotation(20, fill=[1, 2, 3])(make_sample(channels=1))
