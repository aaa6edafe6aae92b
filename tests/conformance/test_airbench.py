"""The plug-in airbench."""

from __future__ import annotations

from pathlib import Path

from retinue.testing import Case, check_plugin

CASES = [
    Case("model", "airbench", {"widths": [8, 16, 16]}, sizes=((32, 40), (65, 47))),
    Case("model", "flip-average", {"model": {"use": "airbench/airbench", "widths": [8, 16, 16]}}),
    # With one channel a matrix of the kit's, 4 x 3, is Muon's; with three, SGD's.
    Case("optimizer", "muon", channels=1),
    Case("optimizer", "muon", {"normalize": True, "ns_steps": 3}, channels=1),
    Case("optimizer", "muon"),
]

test_plugin = check_plugin("airbench", CASES, registry=Path(__file__).parents[2] / "registry.toml")
