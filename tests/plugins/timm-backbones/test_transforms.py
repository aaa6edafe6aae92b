from __future__ import annotations

import pickle
import sys

import pytest
import timm
import torch
from timm.data import resolve_data_config
from torchvision import tv_tensors

from retinue.errors import DataError, SpecError
from retinue_timm_backbones.transforms import normalize


@pytest.mark.parametrize(
    "name", ["resnet50", "vit_base_patch16_224", "vit_base_patch16_224.dino", "vit_base_patch16_clip_224.openai"]
)
def test_the_numbers_are_those_that_timm_evaluates_with(name: str) -> None:
    config = resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())
    found = normalize(name)
    assert (found.mean, found.std) == (config["mean"], config["std"])


def test_values_are_scaled_shifted_and_divided() -> None:
    image = tv_tensors.Image(torch.full((3, 2, 2), 51, dtype=torch.uint8))
    sample = normalize("vit_base_patch16_224")({"image": image, "label": 3})
    # (51 / 255 - 0.5) / 0.5
    torch.testing.assert_close(sample["image"].as_subclass(torch.Tensor), torch.full((3, 2, 2), -0.6))
    assert sample["label"] == 3


def test_a_batch_is_normalized_as_its_pictures_are() -> None:
    images = tv_tensors.Image(torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8))
    transform = normalize("timm-backbones/resnet50")
    one_by_one = torch.stack([transform({"image": tv_tensors.Image(image)})["image"] for image in images])
    torch.testing.assert_close(transform({"image": images})["image"].as_subclass(torch.Tensor), one_by_one)


def test_grey_pictures_are_told_of_rgb() -> None:
    with pytest.raises(DataError, match=r"3 channels, and this picture has 1: put rgb before"):
        normalize("resnet50")({"image": tv_tensors.Image(torch.zeros(1, 2, 2))})


def test_an_unknown_model_or_tag_is_refused() -> None:
    with pytest.raises(SpecError, match=r'timm has no model "resnet5".*\n.*did you mean "resnet50'):
        normalize("resnet5")
    with pytest.raises(SpecError, match=r'resnet50 has no tag "a1".*\n.*known: a1_in1k'):
        normalize("resnet50.a1")


def test_a_worker_process_needs_no_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    pickled = pickle.dumps(normalize("resnet50"))
    monkeypatch.setitem(sys.modules, "timm", None)
    for name in [name for name in sys.modules if name.startswith("retinue_timm_backbones.")]:
        monkeypatch.delitem(sys.modules, name)
    assert pickle.loads(pickled).mean == (0.485, 0.456, 0.406)
