"""The project's own plug-ins are known by name also where they are not installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from retinue.errors import UnknownComponent
from retinue.plugins.first_party import COMPONENTS
from retinue.plugins.registry import Registry
from retinue.plugins.registry_file import RegistryFile

if TYPE_CHECKING:
    from tests.core.plugins.conftest import Site


def test_the_names_are_those_that_the_plugins_register() -> None:
    registry = Registry(RegistryFile(None))
    for plugin, names in COMPONENTS.items():
        found = {component.name for component in registry.components(plugin=plugin)}
        assert found, plugin
        assert not names or found == set(names)


@pytest.mark.parametrize("name", ["unet", "unet/unet"])
def test_a_missing_one_is_told_with_the_command_that_brings_it(name: str, site: Site) -> None:
    with pytest.raises(UnknownComponent, match="pip install retinue-unet"):
        site.registry().resolve("model", name)


def test_a_plugin_that_nobody_knows_is_said_to_be_missing() -> None:
    with pytest.raises(UnknownComponent, match='no plug-in "nix" is installed'):
        Registry(RegistryFile(None)).resolve("model", "nix/thing")
