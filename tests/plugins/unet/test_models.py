"""U-Net against the paper's sizes, for every picture size, and learning."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from retinue.api import Pyramid
from retinue_unet.models import UNet


class Steps(Pyramid):
    """A pyramid of any channels and reductions: strided convolutions that leave out what does not fit."""

    def __init__(self, channels: tuple[int, ...], reductions: tuple[int, ...], in_channels: int = 3) -> None:
        super().__init__()
        self.channels, self.reductions = channels, reductions
        befores = zip((in_channels, *channels), (1, *reductions), strict=False)
        steps = zip(befores, channels, reductions, strict=False)
        self.stages = nn.ModuleList(nn.Conv2d(c, to, r // before, r // before) for (c, before), to, r in steps)

    def forward(self, image: Tensor) -> list[Tensor]:
        levels = [self.stages[0](image)]
        for stage in self.stages[1:]:
            levels.append(stage(levels[-1].relu()))
        return levels


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def convolutions(model: nn.Module) -> dict[str, nn.Conv2d | nn.ConvTranspose2d]:
    return {n: m for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)}


def test_the_papers_network_has_its_size() -> None:
    """By hand, weights and biases: a double convolution i -> o has 9io + o + 9oo + o, an up-convolution 4io + o.

    Down 37,568 + 221,440 + 885,248 + 3,539,968 + 14,157,824 = 18,842,048; up-convolutions 2,097,664 + 524,544 +
    131,200 + 32,832 = 2,786,240; up 7,078,912 + 1,769,984 + 442,624 + 110,720 = 9,402,240; head 64 * 2 + 2 = 130.
    """
    with torch.device("meta"):
        model = UNet(num_classes=2, in_channels=1, norm="none")
        assert count(model) == 18_842_048 + 2_786_240 + 9_402_240 + 130 == 31_030_658
        assert len(convolutions(model)) == 23
        levels = model.encoder(torch.empty(1, 1, 512, 512))
        assert [tuple(level.shape[1:]) for level in levels] == [
            (64, 512, 512),
            (128, 256, 256),
            (256, 128, 128),
            (512, 64, 64),
            (1024, 32, 32),
        ]
        assert model(torch.empty(1, 1, 512, 512)).shape == (1, 2, 512, 512)


def test_depth_and_width_scale_it() -> None:
    """By hand: down 5 * (1, 8) and (8, 16), up-convolution 16 -> 8, up 16 -> 8, head 8 -> 3."""
    model = UNet(num_classes=3, in_channels=1, depth=1, width=8, norm="none")
    assert count(model) == (72 + 8 + 576 + 8) + (1152 + 16 + 2304 + 16) + (512 + 8) + (1152 + 8 + 576 + 8) + (24 + 3)


@pytest.mark.parametrize("norm", ["batch", "group", "instance", "none"])
@pytest.mark.parametrize("upsampling", ["transpose", "bilinear"])
def test_every_weight_learns(norm: str, upsampling: str) -> None:
    torch.manual_seed(0)
    model = UNet(num_classes=3, in_channels=2, depth=2, width=6, norm=norm, upsampling=upsampling)
    loss = nn.functional.cross_entropy(model(torch.rand(2, 2, 21, 18)), torch.randint(3, (2, 21, 18)))
    loss.backward()
    idle = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all() or not p.grad.any()]
    assert idle == []


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 31), (5, 64), (240, 180)])
@pytest.mark.parametrize("upsampling", ["transpose", "bilinear"])
def test_output_has_the_pictures_size(size: tuple[int, int], upsampling: str) -> None:
    model = UNet(num_classes=2, in_channels=1, width=2, upsampling=upsampling).eval()
    with torch.inference_mode():
        assert model(torch.rand(2, 1, *size)).shape == (2, 2, *size)


def test_a_picture_is_continued_by_its_last_pixels() -> None:
    torch.manual_seed(0)
    model = UNet(num_classes=2, in_channels=1, depth=3, width=4).eval()
    picture = torch.rand(1, 1, 13, 22)
    continued = torch.cat([picture, picture[:, :, -1:].expand(-1, -1, 3, -1)], dim=2)
    continued = torch.cat([continued, continued[..., -1:].expand(-1, -1, -1, 2)], dim=3)
    with torch.inference_mode():
        assert torch.equal(model(picture), model(continued)[:, :, :13, :22])


def test_up_convolution_and_interpolation() -> None:
    kinds = {kind: convolutions(UNet(2, depth=2, width=4, upsampling=kind)) for kind in ("transpose", "bilinear")}
    transposed = {k: [n for n, m in c.items() if isinstance(m, nn.ConvTranspose2d)] for k, c in kinds.items()}
    assert transposed == {"transpose": ["decoder.blocks.0.up", "decoder.blocks.1.up"], "bilinear": []}


def test_every_place_is_seen_by_every_level() -> None:
    """The picture's finest detail reaches the output beside what the smallest level knows: no path is cut."""
    torch.manual_seed(0)
    model = UNet(num_classes=2, in_channels=1, depth=3, width=4, norm="none").eval()
    levels = [level.detach().requires_grad_() for level in model.encoder(torch.rand(1, 1, 32, 32))]
    model.decoder(levels).sum().backward()
    assert all(level.grad is not None and level.grad.any() for level in levels)


