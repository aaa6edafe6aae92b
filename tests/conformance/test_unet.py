"""The plug-in unet."""

from __future__ import annotations

from pathlib import Path

from retinue.testing import Case, check_plugin

CASES = [
    Case("model", "unet", {"width": 4, "depth": 2}, task="segmentation", sizes=((32, 40), (33, 47))),
    Case("model", "unet", {"encoder": "resnet/resnet20"}, task="segmentation"),
]

test_plugin = check_plugin("unet", CASES, registry=Path(__file__).parents[2] / "registry.toml")
