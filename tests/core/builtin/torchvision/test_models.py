import subprocess
import sys

import pytest
import torch
import torchvision.models

from retinue.builtin.torchvision.models import create
from retinue.builtin.torchvision.names import names
from retinue.errors import DataError


def test_the_names_are_torchvisions_models_for_classification_and_segmentation() -> None:
    modules = (torchvision.models, torchvision.models.segmentation)
    assert sorted(names()) == sorted(name for module in modules for name in torchvision.models.list_models(module))


def test_a_segmentation_model_gives_its_auxiliary_output_too() -> None:
    outputs = create("fcn_resnet50", num_classes=3)(torch.rand(2, 3, 32, 32))
    assert {name: tuple(output.shape) for name, output in outputs.items()} == {
        "out": (2, 3, 32, 32),
        "aux": (2, 3, 32, 32),
    }


def test_names_are_known_without_torch() -> None:
    code = "import sys; from retinue.builtin.torchvision.names import names; names(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_model_is_torchvisions_with_the_datas_classes() -> None:
    torch.manual_seed(0)
    ours = create("mobilenet_v3_small", num_classes=7, in_channels=3, image_size=(64, 64))
    torch.manual_seed(0)
    theirs = torchvision.models.mobilenet_v3_small(num_classes=7)
    images = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(ours.eval()(images), theirs.eval()(images), rtol=0, atol=0)
    # He et al. (2015), with the 1000 classes of ImageNet, as torchvision documents it.
    assert sum(p.numel() for p in create("resnet18", num_classes=1000).parameters()) == 11_689_512


# Built without memory; RegNets compute their widths with tensors and cannot be.
@pytest.mark.parametrize("name", [name for name in names() if not name.startswith("regnet")])
def test_every_name_builds(name: str) -> None:
    with torch.device("meta"):
        model = create(name, num_classes=3)
    assert any(p.shape[0] == 3 for p in model.parameters())


def test_grey_pictures_are_told_of_rgb() -> None:
    with pytest.raises(DataError, match=r"3 channels and the data set gives 1.*rgb"):
        create("resnet18", num_classes=10, in_channels=1)


@pytest.mark.parametrize("name", ["vit_b_32", "maxvit_t"])
def test_models_of_one_size_say_which(name: str) -> None:
    with pytest.raises(DataError, match=r"224 x 224 and the data set gives 32 x 48.*resize"):
        create(name, num_classes=10, image_size=(32, 48))