@pytest.mark.parametrize("upsampling", ["transpose", "bilinear"])
def test_weights_start_as_in_the_paper(upsampling: str) -> None:
    torch.manual_seed(0)
    model = UNet(num_classes=8, in_channels=3, depth=3, width=32, norm="none", upsampling=upsampling)
    for name, module in convolutions(model).items():
        inputs = module.in_channels * (9 if module.kernel_size == (3, 3) else 1)
        assert module.weight.std().item() == pytest.approx(math.sqrt(2 / inputs), rel=0.15), name
        assert not module.bias.any(), name


def test_an_untrained_network_keeps_the_scale_without_norms() -> None:
    torch.manual_seed(0)
    model = UNet(num_classes=2, in_channels=3, width=16, norm="none").eval()
    with torch.inference_mode():
        assert 0.1 < model(torch.randn(2, 3, 64, 64)).std() < 10


def test_dropout_is_at_the_smallest_level_and_only_in_training() -> None:
    torch.manual_seed(0)
    model = UNet(num_classes=2, in_channels=1, depth=1, width=4, norm="none", dropout=0.5)
    picture = torch.rand(1, 1, 8, 8)
    assert not torch.equal(model(picture), model(picture))
    seen: list[tuple[int, ...]] = []
    model.dropout.register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape)))
    model.eval()
    assert torch.equal(model(picture), model(picture))
    assert set(seen) == {(1, 8, 4, 4)}


@pytest.mark.parametrize(
    ("reductions", "factors"),
    [
        ((1, 2, 4), [2, 2]),
        ((2, 4, 8), [2, 2, 2]),
        ((4, 8), [2, 2, 2]),
        ((2, 8), [4, 2]),
        ((14,), [2, 7]),
        ((16, 16), [1, 2, 2, 2, 2]),
    ],
)
@pytest.mark.parametrize("upsampling", ["transpose", "bilinear"])
def test_any_pyramid_can_be_the_encoder(reductions: tuple[int, ...], factors: list[int], upsampling: str) -> None:
    channels = tuple(range(5, 5 + len(reductions)))
    model = UNet(num_classes=2, encoder=Steps(channels, reductions), width=3, upsampling=upsampling).eval()
    assert model.decoder.out_channels == 3
    assert len(model.decoder.blocks) == len(factors)
    if upsampling == "transpose":
        assert [block.up.stride[0] for block in model.decoder.blocks] == factors
    for size in [(1, 1), (33, 50), (2 * reductions[-1], reductions[-1])]:
        assert model(torch.rand(2, 3, *size)).shape == (2, 2, *size)


def test_an_encoder_keeps_its_weights() -> None:
    torch.manual_seed(0)
    encoder = Steps((4, 8), (2, 4))
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    after = UNet(num_classes=2, encoder=encoder).encoder.state_dict()
    assert [name for name in before if not torch.equal(before[name], after[name])] == []


def test_an_encoder_and_depth_are_refused_together() -> None:
    with pytest.raises(ValueError, match="depth = 3 is the paper's encoder's: with `encoder`, leave it out"):
        UNet(num_classes=2, encoder=Steps((4, 8), (2, 4)), depth=3)


def test_reductions_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match=r"reductions \(2, 5\) are not each a multiple"):
        UNet(num_classes=2, encoder=Steps((4, 8), (2, 5)))


def make_scenes(count: int, size: int) -> tuple[Tensor, Tensor]:
    """Noisy pictures of a bright disc and a dark square, and their masks: 0 ground, 1 disc, 2 square."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    places = torch.randint(size // 4, 3 * size // 4, (count, 2, 2, 1, 1))
    disc = ((y - places[:, 0, 0]) ** 2 + (x - places[:, 0, 1]) ** 2) < (size / 6) ** 2
    square = ((y - places[:, 1, 0]).abs() < size / 8) & ((x - places[:, 1, 1]).abs() < size / 8)
    masks = torch.where(square, 2, disc.long())
    shades = torch.tensor([0.5, 0.8, 0.2])[masks]
    return (shades + 0.1 * torch.randn(count, size, size)).unsqueeze(1), masks


@pytest.mark.parametrize("given", [False, True])
def test_it_learns_a_batch(given: bool) -> None:
    torch.manual_seed(0)
    images, masks = make_scenes(4, 30)
    encoder = Steps((16, 24, 32), (2, 4, 8), in_channels=1) if given else None
    model = UNet(num_classes=3, in_channels=1, encoder=encoder, depth=None if given else 2, width=12)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), masks).backward()
        optimizer.step()
    with torch.inference_mode():
        found = model.eval()(images).argmax(dim=1)
    for label in range(3):
        union = ((found == label) | (masks == label)).sum()
        assert ((found == label) & (masks == label)).sum() / union > 0.9, label
