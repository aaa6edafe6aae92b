"""The ImageNet ResNets against torchvision's, which they must equal bit for bit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import nn

from retinue_resnet import imagenet

VARIANTS = [
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "wide_resnet50_2",
    "wide_resnet101_2",
]
ONE_OF_EACH_BLOCK = ["resnet18", "resnet50", "resnext50_32x4d", "wide_resnet50_2"]


def ours(variant: str) -> Callable[..., nn.Module]:
    return getattr(imagenet, variant)


def theirs(variant: str) -> Callable[..., nn.Module]:
    return getattr(torchvision.models, variant)


def stir(model: nn.Module) -> None:
    """Give the norms statistics and weights that a norm left out or misplaced would show."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.0)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2.0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_torchvisions_weights_give_its_outputs_bit_for_bit(variant: str) -> None:
    torch.manual_seed(0)
    reference = theirs(variant)(num_classes=11).eval()
    stir(reference)
    with torch.device("meta"):
        model = ours(variant)(num_classes=11).eval()
    assert list(model.state_dict()) == list(reference.state_dict())
    model.load_state_dict(reference.state_dict(), strict=True, assign=True)

    pictures = torch.randn(2, 3, 75, 50)
    with torch.inference_mode():
        assert torch.equal(model(pictures), reference(pictures))


@pytest.mark.parametrize("variant", ONE_OF_EACH_BLOCK)
@pytest.mark.parametrize("zero_init_residual", [False, True])
def test_a_seed_gives_torchvisions_initial_weights(variant: str, zero_init_residual: bool) -> None:
    torch.manual_seed(3)
    reference = theirs(variant)(num_classes=10, zero_init_residual=zero_init_residual).state_dict()
    torch.manual_seed(3)
    model = ours(variant)(num_classes=10, zero_init_residual=zero_init_residual).state_dict()
    assert [name for name in reference if not torch.equal(model[name], reference[name])] == []


def test_defaults_are_torchvisions() -> None:
    with torch.device("meta"):
        model = imagenet.resnet18()
        reference = torchvision.models.resnet18()
    shapes = {name: value.shape for name, value in reference.state_dict().items()}
    assert {name: value.shape for name, value in model.state_dict().items()} == shapes


@pytest.mark.parametrize("stem", ["imagenet", "small"])
@pytest.mark.parametrize("in_channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (28, 28), (33, 17)])
def test_any_channels_and_size_give_one_logit_a_class(stem: str, in_channels: int, size: tuple[int, int]) -> None:
    model = imagenet.resnet18(num_classes=7, in_channels=in_channels, stem=stem).eval()
    with torch.inference_mode():
        assert model(torch.randn(2, in_channels, *size)).shape == (2, 7)


@pytest.mark.parametrize(("stem", "places"), [("imagenet", 1), ("small", 16)])
def test_small_stem_keeps_the_resolution(stem: str, places: int) -> None:
    model = imagenet.resnet18(num_classes=10, stem=stem).eval()
    seen: list[torch.Size] = []
    model.layer4.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    model(torch.randn(1, 3, 32, 32))
    assert seen[0].numel() == 512 * places


def test_small_stem_differs_from_torchvision_in_the_first_convolution_alone() -> None:
    with torch.device("meta"):
        small = imagenet.resnet18(stem="small").state_dict()
        reference = torchvision.models.resnet18().state_dict()
    assert small.keys() == reference.keys()
    assert [name for name in small if small[name].shape != reference[name].shape] == ["conv1.weight"]


@pytest.mark.parametrize("variant", ONE_OF_EACH_BLOCK)
def test_every_weight_learns(variant: str) -> None:
    torch.manual_seed(0)
    model = ours(variant)(num_classes=3)
    loss = nn.functional.cross_entropy(model(torch.randn(4, 3, 40, 40)), torch.tensor([0, 1, 2, 0]))
    loss.backward()
    idle = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all() or not p.grad.any()]
    assert idle == []
