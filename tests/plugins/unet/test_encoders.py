"""U-Net with encoders named in a spec: through the registry, the plan and the builder, as a run has them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from retinue.api import Pyramid
from retinue.build import Builder
from retinue.errors import SpecError
from retinue.plan import make_plan
from retinue.plugins.registry import Registry
from retinue.plugins.registry_file import RegistryFile
from retinue.spec.loading import load_spec

README = Path(__file__).parents[3] / "plugins/unet/README.md"

REST = """
[data.train]
use = "fake"

[optimizer]
use = "sgd"
lr = 0.1

[train]
epochs = 1
"""

PATCHES = '''
from torch import nn

from retinue.api import Pyramid
from retinue.hooks import hookimpl


class Patches(Pyramid):
    """Begins at 4 as ConvNeXt and Swin do, and leaves out what does not fill a patch."""

    channels = (6, 10, 12)
    reductions = (4, 8, 16)

    def __init__(self, in_channels):
        super().__init__()
        self.first = nn.Conv2d(in_channels, 6, 4, 4)
        self.second = nn.Conv2d(6, 10, 2, 2)
        self.third = nn.Conv2d(10, 12, 2, 2)

    def forward(self, image):
        first = self.first(image)
        second = self.second(first.relu())
        return [first, second, self.third(second.relu())]


def patches(in_channels: int = 3, pyramid: bool = False) -> nn.Module:
    return Patches(in_channels) if pyramid else nn.Conv2d(in_channels, 2, 1)


@hookimpl
def retinue_models(register):
    register("patches", patches, summary="an encoder that begins at 4")
'''

Build = Callable[[str], Any]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Build the model of a spec fragment for grey pictures of 4 classes, beside a plug-in of one file."""

    def build_model(fragment: str) -> nn.Module:
        (tmp_path / "vision.py").write_text(PATCHES)
        registry = tmp_path / "registry.toml"
        registry.write_text('schema = 1\n[local]\nvision = { path = "vision.py" }\n')
        spec = tmp_path / "spec.toml"
        spec.write_text(f"spec = 1\n{fragment}\n{REST}")
        plan = make_plan(load_spec(spec), Registry(RegistryFile(registry)))
        return Builder(plan, facts={"num_classes": 4, "in_channels": 1}).build(plan.model)

    return build_model


def run(model: nn.Module, height: int, width: int) -> tuple[int, ...]:
    with torch.inference_mode():
        return tuple(model.eval()(torch.rand(2, 1, height, width)).shape)


def test_by_name_alone(build: Build) -> None:
    model = build('[model]\nuse = "unet"\ndepth = 2\nwidth = 4\n')
    assert run(model, 30, 21) == (2, 4, 30, 21)


@pytest.mark.parametrize(
    ("encoder", "channels"),
    [
        ("resnet18", (64, 64, 128, 256, 512)),
        ("resnet34", (64, 64, 128, 256, 512)),
        ("resnet/resnet20", (16, 32, 64)),
        ("patches", (6, 10, 12)),
    ],
)
def test_encoders_by_name(build: Build, encoder: str, channels: tuple[int, ...]) -> None:
    model = build(f'[model]\nuse = "unet"\nencoder = {{ use = "{encoder}" }}\n')
    assert isinstance(model.encoder, Pyramid)
    assert model.encoder.channels == channels
    assert run(model, 70, 45) == (2, 4, 70, 45)


def test_an_encoder_takes_its_own_parameters(build: Build) -> None:
    model = build('[model]\nuse = "unet"\nencoder = { use = "resnet18", stem = "small" }\n')
    assert model.encoder.reductions == (1, 2, 4, 8)
    assert run(model, 12, 20) == (2, 4, 12, 20)


def test_an_encoder_learns_with_the_rest(build: Build) -> None:
    torch.manual_seed(0)
    model = build('[model]\nuse = "unet"\nencoder = "resnet18"\nwidth = 4\n')
    target = torch.randint(4, (2, 65, 64))
    nn.functional.cross_entropy(model(torch.rand(2, 1, 65, 64)), target).backward()
    idle = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all() or not p.grad.any()]
    assert idle == []


@pytest.mark.parametrize(
    ("fragment", "message", "place"),
    [
        ('encoder = "lenet"', 'model "lenet" gives no feature maps level by level: it cannot be an encoder', "4:11"),
        ('encoder = { use = "unet" }', 'model "unet" gives no feature maps level by level', "4:19"),
        ('encoder = { use = "resnet81" }', 'no component named "resnet81"', "4:19"),
        ('encoder = "resnet18"\ndepth = 3', "depth = 3 is the paper's encoder's", "3:7"),
        ('norm = "layer"', "norm", "4:8"),
        ("dropout = 1.0", "dropout", "4:11"),
    ],
)
def test_mistakes_have_their_place(build: Build, fragment: str, message: str, place: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)) as caught:
        build(f'[model]\nuse = "unet"\n{fragment}\n')
    assert len(caught.value.problems) == 1
    assert str(caught.value.problems[0].position).endswith(f"spec.toml:{place}")


def readme_models() -> list[str]:
    blocks = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return [block for block in blocks if "model" in tomllib.loads(block)]


@pytest.mark.parametrize("fragment", readme_models())
def test_specs_of_the_readme_build(build: Build, fragment: str) -> None:
    table = tomllib.loads(fragment)["model"]
    if "timm" in str(table):
        pytest.importorskip("retinue_timm_backbones", reason="retinue-timm-backbones is not installed")
    assert run(build(fragment), 40, 33) == (2, 4, 40, 33)
