"""Entry modules: what they may do wrong, and that nobody else suffers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from retinue.errors import UnknownComponent
from retinue.plugins.discovery import Plugin
from retinue.plugins.registry import Registry

if TYPE_CHECKING:
    from tests.core.plugins.conftest import Site

GOOD = "register('net', 'retinue_acme.parts:Net', summary='a net')"


def plugin(registry: Registry, id: str) -> Plugin:
    [found] = [plugin for plugin in registry.plugins if plugin.id == id]
    return found


def assert_broken_alone(site: Site, reason: str) -> Plugin:
    """The plug-in noisy is broken for this reason and offers nothing; everybody else works."""
    site.offer("acme", GOOD)
    registry = Registry()
    noisy = plugin(registry, "noisy")
    assert (noisy.status, noisy.error) == ("broken", reason)
    assert not list(registry.components(plugin="noisy"))
    assert registry.resolve("model", "acme/net").summary == "a net"
    assert registry.resolve("model", "lenet").canonical == "builtin/lenet"
    return noisy


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("def broken(:\n    pass", "SyntaxError: invalid syntax (plugin.py, line 1)"),
        ("import sys\nsys.exit('no licence')", "SystemExit: no licence"),
        ("raise ValueError('several\\n  lines')", "ValueError: several lines"),
        ("assert False", "AssertionError"),
    ],
    ids=["import", "syntax", "exit", "lines", "silent"],
)
def test_entry_module_that_fails_is_broken_and_the_rest_works(site: Site, source: str, reason: str) -> None:
    site.install("noisy", source)
    noisy = assert_broken_alone(site, reason)
    assert noisy.details is not None
    assert noisy.details.startswith("Traceback (most recent call last):")
    assert "retinue_noisy" in noisy.details


def test_entry_module_that_is_not_there_is_broken(site: Site) -> None:
    (site.install("noisy") / "plugin.py").unlink()
    assert_broken_alone(site, "ModuleNotFoundError: No module named 'retinue_noisy.plugin'")


def test_hook_that_raises_is_broken_with_its_own_line_in_the_traceback(site: Site) -> None:
    site.offer("noisy", "table = {}", "register(**table['missing'])")
    noisy = assert_broken_alone(site, "KeyError: 'missing'")
    assert "register(**table['missing'])" in (noisy.details or "")


def test_registration_is_all_or_nothing(site: Site) -> None:
    source = """\
        from retinue.hooks import hookimpl

        @hookimpl
        def retinue_models(register):
            register("one", "retinue_noisy.parts:One", summary="fine")
            register("two", "retinue_noisy.parts", summary="no attribute")

        @hookimpl
        def retinue_losses(register):
            register("three", "retinue_noisy.parts:Three", summary="fine")
        """
    site.install("noisy", source)
    reason = 'model "two": target "retinue_noisy.parts" is not of the form "package.module:attribute"'
    assert_broken_alone(site, reason)


NAME = 'is no component name: small letters and digits, in words joined by "-", or "*" with a lister for a family'


@pytest.mark.parametrize(
    ("registration", "reason"),
    [
        ("'a/b', 'm:A', summary='s'", f'model "a/b" {NAME}'),
        ("'', 'm:A', summary='s'", f'model "" {NAME}'),
        ("'My Net', 'm:A', summary='s'", f'model "My Net" {NAME}'),
        ("'my_net', 'm:A', summary='s'", f'model "my_net" {NAME}'),
        ("'*', 'm:A', summary='s'", f'model "*" {NAME}'),
        ("'net', 'm:A', summary='s', lister='m:names'", f'model "net" {NAME}'),
        ("'net', ':A', summary='s'", 'model "net": target ":A" is not of the form "package.module:attribute"'),
        ("'net', 'm:', summary='s'", 'model "net": target "m:" is not of the form "package.module:attribute"'),
        ("'net', 'm:A.b', summary='s'", 'model "net": target "m:A.b" is not of the form "package.module:attribute"'),
        ("'net', 5, summary='s'", 'model "net": target 5 is neither an import string nor a class or function'),
        ("'net', None, summary='s'", 'model "net": target None is neither an import string nor a class or function'),
        (
            "'net', 'm:A', summary='s', params='m.Model'",
            'model "net": params "m.Model" is not of the form "package.module:attribute"',
        ),
        (
            "'*', 'm:A', summary='s', lister='names'",
            'model "*": lister "names" is not of the form "package.module:attribute"',
        ),
        ("'net', 'm:A', 'a net'", 'model "net": what follows the target is given by name: summary="a net"'),
        ("'net', 'm:A'", 'model "net": the summary is one line of text'),
        ("'net', 'm:A', summary=''", 'model "net": the summary is one line of text'),
        ("'net', 'm:A', summary='one\\ntwo'", 'model "net": the summary is one line of text'),
        ("'net', 'm:A', summary='s', requires='timm'", 'model "net": requires is a list: ["timm"]'),
        (
            "'net', 'm:A', summary='s', requires=['timm >> 1']",
            'model "net": "timm >> 1" is no requirement, such as "imageio>=2"',
        ),
    ],
)
def test_registration_that_does_not_keep_the_contract(site: Site, registration: str, reason: str) -> None:
    site.offer("noisy", f"register({registration})")
    assert_broken_alone(site, reason)


def test_one_name_twice_in_a_kind(site: Site) -> None:
    once = "register('net', 'm:A', summary='s')"
    site.offer("noisy", once, once)
    assert_broken_alone(site, 'model "net" is registered twice')


def test_one_name_may_serve_several_kinds(site: Site) -> None:
    source = """\
        from retinue.hooks import hookimpl

        @hookimpl
        def retinue_losses(register):
            register("same", "m:Loss", summary="a loss")

        @hookimpl
        def retinue_metrics(register):
            register("same", "m:Metric", summary="a metric")
        """
    site.install("acme", source)
    registry = Registry()
    assert registry.resolve("loss", "same").target == "m:Loss"
    assert registry.resolve("metric", "same").target == "m:Metric"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "@hookimpl\ndef retinue_model(register): ...",
            "retinue_model is no hook of retinue: did you mean retinue_models?",
        ),
        ("@hookimpl\ndef something_else(register): ...", "something_else is no hook of retinue"),
        ("def retinue_models(register): ...", "retinue_models is not marked: write @hookimpl above it"),
    ],
)
def test_hooks_that_would_never_be_called(site: Site, source: str, reason: str) -> None:
    site.install("noisy", f"from retinue.hooks import hookimpl\n{source}")
    assert_broken_alone(site, reason)


def test_hook_with_an_argument_that_nobody_passes(site: Site) -> None:
    site.install("noisy", "from retinue.hooks import hookimpl\n@hookimpl\ndef retinue_models(regster): ...")
    noisy = plugin(Registry(), "noisy")
    assert noisy.status == "broken"
    assert "{'regster'}" in (noisy.error or "")
    assert "\n" not in (noisy.error or "")


def test_plugin_id_that_no_canonical_name_can_hold(site: Site) -> None:
    site.install("a/b", distribution="retinue-ab")
    broken = plugin(Registry(), "a/b")
    assert broken.status == "broken"
    assert broken.error == '"a/b" is no plug-in id: small letters and digits, in words joined by "-"'


LOCAL = """\
    from retinue.hooks import hookimpl

    class Net:
        def __init__(self, depth: int = 3) -> None: ...

    @hookimpl
    def retinue_models(register):
        register("net", Net, summary="written this morning")
    """


def test_local_file_needs_no_packaging(site: Site) -> None:
    site.write("vision/inhouse.py", LOCAL)
    registry = site.registry('[local]\ninhouse = { path = "vision/inhouse.py" }')
    net = registry.resolve("model", "net")
    assert net.canonical == "inhouse/net"
    assert net.load().__name__ == "Net"
    inhouse = plugin(registry, "inhouse")
    assert inhouse.status == "ok"
    assert (inhouse.distribution, inhouse.version) == (None, None)
    assert str(inhouse) == f"local file {site.workspace / 'vision/inhouse.py'}"


def test_what_a_local_file_defines_survives_pickling(site: Site) -> None:
    import pickle

    site.write("inhouse.py", LOCAL)
    net = site.registry('[local]\nin-house = { path = "inhouse.py" }').resolve("model", "net").load()
    assert type(pickle.loads(pickle.dumps(net()))) is net


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("elsewhere.py", "", "there is no file {path}"),
        ("inhouse.py", "def broken(:", "SyntaxError: invalid syntax (inhouse.py, line 1)"),
        ("inhouse.txt", "", "{path} is not a Python file"),
    ],
)
def test_local_file_that_does_not_work_is_broken_alone(site: Site, name: str, text: str, reason: str) -> None:
    site.write("inhouse.txt" if name.endswith("txt") else "inhouse.py", text)
    registry = site.registry(f'[local]\ninhouse = {{ path = "{name}" }}')
    assert plugin(registry, "inhouse").error == reason.format(path=site.workspace / name)
    with pytest.raises(UnknownComponent, match="plug-in inhouse is broken"):
        registry.resolve("model", "inhouse/net")
    assert registry.resolve("model", "lenet").canonical == "builtin/lenet"


def test_a_local_file_is_imported_anew_only_where_it_has_changed(site: Site) -> None:
    """Objects of its classes are pickled by the class's name, which must not mean another class in the meantime."""
    table = '[local]\ninhouse = { path = "inhouse.py" }'
    path = site.write("inhouse.py", LOCAL_NET.format(summary="first"))
    first = site.registry(table).resolve("model", "net")
    assert site.registry(table).resolve("model", "net").load() is first.load()
    path.write_text(LOCAL_NET.format(summary="another"))
    changed = site.registry(table).resolve("model", "net")
    assert changed.summary == "another"
    assert changed.load() is not first.load()


LOCAL_NET = """
from retinue.hooks import hookimpl

class Net:
    pass

@hookimpl
def retinue_models(register):
    register("net", Net, summary="{summary}")
"""
