"""The plug-in resnet."""

from __future__ import annotations

from pathlib import Path

from retinue.testing import Case, check_plugin

SIZES = ((32, 40), (33, 47))
CASES = [Case("model", name, sizes=SIZES) for name in ("resnet18", "resnet50", "resnet20")]

test_plugin = check_plugin("resnet", CASES, registry=Path(__file__).parents[2] / "registry.toml")
