"""retinue plugins"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

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
