"""What a name means, and what is said where it means nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from retinue.errors import AmbiguousComponent, SpecError, UnknownComponent
from retinue.plugins.registry import Registry

if TYPE_CHECKING:
    from tests.core.plugins.conftest import Site


def offer(site: Site, id: str, *names: str, kind: str = "models", **options: str) -> Path:
    lines = [f"register('{name}', 'retinue_{id}.parts:Net', summary='{name} of {id}')" for name in names]
    return site.offer(id, *lines, kind=kind, **options)


def offer_family(site: Site) -> None:
    """Install zoo/*, whose members are known at once and whose target explodes."""
    line = "register('*', 'retinue_zoo.parts:create', summary='many', lister='retinue_zoo.names:names')"
    folder = site.offer("zoo", line, parts="raise RuntimeError('imported')")
    (folder / "names.py").write_text("def names():\n    return ['lion', 'tiger_small']\n")


def refusal(registry: Registry, name: str, kind: str = "model") -> UnknownComponent:
    with pytest.raises(UnknownComponent) as caught:
        registry.resolve(kind, name)
    return caught.value


def test_bare_and_canonical_name_mean_the_same(site: Site) -> None:
    offer(site, "acme", "net", version="0.3.1")
    registry = Registry()
    net = registry.resolve("model", "net")
    assert net == registry.resolve("model", "acme/net")
    assert (net.canonical, net.summary, str(net.plugin)) == ("acme/net", "net of acme", "retinue-acme 0.3.1")


def test_name_belongs_to_its_kind(site: Site) -> None:
    offer(site, "acme", "net")
    error = refusal(Registry(), "net", kind="loss")
    assert str(error) == 'error: no loss named "net"\n    "net" is a model'


def test_name_of_two_plugins_is_ambiguous_until_pinned(site: Site) -> None:
    offer(site, "acme", "net")
    offer(site, "zeta", "net")
    registry = Registry()
    with pytest.raises(AmbiguousComponent) as caught:
        registry.resolve("model", "net")
    assert caught.value.problem.message == 'model "net" is offered by 2 plug-ins: acme/net, zeta/net'
    pin = '[resolve.model] net = "acme/net"'
    assert caught.value.problem.note == f"write one of them in full, or pin it in registry.toml: {pin}"
    assert registry.resolve("model", "zeta/net").plugin.id == "zeta"
    pinned = site.registry('[resolve.model]\nnet = "zeta/net"')
    assert pinned.resolve("model", "net").canonical == "zeta/net"
    assert pinned.resolve("model", "acme/net").canonical == "acme/net"


def test_builtin_wins_over_third_parties_unless_pinned(site: Site) -> None:
    offer(site, "acme", "lenet")
    offer(site, "zeta", "lenet")
    assert Registry().resolve("model", "lenet").canonical == "builtin/lenet"
    assert site.registry('[resolve.model]\nlenet = "acme/lenet"').resolve("model", "lenet").canonical == "acme/lenet"


def test_alias_is_a_further_name_for_one_kind(site: Site) -> None:
    offer(site, "acme", "net")
    offer(site, "zeta", "net")
    registry = site.registry('[alias.model]\nbaseline = "zeta/net"')
    assert registry.resolve("model", "baseline").canonical == "zeta/net"
    assert "baseline" in registry.names("model")
    refusal(registry, "baseline", kind="loss")


def test_family_answers_to_canonical_names_alone(site: Site) -> None:
    offer_family(site)
    registry = Registry()
    [family] = registry.components("model", "zoo")
    assert (family.canonical, family.is_family) == ("zoo/*", True)
    assert family.list_members() == ["zoo/lion", "zoo/tiger_small"]
    tiger = registry.resolve("model", "zoo/tiger_small")
    assert (tiger.name, tiger.canonical, tiger.is_family) == ("tiger_small", "zoo/tiger_small", False)
    refusal(registry, "lion")
    refusal(registry, "*")
    assert not registry.knows("lion")
    assert registry.knows("zoo/lion")


def test_alias_may_lead_into_a_family(site: Site) -> None:
    offer_family(site)
    assert site.registry('[alias.model]\ncat = "zoo/lion"').resolve("model", "cat").canonical == "zoo/lion"


@pytest.mark.parametrize("section", ["resolve", "alias"])
def test_pin_to_a_component_that_its_plugin_does_not_offer_is_an_error_with_a_place(site: Site, section: str) -> None:
    offer(site, "acme", "net")
    with pytest.raises(SpecError) as caught:
        site.registry(f'[{section}.model]\nnet = "acme/nett"')
    [problem] = caught.value.problems
    assert problem.message == 'no model named "acme/nett"'
    assert problem.suggestion == "acme/net"
    assert str(problem.position) == f"{site.workspace / 'registry.toml'}:3:7"


def test_misspelt_name_has_a_suggestion_and_its_origin(site: Site) -> None:
    offer(site, "acme", "wondernet", version="0.3.1")
    error = refusal(Registry(), "wodnernet")
    assert error.problem.message == 'no model named "wodnernet"'
    assert error.problem.suggestion == "wondernet"
    assert error.problem.note == "(acme/wondernet, retinue-acme 0.3.1)"
    assert refusal(Registry(), "acme/wodnernet").problem.suggestion == "acme/wondernet"


def test_misspelt_ambiguous_name_is_unknown_first(site: Site) -> None:
    offer(site, "acme", "wondernet")
    offer(site, "zeta", "wondernet")
    error = refusal(Registry(), "wodnernet")
    assert error.problem.suggestion == "wondernet"
    assert error.problem.note == "(acme/wondernet, retinue-acme 1.0 or zeta/wondernet, retinue-zeta 1.0)"


def test_name_like_nothing_else_lists_what_there_is(site: Site) -> None:
    error = refusal(Registry(), "qqqqq", kind="task")
    assert error.problem.suggestion is None
    assert error.problem.note is not None
    assert error.problem.note.startswith("known: classification, multilabel, regression")


@pytest.mark.parametrize("name", ["noisy/net", "noisy"])
def test_name_of_a_broken_plugin_shows_the_real_cause(site: Site, name: str) -> None:
    site.install("noisy", "import nowhere_to_be_found")
    error = refusal(Registry(), name)
    assert error.problem.message == f'model "{name}" is not to be had: plug-in noisy is broken'
    assert error.problem.note == "ModuleNotFoundError: No module named 'nowhere_to_be_found'"


def test_unknown_name_tells_of_broken_plugins_that_may_have_it(site: Site) -> None:
    site.install("noisy", "import nowhere_to_be_found")
    note = "plug-in noisy is broken: ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    assert refusal(Registry(), "qqqqq").problem.note == note
    assert refusal(Registry(), "lenett").problem.note.endswith(note)  # type: ignore[union-attr]


def test_broken_plugins_are_told_of_where_they_may_have_the_name_alone(site: Site) -> None:
    for id in ("noisy", "rowdy"):
        site.install(id, "import nowhere_to_be_found")
    assert refusal(Registry(), "qqqqq").problem.note == "plug-ins that do not work may have it: noisy, rowdy"
    for name in ("builtin/qqqqq", "absent/qqqqq"):
        assert "noisy" not in (refusal(Registry(), name).problem.note or "")


def test_plugin_that_is_not_installed_is_told_and_names_of_others_are_not_guessed(site: Site) -> None:
    offer(site, "acme", "net")
    error = refusal(Registry(), "foo/net")
    assert error.problem.suggestion is None
    assert error.problem.note == ('no plug-in "foo" is installed: pip install retinue-foo, if that is its distribution')
    close = refusal(Registry(), "acmee/nett").problem
    assert close.suggestion == "acme/net"
    assert close.note == '(acme/net, retinue-acme 1.0); no plug-in "acmee" is installed'


def test_names_that_there_are_stand_once_in_the_list(site: Site) -> None:
    offer(site, "acme", "net")
    offer(site, "zeta", "net")
    note = refusal(Registry(), "qqqqq", kind="callback").problem.note
    assert note == (
        "known: profiler, progress, tensorboard; or its plug-in is not installed or disabled: retinue plugins list"
    )
    assert "acme/net, lenet, mlp, " in str(refusal(Registry(), "qqqqq").problem.note)
    assert "builtin/lenet" not in str(refusal(Registry(), "qqqqq").problem.note)


def test_name_of_a_disabled_plugin_says_so(site: Site) -> None:
    offer(site, "acme", "net")
    registry = site.registry('[plugins]\ndisabled = ["acme"]')
    error = refusal(registry, "acme/net")
    assert error.problem.message == 'model "acme/net" is not to be had: plug-in acme is disabled'
    assert not list(registry.components(plugin="acme"))


def test_alias_into_a_disabled_plugin_says_so(site: Site) -> None:
    offer(site, "acme", "net")
    registry = site.registry('[plugins]\ndisabled = ["acme"]\n[alias.model]\nnet = "acme/net"')
    assert "plug-in acme is disabled" in str(refusal(registry, "net"))
    # The alias is a name that is close to this one, and leads nowhere.
    assert refusal(registry, "nett").problem.suggestion == "net"


def test_conflict_of_two_distributions_is_told_until_one_is_disabled(site: Site) -> None:
    offer(site, "acme", "net")
    site.offer("acme", "register('net', 'x:Y', summary='the other')", distribution="other-acme")
    error = refusal(Registry(), "acme/net")
    assert error.problem.message == 'model "acme/net" is not to be had: plug-in acme is in conflict'
    assert "other-acme 1.0 and retinue-acme 1.0 both call their plug-in acme" in str(error)
    settled = site.registry('[plugins]\ndisabled = ["other-acme"]')
    assert settled.resolve("model", "net").summary == "net of acme"
    assert refusal(settled, "acme/nett").problem.suggestion == "acme/net"


def test_unknown_name_says_how_to_install_what_is_required(site: Site) -> None:
    registry = site.registry('[plugins]\nrequired = ["retinue-wnet>=0.3,<1"]')
    source = f"{site.workspace / 'registry.toml'} requires and that is not installed (retinue-wnet>=0.3,<1)"
    line = f"perhaps from a plug-in that {source}: retinue plugins sync"
    assert refusal(registry, "wnet/wnet").problem.note == f'no plug-in "wnet" is installed; {line}'
    assert refusal(registry, "qqqqq").problem.note == line


def test_misspelt_name_is_not_blamed_on_what_is_required(site: Site) -> None:
    close = refusal(site.registry('[plugins]\nrequired = ["retinue-wnet>=0.3,<1"]'), "lenett")
    assert close.problem.suggestion == "lenet"
    assert close.problem.note is not None
    assert "wnet" not in close.problem.note


def test_incompatible_plugin_is_never_imported_and_said_to_be(site: Site) -> None:
    marker = site.folder / "imported"
    site.install("future", f"open({str(marker)!r}, 'w')", requires=["retinue>=99"])
    error = refusal(Registry(), "future/net")
    assert not marker.exists()
    assert "plug-in future is incompatible" in str(error)
    assert "needs retinue>=99" in str(error)


def test_registry_file_of_the_working_directory_is_taken(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(site, "acme", "net")
    site.write("registry.toml", 'schema = 1\n[alias.model]\nbaseline = "acme/net"')
    (site.workspace / "below").mkdir()
    monkeypatch.chdir(site.workspace / "below")
    assert Registry().resolve("model", "baseline").canonical == "acme/net"


def test_components_come_by_kind_and_name(site: Site) -> None:
    offer(site, "acme", "b", "a")
    site.offer("zeta", "register('c', 'm:C', summary='s')", kind="losses")
    components = [c for c in Registry().components() if c.plugin.id in ("acme", "zeta")]
    assert [(c.kind, c.canonical) for c in components] == [("model", "acme/a"), ("model", "acme/b"), ("loss", "zeta/c")]
