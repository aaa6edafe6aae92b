"""What is wrong with plug-ins and registry.toml, each with what mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from retinue.plugins.diagnosis import Trouble, diagnose
from retinue.plugins.probe import SLOW
from retinue.plugins.registry_file import RegistryFile

if TYPE_CHECKING:
    from tests.core.plugins.conftest import Site

NET = 'register("net", "parts:Net", summary="a net")'


def find(site: Site, text: str = "") -> list[Trouble]:
    return diagnose(RegistryFile(site.write("registry.toml", "schema = 1\n" + text)))[1]


def test_nothing_is_wrong_with_good_plugins(site: Site) -> None:
    site.offer("acme", NET)
    site.install("noisy", "raise RuntimeError('imported')")
    text = '[plugins]\nrequired = ["retinue-acme>=1"]\ndisabled = ["noisy"]\n[alias.model]\nbest = "acme/net"\n'
    assert find(site, text) == []


@pytest.mark.parametrize(
    ("module", "requires", "kind", "message", "fix"),
    [
        ("raise OSError('no licence')", "retinue", "broken", "OSError: no licence", 'disabled = ["acme"]'),
        ("import nothing.here", "retinue", "broken", "No module named 'nothing'", "brings the module nothing"),
        ("", "retinue>=99", "incompatible", "needs retinue>=99", "uninstall retinue-acme"),
        ("", "absent>=2", "requirement", "needs absent>=2", 'pip install "absent>=2"'),
        ("import torch", "retinue", "torch", "imports torch", "import no torch in retinue_acme.plugin"),
        (f"import time\ntime.sleep({SLOW})", "retinue", "slow", "s to import", "importtime -c 'import retinue_acme"),
    ],
    ids=["raises", "module is missing", "incompatible", "unmet", "torch", "slow"],
)
def test_fault_of_one_plugin(site: Site, module: str, requires: str, kind: str, message: str, fix: str) -> None:
    site.install("acme", module, requires=[requires])
    [trouble] = find(site)
    assert (trouble.kind, trouble.harmless) == (kind, False)
    assert "retinue-acme 1.0" in trouble.message
    assert message in trouble.message
    assert fix in trouble.fix


def test_requirements_of_extras_and_other_systems_are_nobodys_trouble(site: Site) -> None:
    site.install("acme", requires=["absent; extra == 'test'", "absent; python_version < '3'", "?? none"])
    assert find(site) == []


def test_conflict_names_both(site: Site) -> None:
    site.install("wnet", distribution="retinue-wnet")
    site.install("wnet", distribution="other-wnet")
    troubles = find(site)
    assert [trouble.kind for trouble in troubles] == ["conflict", "conflict"]
    assert {trouble.fix for trouble in troubles} == {
        f'retinue plugins uninstall {name}, or disabled = ["{name}"] under [plugins]'
        for name in ("retinue-wnet", "other-wnet")
    }


def test_local_file_that_imports_torch_is_what_local_files_may_do(site: Site) -> None:
    site.write("inhouse.py", "import torch")
    assert find(site, '[local]\ninhouse = { path = "inhouse.py" }') == []


def test_local_file_that_is_not_there(site: Site) -> None:
    [trouble] = find(site, '[local]\ninhouse = { path = "inner/../absent.py" }')
    assert trouble.message == ("inhouse (local file {0}): there is no file {0}".format(site.workspace / "absent.py"))
    assert trouble.fix == "mend `path` of inhouse under [local] in registry.toml, or take the line out"


def test_name_that_two_plugins_have_is_ambiguous_until_it_is_pinned(site: Site) -> None:
    site.offer("anna", NET)
    site.offer("bert", NET)
    [trouble] = find(site)
    assert trouble == Trouble(
        "ambiguous",
        "the bare model name net means none of anna/net, bert/net",
        'in registry.toml, [resolve.model] net = "anna/net" or another of them',
    )
    assert find(site, '[resolve.model]\nnet = "anna/net"\n') == []


def test_name_that_the_builtin_hides_is_told_and_harmless(site: Site) -> None:
    site.offer("acme", 'register("lenet", "acme.parts:Net", summary="a net")')
    [trouble] = find(site)
    assert (trouble.kind, trouble.harmless) == ("shadowed", True)
    assert trouble.fix == "write acme/lenet, or pin it under [resolve.model]"
    assert find(site, '[resolve.model]\nlenet = "acme/lenet"\n') == []


def test_malformed_metadata_of_any_distribution(site: Site) -> None:
    site.install("other", distribution="other", entry_points="[console_scripts]\nno equals sign\n")
    [trouble] = find(site)
    assert trouble.kind == "malformed"
    assert trouble.message.startswith("the entry points of other cannot be read: ")
    assert str(site.folder / "other-1.0.dist-info") in trouble.fix


def test_second_metadata_of_a_distribution_is_hidden(site: Site) -> None:
    site.install("acme", version="1.0")
    site.install("acme", version="0.9")
    [trouble] = find(site)
    folders = [str(site.folder / f"retinue_acme-{version}.dist-info") for version in ("1.0", "0.9")]
    assert trouble.kind == "hidden"
    assert all(folder in trouble.message for folder in folders)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ('[resolve.model]\nnet = "gone/net"\n', "3:7", 'no plug-in "gone" is installed'),
        ('[alias.model]\nbest = "acme/nett"\n', "3:8", 'best leads to "acme/nett", and acme has no such model'),
        ('[alias.loss]\nbest = "acme/net"\n', "3:8", 'best leads to "acme/net", and acme has no such loss'),
        ('[alias.model]\nbest = "faulty/net"\n', "3:8", 'best leads to "faulty/net", and faulty is broken'),
        ('[plugins]\ndisabled = ["gone"]\n', "3:13", 'no plug-in "gone" is installed'),
    ],
)
def test_dead_line_of_the_registry_file(site: Site, text: str, place: str, message: str) -> None:
    site.offer("acme", NET)
    site.install("faulty", "raise RuntimeError")
    [trouble] = [trouble for trouble in find(site, text) if trouble.kind != "broken"]
    assert (trouble.kind, trouble.message) == ("dead", f"{site.workspace / 'registry.toml'}:{place}: {message}")
    assert trouble.fix


def test_member_of_a_family_is_no_dead_pin(site: Site) -> None:
    site.offer("fam", 'register("*", "fam.parts:build", summary="many", lister="fam.parts:names")')
    assert find(site, '[alias.model]\nbest = "fam/any"\n') == []


def test_requirement_of_the_registry_file_that_is_not_met(site: Site) -> None:
    site.install("acme")
    text = '[plugins]\nrequired = ["retinue-acme>=2", "retinue-gone"]\n'
    missing = [trouble for trouble in find(site, text) if trouble.kind == "missing"]
    assert ["retinue-acme>=2" in missing[0].message, "retinue-gone" in missing[1].message] == [True, True]
    assert {trouble.fix for trouble in missing} == {"retinue plugins sync"}
