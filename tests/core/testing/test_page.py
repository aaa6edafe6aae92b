"""The page on testing names every rule."""

from __future__ import annotations

import re
from pathlib import Path

from retinue.testing.rules import RULES

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "test-a-plugin.md"


def test_every_rule_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8").split("## Rules")[1]
    shown = re.findall(r"^\| [\w ]*\| `([a-z-]+)` \|", text, re.MULTILINE)
    assert sorted(shown) == sorted(
        ["entry-module-is-light", *(rule.name for rules in RULES.values() for rule in rules)]
    )
