"""Which plug-ins are installed, from metadata alone."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from retinue.plugins.discovery import Plugin, find_plugins, find_unreadable

if TYPE_CHECKING:
    from tests.core.plugins.conftest import Site

EXPLODES = "raise RuntimeError('this module was imported')"


def find(id: str) -> Plugin:
    [found] = [plugin for plugin in find_plugins() if plugin.id == id]
    return found


def test_plugin_is_found_with_its_distribution_and_never_imported(site: Site) -> None:
    site.install("acme", EXPLODES, distribution="Acme_Vision", version="2.5")
    assert find("acme") == Plugin("acme", "Acme_Vision.plugin", "acme-vision", "2.5")


def test_core_ships_its_own_parts_as_a_plugin() -> None:
    assert find("builtin") == Plugin("builtin", "retinue.builtin.plugin", "retinue", version("retinue"))


@pytest.mark.parametrize("wanted", ["retinue>=99", "retinue<0.1", "Retinue ~=7.0"])
def test_core_too_old_or_of_another_major_version_is_incompatible(site: Site, wanted: str) -> None:
    site.install("acme", EXPLODES, requires=["numpy", wanted])
    found = find("acme")
    assert found.status == "incompatible"
    assert found.error == f"retinue-acme 1.0 needs {wanted.replace(' ', '')}, this is retinue {version('retinue')}"


@pytest.mark.parametrize("wanted", ["retinue", "retinue>=0.1", "numpy>=99", 'retinue>=99; python_version < "3"'])
def test_requirements_that_are_met_or_not_about_this_core_do_not_matter(site: Site, wanted: str) -> None:
    site.install("acme", requires=[wanted, "?? no requirement at all"])
    assert find("acme").status == "ok"


@pytest.mark.parametrize(
    "malformed", ["no section here\n", "[scripts]\na = b:c\na = b:d\n", "[retinue\n"], ids=["headless", "twice", "torn"]
)
def test_malformed_entry_points_of_another_distribution_hide_no_plugin(site: Site, malformed: str) -> None:
    site.install("other", distribution="other", entry_points=malformed)
    site.install("acme", version="2.5", distribution="Acme_Vision")
    assert find("acme") == Plugin("acme", "Acme_Vision.plugin", "acme-vision", "2.5")
    assert find("builtin").status == "ok"


def test_entry_point_that_names_no_module_is_not_left_out_in_silence(
    site: Site, recwarn: pytest.WarningsRecorder
) -> None:
    site.install("acme", entry_points="[retinue]\nacme = retinue-acme.plugin\n")
    assert find("acme").module == "retinue-acme.plugin"
    assert not recwarn.list


def test_egg_info_beside_its_sources_has_a_version_too(site: Site) -> None:
    egg = site.folder / "retinue_acme.egg-info"
    egg.mkdir()
    (egg / "entry_points.txt").write_text("[retinue]\nacme = retinue_acme.plugin\n")
    (egg / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: retinue-acme\nVersion: 3.1\n")
    assert find("acme").version == "3.1"


@pytest.mark.parametrize(
    "text", [b"[console_scripts]\nno equals sign\n", b"[other]\na = \xff\xfe\n"], ids=["no value", "no text"]
)
def test_entry_points_that_nobody_can_read_hide_no_other_plugin_and_are_named(site: Site, text: bytes) -> None:
    site.install("acme")
    site.install("other", distribution="other")
    unreadable = site.folder / "other-1.0.dist-info"
    (unreadable / "entry_points.txt").write_bytes(text)
    assert find("acme").status == "ok"
    [(folder, reason)] = find_unreadable()
    assert folder == unreadable
    assert reason


def test_plugin_with_unreadable_metadata_is_broken_and_stops_nothing(site: Site) -> None:
    site.install("acme", EXPLODES)
    (site.folder / "retinue_acme-1.0.dist-info" / "METADATA").write_bytes(b"Name: \xff\xfe\n")
    assert find("acme").status == "broken"
    assert "METADATA of retinue-acme cannot be read" in str(find("acme").error)
    assert find("builtin").status == "ok"
