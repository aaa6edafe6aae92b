"""Plug-ins imported in processes of their own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from retinue.plugins.discovery import Plugin, find_plugins
from retinue.plugins.probe import SLOW, Offer, Report, probe_plugins

if TYPE_CHECKING:
    from tests.core.plugins.conftest import Site


def probe() -> dict[str, Report]:
    return {report.plugin.id: report for report in probe_plugins(find_plugins())}


def test_report_has_the_components_and_this_process_imports_nothing(site: Site) -> None:
    site.offer("acme", 'register("net", "acme.parts:Net", summary="a net", deprecated="better-net")')
    report = probe()["acme"]
    assert (report.plugin.status, report.offers) == ("ok", (Offer("model", "net", "a net", "better-net"),))
    assert "retinue_acme.plugin" not in sys.modules


def test_what_one_has_imported_does_not_excuse_the_next(site: Site) -> None:
    for id in ("anna", "bert"):
        site.install(id, "import torch")
    site.install("carl")
    reports = probe()
    assert [reports[id].plugin.imports_torch for id in ("anna", "bert", "carl")] == [True, True, False]
    assert reports["anna"].seconds > reports["carl"].seconds


def test_local_files_that_import_torch_wait_for_it_once(site: Site) -> None:
    """Each process that imports it takes seconds."""
    source = (
        "import os, torch\nfrom pathlib import Path\nPath(__file__).with_suffix('.pid').write_text(str(os.getpid()))"
    )
    local = [Plugin(id, str(site.write(f"{id}.py", source))) for id in ("one", "two", "three")]
    assert [report.plugin.status for report in probe_plugins(local)] == ["ok"] * 3
    assert len({path.read_text() for path in site.workspace.glob("*.pid")}) == 1


def test_slow_one_is_measured_and_quick_ones_are_not_blamed(site: Site) -> None:
    site.install("sleepy", f"import time\ntime.sleep({SLOW})")
    site.install("zippy")
    reports = probe()
    assert reports["sleepy"].seconds >= SLOW
    assert reports["zippy"].seconds < reports["sleepy"].seconds


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("import os\nos._exit(9)", "importing it ends the process (exit code 9)"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "importing it ends the process (exit code -9)"),
    ],
    ids=["raises", "exits", "ends the process", "is killed"],
)
def test_broken_one_is_reported_and_the_next_are_looked_at(site: Site, module: str, reason: str) -> None:
    site.install("faulty", module)
    site.offer("later", 'register("net", "later.parts:Net", summary="a net")')
    reports = probe()
    assert (reports["faulty"].plugin.status, reports["faulty"].plugin.error) == ("broken", reason)
    assert len(reports["later"].offers) == 1


def test_hanging_one_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retinue.plugins.probe.PATIENCE", 1)
    site.install("hanging", "import time\ntime.sleep(1000)")
    [report] = probe_plugins([plugin for plugin in find_plugins() if plugin.id == "hanging"])
    assert (report.plugin.status, report.plugin.error) == ("broken", "importing it takes more than 1 s")


def test_what_a_plugin_prints_is_no_answer(site: Site) -> None:
    site.install("chatty", "import os\nprint('{}')\nos.system('echo hello')")
    assert probe()["chatty"].plugin.status == "ok"


def test_what_takes_no_part_is_not_imported(site: Site) -> None:
    site.install("future", f"open({str(site.folder / 'imported')!r}, 'w')", requires=["retinue>=99"])
    assert probe()["future"].plugin.status == "incompatible"
    assert not (site.folder / "imported").exists()
