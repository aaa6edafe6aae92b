"""retinue plugins"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.core.cli.conftest import Answer
    from tests.core.plugins.conftest import Site


def test_json_tells_every_plugin_from_metadata_alone(site: Site, command: Callable[..., Answer]) -> None:
    touches = f"open({str(site.folder / 'imported')!r}, 'w')\nraise RuntimeError('imported')"
    site.install("acme", touches, version="0.3.1")
    site.install("future", touches, requires=["retinue>=99"])
    site.write("inhouse.py", touches)
    site.write("registry.toml", 'schema = 1\n[local]\ninhouse = { path = "inhouse.py" }')
    answer = command("plugins", "list", "--json")
    assert answer.code == 0
    assert answer.err == ""
    found = {record["id"]: record for record in answer.json}
    assert found["acme"] == {
        "id": "acme",
        "distribution": "retinue-acme",
        "version": "0.3.1",
        "status": "ok",
        "error": None,
    }
    assert (found["builtin"]["distribution"], found["builtin"]["version"]) == ("retinue", version("retinue"))
    assert found["future"]["status"] == "incompatible"
    assert found["future"]["error"] == f"retinue-future 1.0 needs retinue>=99, this is retinue {version('retinue')}"
    assert (found["inhouse"]["distribution"], found["inhouse"]["version"]) == (None, None)
    assert not (site.folder / "imported").exists()


def test_table_says_why_a_plugin_takes_no_part(site: Site, command: Callable[..., Answer]) -> None:
    site.install("noisy", "raise RuntimeError('imported')")
    path: Path = site.write("registry.toml", 'schema = 1\n[plugins]\ndisabled = ["noisy"]')
    [line] = [line for line in command("plugins", "list").out.splitlines() if line.startswith("noisy")]
    assert line.split() == ["noisy", "retinue-noisy", "1.0", "disabled", *f"named under `disabled` in {path}".split()]


def test_unknown_plugin_in_registry_toml_is_an_error_here_too(site: Site, command: Callable[..., Answer]) -> None:
    site.install("noisy")
    path = site.write("registry.toml", 'schema = 1\n[plugins]\ndisabled = ["noizy"]')
    answer = command("plugins", "list")
    assert answer.code == 2
    assert f'{path}:3:13  error: no plug-in "noizy" is installed' in answer.err
    assert 'did you mean "noisy"?' in answer.err


def test_show_tells_version_components_and_the_traceback_of_a_broken_one(
    site: Site, command: Callable[..., Answer]
) -> None:
    site.offer("acme", 'register("net", "acme.parts:Net", summary="a net")', version="0.3.1")
    site.install("faulty", "raise RuntimeError('no licence')")
    shown = command("plugins", "show", "acme")
    assert shown.out.splitlines() == [
        "acme: retinue-acme 0.3.1, retinue_acme.plugin",
        "status: ok",
        "",
        "model  acme/net  a net",
    ]
    [record] = command("plugins", "show", "retinue-faulty", "--json").json
    assert (record["id"], record["status"], record["error"]) == ("faulty", "broken", "RuntimeError: no licence")
    assert "raise RuntimeError('no licence')" in record["details"]
    assert command("plugins", "show", "acmee").code == 2


def test_doctor_exits_1_where_something_is_wrong(site: Site, command: Callable[..., Answer]) -> None:
    # Deliberate: the builtin's name stands.
    site.offer("acme", 'register("lenet", "acme.parts:Net", summary="a net")')
    well = command("plugins", "doctor")
    assert (well.code, well.out.splitlines()[-1]) == (0, "3 plug-ins, no trouble")
    assert well.out.startswith("note, shadowed: ")
    site.install("faulty", "raise RuntimeError('no licence')")
    ill = command("plugins", "doctor")
    assert (ill.code, ill.out.splitlines()[-1]) == (1, "4 plug-ins, 1 trouble")
    assert "broken: faulty (retinue-faulty 1.0): RuntimeError: no licence\n    fix: " in ill.out
    assert [found["kind"] for found in command("plugins", "doctor", "--json").json] == ["broken", "shadowed"]


def test_new_file_has_its_name_at_once(site: Site, command: Callable[..., Answer]) -> None:
    answer = command("plugins", "new", "glare", "--kind", "loss", "--single-file", "--into", "parts", "--register")
    assert answer.code == 0
    assert 'glare = {path = "parts/glare.py"}' in (site.workspace / "registry.toml").read_text()
    assert command("describe", "loss", "glare").code == 0
    again = command("plugins", "new", "glare", "--kind", "model", "--single-file", "--register")
    assert (again.code, 'there is a plug-in "glare" already' in again.err) == (2, True)


def test_new_file_prints_the_line_that_names_it(site: Site, command: Callable[..., Answer]) -> None:
    (site.workspace / "inner").mkdir()
    registry = site.write("registry.toml", "schema = 1\n")
    answer = command("plugins", "new", "glare", "--kind", "loss", "--single-file", "--into", "inner")
    assert answer.out.endswith(
        f'once {registry} says:\n\nschema = 1\n\n[local]\nglare = {{ path = "inner/glare.py" }}\n'
    )
    assert registry.read_text() == "schema = 1\n"


@pytest.mark.parametrize("options", [(), ("--single-file",), ("--single-file", "--register")])
def test_new_plugin_that_is_called_as_a_builtin_is_tried_by_its_whole_name(
    site: Site, command: Callable[..., Answer], options: tuple[str, ...]
) -> None:
    answer = command("plugins", "new", "lenet", "--kind", "model", *options)
    assert answer.code == 0
    assert answer.err == "note: the bare model name lenet means the builtin's: write lenet/lenet\n"
    assert ("retinue describe model lenet/lenet\n" in answer.out) == (options != ("--single-file",))


def test_new_package_says_what_to_do_with_it(site: Site, command: Callable[..., Answer]) -> None:
    answer = command("plugins", "new", "glare", "--kind", "loss")
    assert answer.code == 0
    assert "retinue plugins install ./retinue-glare" in answer.out
    assert command("plugins", "new", "glare", "--kind", "loss").code == 2
    assert command("plugins", "new", "Glare", "--kind", "loss").code == 2
    assert command("plugins", "new", "other", "--kind", "loss", "--register").code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("install", "not a requirement"), '"not a requirement" is no requirement, such as "retinue-unet>=0.3"'),
        (("install", "./absent"), '"./absent" is no requirement'),
        (("uninstall", "builtin"), "builtin is a part of retinue itself"),
        (("uninstall", "acmee"), 'no plug-in "acmee" is installed: did you mean "acme"?'),
        (("sync",), "there is no registry.toml here or in a folder above"),
    ],
)
def test_wrong_use_changes_nothing(
    site: Site, command: Callable[..., Answer], arguments: tuple[str, ...], said: str
) -> None:
    site.install("acme")
    answer = command("plugins", *arguments)
    assert answer.code == 2
    assert said in answer.err


def test_sync_of_what_is_there_installs_nothing(site: Site, command: Callable[..., Answer]) -> None:
    site.install("acme")
    path = site.write("registry.toml", 'schema = 1\n[plugins]\nrequired = ["retinue-acme>=1"]\n')
    answer = command("plugins", "sync")
    assert (answer.code, answer.out) == (0, f"everything that {path} requires is installed\n")
