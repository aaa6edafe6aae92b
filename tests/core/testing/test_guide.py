"""Every plug-in of the guide passes the kit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from retinue.testing import Case

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "write-a-plugin.md"
FILES = dict(re.findall(r"^```python\n# (\w+)\.py\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.M | re.S))

CASES = {
    "tempered": [Case("loss", "tempered", {"loss": {"use": "builtin/cross-entropy"}})],
    "upright": [Case("task", "upright", classes=4, sizes=((32, 32),))],
    "levels": [Case("model", "pooled", {"encoder": "levels/levels"})],
    "perceptrons": [Case("model", "deep")],
    "inhouse": [Case("model", "tiny", {"width": 8}, sizes=((32, 40), (17, 21)))],
}


def test_every_kind_is_in_the_guide() -> None:
    assert len(FILES) == 15


@pytest.mark.parametrize("name", FILES)
def test_plugin_passes(name, check) -> None:
    if "torchmetrics" in FILES[name]:
        pytest.importorskip("torchmetrics")
    failed, skipped = check(FILES[name], *CASES.get(name, []), id=name)
    assert failed == {}
    assert "entry-module-is-light" in skipped
