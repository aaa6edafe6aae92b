"""torchvision's models: members of the family that differ in what they give."""

from __future__ import annotations

from pathlib import Path

from retinue.testing import Case, check_plugin

CASES = [
    Case("model", "shufflenet_v2_x0_5", sizes=((32, 40), (48, 64))),
    Case("model", "googlenet", sizes=((64, 72),)),
    Case("model", "lraspp_mobilenet_v3_large", task="segmentation"),
]

test_plugin = check_plugin("torchvision", CASES, registry=Path(__file__).parents[2] / "registry.toml")
