"""retinue list"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from retinue.hooks import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Command
    from tests.core.cli.conftest import Answer
    from tests.core.plugins.conftest import Site

NET = "register('net', 'retinue_acme.parts:Net', summary='a net')"


def test_json_tells_every_component(site: Site, command: Callable[..., Answer]) -> None:
    site.offer("acme", NET, version="0.3.1")
    answer = command("list", "--json")
    assert answer.code == 0
    assert answer.err == ""
    found = {(record["kind"], record["name"]): record for record in answer.json}
    assert found["model", "acme/net"] == {
        "kind": "model",
        "name": "acme/net",
        "plugin": "acme",
        "distribution": "retinue-acme",
        "version": "0.3.1",
        "summary": "a net",
    }
    assert found["dataset", "builtin/digits"]["version"] == version("retinue")
    assert {kind for kind, _ in found} == set(KINDS)


def test_one_kind(command: Callable[..., Answer]) -> None:
    records = command("list", "task", "--json").json
    assert {record["kind"] for record in records} == {"task"}
    assert "builtin/classification" in {record["name"] for record in records}


def test_table_has_a_line_for_each_component(site: Site, command: Callable[..., Answer]) -> None:
    site.offer("acme", NET, "register('old', 'm:Old', summary='an old net', deprecated='net')")
    lines = [line.split(maxsplit=4) for line in command("list", "model", "--plugin", "acme").out.splitlines()]
    assert lines == [
        ["model", "acme/net", "retinue-acme", "1.0", "a net"],
        ["model", "acme/old", "retinue-acme", "1.0", "an old net (deprecated: use net)"],
    ]


FAMILY = "register('*', 'retinue_zoo.parts:create', summary='many', lister='retinue_zoo.names:names')"


def test_family_is_one_line_until_its_plugin_is_asked_for(site: Site, command: Callable[..., Answer]) -> None:
    folder = site.offer("zoo", FAMILY, parts="raise RuntimeError('imported')")
    (folder / "names.py").write_text("def names():\n    return ['lion', 'tiger']\n")
    every = [record["name"] for record in command("list", "model", "--json").json if record["plugin"] == "zoo"]
    assert every == ["zoo/*"]
    members = command("list", "--plugin", "zoo", "--json").json
    assert [record["name"] for record in members] == ["zoo/lion", "zoo/tiger"]
    assert members[0]["summary"] == "many"


def test_family_that_cannot_be_listed_shows_the_cause(site: Site, command: Callable[..., Answer]) -> None:
    folder = site.offer("zoo", FAMILY)
    (folder / "names.py").write_text("def names():\n    raise OSError('no index')\n")
    assert command("list").code == 0
    answer = command("list", "--plugin", "zoo")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "error: model zoo/* (retinue-zoo 1.0) cannot be listed: OSError: no index\n"


def test_unknown_plugin_is_exit_2_with_a_suggestion(site: Site, command: Callable[..., Answer]) -> None:
    site.install("acme")
    answer = command("list", "--plugin", "amce")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == 'error: no plug-in "amce" is installed: did you mean "acme"?\n'


@pytest.mark.parametrize(
    "source", ["import nowhere_to_be_found", "raise ValueError('one\\ntwo')", "import sys; sys.exit()"]
)
def test_broken_plugin_costs_one_line_on_stderr(site: Site, command: Callable[..., Answer], source: str) -> None:
    site.install("noisy", source)
    site.offer("acme", NET)
    answer = command("list", "model", "--json")
    assert answer.code == 0
    assert "acme/net" in [record["name"] for record in answer.json]
    [line] = answer.err.splitlines()
    assert line.startswith("warning: plug-in noisy (retinue-noisy 1.0) is broken: ")
    assert command("list", "--plugin", "noisy").out == ""


def test_conflict_and_incompatibility_cost_a_line_too(site: Site, command: Callable[..., Answer]) -> None:
    site.offer("acme", NET)
    site.install("acme", distribution="other-acme")
    site.install("future", requires=["retinue>=99"])
    site.install("unwanted", "raise RuntimeError('imported')")
    site.write("registry.toml", 'schema = 1\n[plugins]\ndisabled = ["unwanted"]')
    lines = sorted(command("list").err.splitlines())
    assert [line.split(": ")[1] for line in lines] == [
        "plug-in acme (other-acme 1.0) is in conflict",
        "plug-in acme (retinue-acme 1.0) is in conflict",
        "plug-in future (retinue-future 1.0) is incompatible",
    ]


INHOUSE = """\
    import torch
    from retinue.hooks import hookimpl

    @hookimpl
    def retinue_models(register):
        register("net", torch.Net, summary="written this morning")
    """


def test_local_files_may_import_torch(site: Site, retinue: Command) -> None:
    # In place of torch, which takes seconds.
    (site.folder / "torch.py").write_text("class Net: ...\n")
    path = site.write("inhouse.py", INHOUSE)
    site.write("other.py", INHOUSE)
    local = 'inhouse = { path = "inhouse.py" }\nother = { path = "other.py" }'
    site.write("registry.toml", f"schema = 1\n[local]\n{local}")
    answer = retinue("list", "--plugin", "inhouse", cwd=site.workspace, env=site.environment)
    assert answer.returncode == 0
    assert answer.stdout.split() == ["model", "inhouse/net", "local", "file", str(path), "written", "this", "morning"]
    assert answer.stderr == ""


def test_package_that_imports_torch_is_told(site: Site, retinue: Command) -> None:
    (site.folder / "torch.py").write_text("")
    site.install("acme", "import torch")
    answer = retinue("list", "loss", cwd=site.workspace, env=site.environment)
    assert answer.stderr == "note: plug-in acme imports torch, which every command waits for\n"
