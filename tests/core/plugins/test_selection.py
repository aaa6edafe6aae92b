"""Which plug-ins take part: registry.toml's choice, judged before anything is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from retinue.errors import SpecError
from retinue.plugins.discovery import Plugin
from retinue.plugins.registry_file import RegistryFile
from retinue.plugins.selection import explain_missing, select_plugins

if TYPE_CHECKING:
    from tests.core.plugins.conftest import Site

EXPLODES = "raise RuntimeError('this module was imported')"


def select(site: Site, text: str = "") -> dict[str, Plugin]:
    """Return the selected plug-ins by distribution, or of a local one by id."""
    file = RegistryFile(site.write("registry.toml", "schema = 1\n" + text))
    return {plugin.distribution or plugin.id: plugin for plugin in select_plugins(file)}


def test_every_installed_plugin_takes_part_by_default(site: Site) -> None:
    site.install("acme", EXPLODES)
    selected = select_plugins(RegistryFile())
    assert {"acme", "builtin", "torchvision"} <= {plugin.id for plugin in selected if plugin.status == "ok"}


@pytest.mark.parametrize("name", ["noisy", "retinue-noisy", "Retinue_Noisy"])
def test_disabled_by_id_or_distribution(site: Site, name: str) -> None:
    site.install("noisy", EXPLODES)
    noisy = select(site, f'[plugins]\ndisabled = ["{name}"]')["retinue-noisy"]
    assert noisy.status == "disabled"
    assert noisy.error == f"named under `disabled` in {site.workspace / 'registry.toml'}"


def test_local_plugin_can_be_disabled_too(site: Site) -> None:
    text = '[plugins]\ndisabled = ["inhouse"]\n[local]\ninhouse = { path = "inhouse.py" }'
    assert select(site, text)["inhouse"].status == "disabled"


def test_two_distributions_of_one_id_are_in_conflict_until_one_is_disabled(site: Site) -> None:
    site.install("wnet", EXPLODES, distribution="retinue-wnet", version="0.3")
    site.install("wnet", EXPLODES, distribution="other-wnet")
    both = select(site)
    assert both["retinue-wnet"].status == both["other-wnet"].status == "conflict"
    assert both["other-wnet"].error == both["retinue-wnet"].error
    assert both["retinue-wnet"].error == (
        "other-wnet 1.0 and retinue-wnet 0.3 both call their plug-in wnet: "
        "uninstall one, or name one distribution under `disabled`"
    )
    settled = select(site, '[plugins]\ndisabled = ["other-wnet"]')
    assert (settled["retinue-wnet"].status, settled["other-wnet"].status) == ("ok", "disabled")


def test_local_file_of_an_installed_plugins_id_is_in_conflict(site: Site) -> None:
    site.install("wnet", EXPLODES)
    selected = select(site, '[local]\nwnet = { path = "wnet.py" }')
    assert selected["retinue-wnet"].status == selected["wnet"].status == "conflict"


def test_what_does_not_take_part_is_in_nobodys_way(site: Site) -> None:
    site.install("wnet", EXPLODES)
    site.install("wnet", EXPLODES, distribution="future-wnet", requires=["retinue>=99"])
    selected = select(site)
    assert (selected["retinue-wnet"].status, selected["future-wnet"].status) == ("ok", "incompatible")


def test_nobody_takes_the_cores_own_id(site: Site) -> None:
    site.install("builtin", EXPLODES, distribution="squatter")
    found = {str(p.distribution): p.status for p in select_plugins(RegistryFile()) if p.id == "builtin"}
    assert found == {"retinue": "ok", "squatter": "conflict"}


def test_allowlist_lets_in_what_is_required_local_or_the_cores(site: Site) -> None:
    site.install("acme", EXPLODES)
    site.install("noisy", EXPLODES)
    site.install("noisy", EXPLODES, distribution="rival-of-noisy")
    text = '[plugins]\nmode = "allowlist"\nrequired = ["Retinue.Acme>=1"]\n[local]\ninhouse = { path = "x.py" }'
    selected = select(site, text)
    assert {name for name, plugin in selected.items() if plugin.status == "ok"} == {
        "retinue-acme",
        "inhouse",
        "retinue",
    }
    assert selected["retinue-noisy"].status == "disabled"
    assert "allowlist" in (selected["retinue-noisy"].error or "")


def test_version_that_the_workspace_does_not_want_is_incompatible(site: Site) -> None:
    site.install("wnet", EXPLODES, version="1.2")
    assert select(site, '[plugins]\nrequired = ["retinue-wnet>=1,<2"]')["retinue-wnet"].status == "ok"
    wnet = select(site, '[plugins]\nrequired = ["retinue-wnet>=0.3,<1"]')["retinue-wnet"]
    assert wnet.status == "incompatible"
    assert wnet.error == f"{site.workspace / 'registry.toml'} requires retinue-wnet<1,>=0.3"


def test_requirements_that_are_not_met_are_told_with_the_command_that_installs_them(site: Site) -> None:
    site.install("acme", version="0.9")
    path = site.write(
        "registry.toml",
        """\
        schema = 1
        [plugins]
        required = ["retinue-acme>=1", "retinue>=0.1", "retinue-nowhere", 'retinue-mac; sys_platform == "plan9"']
        """,
    )
    assert explain_missing(RegistryFile(path)) == (
        f'{path} requires what is not installed: pip install "retinue-acme>=1" "retinue-nowhere"'
    )
    assert explain_missing(RegistryFile()) is None


@pytest.mark.parametrize(
    ("line", "column", "name", "suggestion"),
    [
        ('plugins.disabled = ["noizy"]', 21, "noizy", "noisy"),
        ('plugins.disabled = ["retinue-noizy"]', 21, "retinue-noizy", "retinue-noisy"),
        ('resolve.model.net = "noizy/net"', 21, "noizy", "noisy"),
        ('alias.model.baseline = "noizy/net"', 24, "noizy", "noisy"),
        ('alias.model.baseline = "retinue-noisy/net"', 24, "retinue-noisy", "noisy"),
        ('alias.model.baseline = "qqqqq/net"', 24, "qqqqq", None),
    ],
)
def test_unknown_plugins_are_errors_with_a_place(
    site: Site, line: str, column: int, name: str, suggestion: str | None
) -> None:
    site.install("noisy", EXPLODES)
    with pytest.raises(SpecError) as caught:
        select(site, line)
    [problem] = caught.value.problems
    assert problem.message == f'no plug-in "{name}" is installed'
    assert problem.suggestion == suggestion
    assert str(problem.position) == f"{site.workspace / 'registry.toml'}:2:{column}"


def test_pin_to_a_plugin_that_is_required_but_not_installed_says_how_to_install_it(site: Site) -> None:
    with pytest.raises(SpecError, match='pip install "retinue-absent>=1"'):
        select(site, 'plugins.required = ["retinue-absent>=1"]\nresolve.model.net = "absent/net"')
