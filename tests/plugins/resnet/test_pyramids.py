"""ResNets as encoders: the whole network's feature maps, under its part names."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from retinue.api import Pyramid
from retinue_resnet import cifar, imagenet

LEVELS = [
    (imagenet.resnet18, {}, (64, 64, 128, 256, 512), (2, 4, 8, 16, 32)),
    (imagenet.resnet50, {}, (64, 256, 512, 1024, 2048), (2, 4, 8, 16, 32)),
    (imagenet.wide_resnet50_2, {"stem": "small"}, (256, 512, 1024, 2048), (1, 2, 4, 8)),
    (imagenet.resnet18, {"stem": "small"}, (64, 128, 256, 512), (1, 2, 4, 8)),
    (cifar.resnet20, {}, (16, 32, 64), (1, 2, 4)),
]


@pytest.mark.parametrize(("build", "parameters", "channels", "reductions"), LEVELS)
@pytest.mark.parametrize("in_channels", [1, 3])
def test_levels_have_the_channels_and_sizes_that_the_pyramid_names(
    build: Callable[..., nn.Module],
    parameters: dict[str, str],
    channels: tuple[int, ...],
    reductions: tuple[int, ...],
    in_channels: int,
) -> None:
    pyramid = build(in_channels=in_channels, pyramid=True, **parameters).eval()
    assert isinstance(pyramid, Pyramid)
    assert (pyramid.channels, pyramid.reductions) == (channels, reductions)
    height, width = 2 * pyramid.divisor, 3 * pyramid.divisor
    with torch.inference_mode():
        levels = pyramid(torch.randn(2, in_channels, height, width))
    sizes = [(2, c, height // r, width // r) for c, r in zip(channels, reductions, strict=True)]
    assert [tuple(level.shape) for level in levels] == sizes


@pytest.mark.parametrize(
    ("build", "parameters"),
    [(imagenet.resnet18, {}), (imagenet.resnet50, {"stem": "small"}), (cifar.resnet20, {})],
)
def test_the_wholes_weights_load_by_name_and_give_its_feature_maps(
    build: Callable[..., nn.Module], parameters: dict[str, str]
) -> None:
    torch.manual_seed(0)
    whole = build(num_classes=5, **parameters).eval()
    pyramid = build(num_classes=5, pyramid=True, **parameters).eval()
    weights = whole.state_dict()
    head = [weights.pop(f"fc.{name}") for name in ("weight", "bias")]
    assert list(pyramid.state_dict()) == list(weights)
    pyramid.load_state_dict(weights, strict=True)

    pictures = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        coarsest = pyramid(pictures)[-1]
        assert torch.equal(nn.functional.linear(coarsest.mean(dim=(2, 3)), *head), whole(pictures))


@pytest.mark.parametrize("build", [imagenet.resnet18, cifar.resnet20])
def test_a_seed_gives_encoder_and_whole_the_same_weights(build: Callable[..., nn.Module]) -> None:
    torch.manual_seed(4)
    whole = build().state_dict()
    torch.manual_seed(4)
    encoder = build(pyramid=True).state_dict()
    assert [name for name in encoder if not torch.equal(encoder[name], whole[name])] == []


def test_levels_are_what_the_stages_gave() -> None:
    """A stage that changed its input in place would spoil the level above, which a decoder reads later."""
    pyramid = imagenet.resnet18(pyramid=True).eval()
    seen: list[torch.Tensor] = []
    for stage in (pyramid.relu, pyramid.layer1, pyramid.layer2, pyramid.layer3, pyramid.layer4):
        stage.register_forward_hook(lambda module, inputs, output: seen.append(output.clone()))
    with torch.inference_mode():
        levels = pyramid(torch.randn(1, 3, 64, 64))
    assert all(torch.equal(level, given) for level, given in zip(levels, seen, strict=True))
