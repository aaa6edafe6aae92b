from __future__ import annotations

import pytest
import torch
from torch import nn

from retinue.api import Pyramid
from retinue.errors import DataError, SpecError
from retinue_timm_backbones.models import create
from retinue_timm_backbones.pyramid import FeatureMaps, choose_levels

SPREAD = [
    ("resnet10t", (2, 4, 8, 16, 32)),
    ("efficientnet_lite0", (2, 4, 8, 16, 32)),
    ("mobilenetv3_small_050", (2, 4, 8, 16, 32)),
    ("convnext_atto", (4, 8, 16, 32)),
    ("swin_tiny_patch4_window7_224", (4, 8, 16, 32)),
    ("vit_tiny_patch16_224", (4, 8, 16)),
]


@pytest.mark.parametrize(("name", "reductions"), SPREAD)
def test_levels_are_as_large_as_they_say(name: str, reductions: tuple[int, ...]) -> None:
    encoder = create(name, in_channels=4, image_size=(64, 96), pyramid=True)
    assert isinstance(encoder, Pyramid)
    assert encoder.reductions == reductions
    levels = encoder(torch.rand(2, 4, 64, 96))
    expected = [(2, c, 64 // r, 96 // r) for c, r in zip(encoder.channels, reductions, strict=True)]
    assert [tuple(level.shape) for level in levels] == expected
    # What never gets a gradient would stop training on several processes.
    sum(level.sum() for level in levels).backward()
    assert [key for key, parameter in encoder.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "vit_tiny_patch16_224"])
def test_an_encoder_takes_sizes_that_it_was_not_made_for(name: str) -> None:
    encoder = create(name, image_size=(60, 90), pyramid=True).eval()
    with torch.no_grad():
        levels = encoder(torch.rand(1, 3, 96, 160))
    assert [level.shape[-2:] for level in levels] == [(96 // r, 160 // r) for r in encoder.reductions]


def test_an_encoder_that_takes_one_size_alone_names_it() -> None:
    encoder = create("coatnet_nano_rw_224", image_size=(64, 64), pyramid=True)
    with pytest.raises(DataError, match=r"is built for pictures of 64 x 64 and cannot take 64 x 96: .*multiples of 32"):
        encoder(torch.rand(1, 3, 64, 96))


def test_levels_are_channels_first() -> None:
    """Swin computes with channels last: a level's mean over places must not mix them up."""
    torch.manual_seed(0)
    encoder = create("swin_tiny_patch4_window7_224", image_size=(64, 96), pyramid=True).eval()
    images = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        last = encoder(images)[-1]
        theirs = encoder.model.forward_features(images)
    torch.testing.assert_close(last.permute(0, 2, 3, 1), theirs)


def test_maps_that_lost_a_border_get_their_size() -> None:
    with torch.device("meta"):
        encoder = create("inception_v3", pyramid=True)
        levels = encoder(torch.rand(2, 3, 256, 320))
    assert [tuple(level.shape[-2:]) for level in levels] == [(256 // r, 320 // r) for r in (2, 4, 8, 16, 32)]


@pytest.mark.parametrize(
    ("reductions", "levels"),
    [
        ([2, 4, 8, 16, 32], {2: 0, 4: 1, 8: 2, 16: 3, 32: 4}),
        ([8, 8, 16, 32], {8: 1, 16: 2, 32: 3}),
        ([16] * 12, {4: 3, 8: 7, 16: 11}),
        ([14] * 24, {7: 11, 14: 23}),
        ([7] * 32, {7: 31}),
    ],
)
def test_there_is_one_level_for_each_reduction(reductions: list[int], levels: dict[int, int]) -> None:
    assert choose_levels(reductions) == levels
    assert list(levels) == sorted(levels)


def test_a_model_without_feature_maps_is_refused() -> None:
    with pytest.raises(SpecError, match="timm-backbones/odd gives no feature maps"):
        FeatureMaps("timm-backbones/odd", nn.Linear(2, 2), None)


def test_maps_that_do_not_fit_one_another_are_refused() -> None:
    with torch.device("meta"), pytest.raises(SpecError, match=r"crossvit_9_240.* 12 and 17"):
        create("crossvit_9_240", pyramid=True)
