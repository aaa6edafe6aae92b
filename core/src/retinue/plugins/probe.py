"""Plug-ins seen from outside: imported in other processes, so that nothing that one does hides another's faults.

Local files may import torch; those that do share a process, as they do in every command.

`python -m retinue.plugins.probe` is such a process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from retinue.plugins.discovery import Plugin
from retinue.plugins.registration import admit_plugin

SLOW = 0.2
"""Seconds: every command waits for every entry module, and from here on a person notices. A table of contents takes a
few milliseconds."""

PATIENCE = 60.0
"""Seconds after which a plug-in is taken to hang."""


@dataclass(frozen=True)
class Offer:
    """A component as its registration describes it."""

    kind: str
    name: str
    summary: str
    deprecated: str | None


@dataclass(frozen=True)
class Report:
    """A plug-in as it turned out.

    Attributes:
        plugin: with what importing it showed.
        seconds: that importing it took; of a slow one, the quicker of two times.
        offers: its components.
    """

    plugin: Plugin
    seconds: float = 0.0
    offers: tuple[Offer, ...] = ()


def probe_plugins(plugins: Sequence[Plugin]) -> list[Report]:
    """Import each plug-in that may take part, and return a report on every one, in their order."""
    waiting = [plugin for plugin in plugins if plugin.status == "ok"]
    reports: list[Report] = []
    while waiting:
        found, ending = _ask(waiting)
        reports += found or [Report(replace(waiting[0], status="broken", error=ending))]
        waiting = waiting[len(found) or 1 :]
    seen = iter([_look_again(report) for report in reports])
    return [next(seen) if plugin.status == "ok" else Report(plugin) for plugin in plugins]


def _look_again(report: Report) -> Report:
    """The first time may have waited for a cold disk, or compiled; or torch was there already."""
    if report.seconds < SLOW or report.plugin.status != "ok" or report.plugin.imports_torch:
        return report
    found, _ = _ask([report.plugin])
    return min([report, *found], key=lambda seen: (not seen.plugin.imports_torch, seen.seconds))


def _ask(plugins: Sequence[Plugin]) -> tuple[list[Report], str]:
    """Return reports on the first of the plug-ins, and how the process ended."""
    question = {"path": sys.path, "plugins": [asdict(plugin) for plugin in plugins]}
    command = [sys.executable, "-m", "retinue.plugins.probe"]
    try:
        # All but the last take less than SLOW.
        patience = PATIENCE + SLOW * len(plugins)
        done = subprocess.run(command, input=json.dumps(question).encode(), capture_output=True, timeout=patience)
    except subprocess.TimeoutExpired as late:
        return _read_reports(late.stdout), f"importing it takes more than {PATIENCE:.0f} s"
    said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
    return _read_reports(done.stdout), ": ".join(
        [f"importing it ends the process (exit code {done.returncode})", *said]
    )


def _read_reports(answers: bytes | None) -> list[Report]:
    # Half a line is of the one that did not finish.
    return [_read_report(json.loads(line)) for line in (answers or b"").splitlines(keepends=True) if b"\n" in line]


def _read_report(record: dict[str, Any]) -> Report:
    offers = tuple(Offer(**offer) for offer in record["offers"])
    return Report(Plugin(**record["plugin"]), record["seconds"], offers)


def _answer() -> None:
    question = json.load(sys.stdin)
    sys.path[:] = question["path"]
    # What a plug-in prints is not an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for plugin in question["plugins"]:
        report = _observe(Plugin(**plugin))
        print(json.dumps(asdict(report)), file=answers, flush=True)
        if report.plugin.imports_torch and report.plugin.distribution is None:
            continue
        if report.plugin.imports_torch or report.seconds >= SLOW:
            # What this one has imported costs the next one nothing: that starts afresh.
            break


def _observe(plugin: Plugin) -> Report:
    began = time.perf_counter()
    plugin, components = admit_plugin(plugin)
    offers = tuple(Offer(c.kind, c.name, c.summary, c.deprecated) for c in components)
    return Report(plugin, time.perf_counter() - began, offers)


if __name__ == "__main__":
    _answer()
