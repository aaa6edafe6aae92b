"""The CIFAR ResNets against the paper's sizes and against published weights."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from retinue_resnet import cifar

DATA = Path(os.environ.get("RETINUE_TEST_DATA", Path(__file__).parents[3] / "../shared/data"))
WEIGHTS = DATA / "weights/resnet20-12fca82f.th"
PICTURES = DATA / "cifar10/cifar10_train_first4000.bin.gz"

IMAGENET_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
IMAGENET_STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


@pytest.fixture
def published() -> dict[str, Tensor]:
    if not WEIGHTS.exists():
        pytest.skip(f"the published weights are not at {WEIGHTS}: set RETINUE_TEST_DATA")
    return torch.load(WEIGHTS, map_location="cpu", weights_only=True)["state_dict"]


@pytest.fixture
def pictures() -> tuple[Tensor, Tensor]:
    """Normalised pictures N x 3 x 32 x 32 and their labels N."""
    if not PICTURES.exists():
        pytest.skip(f"the lossless CIFAR-10 pictures are not at {PICTURES}: set RETINUE_TEST_DATA")
    records = np.frombuffer(gzip.decompress(PICTURES.read_bytes()), np.uint8).reshape(-1, 1 + 3 * 32 * 32)
    pixels = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32)) / 255
    return (pixels - IMAGENET_MEAN) / IMAGENET_STD, torch.from_numpy(records[:, 0].astype(np.int64))


@pytest.mark.parametrize(
    ("build", "layers", "count"),
    [
        (cifar.resnet20, 20, 269_722),
        (cifar.resnet32, 32, 464_154),
        (cifar.resnet44, 44, 658_586),
        (cifar.resnet56, 56, 853_018),
        (cifar.resnet110, 110, 1_727_962),
    ],
)
def test_size_is_the_papers(build, layers: int, count: int) -> None:
    model = build(num_classes=10, in_channels=3)
    assert sum(isinstance(module, nn.Conv2d | nn.Linear) for module in model.modules()) == layers
    assert sum(parameter.numel() for parameter in model.parameters()) == count


def test_published_weights_use_every_tensor(published: dict[str, Tensor]) -> None:
    renamed = cifar.rename_published(published)
    assert len(renamed) == len(published) == 97
    model = cifar.resnet20()
    model.load_state_dict(renamed, strict=True)
    loaded = model.state_dict()
    # The file is older than this counter, which no output depends on.
    assert {name for name in loaded if not name.endswith("num_batches_tracked")} == renamed.keys()
    assert all(torch.equal(loaded[name], value) for name, value in renamed.items())


def test_published_weights_name_3992_of_4000_pictures(
    published: dict[str, Tensor], pictures: tuple[Tensor, Tensor]
) -> None:
    model = cifar.resnet20().eval()
    model.load_state_dict(cifar.rename_published(published))
    images, labels = pictures
    with torch.inference_mode():
        predicted = torch.cat([model(batch).argmax(dim=1) for batch in images.split(250)])
    assert len(labels) == 4000
    assert int((predicted == labels).sum()) == 3992


def test_shortcut_drops_pixels_and_pads_channels_with_zeros_on_both_sides() -> None:
    shortcut = cifar.PaddedShortcut(2, 5, stride=2)
    assert list(shortcut.parameters()) == []
    x = torch.arange(1.0, 31.0).view(1, 2, 5, 3)
    out = shortcut(x)
    assert out.shape == (1, 5, 3, 2)
    assert torch.equal(out[:, 1:3], x[:, :, ::2, ::2])
    assert not out[:, [0, 3, 4]].any()


def test_shortcuts_have_no_weights() -> None:
    assert [name for name in cifar.resnet20().state_dict() if "downsample" in name] == []


def test_convolutions_start_with_the_spread_of_their_outputs() -> None:
    torch.manual_seed(0)
    model = cifar.resnet56()
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d) and name != "conv1":
            expected = (2 / (9 * module.out_channels)) ** 0.5
            assert module.weight.std().item() == pytest.approx(expected, rel=0.1), name


@pytest.mark.parametrize("in_channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (28, 28), (33, 17)])
def test_any_channels_and_size_give_one_logit_a_class(in_channels: int, size: tuple[int, int]) -> None:
    model = cifar.resnet20(num_classes=7, in_channels=in_channels).eval()
    with torch.inference_mode():
        assert model(torch.randn(2, in_channels, *size)).shape == (2, 7)


def test_it_learns_a_batch() -> None:
    torch.manual_seed(0)
    model = cifar.resnet20(num_classes=4, in_channels=1)
    images, labels = torch.randn(16, 1, 8, 8), torch.arange(16) % 4
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
