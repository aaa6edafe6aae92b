"""What the tests of plans share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from retinue.plan import Plan, make_plan
from retinue.plugins.registry import Registry
from retinue.plugins.registry_file import RegistryFile
from retinue.spec.loading import load_spec

SPEC = """\
spec = 1
name = "small"

[data.train]
use = "digits"
split = { fraction = 0.8 }

[data.val]
use = "digits"
split = { fraction = 0.8 }

[model]
use = "lenet"

[optimizer]
use = "sgd"
lr = 0.1

[train]
epochs = 1
"""

MakePlan = Callable[..., Plan]


@pytest.fixture
def plan(tmp_path: Path) -> MakePlan:
    """Plan the small spec with overrides; by default with what is installed, whatever registry.toml is near."""

    def make(overrides: Iterable[str] | Mapping[str, Any] = (), registry: Registry | None = None) -> Plan:
        path = tmp_path / "spec.toml"
        path.write_text(SPEC)
        return make_plan(load_spec(path, overrides), registry or Registry(RegistryFile(None)))

    return make
