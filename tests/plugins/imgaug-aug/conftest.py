"""Augmenters as a spec has them, and real pictures to run them on."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from retinue.api import Sample, read_image
from retinue.build import Builder
from retinue.plan import make_plan
from retinue.plugins.registry import Registry
from retinue.plugins.registry_file import RegistryFile
from retinue.spec.loading import load_spec
from retinue_imgaug_aug.catalog import CATALOG

ADD = {"use": "imgaug-aug/add", "value": [30, 60]}
GRID = {"nb_rows": 2, "nb_cols": 3}
FLAKES = {"density": 0.05, "density_uniformity": 0.5, "angle": [-30, 30], "speed": 0.02, "blur_sigma_fraction": 0.001}

NEEDED: dict[str, dict[str, Any]] = {
    "sequential": {"children": ["imgaug-aug/fliplr", ADD]},
    "some-of": {"n": [0, 2], "children": ["imgaug-aug/fliplr", ADD]},
    "one-of": {"children": ["imgaug-aug/fliplr", ADD]},
    "sometimes": {"then_list": ["imgaug-aug/fliplr"], "else_list": [ADD]},
    "with-channels": {"channels": [0], "children": [ADD]},
    "with-polar-warping": {"children": [{"use": "imgaug-aug/affine", "rotate": [-20, 20], "order": 0}]},
    "resize": {"size": [24, 40]},
    "keep-size-by-resize": {"children": [{"use": "imgaug-aug/crop", "percent": 0.1, "keep_size": False}]},
    **{f"{kind}-to-fixed-size": {"width": 50, "height": 45} for kind in ("crop", "center-crop")},
    **{f"{kind}-to-fixed-size": {"width": 80, "height": 70} for kind in ("pad", "center-pad")},
    **{
        f"{kind}-to-multiples-of": {"width_multiple": 10, "height_multiple": 7}
        for kind in ("crop", "center-crop", "pad", "center-pad")
    },
    **{
        f"{kind}-to-powers-of": {"width_base": 2, "height_base": 3}
        for kind in ("crop", "center-crop", "pad", "center-pad")
    },
    **{f"{kind}-to-aspect-ratio": {"aspect_ratio": 1.7} for kind in ("crop", "center-crop", "pad", "center-pad")},
    "replace-elementwise": {"mask": 0.1, "replacement": [0, 255]},
    **{name: {"foreground": [ADD]} for name in CATALOG if name.startswith("blend-alpha")},
    "blend-alpha-regular-grid": {"foreground": [ADD], **GRID},
    "blend-alpha-checkerboard": {"foreground": [ADD], **GRID},
    "blend-alpha-seg-map-class-ids": {"foreground": [ADD], "class_ids": [1, 4]},
    "with-colorspace": {"to_colorspace": "HSV", "children": [ADD]},
    "with-brightness-channels": {"children": [ADD]},
    "with-hue-and-saturation": {"children": [ADD]},
    "change-colorspace": {"to_colorspace": "HSV"},
    "convolve": {"matrix": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]},
    "cloud-layer": {
        "intensity_mean": [196, 255],
        "intensity_freq_exponent": [-2.5, -2.0],
        "intensity_coarse_scale": 10,
        "alpha_min": 0,
        "alpha_multiplier": [0.25, 0.75],
        "alpha_size_px_max": [2, 8],
        "alpha_freq_exponent": [-2.5, -2.0],
        "sparsity": [0.8, 1.0],
        "density_multiplier": [0.5, 1.0],
    },
    "snowflakes-layer": {**FLAKES, "flake_size": 0.3, "flake_size_uniformity": 0.5},
    "rain-layer": {**FLAKES, "drop_size": 0.02, "drop_size_uniformity": 0.5},
}
"""What augmenters without defaults, or with some that change nothing, are given."""

Build = Callable[..., Any]


@pytest.fixture(scope="session")
def needed() -> dict[str, dict[str, Any]]:
    return NEEDED


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build transforms from the tables of a spec, as a run does: through names, checks and plan."""
    folder = tmp_path_factory.mktemp("imgaug-aug-specs")
    registry = Registry(RegistryFile(None))
    rest = {
        "spec": 1,
        "task": "classification",
        "model": {"use": "mlp"},
        "optimizer": {"use": "sgd", "lr": 0.1},
        "train": {"epochs": 1},
    }

    def build_transforms(*tables: dict[str, Any], **facts: Any) -> list[Any]:
        file = folder / "spec.json"
        file.write_text(json.dumps({**rest, "data": {"train": {"use": "fake", "transforms": list(tables)}}}))
        builder = Builder(make_plan(load_spec(file), registry), facts=facts)
        return [builder.build(planned) for planned in builder.plan.data["train"].transforms]

    return build_transforms


@pytest.fixture(scope="session")
def every(build: Build) -> dict[str, Any]:
    """Every augmenter, for masks whose void is 255."""
    tables = [{"use": f"imgaug-aug/{name}", **NEEDED.get(name, {})} for name in CATALOG]
    return dict(zip(CATALOG, build(*tables, ignore_index=255), strict=True))


def _extract(archive: Path, members: list[str], folder: Path) -> list[Path]:
    with tarfile.open(archive) as file:
        file.extractall(folder, [file.getmember(member) for member in members], filter="data")
    return [folder / member for member in members]


@pytest.fixture(scope="session")
def photo(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A photograph of an ant, shrunk."""
    folder = tmp_path_factory.mktemp("hymenoptera")
    member = "hymenoptera_data/train/ants/0013035.jpg"
    (file,) = _extract(test_data / "hymenoptera/hymenoptera_data.tar", [member], folder)
    Image.open(file).resize((72, 58)).save(folder / "ant.png")
    return {"image": read_image(folder / "ant.png"), "label": 0, "path": "ant.png"}


@pytest.fixture(scope="session")
def street(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A street with its mask of eleven classes and void, shrunk."""
    folder = tmp_path_factory.mktemp("camvid")
    members = [f"camvid-240x180/train/{part}/0016E5_04350.png" for part in ("images", "masks")]
    picture, mask = _extract(test_data / "camvid/camvid-240x180.tar", members, folder)
    Image.open(picture).resize((72, 58)).save(folder / "street.png")
    labels = np.array(Image.open(mask).resize((72, 58), Image.Resampling.NEAREST))
    return {
        "image": read_image(folder / "street.png"),
        "mask": tv_tensors.Mask(torch.from_numpy(labels)),
        "path": "street.png",
    }
