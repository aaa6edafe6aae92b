"""The plug-in dice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retinue.testing import Case, check_plugin

SCENES: dict[str, Any] = {"task": "segmentation", "ignore_index": 255, "sizes": ((12, 16),)}
CASES = [
    *(Case("loss", name, **SCENES) for name in ("dice", "generalized-dice", "tversky")),
    Case("metric", "dice", **SCENES),
]

test_plugin = check_plugin("dice", CASES, registry=Path(__file__).parents[2] / "registry.toml")
