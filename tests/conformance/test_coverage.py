"""No plug-in of the workspace goes without the kit."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECTS = [ROOT / "core" / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]


def test_every_plugin_is_checked() -> None:
    tables = [tomllib.loads(path.read_text(encoding="utf-8"))["project"]["entry-points"] for path in PROJECTS]
    ids = [id for table in tables for id in table["retinue"]]
    here = {path.stem for path in Path(__file__).parent.glob("test_*.py")}
    assert [id for id in ids if f"test_{id.replace('-', '_')}" not in here] == []
