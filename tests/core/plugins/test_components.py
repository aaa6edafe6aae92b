"""Importing what a component stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from retinue.errors import PluginError
from retinue.plugins.components import Component, is_installed
from retinue.plugins.registry import Registry

if TYPE_CHECKING:
    from tests.core.plugins.conftest import Site


def net(site: Site, parts: str, **options: object) -> Component:
    arguments = "".join(f", {name}={value!r}" for name, value in options.items())
    site.offer("acme", f"register('net', 'retinue_acme.parts:Net', summary='s'{arguments})", parts=parts)
    return Registry().resolve("model", "net")


def test_target_is_imported_when_it_is_needed(site: Site) -> None:
    component = net(site, "class Net:\n    pass\n")
    assert component.load().__qualname__ == "Net"


@pytest.mark.parametrize(
    ("parts", "cause"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("class Ne(:", "SyntaxError: invalid syntax (parts.py, line 1)"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("class Nett: ...", "AttributeError: module 'retinue_acme.parts' has no attribute 'Net'"),
    ],
)
def test_target_that_cannot_be_imported_shows_the_real_cause(site: Site, parts: str, cause: str) -> None:
    with pytest.raises(PluginError) as caught:
        net(site, parts).load()
    label = "model acme/net (retinue-acme 1.0) cannot be loaded: retinue_acme.parts:Net"
    assert str(caught.value) == f"{label}: {cause}"
    assert caught.value.__cause__ is not None


def test_missing_requirements_are_told_with_the_command_that_installs_them(site: Site) -> None:
    component = net(
        site, "raise AssertionError('imported too early')", requires=["pydantic", "nowhere>=2", "click>=99"]
    )
    with pytest.raises(PluginError) as caught:
        component.load()
    assert str(caught.value) == (
        'model acme/net (retinue-acme 1.0) needs nowhere>=2, click>=99: pip install "nowhere>=2" "click>=99"'
    )


def test_requirements_that_are_met_are_in_nobodys_way(site: Site) -> None:
    component = net(site, "class Net: ...", requires=["pydantic>=2", 'nowhere; sys_platform == "plan9"'])
    assert component.load().__qualname__ == "Net"


@pytest.mark.parametrize("version", ["2.0", "2.1.dev3"])
def test_prereleases_meet_a_requirement(site: Site, version: str) -> None:
    site.install("acme", version=version)
    assert is_installed("retinue-acme>=1.5")
    assert not is_installed("retinue-acme>=3")


@pytest.mark.parametrize("names", ["raise OSError('no index')", "import sys; sys.exit(1)", "return 5"])
def test_lister_that_fails_is_the_plugins_mistake(site: Site, names: str) -> None:
    line = "register('*', 'retinue_acme.parts:create', summary='s', lister='retinue_acme.parts:names')"
    site.offer("acme", line, parts=f"def names():\n    {names}\n")
    [family] = Registry().components("model", "acme")
    with pytest.raises(
        PluginError, match=r"model acme/\* \(retinue-acme 1.0\) cannot be listed: (\w+Error|SystemExit): "
    ):
        family.list_members()


def test_lister_that_is_not_there_shows_the_real_cause(site: Site) -> None:
    site.offer("acme", "register('*', 'm:create', summary='s', lister='retinue_acme.parts:names')")
    [family] = Registry().components("model", "acme")
    with pytest.raises(PluginError, match=r"cannot be loaded: retinue_acme\.parts:names: AttributeError") as caught:
        family.list_members()
    assert "PluginError" not in str(caught.value)
