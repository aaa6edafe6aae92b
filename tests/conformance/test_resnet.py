"""The plug-in resnet."""

from __future__ import annotations

from pathlib import Path

from retinue.testing import Case, check_plugin

SIZES = ((32, 40), (33, 47))
LARGE = ("resnet101", "resnet152", "resnext101-32x8d", "resnext101-64x4d", "wide-resnet50-2", "wide-resnet101-2")
SLOW = {"half-precision": "float16 is slow on a CPU; resnet50 and resnext50-32x4d have the same blocks"}
CASES = [
    *(Case("model", name, sizes=SIZES) for name in ("resnet18", "resnet50", "resnet20")),
    *(Case("model", name, exempt=SLOW) for name in LARGE),
]

test_plugin = check_plugin("resnet", CASES, registry=Path(__file__).parents[2] / "registry.toml")
