from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from torch import nn

import retinue
from retinue.errors import SpecError
from retinue.plugins.parameters import read_signature
from retinue.plugins.registry import Registry
from retinue_timm_backbones.models import create

SPREAD = [
    ("resnet10t", (64, 64)),
    ("efficientnet_lite0", (64, 64)),
    ("convnext_atto", (64, 64)),
    ("swin_tiny_patch4_window7_224", (64, 96)),
    ("vit_tiny_patch16_224", (64, 96)),
    ("mobilenetv3_small_050", (64, 64)),
]


@pytest.mark.parametrize(("name", "size"), SPREAD)
def test_classes_channels_and_size_come_from_the_parameters(name: str, size: tuple[int, int]) -> None:
    model = create(name, num_classes=7, in_channels=4, image_size=size).eval()
    with torch.no_grad():
        assert model(torch.rand(2, 4, *size)).shape == (2, 7)


def test_a_model_is_timms() -> None:
    torch.manual_seed(0)
    ours = create("resnet10t", num_classes=7).eval()
    torch.manual_seed(0)
    theirs = timm.create_model("resnet10t", num_classes=7).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=0, atol=0)


def test_without_a_size_a_transformer_has_timms() -> None:
    with torch.device("meta"):
        assert create("vit_tiny_patch16_224", num_classes=7)(torch.rand(2, 3, 224, 224)).shape == (2, 7)


def test_a_tag_says_what_a_model_is_made_for() -> None:
    with torch.device("meta"):
        model = create("vit_tiny_patch16_224", num_classes=7, tag="augreg_in21k")
    assert model.pretrained_cfg["num_classes"] == 21843


def test_rates_reach_the_model() -> None:
    model = create("convnext_atto", num_classes=7, drop_rate=0.25, drop_path_rate=0.5)
    assert max(getattr(module, "drop_prob", 0.0) or 0.0 for module in model.modules()) == 0.5
    assert 0.25 in [module.p for module in model.modules() if isinstance(module, nn.Dropout)]


@pytest.mark.parametrize("name", ["densenet121", "hrnet_w18_small"])
def test_a_rate_that_a_model_does_not_take_is_refused(name: str) -> None:
    with torch.device("meta"), pytest.raises(SpecError, match=rf"{name} takes no drop_path_rate"):
        create(name, num_classes=7, drop_path_rate=0.1)


def test_a_size_that_a_model_cannot_take_is_refused() -> None:
    with pytest.raises(SpecError, match=r"twins_svt_small cannot be built: .*\(30, 30\)"):
        create("twins_svt_small", num_classes=7, image_size=(30, 30))


def test_an_encoder_by_nature_is_no_classifier() -> None:
    with torch.device("meta"), pytest.raises(SpecError, match="no classifier: it can only be an encoder"):
        create("deepseek_vit_412m_enc", num_classes=7)


def test_every_name_takes_the_same_parameters() -> None:
    signature = read_signature(Registry().resolve("model", "timm-backbones/resnet50"))
    assert signature.supplied == {"name", "pyramid"}
    assert signature.from_data == {"num_classes", "in_channels", "image_size"}
    given = (
        signature.model.model_validate({"weights": "pretrained"}),
        signature.model.model_validate({"weights": "a.pt"}),
    )
    assert [values.weights for values in given] == ["pretrained", Path("a.pt")]  # type: ignore[attr-defined]


SPEC = """\
spec = 1
name = "digits"

[data]
batch_size = 256

[data.train]
use = "digits"
split = { fraction = 0.8 }
transforms = ["rgb", { use = "resize", size = 32 }, { use = "timm-backbones/normalize", model = "test_vit" }]

[data.val]
use = "digits"
split = { fraction = 0.8 }
transforms = ["rgb", { use = "resize", size = 32 }, { use = "timm-backbones/normalize", model = "test_vit" }]

[model]
use = "timm-backbones/test_vit"

[optimizer]
use = "sgd"
lr = 0.1

[train]
epochs = 1
device = "cpu"

[log]
tensorboard = false
"""


def test_a_spec_names_one_and_the_data_say_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.toml").write_text(SPEC, encoding="utf-8")
    run = retinue.train("spec.toml", out="run")
    assert "val/accuracy" in run.metrics
    assert run.model.num_classes == 10
    assert run.model.patch_embed.img_size == (32, 32)
