"""What the tests of specs share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from retinue.errors import SpecError
from retinue.plan import Plan, make_plan
from retinue.plugins.registry import Registry
from retinue.plugins.registry_file import RegistryFile
from retinue.spec.loading import load_spec

Check = Callable[..., SpecError]


@pytest.fixture(scope="session")
def registry() -> Registry:
    """What is installed, whatever registry.toml is near."""
    return Registry(RegistryFile(None))


@pytest.fixture
def check(registry: Registry) -> Check:
    """Return what is wrong with a spec."""

    def run(path: Path, overrides: Iterable[str] | Mapping[str, Any] = (), registry: Registry = registry) -> SpecError:
        try:
            plan = make_plan(load_spec(path, overrides), registry)
        except SpecError as error:
            return error
        raise AssertionError(f"nothing is wrong with {plan.spec}")

    return run


@pytest.fixture
def accept(registry: Registry) -> Callable[..., Plan]:
    """Return the plan of a spec without mistakes."""

    def run(path: Path, overrides: Iterable[str] | Mapping[str, Any] = ()) -> Plan:
        return make_plan(load_spec(path, overrides), registry)

    return run
