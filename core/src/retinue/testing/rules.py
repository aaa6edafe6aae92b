"""Every rule of every kind."""

from __future__ import annotations

from retinue.testing import (  # noqa: F401 - each adds its rules
    callbacks,
    components,
    datasets,
    losses,
    metrics,
    models,
    optimizers,
    schedulers,
    tasks,
    transforms,
)
from retinue.testing.rule import RULES, Rule


def list_rules(kind: str) -> list[Rule]:
    """Return the rules of all kinds, then those of one."""
    return [*RULES["component"], *RULES[kind]]
