"""The plug-in timm-backbones: a convolutional member of the family and a transformer."""

from __future__ import annotations

from pathlib import Path

from retinue.testing import Case, check_plugin

CASES = [
    Case("model", "resnet10t", sizes=((32, 40), (48, 64))),
    Case("model", "vit_tiny_patch16_224"),
    Case("transform", "normalize", {"model": "resnet10t"}, fixed=True),
]

test_plugin = check_plugin("timm-backbones", CASES, registry=Path(__file__).parents[2] / "registry.toml")
